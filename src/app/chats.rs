//! The chats in which Purser is talked to.

use std::sync::Arc;

use super::world::World;
use crate::action::SignedPosts;
use crate::chat::discord::Discord;
use crate::service::Service;

/// All of them, from their start to their stop.
pub(super) struct Chats {
    discord: Option<Discord>,
}

impl Chats {
    /// Those that are configured.
    pub(super) fn start(world: &World, service: &Arc<Service>) -> Self {
        let bot = world.discord.clone();
        Self {
            discord: bot.map(|bot| Discord::start(bot, Arc::clone(service))),
        }
    }

    /// Where Discord posts what people do, if it does.
    pub(super) fn posts(&self) -> Option<Arc<dyn SignedPosts>> {
        self.discord.as_ref()?.posts()
    }

    /// Says goodbye in all of them.
    pub(super) async fn stop(self) {
        if let Some(discord) = self.discord {
            discord.stop().await;
        }
    }
}
