//! What an application may answer to which kind of interaction.

use serde_json::Value;

use super::form::Form;
use super::{commands, components, message};
use crate::refusal::Refusal;
use crate::state::interaction::Kind;

/// How an application answers at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callback {
    /// 4: a message.
    Message,
    /// 5: "is thinking…", a message follows.
    DeferredMessage,
    /// 6: nothing is shown, the message may be edited later.
    DeferredUpdate,
    /// 7: the message that the component is on changes.
    Update,
    /// 8: values to choose from.
    Choices,
    /// 9: a form to fill in.
    Modal,
}

const KINDS: [(u64, Callback); 6] = [
    (4, Callback::Message),
    (5, Callback::DeferredMessage),
    (6, Callback::DeferredUpdate),
    (7, Callback::Update),
    (8, Callback::Choices),
    (9, Callback::Modal),
];

impl Callback {
    /// Whether Discord takes it as the answer to such an interaction.
    fn answers(self, kind: Kind, on_message: bool) -> bool {
        match self {
            Self::Message | Self::DeferredMessage => kind != Kind::Autocomplete,
            Self::DeferredUpdate | Self::Update => {
                kind == Kind::Component || (kind == Kind::Modal && on_message)
            }
            Self::Choices => kind == Kind::Autocomplete,
            Self::Modal => matches!(kind, Kind::Command | Kind::Component),
        }
    }
}

/// Checks a callback's body against the interaction that it answers.
pub(crate) fn check(
    body: &Value,
    kind: Kind,
    on_message: bool,
    option: u64,
) -> Result<Callback, Refusal> {
    let mut form = Form::default();
    let numbers: Vec<u64> = KINDS.iter().map(|(number, _)| *number).collect();
    let number = form.one_of("type", &body["type"], &numbers);
    let found = KINDS.iter().find(|(known, _)| Some(*known) == number);
    let Some((_, callback)) = found else {
        form.finish()?;
        return Ok(Callback::DeferredUpdate);
    };
    if !callback.answers(kind, on_message) {
        let message = "Interaction callback type is not valid for this interaction";
        form.refuse("type", "INTERACTION_CALLBACK_TYPE_INVALID", message);
    }
    match callback {
        Callback::Choices => commands::check_offer(&mut form, &body["data"]["choices"], option),
        Callback::Modal => components::modal(&mut form, &body["data"]),
        Callback::Message | Callback::Update => message::fill(&mut form, "data.", &body["data"]),
        Callback::DeferredMessage | Callback::DeferredUpdate => {}
    }
    form.finish()?;
    Ok(*callback)
}
