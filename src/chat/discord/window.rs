//! The window in which the secret options of a command are typed. They are no options of the slash
//! command: others could read them while they are typed, and Discord would keep them.

use serde_json::{Map, Value, json};
use serenity::model::application::{ActionRowComponent, ModalInteractionData};

use super::answers::First;
use super::command::{Typed, not_started};
use super::door::{Door, said};
use super::live::PLATFORM;
use super::origin::Origin;
use super::render::limits::beginning;
use super::wording::told;
use crate::domain::input::InputSpec;
use crate::service::{Ask, Invocation, Window};

/// What stands before the id of a window in its `custom_id`.
const PREFIX: &str = "w1.";

/// Discord takes no longer title, and no longer label of a field, in UTF-16 units.
const LONGEST_TITLE: usize = 45;

/// Discord takes no longer text in a field.
const LONGEST_VALUE: u32 = 4000;

/// The window that a `custom_id` is of, if it is one that asks for secrets.
pub(super) fn id_of(custom_id: &str) -> Option<&str> {
    custom_id.strip_prefix(PREFIX)
}

impl Door {
    /// Asks for the secrets of a command. What else was said with it is in the store before the window
    /// is shown: it can be filled in after a restart.
    pub(super) async fn ask_for_secrets(
        &self,
        origin: &Origin,
        typed: &Typed<'_>,
        secrets: &[(String, InputSpec)],
    ) {
        let answers = self.answers(origin);
        let options = match self.given(typed) {
            Ok(options) => options,
            Err(why) => {
                answers.first(First::Said(&said(&format!("✗ {why}")))).await;
                return;
            }
        };
        let window = Window {
            id: origin.id.clone(),
            person: origin.user.clone(),
            command: typed.name.clone(),
            options,
        };
        let shown = modal(&window, secrets);
        match self.service.ask_in_window(PLATFORM, window).await {
            Ok(()) => answers.first(First::Modal(shown)).await,
            Err(error) => answers.first(First::Said(&told(&error))).await,
        };
    }

    /// What was typed into such a window goes on as options of its command. Sent twice, it is one run.
    pub(super) async fn secrets_typed(
        &self,
        origin: &Origin,
        id: &str,
        data: &ModalInteractionData,
    ) {
        let answers = self.answers(origin);
        if !answers.first(First::PrivateLater).await {
            return;
        }
        let window = match self.service.asked_window(PLATFORM, id).await {
            Ok(Some(window)) => window,
            Ok(None) => {
                let over = "✗ This window is no longer open: one can be filled in for an hour. Nothing was \
                            started; give the command again.";
                return answers.then(&said(over)).await;
            }
            Err(error) => return answers.then(&told(&error)).await,
        };
        if window.person != origin.user {
            let other = "✗ This window was opened for somebody else. Nothing was started.";
            return answers.then(&said(other)).await;
        }
        let mut inputs = window.options;
        if let Err(why) = self.files.fetch_all(&mut inputs).await {
            return answers.then(&not_started(&why)).await;
        }
        inputs.extend(typed(data));
        let invocation = Invocation {
            by: self.who(origin),
            ask: Ask::Command(window.command.clone()),
            inputs,
            idempotency_key: Some(format!("{PLATFORM}/{}", window.id)),
            break_glass: None,
            channel: origin.channel(),
        };
        self.start(origin, &window.command, invocation).await;
    }
}

/// A field of several lines for each: a key in PEM has some.
fn modal(window: &Window, secrets: &[(String, InputSpec)]) -> Value {
    let field = |(name, spec): &(String, InputSpec)| {
        let label = spec.summary.as_deref().unwrap_or(name);
        let field = json!({
            "type": 4,
            "custom_id": name,
            "style": 2,
            "label": beginning(label, LONGEST_TITLE),
            "required": spec.required,
            "max_length": LONGEST_VALUE,
        });
        json!({ "type": 1, "components": [field] })
    };
    json!({
        "custom_id": format!("{PREFIX}{}", window.id),
        "title": beginning(&format!("/{}", window.command), LONGEST_TITLE),
        "components": secrets.iter().map(field).collect::<Vec<_>>(),
    })
}

/// What was typed into the fields of any window, by the names of the fields.
pub(super) fn fields(data: &ModalInteractionData) -> impl Iterator<Item = (&str, &str)> {
    let components = data.components.iter().flat_map(|row| &row.components);
    components.filter_map(|component| match component {
        ActionRowComponent::InputText(text) => {
            Some((text.custom_id.as_str(), text.value.as_deref()?))
        }
        _ => None,
    })
}

/// Secrets as they were typed, without the line end behind each. An empty one is not given.
fn typed(data: &ModalInteractionData) -> Map<String, Value> {
    let given = fields(data).map(|(name, value)| (name, value.strip_suffix('\n').unwrap_or(value)));
    let given = given.filter(|(_, value)| !value.is_empty());
    given
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect()
}
