//! Looking at a Discord.

use serde_json::Value;

use super::Discord;
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, MessageId, UserId};
use crate::look::{self, Ping, Request};
use crate::state::State;
use crate::state::model::Message;
use crate::state::render::command_json;

/// The state at one moment.
#[derive(Clone, Copy)]
pub struct View<'a>(pub(super) &'a State);

impl View<'_> {
    /// How a channel looks to a member, with its threads.
    #[must_use]
    pub fn channel_as(&self, member: UserId, channel: ChannelId) -> String {
        look::channel(self.0, member, channel)
    }

    /// The messages of a channel or thread as Discord's JSON, the oldest first; those that only one
    /// person sees are among them.
    #[must_use]
    pub fn messages(&self, channel: ChannelId) -> Vec<Value> {
        let all = self
            .0
            .messages
            .get(&channel)
            .into_iter()
            .flat_map(|messages| messages.values());
        all.map(|message| self.0.message_json(message)).collect()
    }

    /// The threads under a channel, the oldest first.
    #[must_use]
    pub fn threads(&self, channel: ChannelId) -> Vec<ChannelId> {
        self.0.threads_of(channel).map(|thread| thread.id).collect()
    }

    /// The commands that are offered in a guild: its own and the global ones.
    #[must_use]
    pub fn commands(&self, guild: GuildId) -> Vec<Value> {
        let offered = self.0.commands.iter().filter(|one| one.is_in(guild));
        offered.map(command_json).collect()
    }

    /// The commands that are offered in the messages between a person and a bot.
    #[must_use]
    pub fn direct_commands(&self) -> Vec<Value> {
        let offered = self.0.commands.iter().filter(|one| one.is_direct());
        offered.map(command_json).collect()
    }

    /// All requests to the API so far.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        &self.0.log
    }

    /// Who was pinged.
    #[must_use]
    pub fn pings(&self) -> Vec<Ping> {
        look::pings(self.0)
    }

    /// Sessions of the gateway that are connected, of all applications.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.0
            .apps
            .keys()
            .map(|app| self.0.gateway.connected(*app).len())
            .sum()
    }

    /// How often a session was begun, over all applications.
    #[must_use]
    pub fn identified(&self) -> u64 {
        self.0.gateway.identified
    }

    /// How often a session was taken up again.
    #[must_use]
    pub fn resumed(&self) -> u64 {
        self.0.gateway.resumed
    }

    fn message_with(self, member: UserId, channel: ChannelId, text: &str) -> Option<MessageId> {
        let visible = |message: &&Message| message.only_for.is_none_or(|only| only == member);
        let shown = |message: &&Message| look::message_alone(self.0, message).contains(text);
        let all = self.0.messages.get(&channel)?.values().rev();
        all.filter(visible).find(shown).map(|message| message.id)
    }
}

impl Discord {
    /// How a channel looks to a member now: messages, embeds, buttons, files, threads. The text is the
    /// same for the same content: it has no ids and no times, except what the bot has written itself.
    #[must_use]
    pub fn channel_as(&self, member: UserId, channel: ChannelId) -> String {
        self.look(|view| view.channel_as(member, channel))
    }

    /// The messages of a channel or thread as Discord's JSON, the oldest first.
    #[must_use]
    pub fn messages(&self, channel: ChannelId) -> Vec<Value> {
        self.look(|view| view.messages(channel))
    }

    /// The commands that are offered in a guild, as Discord's JSON.
    #[must_use]
    pub fn commands(&self, guild: GuildId) -> Vec<Value> {
        self.look(|view| view.commands(guild))
    }

    /// The commands that are offered in the messages between a person and a bot, as Discord's JSON.
    #[must_use]
    pub fn direct_commands(&self) -> Vec<Value> {
        self.look(|view| view.direct_commands())
    }

    /// All requests to the API so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.look(|view| view.requests().to_vec())
    }

    /// Who was pinged so far.
    #[must_use]
    pub fn pings(&self) -> Vec<Ping> {
        self.look(|view| view.pings())
    }

    /// Looks at the state of this moment.
    pub fn look<T>(&self, look: impl FnOnce(View<'_>) -> T) -> T {
        self.hub.read(|state| look(View(state)))
    }

    /// Waits until something can be seen, and returns it. It is looked for at every change; looking may
    /// ask for other things, and may not act.
    pub async fn until<T>(
        &self,
        what: &str,
        mut look: impl FnMut(View<'_>) -> Option<T>,
    ) -> Result<T, Error> {
        let patience = self.patience();
        let seen = self.hub.until(patience, |state| look(View(state))).await;
        seen.ok_or_else(|| Error::Late {
            waited: patience,
            what: what.to_owned(),
            seen: self.hub.read(everything),
        })
    }

    /// Waits until a member sees this text in a channel or its threads; returns the whole of it.
    pub async fn sees(
        &self,
        member: UserId,
        channel: ChannelId,
        text: &str,
    ) -> Result<String, Error> {
        self.until(&format!("\"{text}\""), |view| {
            Some(view.channel_as(member, channel)).filter(|shown| shown.contains(text))
        })
        .await
    }

    /// Waits for a message that shows this text (a button's label too) to a member in a channel or
    /// thread; the newest if there are several.
    pub async fn message(
        &self,
        member: UserId,
        channel: ChannelId,
        text: &str,
    ) -> Result<MessageId, Error> {
        self.until(&format!("a message with \"{text}\""), |view| {
            view.message_with(member, channel, text)
        })
        .await
    }

    /// Waits for a thread under a channel whose name holds this text; the newest if there are several.
    pub async fn thread(&self, channel: ChannelId, text: &str) -> Result<ChannelId, Error> {
        self.until(&format!("a thread \"{text}\""), |view| {
            let threads = view.threads(channel).into_iter().rev();
            let named = |id: &ChannelId| {
                view.0
                    .channels
                    .get(id)
                    .is_some_and(|one| one.name.contains(text))
            };
            threads.into_iter().find(named)
        })
        .await
    }
}

/// All channels as their guild's owner sees them, and the last requests.
fn everything(state: &State) -> String {
    let top = state
        .channels
        .values()
        .filter(|channel| channel.thread.is_none());
    let mut text: String = top
        .filter_map(|channel| {
            Some(look::channel(
                state,
                state.guild_of(channel.id)?.owner,
                channel.id,
            ))
        })
        .collect();
    for request in state.log.iter().rev().take(10).rev() {
        let status = request
            .status
            .map_or("…".to_owned(), |status| status.to_string());
        text.extend([&request.method, " ", &request.path, " → ", &status, "\n"]);
    }
    text
}
