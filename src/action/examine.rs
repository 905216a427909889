//! A system looked at in earnest: whether it can be reached with the rights that workflows need.

use std::collections::BTreeMap;
use std::time::Duration;

use super::context::Clock;
use super::error::{ActionError, Result};
use super::spec::Risk;
use crate::domain::finding::Remark;
use crate::domain::names::{ActionName, WorkflowName};
use crate::domain::time::Timestamp;

/// One step of a workflow, as far as it can be known without a run.
#[derive(Clone, Debug)]
pub struct Use {
    /// What it does.
    pub action: ActionName,
    /// What that may do to the world.
    pub risk: Risk,
    /// Which workflow does it.
    pub workflow: WorkflowName,
    /// For each key of `with:` the texts that it may hold; a key whose texts are only known in a run
    /// has none.
    pub with: BTreeMap<String, Vec<String>>,
}

/// What workflows do with one system.
#[derive(Clone, Debug, Default)]
pub struct Uses(pub Vec<Use>);

impl Uses {
    /// The steps with this action.
    pub fn of<'a>(&'a self, action: &'a str) -> impl Iterator<Item = &'a Use> {
        self.0
            .iter()
            .filter(move |step| step.action.as_str() == action)
    }

    /// Whether any step changes something.
    pub fn change(&self) -> bool {
        self.0.iter().any(|step| step.risk > Risk::Read)
    }
}

/// What another clock showed, and ours before and after it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// Ours, before.
    pub before: Timestamp,
    /// Theirs.
    pub theirs: Timestamp,
    /// Ours, after.
    pub after: Timestamp,
    /// Theirs may be later than it says by this: a header of HTTP has whole seconds.
    pub coarse: Duration,
}

impl ClockReading {
    /// Reads the `Date` of an answer to a request that was begun at `before`.
    pub fn of_http(
        before: Timestamp,
        headers: &reqwest::header::HeaderMap,
        clock: &dyn Clock,
    ) -> Option<Self> {
        let date = headers.get(reqwest::header::DATE)?.to_str().ok()?;
        let theirs = chrono::DateTime::parse_from_rfc2822(date).ok()?;
        Some(Self {
            before,
            theirs: Timestamp::from_micros(theirs.timestamp_micros()),
            after: clock.now(),
            coarse: Duration::from_secs(1),
        })
    }
}

/// What an examination of a system has shown.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// What is wrong, and what is well.
    pub remarks: Vec<Remark>,
    /// What its clock showed, where it has one of its own.
    pub clock: Option<ClockReading>,
}

impl Examination {
    /// Takes in a result: what was found well, or why it was not.
    pub fn add(&mut self, result: Result<Remark>) {
        self.remarks
            .push(result.unwrap_or_else(|error| Remark::from(&error)));
    }
}

impl From<&ActionError> for Remark {
    fn from(error: &ActionError) -> Self {
        Self::of_sentence(&error.message)
    }
}
