//! Answers to interactions. The first must come within three seconds, and says at most that more will
//! come; what comes then can be edited for 15 minutes.
//!
//! Source: Discord's documentation, "Receiving and Responding".

use std::time::Duration;

use serde_json::{Value, json};

use super::Us;
use super::api::{Api, ApiError, Route};
use super::origin::Origin;
use super::render::Shown;
use super::wire;

/// How long the first answer may take us, two tries included.
const FIRST: Duration = Duration::from_secs(2);

/// How long others may wait for their turn.
const PATIENCE: Duration = Duration::from_mins(1);

/// `MessageFlags::EPHEMERAL`.
const PRIVATE: u64 = 1 << 6;

/// The answers to one interaction.
pub(super) struct Answers<'a> {
    pub(super) api: &'a Api,
    pub(super) us: &'a Us,
    pub(super) to: &'a Origin,
}

/// What is said first.
pub(super) enum First<'s> {
    /// Only who asked sees what will come.
    PrivateLater,
    /// All that there is to say, to who asked alone.
    Said(&'s Shown),
    /// The message that was clicked on is edited later, if at all.
    Nothing,
    /// These values can be chosen.
    Choices(Value),
    /// Something is asked first, in a window.
    Modal(Value),
}

impl First<'_> {
    fn body(self) -> Value {
        match self {
            Self::PrivateLater => json!({ "type": 5, "data": { "flags": PRIVATE } }),
            Self::Said(shown) => {
                let mut data = wire::body(shown);
                data["flags"] = json!(PRIVATE);
                json!({ "type": 4, "data": data })
            }
            Self::Nothing => json!({ "type": 6 }),
            Self::Choices(choices) => json!({ "type": 8, "data": { "choices": choices } }),
            Self::Modal(modal) => json!({ "type": 9, "data": modal }),
        }
    }
}

impl Answers<'_> {
    /// Says this first; whether the interaction is ours to go on with. It is not when it came too late, or
    /// another process has answered it.
    pub(super) async fn first(&self, first: First<'_>) -> bool {
        let body = first.body();
        let route = Route::callback(&self.to.id, &self.to.token);
        let mut is_doubtful = false;
        for _ in 0..2 {
            let call = self.api.call(&route, Some(&body), &[], FIRST);
            let said = tokio::time::timeout(FIRST, call).await;
            match said {
                Ok(Ok(_)) => return true,
                // The try before has been answered, and its answer was lost.
                Ok(Err(error)) if error.is_answered() && is_doubtful => return true,
                Ok(Err(error)) if !error.may_pass() => {
                    let interaction = &self.to.id;
                    tracing::warn!(interaction, %error, "what somebody did in Discord was not answered; nothing was done");
                    return false;
                }
                Ok(Err(ApiError::Unclear(_))) | Err(_) => is_doubtful = true,
                Ok(Err(_)) => {}
            }
        }
        let interaction = &self.to.id;
        tracing::warn!(
            interaction,
            "Discord takes no answer to what somebody did; nothing was done"
        );
        false
    }

    /// Puts this in the place of what was said first.
    pub(super) async fn then(&self, shown: &Shown) {
        let route = Route::edit_answer(&self.us.application, &self.to.token);
        self.send(&route, &wire::body(shown), shown).await;
    }

    /// Says this to who asked alone, beside what was said first.
    pub(super) async fn also(&self, shown: &Shown) {
        let mut body = wire::body(shown);
        body["flags"] = json!(PRIVATE);
        let route = Route::follow_up(&self.us.application, &self.to.token);
        self.send(&route, &body, shown).await;
    }

    async fn send(&self, route: &Route, body: &Value, shown: &Shown) {
        let files = wire::files(shown);
        let sent = self.api.call(route, Some(body), &files, PATIENCE).await;
        let interaction = &self.to.id;
        match sent {
            Ok(_) => {}
            // The run's own message says what there is to say.
            Err(error) if error.is_over() => {
                tracing::info!(interaction, %error, "an answer came too late to be shown");
            }
            Err(error) => {
                tracing::warn!(interaction, %error, "an answer did not get to who asked in Discord");
            }
        }
    }
}
