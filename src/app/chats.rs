//! The chats in which Purser is talked to.

use std::sync::Arc;

use super::world::World;
use crate::chat::discord::{self, Discord};
use crate::http::{Posted, SignedPosts};
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
        let posts = self.discord.as_ref()?.posts()?;
        Some(Arc::new(FromDiscord(posts)))
    }

    /// Says goodbye in all of them.
    pub(super) async fn stop(self) {
        if let Some(discord) = self.discord {
            discord.stop().await;
        }
    }
}

/// What the server is told is what Discord's own code says.
struct FromDiscord(discord::Posts);

impl SignedPosts for FromDiscord {
    fn take(&self, signature: Option<&str>, timestamp: Option<&str>, body: &[u8]) -> Posted {
        match self.0.take(signature, timestamp, body) {
            discord::Posted::Answered(answer) => Posted::Answered(answer),
            discord::Posted::Taken => Posted::Taken,
            discord::Posted::Forged => Posted::Forged,
            discord::Posted::Unreadable(why) => Posted::Unreadable(why),
            discord::Posted::NotThere => Posted::NotThere,
        }
    }
}
