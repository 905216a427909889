//! Interactions: begun by a person, sent to the application, answered by it.

use serde_json::{Value, json};

use super::State;
use super::interaction::{Answer, Interaction, Kind, session_of};
use super::posting::{Draft, EPHEMERAL, LOADING, Upload};
use super::render::{UPLOAD_LIMIT, guild_json};
use crate::check::response::{self, Callback};
use crate::ids::{AppId, ChannelId, InteractionId, MessageId, UserId};
use crate::refusal::{
    ALREADY_ACKNOWLEDGED, INVALID_WEBHOOK_TOKEN, Refusal, UNKNOWN_INTERACTION, UNKNOWN_WEBHOOK,
};

/// The type of a message that answers another.
const REPLY: u64 = 19;
/// The type of a message that answers a command.
const USED_A_COMMAND: u64 = 20;

/// What a person has done, before it is an interaction.
pub(crate) struct Act {
    pub(crate) app: AppId,
    pub(crate) kind: Kind,
    pub(crate) user: UserId,
    pub(crate) channel: ChannelId,
    pub(crate) data: Value,
    pub(crate) message: Option<MessageId>,
    pub(crate) option_type: u64,
}

impl State {
    /// Makes an interaction of it and sends it to the application.
    pub(crate) fn interact(&mut self, act: Act, secret: &str) -> InteractionId {
        let id = InteractionId(self.fresh());
        let interaction = Interaction {
            id,
            token: format!("{id}-{secret}"),
            app: act.app,
            kind: act.kind,
            user: act.user,
            channel: act.channel,
            at_ms: self.now_ms(),
            data: act.data,
            message: act.message,
            option_type: act.option_type,
            acknowledged: None,
            original: None,
            followups: Vec::new(),
            choices: Vec::new(),
            modal: None,
            answers: Vec::new(),
        };
        let payload = self.interaction_json(&interaction);
        self.interactions.insert(id, interaction);
        let endpoint = self.apps.get(&act.app).and_then(|app| app.endpoint.clone());
        match endpoint {
            Some(endpoint) => self.posts.send(act.app, endpoint, id, payload),
            None => self.dispatch_interaction(act.app, &payload),
        }
        id
    }

    fn interaction_json(&self, it: &Interaction) -> Value {
        let channel = self.channels.get(&it.channel);
        let guild = self.guild_of(it.channel);
        let mut json = json!({
            "id": it.id,
            "application_id": it.app,
            "type": it.kind.number(),
            "token": it.token,
            "version": 1,
            "data": it.data,
            "channel_id": it.channel,
            "app_permissions": self.permissions(it.app.bot(), it.channel).0.to_string(),
            "locale": "en-US",
            "entitlements": [],
            "context": u8::from(guild.is_none()),
            "attachment_size_limit": UPLOAD_LIMIT,
        });
        if let Some(channel) = channel {
            let mut partial = self.channel_json(channel);
            partial["permissions"] = self.permissions(it.user, it.channel).0.to_string().into();
            json["channel"] = partial;
        }
        if let Some(guild) = guild {
            let mut member = self.member_json(guild, it.user);
            member["permissions"] = self.permissions(it.user, it.channel).0.to_string().into();
            json["member"] = member;
            json["guild_id"] = json!(guild.id);
            json["guild_locale"] = "en-US".into();
            let whole = guild_json(guild);
            json["guild"] =
                json!({ "id": guild.id, "locale": "en-US", "features": whole["features"] });
            json["authorizing_integration_owners"] = json!({ "0": guild.id });
        } else {
            json["user"] = self.user_json(it.user);
            json["authorizing_integration_owners"] = json!({ "0": "0" });
        }
        if let Some(message) = it.message.and_then(|id| self.message(it.channel, id).ok()) {
            json["message"] = self.message_json(message);
        }
        json
    }

    /// Takes an application's answer; says what `with_response` asks for. What came of it is noted.
    pub(crate) fn acknowledge(
        &mut self,
        id: InteractionId,
        token: &str,
        body: &Value,
        files: &[Upload],
    ) -> Result<Option<MessageId>, Refusal> {
        let now = self.now_ms();
        let known = self.interactions.get(&id).filter(|it| it.has_token(token));
        let after_ms = known
            .map(|it| now.saturating_sub(it.at_ms))
            .ok_or(UNKNOWN_INTERACTION)?;
        let taken = self.take_answer(id, body, files);
        let refused = taken.as_ref().err().map(|refusal| refusal.code);
        if let Some(it) = self.interactions.get_mut(&id) {
            it.answers.push(Answer {
                session: session_of(token),
                after_ms,
                refused,
            });
        }
        taken
    }

    fn take_answer(
        &mut self,
        id: InteractionId,
        body: &Value,
        files: &[Upload],
    ) -> Result<Option<MessageId>, Refusal> {
        let now = self.now_ms();
        let it = self.interactions.get(&id).ok_or(UNKNOWN_INTERACTION)?;
        if it.acknowledged.is_some() {
            return Err(ALREADY_ACKNOWLEDGED);
        }
        it.in_time(now)?;
        let callback = response::check(body, it.kind, it.message.is_some(), it.option_type)?;
        let data = &body["data"];
        let source = it.message;
        let shown = match callback {
            Callback::Message => Some(self.reply(id, data, files, false)?),
            Callback::DeferredMessage => Some(self.reply(id, data, &[], true)?),
            Callback::Update => {
                let channel = it.channel;
                if let Some(message) = source {
                    self.edit(channel, message, data, files)?;
                }
                source
            }
            Callback::DeferredUpdate => source,
            Callback::Choices | Callback::Modal => None,
        };
        if let Some(it) = self.interactions.get_mut(&id) {
            it.acknowledged = Some(callback);
            it.original = shown;
            match callback {
                Callback::Choices => {
                    it.choices = data["choices"].as_array().cloned().unwrap_or_default();
                }
                Callback::Modal => it.modal = Some(data.clone()),
                _ => {}
            }
        }
        Ok(shown)
    }

    /// Posts a message of an interaction's: the reply, "is thinking…", or a follow-up.
    fn reply(
        &mut self,
        id: InteractionId,
        body: &Value,
        files: &[Upload],
        thinking: bool,
    ) -> Result<MessageId, Refusal> {
        let it = self.interactions.get(&id).ok_or(UNKNOWN_INTERACTION)?;
        let (user, channel, author) = (it.user, it.channel, it.app.bot());
        let draft = Draft {
            author,
            channel,
            body,
            files,
        };
        if !thinking {
            draft.whole()?;
        }
        self.channel(channel)?;
        self.open_for_posting(channel, false)?;
        let answers = self.interactions.get(&id).and_then(Interaction::replies_to);
        let mut message = self.compose(draft);
        message.interaction = Some(id);
        message.replies_to = answers;
        message.kind = answers.map_or(USED_A_COMMAND, |_| REPLY);
        if message.flags & EPHEMERAL != 0 {
            message.only_for = Some(user);
        }
        if thinking {
            message.flags |= LOADING;
            message.content.clear();
        }
        Ok(self.post(message))
    }

    /// The interaction that a webhook token opens: 10015 for one of no interaction, 50027 when it is
    /// more than 15 minutes old.
    pub(crate) fn of_webhook(&self, app: AppId, token: &str) -> Result<&Interaction, Refusal> {
        let id = token.split_once('-').and_then(|(id, _)| id.parse().ok());
        let found = id.and_then(|id| self.interactions.get(&id));
        let found = found.filter(|it| it.app == app && it.has_token(token));
        let found = found.ok_or(UNKNOWN_WEBHOOK)?;
        if found.is_over(self.now_ms()) {
            return Err(INVALID_WEBHOOK_TOKEN);
        }
        if found.acknowledged.is_none() {
            return Err(UNKNOWN_WEBHOOK);
        }
        Ok(found)
    }

    /// A further message of an interaction's. The first one after "is thinking…" takes its place.
    pub(crate) fn follow_up(
        &mut self,
        id: InteractionId,
        body: &Value,
        files: &[Upload],
    ) -> Result<MessageId, Refusal> {
        let it = self.interactions.get(&id).ok_or(UNKNOWN_WEBHOOK)?;
        let (channel, original) = (it.channel, it.original);
        let waiting = original.filter(|message| {
            self.message(channel, *message)
                .is_ok_and(|message| message.flags & LOADING != 0)
        });
        if let Some(waiting) = waiting {
            Draft {
                author: it.app.bot(),
                channel,
                body,
                files,
            }
            .whole()?;
            self.edit(channel, waiting, body, files)?;
            return Ok(waiting);
        }
        let message = self.reply(id, body, files, false)?;
        if let Some(it) = self.interactions.get_mut(&id) {
            it.followups.push(message);
        }
        Ok(message)
    }
}
