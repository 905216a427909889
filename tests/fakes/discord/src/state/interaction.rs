//! An interaction: one act of a person that an application has to answer in time.

use serde_json::Value;

use crate::check::response::Callback;
use crate::ids::{AppId, ChannelId, InteractionId, MessageId, UserId};
use crate::refusal::{Refusal, UNKNOWN_INTERACTION};

/// Within this an interaction is acknowledged, or it has failed.
pub(crate) const ACKNOWLEDGE_MS: u64 = 3_000;
/// For so long its token opens follow-ups and edits.
pub(crate) const TOKEN_MS: u64 = 15 * 60 * 1_000;

/// What the person did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Used a slash command.
    Command,
    /// Clicked a button or chose from a select.
    Component,
    /// Is typing an option.
    Autocomplete,
    /// Sent a form.
    Modal,
}

impl Kind {
    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Command => 2,
            Self::Component => 3,
            Self::Autocomplete => 4,
            Self::Modal => 5,
        }
    }
}

/// Who answered, when, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The gateway session that had got the token which was used; none over HTTP.
    pub session: Option<String>,
    /// Milliseconds after the person had acted.
    pub after_ms: u64,
    /// Discord's code if it was refused: 10062 too late, 40060 answered already.
    pub refused: Option<u32>,
}

#[derive(Debug)]
pub(crate) struct Interaction {
    pub(crate) id: InteractionId,
    /// What every token of this interaction begins with; each session gets one of its own.
    pub(crate) token: String,
    pub(crate) app: AppId,
    pub(crate) kind: Kind,
    pub(crate) user: UserId,
    pub(crate) channel: ChannelId,
    pub(crate) at_ms: u64,
    pub(crate) data: Value,
    /// The message that the component is on, or that the modal came from.
    pub(crate) message: Option<MessageId>,
    /// The type of the option that is being typed.
    pub(crate) option_type: u64,
    pub(crate) acknowledged: Option<Callback>,
    /// What `@original` is.
    pub(crate) original: Option<MessageId>,
    pub(crate) followups: Vec<MessageId>,
    pub(crate) choices: Vec<Value>,
    pub(crate) modal: Option<Value>,
    pub(crate) answers: Vec<Answer>,
}

impl Interaction {
    /// Whether this is one of its tokens.
    pub(crate) fn has_token(&self, token: &str) -> bool {
        token
            .strip_prefix(&self.token)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// Whether it can still be acknowledged.
    pub(crate) fn in_time(&self, now_ms: u64) -> Result<(), Refusal> {
        if now_ms.saturating_sub(self.at_ms) < ACKNOWLEDGE_MS {
            Ok(())
        } else {
            Err(UNKNOWN_INTERACTION)
        }
    }

    /// Whether its token is dead.
    pub(crate) fn is_over(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.at_ms) >= TOKEN_MS
    }

    /// The message that the next one refers to: what was clicked, or the first answer.
    pub(crate) fn replies_to(&self) -> Option<MessageId> {
        match self.acknowledged {
            None => self.message,
            Some(_) => self.original,
        }
    }

    /// Whether the person has been told that the application did not respond.
    pub(crate) fn has_failed(&self, now_ms: u64) -> bool {
        self.acknowledged.is_none() && self.in_time(now_ms).is_err()
    }
}

/// The session that a token was made for.
pub(crate) fn session_of(token: &str) -> Option<String> {
    token.split_once('.').map(|(_, session)| session.to_owned())
}
