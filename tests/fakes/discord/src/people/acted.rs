//! What came of an act, as the person sees it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::check::response::Callback;
use crate::error::Error;
use crate::hub::Hub;
use crate::ids::{InteractionId, MessageId, UserId};
use crate::look;
use crate::state::State;
use crate::state::interaction::{Answer, Interaction};
use crate::state::posting::LOADING;

/// One act of a person; tells what that person gets to see. Every wait is bounded by the patience of
/// the [`Discord`](crate::Discord) that it comes from.
#[derive(Clone)]
pub struct Acted {
    pub(crate) hub: Arc<Hub>,
    pub(crate) patience: Duration,
    pub(crate) who: UserId,
    pub(crate) id: InteractionId,
}

impl Acted {
    /// The interaction that it became.
    #[must_use]
    pub fn interaction(&self) -> InteractionId {
        self.id
    }

    /// How the application answered at once.
    pub async fn acknowledged(&self) -> Result<Callback, Error> {
        self.until("an acknowledgement", |it, _| it.acknowledged)
            .await
    }

    /// What the person sees of it once it is more than "is thinking…": the reply with all that
    /// followed, a form, values to choose from, or that the application did not respond.
    pub async fn reply(&self) -> Result<String, Error> {
        self.until("a reply", |it, state| {
            (!waits(state, it)).then(|| look::act(state, self.who, it))
        })
        .await
    }

    /// What the person sees of it as soon as this text is part of it.
    pub async fn sees(&self, text: &str) -> Result<String, Error> {
        let what = format!("\"{text}\"");
        self.until(&what, |it, state| {
            Some(look::act(state, self.who, it)).filter(|seen| seen.contains(text))
        })
        .await
    }

    /// The message that answers it, once it is more than "is thinking…".
    pub async fn message(&self) -> Result<MessageId, Error> {
        self.until("a message", |it, state| {
            it.original.filter(|_| !waits(state, it))
        })
        .await
    }

    /// Names and values that are offered for the option that is being typed.
    pub async fn choices(&self) -> Result<Vec<(String, Value)>, Error> {
        self.until("choices", |it, _| {
            let one = |choice: &Value| {
                (
                    choice["name"].as_str().unwrap_or_default().to_owned(),
                    choice["value"].clone(),
                )
            };
            it.acknowledged
                .map(|_| it.choices.iter().map(one).collect())
        })
        .await
    }

    /// The form that it opened, as the application sent it.
    pub async fn modal(&self) -> Result<Value, Error> {
        self.until("a form", |it, _| it.modal.clone()).await
    }

    /// Who has answered so far, accepted or not.
    #[must_use]
    pub fn answers(&self) -> Vec<Answer> {
        let of = |state: &State| {
            state
                .interactions
                .get(&self.id)
                .map(|it| it.answers.clone())
        };
        self.hub.read(of).unwrap_or_default()
    }

    /// What the person sees of it now.
    #[must_use]
    pub fn screen(&self) -> String {
        let of = |state: &State| {
            state
                .interactions
                .get(&self.id)
                .map(|it| look::act(state, self.who, it))
        };
        self.hub.read(of).unwrap_or_default()
    }

    async fn until<T>(
        &self,
        what: &str,
        mut look: impl FnMut(&Interaction, &State) -> Option<T>,
    ) -> Result<T, Error> {
        let seen = self
            .hub
            .until(self.patience, |state| {
                look(state.interactions.get(&self.id)?, state)
            })
            .await;
        seen.ok_or_else(|| Error::Late {
            waited: self.patience,
            what: what.to_owned(),
            seen: self.screen(),
        })
    }
}

/// Whether the person is still waiting for an answer.
fn waits(state: &State, it: &Interaction) -> bool {
    if it.acknowledged.is_none() {
        return !it.has_failed(state.now_ms());
    }
    let original = it
        .original
        .and_then(|id| state.message(it.channel, id).ok());
    original.is_some_and(|message| message.flags & LOADING != 0)
}
