//! All that this Discord knows, and the changes that it goes through.
//!
//! Plain data behind one lock; nothing in here waits. Who changes something also says it to the
//! gateway (`dispatch`), so that what is stored and what is told never differ.

pub(crate) mod answering;
pub(crate) mod interaction;
pub(crate) mod mentions;
pub(crate) mod model;
pub(crate) mod permissions;
pub(crate) mod posting;
pub(crate) mod render;
mod scene;
pub(crate) mod threads;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Clock;
use crate::endpoint::Posts;
use crate::faults::Faults;
use crate::gateway::sessions::Gateway;
use crate::ids::{AppId, ChannelId, GuildId, InteractionId, MessageId, Snowflakes, UserId};
use crate::look::Request;
use crate::refusal::{Refusal, UNKNOWN_CHANNEL, UNKNOWN_GUILD, UNKNOWN_MESSAGE};
use crate::rest::limits::Limits;
use interaction::Interaction;
use model::{App, Attachment, Channel, Command, Guild, Message, Nonce, User};

/// The whole of it.
pub(crate) struct State {
    pub(crate) clock: Clock,
    /// `http://127.0.0.1:PORT`
    pub(crate) origin: String,
    pub(crate) apps: BTreeMap<AppId, App>,
    pub(crate) guilds: BTreeMap<GuildId, Guild>,
    pub(crate) users: BTreeMap<UserId, User>,
    pub(crate) channels: BTreeMap<ChannelId, Channel>,
    pub(crate) messages: BTreeMap<ChannelId, BTreeMap<MessageId, Message>>,
    pub(crate) commands: Vec<Command>,
    /// When an application created commands in a scope, for the daily limit.
    pub(crate) created: Vec<(AppId, Option<GuildId>, u64)>,
    pub(crate) interactions: BTreeMap<InteractionId, Interaction>,
    pub(crate) nonces: Vec<Nonce>,
    /// Files that people have handed in with commands.
    pub(crate) handed_in: Vec<Attachment>,
    pub(crate) gateway: Gateway,
    pub(crate) limits: Limits,
    pub(crate) faults: Faults,
    pub(crate) log: Vec<Request>,
    /// Interactions on their way to endpoints over HTTP.
    pub(crate) posts: Posts,
    snowflakes: Snowflakes,
}

impl State {
    pub(crate) fn new(origin: String, posts: Posts) -> Self {
        Self {
            clock: Clock::default(),
            origin,
            apps: BTreeMap::new(),
            guilds: BTreeMap::new(),
            users: BTreeMap::new(),
            channels: BTreeMap::new(),
            messages: BTreeMap::new(),
            commands: Vec::new(),
            created: Vec::new(),
            interactions: BTreeMap::new(),
            nonces: Vec::new(),
            handed_in: Vec::new(),
            gateway: Gateway::default(),
            limits: Limits::default(),
            faults: Faults::default(),
            log: Vec::new(),
            posts,
            snowflakes: Snowflakes::default(),
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Sets the clock back. Ids are as old as it says from then on.
    pub(crate) fn set_back(&mut self, by: Duration) {
        self.clock.set_back(by);
        self.snowflakes = Snowflakes::default();
    }

    /// A number that nothing else has.
    pub(crate) fn fresh(&mut self) -> u64 {
        let now = self.now_ms();
        self.snowflakes.next(now)
    }

    pub(crate) fn app_of_token(&self, token: &str) -> Option<AppId> {
        let mut apps = self.apps.iter();
        apps.find(|(_, app)| app.token == token && !app.revoked)
            .map(|(id, _)| *id)
    }

    pub(crate) fn guild(&self, id: GuildId) -> Result<&Guild, Refusal> {
        self.guilds.get(&id).ok_or(UNKNOWN_GUILD)
    }

    pub(crate) fn channel(&self, id: ChannelId) -> Result<&Channel, Refusal> {
        self.channels.get(&id).ok_or(UNKNOWN_CHANNEL)
    }

    /// The guild that a channel is in.
    pub(crate) fn guild_of(&self, channel: ChannelId) -> Option<&Guild> {
        self.guilds.get(&self.channels.get(&channel)?.guild()?)
    }

    pub(crate) fn message(&self, channel: ChannelId, id: MessageId) -> Result<&Message, Refusal> {
        self.messages
            .get(&channel)
            .and_then(|messages| messages.get(&id))
            .ok_or(UNKNOWN_MESSAGE)
    }

    pub(crate) fn message_mut(
        &mut self,
        channel: ChannelId,
        id: MessageId,
    ) -> Result<&mut Message, Refusal> {
        let messages = self.messages.get_mut(&channel);
        messages
            .and_then(|messages| messages.get_mut(&id))
            .ok_or(UNKNOWN_MESSAGE)
    }

    /// A message, whatever the channel.
    pub(crate) fn find_message(&self, id: MessageId) -> Option<&Message> {
        self.messages
            .values()
            .find_map(|messages| messages.get(&id))
    }

    /// The threads under a channel, the oldest first.
    pub(crate) fn threads_of(&self, parent: ChannelId) -> impl Iterator<Item = &Channel> {
        self.channels.values().filter(move |channel| {
            channel
                .thread
                .as_ref()
                .is_some_and(|thread| thread.parent == parent)
        })
    }
}
