//! Taking back what a run has done that succeeded: which of its steps stand, and how each is taken back.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::effect::{EffectRecord, EffectStatus};
use super::ending::FinalState;
use super::names::{ActionName, RunId, StepId, SystemName, WorkflowName};
use super::output::LeftOut;
use super::redact::Redactor;
use super::rerun::MOST_TAKEN_OVER;
use super::retry::Retry;
use super::run::{RunState, StepState, StepStatus, Stop};
use super::time::Span;
use super::workflow::{ActionWork, Step, UNDO, Work, Workflow};

/// Taking back is tried as often before a human is called, whatever does it.
const ATTEMPTS: Retry = Retry {
    attempts: 5,
    first: Span::new(Duration::from_secs(2)),
    factor: 1,
    max: Span::new(Duration::from_secs(2)),
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
                retry: Some(ATTEMPTS),
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

/// Why a run is not taken back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoUndo {
    /// It is under way, or waits.
    #[error(
        "run {0} has not ended: `purser cancel {0}` stops it, and takes back what it has done",
        .run.short()
    )]
    NotEnded {
        /// Which.
        run: RunId,
    },
    /// Its log ends before the run did.
    #[error(
        "nobody knows what run {0} did after the backup that its log comes from: look at the \
         systems that it acts on, and set right by hand what is not as it should be", .run.short()
    )]
    Recovered {
        /// Which.
        run: RunId,
    },
    /// It has taken back what it could by itself.
    #[error(
        "run {0} did not succeed ({1}): what it had done was taken back then, as far as it could be. \
         `purser rerun {0}` goes on from it", .run.short(), .state.in_words()
    )]
    NotSucceeded {
        /// Which.
        run: RunId,
        /// How it ended.
        state: FinalState,
    },
    /// It has taken back another one itself.
    #[error(
        "run {0} has taken back what run {1} did, and that is not undone: start the workflow anew, \
         `purser run {workflow}`", .run.short(), .of.short()
    )]
    IsUndo {
        /// Which.
        run: RunId,
        /// The run that it has taken back.
        of: RunId,
        /// Their workflow.
        workflow: WorkflowName,
    },
    /// It has changed nothing.
    #[error("run {0} has changed nothing: there is nothing to take back", .run.short())]
    ChangedNothing {
        /// Which.
        run: RunId,
    },
    /// Everything that it has done stays.
    #[error(
        "nothing that run {0} did can be taken back ({1}): what is not to stay has to be set right by \
         hand", .run.short(), .why.join("; ")
    )]
    AllStays {
        /// Which.
        run: RunId,
        /// Why, of each step.
        why: Vec<String>,
    },
    /// What is needed of it is too much for one event.
    #[error(
        "what is needed of run {0} to take it back is {bytes} bytes long, {MOST_TAKEN_OVER} at most \
         can be taken over, and step `{step}` has left most of it: what is not to stay has to be set \
         right by hand", .run.short()
    )]
    LeftTooMuch {
        /// Which.
        run: RunId,
        /// How much there is, in bytes of JSON.
        bytes: usize,
        /// The step that has left most of it.
        step: StepId,
    },
    /// A later run builds on what it has left.
    #[error(
        "run {0} has begun since run {1} did, {shared}: {way_out}", .by.short(), .run.short()
    )]
    Overtaken {
        /// Which.
        run: RunId,
        /// The later one.
        by: RunId,
        /// What both have: their key, or their workflow.
        shared: String,
        /// What to do about the later one.
        way_out: String,
    },
}

/// What is needed of a run to take back what it has done. `own` says of a step that its action has
/// done how it is taken back, where its file does not.
///
/// # Errors
/// Why it is not taken back.
pub fn of(
    earlier: &RunState,
    definition: &Workflow,
    reason: Option<String>,
    own: impl Fn(&StepState) -> WayBack,
) -> Result<Undo, NoUndo> {
    may_be_undone(earlier)?;
    let reads_outputs = has_undo(definition);
    let standing = |(id, state): (&StepId, &StepState)| {
        let way_back = way_back(earlier, definition, id, &own);
        standing(id, state, way_back, reads_outputs)
    };
    let steps = earlier.steps.iter().filter(|(id, _)| id.is_forward());
    let undo = Undo {
        of: earlier.id,
        reason,
        steps: steps.map(standing).collect(),
    };
    leads_back(&undo)?;
    within_bounds(&undo)?;
    Ok(undo)
}

/// Whether something that a run has done can be taken back, by its log alone.
pub fn can_be(
    earlier: &RunState,
    definition: &Workflow,
    own: impl Fn(&StepState) -> WayBack,
) -> bool {
    let mut steps = earlier.steps.keys().filter(|id| id.is_forward());
    may_be_undone(earlier).is_ok()
        && steps.any(|id| way_back(earlier, definition, id, &own).leads_back())
}

/// Whether a run has come to an end of which something can be taken back, if anything it did can be.
///
/// # Errors
/// Why not.
pub fn may_be_undone(earlier: &RunState) -> Result<(), NoUndo> {
    let run = earlier.id;
    let Some(ended) = &earlier.ended else {
        return Err(NoUndo::NotEnded { run });
    };
    if let Some(undo) = &earlier.request.undo {
        let (of, workflow) = (undo.of, earlier.request.workflow.clone());
        return Err(NoUndo::IsUndo { run, of, workflow });
    }
    if matches!(earlier.stop, Some(Stop::Recovered { .. })) {
        return Err(NoUndo::Recovered { run });
    }
    match ended.state {
        FinalState::Succeeded => Ok(()),
        state => Err(NoUndo::NotSucceeded { run, state }),
    }
}

/// Why a run is not taken back after which this one has begun.
pub fn overtaken(earlier: &RunState, by: &RunState) -> NoUndo {
    let short = by.id.short();
    let shared = match &earlier.request.concurrency {
        Some(key) => format!("with the same key `{key}`"),
        None => format!("of the same workflow `{}`", earlier.request.workflow),
    };
    let way_out = match by.ended.as_ref().map(|ended| ended.state) {
        None => format!("wait for its end, or stop it with `purser cancel {short}`"),
        Some(FinalState::Succeeded) => format!("undo that one first, `purser undo {short}`"),
        Some(_) => format!(
            "what that one has left has to be set right by hand; `purser runs show {short}` says what \
             it is"
        ),
    };
    NoUndo::Overtaken {
        run: earlier.id,
        by: by.id,
        shared,
        way_out,
    }
}

/// Whether something that a run has done is in the world, or may be.
pub fn stands(run: &RunState) -> bool {
    let Some(ended) = &run.ended else {
        return true;
    };
    if ended.state == FinalState::Stuck {
        return true;
    }
    run.steps.iter().any(|(id, state)| {
        let is_own = state.done_in.is_none() || run.request.undo.is_some();
        let is_left = state.left.is_some() || state.wants_undo();
        id.is_forward() && is_own && state.status != StepStatus::Undone && is_left
    })
}

/// Of a step that has items, or stands for another workflow's steps, each of those is taken back.
fn way_back(
    earlier: &RunState,
    definition: &Workflow,
    id: &StepId,
    own: impl Fn(&StepState) -> WayBack,
) -> WayBack {
    let state = earlier.step(id);
    if let Some(run) = state.done_in {
        return match state.status {
            StepStatus::Skipped => WayBack::Nothing,
            _ => WayBack::Stays(format!("done in run {}", run.short())),
        };
    }
    if state.is_composite() || state.attempt == 0 || state.action.is_none() {
        return WayBack::Nothing;
    }
    let written = definition.step(id).and_then(Step::undo);
    if written.is_some() {
        return WayBack::Undo;
    }
    if !state.has_live_effects() {
        return WayBack::Nothing;
    }
    match own(&state) {
        WayBack::By(mut step) => {
            if let (Work::Action(action), Some(system)) = (&mut step.work, &state.system) {
                let system = Value::from(system.as_str());
                action.with.insert("system".to_owned(), system);
            }
            WayBack::By(step)
        }
        way => way,
    }
}

/// Whether expressions may read what steps have left.
fn has_undo(definition: &Workflow) -> bool {
    let own = definition.steps.iter();
    let included = definition.includes.values().flat_map(|file| &file.steps);
    own.chain(included).any(|step| step.undo().is_some())
}

fn standing(id: &StepId, state: &StepState, way_back: WayBack, output: bool) -> StandingStep {
    let journal = way_back == WayBack::Undo;
    let kept = state.output.clone().filter(|_| output);
    StandingStep {
        step: id.clone(),
        skipped: state.status == StepStatus::Skipped,
        attempt: state.attempt,
        action: state.action.clone(),
        system: state.system.clone(),
        input: state.input.clone(),
        left_out: if kept.is_some() {
            state.output_left_out.clone()
        } else {
            Vec::new()
        },
        output: kept.unwrap_or_default(),
        items: state.items.clone(),
        workflow: state.workflow.clone(),
        generation: state.generation,
        effects: if journal {
            state.effects.clone()
        } else {
            Vec::new()
        },
        records: if journal {
            state.records.clone()
        } else {
            BTreeMap::new()
        },
        way_back,
    }
}

fn leads_back(undo: &Undo) -> Result<(), NoUndo> {
    let run = undo.of;
    if undo.taken_back().next().is_some() {
        return Ok(());
    }
    let why = undo.staying().map(|(step, why)| format!("`{step}`: {why}"));
    let why: Vec<_> = why.collect();
    Err(if why.is_empty() {
        NoUndo::ChangedNothing { run }
    } else {
        NoUndo::AllStays { run, why }
    })
}

fn within_bounds(undo: &Undo) -> Result<(), NoUndo> {
    let sizes = undo.steps.iter().map(|step| {
        let bytes = serde_json::to_vec(step).map_or(0, |json| json.len());
        (step, bytes)
    });
    let sizes: Vec<_> = sizes.collect();
    let bytes = sizes.iter().map(|(_, bytes)| bytes).sum();
    match sizes.iter().max_by_key(|(_, bytes)| *bytes) {
        Some((largest, _)) if bytes > MOST_TAKEN_OVER => Err(NoUndo::LeftTooMuch {
            run: undo.of,
            bytes,
            step: largest.step.clone(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
