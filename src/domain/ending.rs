//! How a run ends, and what is said of it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FinalState {
    /// Every step is done and proven as far as its receipt says.
    Succeeded,
    /// It failed, and something may be left; the summary says what.
    Failed,
    /// It failed, and everything that it had done was taken back.
    RolledBack,
    /// Somebody stopped it, or nobody approved it.
    Cancelled,
    /// It failed, and taking back failed too: a human is needed.
    Stuck,
}

impl FinalState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Succeeded,
        Self::Failed,
        Self::RolledBack,
        Self::Cancelled,
        Self::Stuck,
    ];

    /// The word that stands for it in logs, in JSON and in figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::RolledBack => "rolled_back",
            plain => plain.in_words(),
        }
    }

    /// In one or two words for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::RolledBack => "rolled back",
            Self::Cancelled => "cancelled",
            Self::Stuck => "stuck",
        }
    }
}

/// The end of a run in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Why it did not succeed, in a sentence; absent when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What is true now, in a sentence.
    pub now: String,
}

impl Summary {
    /// Of a run that did not succeed.
    pub fn of_failure(cause: impl Into<String>, now: impl Into<String>) -> Self {
        Self {
            cause: Some(cause.into()),
            now: now.into(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => write!(f, "{} {}", sentence(cause), self.now),
            None => f.write_str(&self.now),
        }
    }
}

/// With a full stop at its end, unless it ends in its own way.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '?', '!']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}
