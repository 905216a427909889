//! Notices: what people are told of what happened while nobody watched.
//!
//! Who is told of what, and how loudly, is decided by [`Rules`]; when a notice is sent again and
//! when it is given up, by [`delivery`]. Both are pure.

mod asks;
mod compose;
mod daily;
pub mod delivery;
mod fold;
mod rules;
mod text;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::names::{PlaceName, RunId, SystemName, WorkflowName};
use super::redact::Redactor;
use super::time::Timestamp;

pub use daily::{Daily, Tally};
pub use fold::{MANY, Untried, fold};
pub use rules::{On, Rules};

/// `notify:` of a workflow's file: the places where people are told of its runs, whoever started
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifySpec {
    /// Of runs that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<PlaceName>,
    /// Of runs that did not, whatever was left; and of runs that were cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<PlaceName>,
    /// Of runs that wait for a person; left out, where failures are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<PlaceName>,
}

/// How loudly something is said.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Loudness {
    /// Only in the digest.
    Quiet,
    /// In a message.
    Told,
    /// In a message that mentions whom the place has for that.
    Loud,
}

/// What a notice is about; the `type` of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A run has succeeded.
    #[serde(rename = "run.succeeded")]
    RunSucceeded,
    /// It failed, and something may be left.
    #[serde(rename = "run.failed")]
    RunFailed,
    /// It failed, and what it had done was taken back.
    #[serde(rename = "run.rolled_back")]
    RunRolledBack,
    /// It was stopped, or nobody approved it.
    #[serde(rename = "run.cancelled")]
    RunCancelled,
    /// It failed, and so did taking back.
    #[serde(rename = "run.stuck")]
    RunStuck,
    /// A person is asked for something.
    #[serde(rename = "run.waiting")]
    RunWaiting,
    /// A schedule has not had its run.
    #[serde(rename = "schedule.passed_over")]
    PassedOver,
    /// A program that may post was refused.
    #[serde(rename = "request.refused")]
    Refused,
    /// What there was since the last one.
    #[serde(rename = "digest.daily")]
    Digest,
    /// Many notices in one.
    #[serde(rename = "notices.folded")]
    Folded,
    /// Somebody tries a place.
    #[serde(rename = "place.test")]
    Test,
}

/// The name of a notice: the same for every try to deliver it, and for no other notice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NoticeId(String);

impl NoticeId {
    /// This name. It holds no full stop, which the signature of a webhook puts behind it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().replace('.', "-"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One thing that people are told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Its name.
    pub id: NoticeId,
    /// What it is about.
    pub kind: Kind,
    /// When that was.
    pub at: Timestamp,
    /// How loudly it is said.
    pub loudness: Loudness,
    /// One line that says what happened.
    pub headline: String,
    /// What led to it, and what is true now.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// More lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// What can be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<Next>,
    /// What programs want to know.
    #[serde(default)]
    pub facts: Facts,
    /// It was meant for another place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<InsteadOf>,
}

/// Something that can be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// What for: `run it again`.
    pub to: String,
    /// The command to type.
    pub command: String,
}

impl Next {
    fn new(to: &str, command: impl Into<String>) -> Self {
        Self {
            to: to.to_owned(),
            command: command.into(),
        }
    }
}

/// What programs want to know of it, as far as it applies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Which run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Of which workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowName>,
    /// Where it stands: `failed`, `waiting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// On which systems it happened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<SystemName>,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why a step failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Until when an answer counts.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "super::time::rfc3339_or_none"
    )]
    pub expires_at: Option<Timestamp>,
    /// How many there were of what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Value>,
}

/// The place that a notice was meant for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsteadOf {
    /// Which.
    pub place: PlaceName,
    /// Why it did not get it.
    pub why: String,
}

impl Notice {
    /// Whether it asks people for something, which may be answered before it is told.
    pub fn asks(&self) -> bool {
        self.kind == Kind::RunWaiting
    }

    /// The same notice for the fallback.
    #[must_use]
    pub fn instead_of(self, place: PlaceName, why: String) -> Self {
        Self {
            instead_of: Some(InsteadOf { place, why }),
            ..self
        }
    }

    /// A message that shows whether a place takes any.
    pub fn test(id: NoticeId, at: Timestamp, by: &str) -> Self {
        Self {
            summary: "Nothing has happened, and there is nothing to do.".to_owned(),
            ..Self::new(
                id,
                Kind::Test,
                at,
                format!("This is a test message that {by} has asked for."),
            )
        }
    }

    fn new(id: NoticeId, kind: Kind, at: Timestamp, headline: String) -> Self {
        Self {
            id,
            kind,
            at,
            loudness: Loudness::Told,
            headline,
            summary: String::new(),
            lines: vec![],
            next: vec![],
            facts: Facts::default(),
            instead_of: None,
        }
    }

    /// With every known secret masked.
    #[must_use]
    pub fn masked(self, redactor: &Redactor) -> Self {
        let text = |text: String| redactor.text(&text);
        let facts = Facts {
            cause: self.facts.cause.map(text),
            by: self.facts.by.map(text),
            ..self.facts
        };
        let next = self.next.into_iter().map(|next| Next {
            command: text(next.command),
            ..next
        });
        Self {
            headline: text(self.headline),
            summary: text(self.summary),
            lines: self.lines.into_iter().map(text).collect(),
            next: next.collect(),
            facts,
            instead_of: self.instead_of.map(|meant| InsteadOf {
                why: text(meant.why),
                ..meant
            }),
            ..self
        }
    }

    /// For people: a few lines, no links. `now` is when it is told.
    pub fn text(&self, mention: Option<&str>, now: Timestamp) -> String {
        text::of(self, mention, now)
    }

    /// For programs: `{type, timestamp, data}`, as Standard Webhooks recommends.
    pub fn event(&self) -> Value {
        let mut data = json!(self.facts);
        data["headline"] = json!(self.headline);
        data["summary"] = json!(self.summary);
        data["next"] = json!(self.next);
        data["loudness"] = json!(self.loudness);
        if !self.lines.is_empty() {
            data["lines"] = json!(self.lines);
        }
        if let Some(meant) = &self.instead_of {
            data["instead_of"] = json!(meant);
        }
        json!({ "type": self.kind, "timestamp": self.at.to_string(), "data": data })
    }
}
