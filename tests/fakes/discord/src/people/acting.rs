//! The acts themselves: each becomes an interaction, or a refusal of the client's.

use serde_json::{Value, json};

use super::fit::{Place, fit};
use super::line::{self, Given, Line};
use crate::check::components::{BUTTON, LINK, STRING_SELECT};
use crate::error::{Error, refused};
use crate::hub::secret;
use crate::ids::{AppId, ChannelId, InteractionId, MessageId, UserId};
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::answering::Act;
use crate::state::interaction::Kind;
use crate::state::model::{Command, Home, Message};
use crate::state::permissions::Permissions;
use crate::state::posting::{Draft, EPHEMERAL};

impl State {
    /// Uses a slash command, or asks for the values of the option that is being typed.
    pub(crate) fn uses(
        &mut self,
        user: UserId,
        channel: ChannelId,
        line: &str,
        more: &[(&str, Given)],
        focused: Option<&str>,
    ) -> Result<InteractionId, Error> {
        let name = line
            .trim_start_matches('/')
            .split(' ')
            .next()
            .unwrap_or_default();
        self.allowed(user, channel, Permissions::USE_APPLICATION_COMMANDS)?;
        self.opens(user, channel)?;
        let command = self.offered(user, channel, name)?;
        let Line { words, mut given } = line::cut(line, &command.body)?;
        given.extend(
            more.iter()
                .map(|(name, given)| ((*name).to_owned(), given.clone())),
        );
        let line = Line { words, given };
        let mut data = fit(self, Place { user, channel }, &command.body, line, focused)?;
        data.json["id"] = json!(command.id);
        if let Some(guild) = command.guild {
            data.json["guild_id"] = json!(guild);
        }
        let act = Act {
            app: command.app,
            kind: if focused.is_some() {
                Kind::Autocomplete
            } else {
                Kind::Command
            },
            user,
            channel,
            data: data.json,
            message: None,
            option_type: data.option_type,
        };
        Ok(self.interact(act, &secret()))
    }

    /// Sends a command's data as they are.
    pub(crate) fn sends_command(
        &mut self,
        user: UserId,
        channel: ChannelId,
        app: AppId,
        data: &Value,
    ) -> Result<InteractionId, Error> {
        self.allowed(user, channel, Permissions::USE_APPLICATION_COMMANDS)?;
        let act = Act {
            app,
            kind: Kind::Command,
            user,
            channel,
            data: data.clone(),
            message: None,
            option_type: 0,
        };
        Ok(self.interact(act, &secret()))
    }

    fn allowed(&self, user: UserId, channel: ChannelId, needed: Permissions) -> Result<(), Error> {
        let found = self.may(user, channel, needed);
        let refused = |refusal: Refusal| {
            Error::Refused(format!("{} may not: {}", self.name(user), refusal.message))
        };
        found.map(drop).map_err(refused)
    }

    /// The command of this name that the person is offered there; a guild's own before a global one.
    fn offered(&self, user: UserId, channel: ChannelId, name: &str) -> Result<Command, Error> {
        let home = self.channels.get(&channel).map(|channel| channel.home);
        let known_to = |command: &&Command| match home {
            Some(Home::Guild(guild)) => command.guild.is_none_or(|of| of == guild),
            Some(Home::Direct { bot, .. }) => command.is_direct() && command.app.bot() == bot,
            None => false,
        };
        let named = self.commands.iter().filter(|one| one.name() == name);
        let found = named.filter(known_to).max_by_key(|one| one.guild.is_some());
        let Some(found) = found else {
            return refused(format!("/{name} is not a command here"));
        };
        let needed = found.body["default_member_permissions"].as_str();
        if let Some(needed) = needed.and_then(|bits| bits.parse::<u64>().ok()) {
            let has = self.permissions(user, channel);
            let enough = if needed == 0 {
                Permissions::ADMINISTRATOR
            } else {
                Permissions(needed)
            };
            if !has.has(enough) {
                return refused(format!("/{name} is not shown to {}", self.name(user)));
            }
        }
        Ok(found.clone())
    }

    /// The client opens an archived thread before anything is done in it, if the person may.
    fn opens(&mut self, user: UserId, channel: ChannelId) -> Result<(), Error> {
        self.archive_the_quiet();
        if !self
            .thread(channel)
            .is_some_and(|thread| thread.archived || thread.locked)
        {
            return Ok(());
        }
        let has = self.permissions(user, channel);
        let opened = self.open_for_posting(channel, has.has(Permissions::MANAGE_THREADS));
        if opened.is_err() || !has.has(Permissions::SEND_MESSAGES_IN_THREADS) {
            return refused(format!("{} may not open this thread", self.name(user)));
        }
        Ok(())
    }

    pub(crate) fn name(&self, user: UserId) -> &str {
        self.users
            .get(&user)
            .map_or("somebody", |user| user.name.as_str())
    }

    /// A message as this person sees it.
    fn seen(&self, user: UserId, id: MessageId) -> Result<&Message, Error> {
        let visible = |message: &&Message| {
            message.only_for.is_none_or(|only| only == user) && self.sees(user, message.channel)
        };
        let found = self.find_message(id).filter(visible);
        found
            .ok_or_else(|| Error::Refused(format!("{} does not see this message", self.name(user))))
    }

    /// Clicks a button, found by its label or `custom_id`.
    pub(crate) fn clicks(
        &mut self,
        user: UserId,
        id: MessageId,
        button: &str,
    ) -> Result<InteractionId, Error> {
        let message = self.seen(user, id)?;
        let named = |one: &&Value| {
            one["type"] == BUTTON && (one["label"] == button || one["custom_id"] == button)
        };
        let Some(found) = components(message).find(named) else {
            return refused(format!("there is no button \"{button}\""));
        };
        if found["disabled"] == true {
            return refused(format!("the button \"{button}\" is disabled"));
        }
        if found["style"] == LINK {
            return refused(format!(
                "the button \"{button}\" only opens {}",
                found["url"]
            ));
        }
        let data =
            json!({ "component_type": BUTTON, "id": found["id"], "custom_id": found["custom_id"] });
        self.touch(user, id, data)
    }

    /// Chooses from a select, found by its `custom_id` or placeholder; options by label or value.
    pub(crate) fn selects(
        &mut self,
        user: UserId,
        id: MessageId,
        select: &str,
        options: &[&str],
    ) -> Result<InteractionId, Error> {
        let message = self.seen(user, id)?;
        let named = |one: &&Value| {
            one["type"] != BUTTON && (one["custom_id"] == select || one["placeholder"] == select)
        };
        let Some(found) = components(message).find(named).cloned() else {
            return refused(format!("there is no select \"{select}\""));
        };
        if found["disabled"] == true {
            return refused(format!("the select \"{select}\" is disabled"));
        }
        let count = u64::try_from(options.len()).unwrap_or(u64::MAX);
        let (least, most) = (
            found["min_values"].as_u64().unwrap_or(1),
            found["max_values"].as_u64().unwrap_or(1),
        );
        if !(least..=most).contains(&count) {
            return refused(format!(
                "\"{select}\" takes {least} to {most} values, not {count}"
            ));
        }
        let at = Place {
            user,
            channel: message_channel(self, id)?,
        };
        let (values, resolved) = self.chosen(at, &found, options)?;
        let mut data = json!({
            "component_type": found["type"],
            "id": found["id"],
            "custom_id": found["custom_id"],
            "values": values,
        });
        if !resolved.is_null() {
            data["resolved"] = resolved;
        }
        self.touch(user, id, data)
    }

    /// The values that are chosen, and what Discord tells about the ids among them.
    fn chosen(
        &mut self,
        at: Place,
        select: &Value,
        options: &[&str],
    ) -> Result<(Vec<Value>, Value), Error> {
        if select["type"] == STRING_SELECT {
            let offered = select["options"].as_array().map_or(&[][..], Vec::as_slice);
            let one = |option: &&str| {
                let found = offered
                    .iter()
                    .find(|one| one["label"] == **option || one["value"] == **option);
                let found = found.map(|one| one["value"].clone());
                found.ok_or_else(|| Error::Refused(format!("\"{option}\" is not offered")))
            };
            let values: Result<Vec<Value>, Error> = options.iter().map(one).collect();
            return Ok((values?, Value::Null));
        }
        // Types 5 to 8 of selects are types 6, 8, 9 and 7 of options.
        let kind = match select["type"].as_u64() {
            Some(5) => 6,
            Some(6) => 8,
            Some(7) => 9,
            _ => 7,
        };
        let one = |at: usize| json!({ "name": format!("v{at}"), "type": kind });
        let like =
            json!({ "name": "select", "options": (0..options.len()).map(one).collect::<Vec<_>>() });
        let given = options
            .iter()
            .enumerate()
            .map(|(at, text)| (format!("v{at}"), Given::from(*text)));
        let line = Line {
            words: vec!["select"],
            given: given.collect(),
        };
        let data = fit(self, at, &like, line, None)?.json;
        let fitted = data["options"].as_array().map_or(&[][..], Vec::as_slice);
        Ok((
            fitted.iter().map(|one| one["value"].clone()).collect(),
            data["resolved"].clone(),
        ))
    }

    fn touch(&mut self, user: UserId, id: MessageId, data: Value) -> Result<InteractionId, Error> {
        let message = self.seen(user, id)?;
        let (channel, author) = (message.channel, message.author);
        self.opens(user, channel)?;
        let Some(app) = self.apps.keys().find(|app| app.bot() == author).copied() else {
            return refused("the application of this message is gone");
        };
        let act = Act {
            app,
            kind: Kind::Component,
            user,
            channel,
            data,
            message: Some(id),
            option_type: 0,
        };
        Ok(self.interact(act, &secret()))
    }

    /// Fills in the form that an act has opened and sends it. Fields are named by label or `custom_id`.
    pub(crate) fn submits(
        &mut self,
        user: UserId,
        opened_by: InteractionId,
        fields: &[(&str, &str)],
    ) -> Result<InteractionId, Error> {
        let Some(it) = self.interactions.get(&opened_by) else {
            return refused("there is no form");
        };
        let Some(modal) = it.modal.clone() else {
            return refused("no form has opened");
        };
        if it.user != user {
            return refused(format!("the form is not {}'s", self.name(user)));
        }
        let (app, channel, message) = (it.app, it.channel, it.message);
        let rows = modal["components"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let inputs: Vec<&Value> = rows
            .iter()
            .flat_map(|row| row["components"].as_array().into_iter().flatten())
            .collect();
        let is = |input: &Value, name: &str| input["label"] == name || input["custom_id"] == name;
        for (name, _) in fields {
            if !inputs.iter().any(|input| is(input, name)) {
                return refused(format!("the form has no field \"{name}\""));
            }
        }
        let mut filled = Vec::new();
        for (at, input) in inputs.into_iter().enumerate() {
            let given = fields
                .iter()
                .find(|(name, _)| is(input, name))
                .map(|(_, value)| *value);
            let value = given
                .or_else(|| input["value"].as_str())
                .unwrap_or_default();
            fits(input, value)?;
            let field = json!({ "type": 4, "id": 2 * at + 2, "custom_id": input["custom_id"], "value": value });
            filled.push(json!({ "type": 1, "id": 2 * at + 1, "components": [field] }));
        }
        let data = json!({ "custom_id": modal["custom_id"], "components": filled });
        let act = Act {
            app,
            kind: Kind::Modal,
            user,
            channel,
            data,
            message,
            option_type: 0,
        };
        Ok(self.interact(act, &secret()))
    }

    /// Posts an ordinary message.
    pub(crate) fn writes(
        &mut self,
        user: UserId,
        channel: ChannelId,
        text: &str,
    ) -> Result<MessageId, Error> {
        self.allowed(user, channel, self.to_post_in(channel))?;
        self.opens(user, channel)?;
        let body = json!({ "content": text });
        let draft = Draft {
            author: user,
            channel,
            body: &body,
            files: &[],
        };
        if crate::check::message::check(&body)
            .and(draft.whole())
            .is_err()
        {
            return refused("a message has 1 to 2000 characters");
        }
        let message = self.compose(draft);
        Ok(self.post(message))
    }

    /// Puts away a message that only this person sees.
    pub(crate) fn dismisses(&mut self, user: UserId, id: MessageId) -> Result<(), Error> {
        let message = self.seen(user, id)?;
        if message.flags & EPHEMERAL == 0 {
            return refused("only a message that one alone sees can be dismissed");
        }
        let channel = message.channel;
        self.delete(channel, id)
            .map_err(|refusal| Error::Refused(refusal.message.to_owned()))
    }
}

fn message_channel(state: &State, id: MessageId) -> Result<ChannelId, Error> {
    let found = state.find_message(id).map(|message| message.channel);
    found.ok_or_else(|| Error::Refused("the message is gone".to_owned()))
}

fn components(message: &Message) -> impl Iterator<Item = &Value> {
    message
        .components
        .iter()
        .flat_map(|row| row["components"].as_array().into_iter().flatten())
}

/// What a field of a form takes: the client does not send the form before.
fn fits(input: &Value, value: &str) -> Result<(), Error> {
    let label = input["label"].as_str().unwrap_or_default();
    let length = u64::try_from(value.chars().count()).unwrap_or(u64::MAX);
    let required = input["required"].as_bool().unwrap_or(true);
    if value.is_empty() {
        return if required {
            refused(format!("the field \"{label}\" is required"))
        } else {
            Ok(())
        };
    }
    let least = input["min_length"].as_u64().unwrap_or(0);
    let most = input["max_length"].as_u64().unwrap_or(4000);
    if (least..=most).contains(&length) {
        Ok(())
    } else {
        refused(format!(
            "the field \"{label}\" takes {least} to {most} characters"
        ))
    }
}
