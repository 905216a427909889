//! Taking back what a run has done that succeeded: which of its steps stand, and how each is taken back.

mod refused;
mod standing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::effect::{EffectRecord, EffectStatus};
use super::names::{ActionName, RunId, StepId, SystemName, WorkflowName};
use super::output::LeftOut;
use super::redact::Redactor;
use super::retry::Retry;
use super::time::Span;
use super::workflow::{ActionWork, Step, UNDO, Work};

pub use refused::{NoUndo, overtaken};
pub use standing::{can_be, may_be_undone, of, stands};

/// How long taking back is tried before a human is called, whatever does it: for five minutes, in which
/// a system that was stopped has time to be there again.
pub const PATIENCE: Retry = Retry {
    attempts: 23,
    first: Span::new(Duration::from_secs(2)),
    factor: 2,
    max: Span::new(Duration::from_secs(15)),
    jitter: false,
};

/// The earlier run that a run takes back. Its first event has all of it that is needed for that: the
/// earlier run's log is not looked at again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Undo {
    /// The earlier run.
    pub of: RunId,
    /// Why, if they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What its steps have left, in the order in which they began.
    pub steps: Vec<StandingStep>,
}

/// A step of a run that succeeded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StandingStep {
    /// Which.
    pub step: StepId,
    /// Whether it was passed over, its condition being false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
    /// The attempt that succeeded; 0 where it had none.
    pub attempt: u32,
    /// What it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionName>,
    /// What it acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemName>,
    /// With what.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub input: Value,
    /// What it has left, where the file's `undo` may read it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub output: Value,
    /// What of that is not in `output`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What it was done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Value>>,
    /// The workflow that it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowName>,
    /// How often effects of it were taken back before it succeeded.
    #[serde(default, skip_serializing_if = "super::run::is_zero")]
    pub generation: u32,
    /// Its journal, where its action's own undo goes by that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<EffectRecord>,
    /// The reads that decided its effects, for the same.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub records: BTreeMap<String, Value>,
    /// How it is taken back.
    pub way_back: WayBack,
}

/// How what a step has done is taken back after its run has succeeded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WayBack {
    /// There is nothing of it in the world.
    Nothing,
    /// By the `undo` of its file; where that has none, by its action's own.
    Undo,
    /// By this step, the inputs of which stand as they are: nothing of them is evaluated.
    By(Box<Step>),
    /// It stays, for this reason, in words for people.
    Stays(String),
}

impl WayBack {
    /// By an action on the same system, with these inputs.
    pub fn by(action: &str, input: Map<String, Value>) -> Self {
        Self::By(Box::new(Step {
            id: StepId::from(UNDO),
            needs: None,
            condition: None,
            foreach: None,
            timeout: None,
            work: Work::Action(Box::new(ActionWork {
                uses: ActionName::from(action),
                with: input,
                retry: Some(PATIENCE),
                approval: None,
                undo: None,
            })),
        }))
    }

    /// Whether there is one.
    pub fn leads_back(&self) -> bool {
        matches!(self, Self::Undo | Self::By(_))
    }
}

impl Undo {
    /// The step that takes this one back, where the way back is another action.
    pub fn by(&self, step: &StepId) -> Option<&Step> {
        let standing = self.steps.iter().find(|standing| standing.step == *step)?;
        match &standing.way_back {
            WayBack::By(step) => Some(step),
            WayBack::Nothing | WayBack::Undo | WayBack::Stays(_) => None,
        }
    }

    /// The steps that it takes back, in the order in which they began.
    pub fn taken_back(&self) -> impl Iterator<Item = &StepId> {
        let leading = self.steps.iter().filter(|one| one.way_back.leads_back());
        leading.map(|one| &one.step)
    }

    /// What it leaves as it is, with the reason for each.
    pub fn staying(&self) -> impl Iterator<Item = (&StepId, &str)> {
        self.steps.iter().filter_map(|one| match &one.way_back {
            WayBack::Stays(why) => Some((&one.step, why.as_str())),
            WayBack::Nothing | WayBack::Undo | WayBack::By(_) => None,
        })
    }

    /// The same with every known secret masked.
    #[must_use]
    pub fn masked(self, redactor: &Redactor) -> Self {
        Self {
            reason: self.reason.map(|reason| redactor.text(&reason)),
            steps: self.steps.into_iter().map(|s| s.masked(redactor)).collect(),
            ..self
        }
    }
}

impl StandingStep {
    fn masked(self, redactor: &Redactor) -> Self {
        let effect = |record: EffectRecord| EffectRecord {
            status: match record.status {
                EffectStatus::Done(result) => EffectStatus::Done(redactor.json(result)),
                other => other,
            },
            ..record
        };
        let json = |(name, value)| (name, redactor.json(value));
        let items = self.items.map(Value::Array).map(|all| redactor.json(all));
        Self {
            input: redactor.json(self.input),
            output: redactor.json(self.output),
            items: items.and_then(|items| match items {
                Value::Array(items) => Some(items),
                _ => None,
            }),
            effects: self.effects.into_iter().map(effect).collect(),
            records: self.records.into_iter().map(json).collect(),
            ..self
        }
    }
}
