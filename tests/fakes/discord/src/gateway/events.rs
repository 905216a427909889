//! An event and who is told of it.

use serde_json::{Value, json};

use crate::ids::{AppId, ChannelId, GuildId};
use crate::state::State;

/// Guilds, channels, threads, roles.
pub(crate) const GUILDS: u64 = 1 << 0;
/// Messages in guilds.
pub(crate) const GUILD_MESSAGES: u64 = 1 << 9;
/// Reactions to them.
const GUILD_MESSAGE_REACTIONS: u64 = 1 << 10;
/// Messages between a person and a bot, and reactions to them.
const DIRECT_MESSAGES: u64 = 1 << 12;
const DIRECT_MESSAGE_REACTIONS: u64 = 1 << 13;
/// Privileged: what messages of others say.
pub(crate) const MESSAGE_CONTENT: u64 = 1 << 15;
/// The intents that an application has to be given: members, presences, content of messages.
pub(crate) const PRIVILEGED: u64 = 1 << 1 | 1 << 8 | MESSAGE_CONTENT;
/// All intents that there are.
pub(crate) const KNOWN: u64 = 0x0331_ffff;

/// What kind of event it is, and whose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    intent: u64,
    guild: Option<GuildId>,
    channel: Option<ChannelId>,
    app: Option<AppId>,
}

impl Event {
    /// Of a message in a channel; without a guild it is one between a person and a bot.
    pub(crate) fn of_messages(
        name: &'static str,
        guild: Option<GuildId>,
        channel: ChannelId,
    ) -> Self {
        Self {
            name,
            intent: guild.map_or(DIRECT_MESSAGES, |_| GUILD_MESSAGES),
            guild,
            channel: Some(channel),
            app: None,
        }
    }

    pub(crate) fn of_reactions(
        name: &'static str,
        guild: Option<GuildId>,
        channel: ChannelId,
    ) -> Self {
        Self {
            intent: guild.map_or(DIRECT_MESSAGE_REACTIONS, |_| GUILD_MESSAGE_REACTIONS),
            ..Self::of_messages(name, guild, channel)
        }
    }

    /// Of a guild; told to those who see the channel, if there is one.
    pub(crate) fn of_guild(
        name: &'static str,
        guild: impl Into<Option<GuildId>>,
        channel: Option<ChannelId>,
    ) -> Self {
        Self {
            name,
            intent: GUILDS,
            guild: guild.into(),
            channel,
            app: None,
        }
    }

    /// For one application, about its guilds.
    pub(crate) fn of_app(name: &'static str, app: AppId) -> Self {
        Self {
            name,
            intent: GUILDS,
            guild: None,
            channel: None,
            app: Some(app),
        }
    }

    fn concerns(&self, state: &State, app: AppId, intents: u64) -> bool {
        let member = |guild: &GuildId| {
            state
                .guilds
                .get(guild)
                .is_some_and(|guild| guild.members.contains_key(&app.bot()))
        };
        intents & self.intent != 0
            && self.app.is_none_or(|of| of == app)
            && self.guild.as_ref().is_none_or(member)
            && self
                .channel
                .is_none_or(|channel| state.sees(app.bot(), channel))
    }
}

impl State {
    /// Tells an event to every session that it concerns.
    pub(crate) fn dispatch(&mut self, event: &Event, data: &Value) {
        for session in self.gateway.ids() {
            let Some((app, intents)) = self.gateway.whose(&session) else {
                continue;
            };
            if event.concerns(self, app, intents) {
                let data = self.readable(data.clone(), app, event.intent == GUILD_MESSAGES);
                self.gateway.tell(&session, event.name, &data);
            }
        }
    }

    /// Tells an interaction to all sessions of the application, each with a token of its own.
    pub(crate) fn dispatch_interaction(&mut self, app: AppId, payload: &Value) {
        for session in self.gateway.ids() {
            if self
                .gateway
                .whose(&session)
                .is_some_and(|(of, _)| of == app)
            {
                let mut data = payload.clone();
                let token = data["token"].as_str().unwrap_or_default();
                data["token"] = format!("{token}.{session}").into();
                self.gateway.tell(&session, "INTERACTION_CREATE", &data);
            }
        }
    }

    /// Without the intent for it, an application does not read what others have written.
    pub(crate) fn readable(&self, mut message: Value, app: AppId, is_message: bool) -> Value {
        if !is_message || message["author"].is_null() {
            return message;
        }
        let privileged = self.apps.get(&app).map_or(0, |app| app.privileged);
        let own = message["author"]["id"] == app.to_string();
        let mentioned = message["mentions"].as_array();
        let mentioned =
            mentioned.is_some_and(|all| all.iter().any(|one| one["id"] == app.to_string()));
        if privileged & MESSAGE_CONTENT == 0 && !own && !mentioned {
            message["content"] = "".into();
            for list in ["embeds", "attachments", "components"] {
                message[list] = json!([]);
            }
        }
        message
    }
}
