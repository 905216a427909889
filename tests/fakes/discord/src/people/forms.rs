//! Forms that an application has opened.

use serde_json::{Value, json};

use crate::error::{Error, refused};
use crate::hub::secret;
use crate::ids::{InteractionId, UserId};
use crate::state::State;
use crate::state::answering::Act;
use crate::state::interaction::Kind;

impl State {
    /// Fills in the form that an act has opened and sends it. Fields are named by label or `custom_id`.
    pub(crate) fn submits(
        &mut self,
        user: UserId,
        opened_by: InteractionId,
        fields: &[(&str, &str)],
    ) -> Result<InteractionId, Error> {
        let asked = self.interactions.get(&opened_by).map(|it| it.user);
        if asked.is_some_and(|asked| asked != user) {
            return refused(format!("the form is not {}'s", self.name(user)));
        }
        self.forges(user, opened_by, fields)
    }

    /// The same, also of a form that was opened for somebody else: no client of Discord's sends that.
    pub(crate) fn forges(
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
