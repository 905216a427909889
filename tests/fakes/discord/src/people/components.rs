//! Buttons and selects of a message.

use serde_json::{Value, json};

use super::fit::{Place, fit};
use super::line::{Given, Line};
use crate::check::components::{BUTTON, LINK, STRING_SELECT};
use crate::error::{Error, refused};
use crate::hub::secret;
use crate::ids::{InteractionId, MessageId, UserId};
use crate::state::State;
use crate::state::answering::Act;
use crate::state::interaction::Kind;
use crate::state::model::Message;

impl State {
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
        let channel = message.channel;
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
        let at = Place { user, channel };
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
}

fn components(message: &Message) -> impl Iterator<Item = &Value> {
    message
        .components
        .iter()
        .flat_map(|row| row["components"].as_array().into_iter().flatten())
}
