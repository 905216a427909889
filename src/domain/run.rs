//! The state of a run, derived from its log: `apply` one event after the other.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::approval::ApprovalRequest;
use super::artifact::Artifact;
use super::effect::{EffectKey, EffectName, EffectRecord, EffectStatus, Question};
use super::ending::{FinalState, Summary};
use super::event::{Event, Failure, Logged, Requested};
use super::names::{ActionName, RunId, StepId, SystemName};
use super::person::Actor;
use super::plan::{Plan, WorkflowPlan};
use super::time::Timestamp;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Asked for, not begun.
    Queued,
    /// Something is being done.
    Running,
    /// Nothing is done until this comes.
    Waiting(WaitingFor),
    /// It has ended.
    #[serde(untagged)]
    Ended(FinalState),
}

impl RunStatus {
    /// In one or two words for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting(WaitingFor::Approval) => "waits for approval",
            Self::Waiting(WaitingFor::Timer) => "waits to try again",
            Self::Waiting(WaitingFor::Decision) => "waits for a decision",
            Self::Ended(state) => state.in_words(),
        }
    }
}

/// What a waiting run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitingFor {
    /// For somebody to approve its plan.
    Approval,
    /// For the pause before the next attempt.
    Timer,
    /// For somebody to say whether an effect happened.
    Decision,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Not begun.
    #[default]
    Pending,
    /// To be tried (again) now.
    Ready,
    /// Being done.
    Running,
    /// For the next attempt, or for a decision.
    Waiting,
    /// Done.
    Succeeded,
    /// Given up.
    Failed,
    /// Its condition was false.
    Skipped,
    /// Was done, and taken back.
    Undone,
}

/// One step of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepState {
    /// Where it stands.
    pub status: StepStatus,
    /// The present or last attempt, counted from 1; 0 before the first.
    pub attempt: u32,
    /// What it does, once it has begun.
    pub action: Option<ActionName>,
    /// What it acts on, once it has begun.
    pub system: Option<SystemName>,
    /// With what, once it has begun.
    pub input: Value,
    /// The plan that stands since before its first effect.
    pub plan: Option<Plan>,
    /// Its output, once it succeeded.
    pub output: Option<Value>,
    /// Why its last attempt failed.
    pub failure: Option<Failure>,
    /// When the next attempt is due.
    pub retry_at: Option<Timestamp>,
    /// Its time is over and it is being stopped.
    pub timed_out: bool,
    /// The attempt after which its effects were taken back.
    pub undone_after: Option<u32>,
    /// What could not be taken back.
    pub left: Option<String>,
    /// Why taking back failed.
    pub undo_failure: Option<Failure>,
    /// What a person is asked.
    pub question: Option<Question>,
    /// How often effects of it were taken back.
    pub generation: u32,
    /// Its journal: the latest entry of each effect, in the order in which they were begun.
    pub effects: Vec<EffectRecord>,
    /// The reads that decide effects, in this generation.
    pub records: BTreeMap<String, Value>,
    /// What it has kept for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// When its first attempt began.
    pub started_at: Option<Timestamp>,
    /// When its present attempt began.
    pub attempt_at: Option<Timestamp>,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
}

/// Why a run is being stopped before its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Stop {
    /// Somebody wants it.
    Cancelled {
        /// Who.
        by: Actor,
        /// Why, if they said.
        reason: Option<String>,
    },
    /// Somebody said no to its plan.
    Rejected {
        /// Who.
        by: Actor,
        /// Why, if they said.
        reason: Option<String>,
    },
    /// Nobody approved it in time.
    NotApproved,
    /// It is out of time.
    TimedOut,
    /// No plan could be made.
    NoPlan {
        /// Why not.
        failure: Failure,
    },
}

/// The state of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunState {
    /// Which run.
    pub id: RunId,
    /// What was fixed when it was asked for.
    pub request: Requested,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// The place of the last event that was applied.
    pub seq: u64,
    /// When it left the queue.
    pub started_at: Option<Timestamp>,
    /// What it would do, where an approval is asked for.
    pub plan: Option<WorkflowPlan>,
    /// The question that is open, or was answered with yes.
    pub approval: Option<ApprovalRequest>,
    /// Why approvals were void, in order.
    pub voided: Vec<String>,
    /// Its steps, those that have begun or ended.
    pub steps: IndexMap<StepId, StepState>,
    /// Why it is being stopped.
    pub stop: Option<Stop>,
    /// How it ended.
    pub ended: Option<Ended>,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    /// How.
    pub state: FinalState,
    /// In words.
    pub summary: Summary,
    /// When.
    pub at: Timestamp,
}

impl RunState {
    /// The state after a run's first event; `None` if that is not a request.
    pub fn begin(first: &Logged) -> Option<Self> {
        let Event::Requested(request) = &first.event else {
            return None;
        };
        Some(Self {
            id: first.run,
            request: (**request).clone(),
            requested_at: first.at,
            seq: first.seq,
            started_at: None,
            plan: None,
            approval: None,
            voided: Vec::new(),
            steps: IndexMap::new(),
            stop: None,
            ended: None,
        })
    }

    /// The state after all of these events, which begin with the request.
    pub fn replay<'a>(log: impl IntoIterator<Item = &'a Logged>) -> Option<Self> {
        let mut log = log.into_iter();
        let mut state = Self::begin(log.next()?)?;
        for logged in log {
            state.apply(logged);
        }
        Some(state)
    }

    /// Where it stands.
    pub fn status(&self) -> RunStatus {
        if let Some(ended) = &self.ended {
            return RunStatus::Ended(ended.state);
        }
        if self.steps.values().any(|step| step.question.is_some()) {
            return RunStatus::Waiting(WaitingFor::Decision);
        }
        if self.stop.is_none() && self.approval_is_open() {
            return RunStatus::Waiting(WaitingFor::Approval);
        }
        if self.started_at.is_none() {
            return RunStatus::Queued;
        }
        let pauses = |step: &StepState| step.status == StepStatus::Waiting && !step.wants_undo();
        if self.stop.is_none() && self.steps.values().any(pauses) {
            return RunStatus::Waiting(WaitingFor::Timer);
        }
        RunStatus::Running
    }

    /// Whether people are being asked for an approval that they have not all given yet.
    pub fn approval_is_open(&self) -> bool {
        self.approval
            .as_ref()
            .is_some_and(|request| !request.is_met(&self.request.approval, &self.request.by.person))
    }

    /// The step of this id, as it is before its beginning if it has not begun.
    pub fn step(&self, id: &StepId) -> std::borrow::Cow<'_, StepState> {
        self.steps
            .get(id)
            .map_or_else(Default::default, std::borrow::Cow::Borrowed)
    }

    /// The key that an effect of a step has in the step's present generation.
    pub fn effect_key(&self, step: &StepId, effect: EffectName) -> EffectKey {
        let generation = self.step(step).generation;
        EffectKey {
            run: self.id,
            step: step.clone(),
            generation,
            effect,
        }
    }

    /// Takes in the next event of the log.
    pub fn apply(&mut self, logged: &Logged) {
        self.seq = logged.seq;
        let at = logged.at;
        if let Some(id) = logged.event.step() {
            let step = self.steps.entry(id.clone()).or_default();
            step.apply(&logged.event, at);
        }
        match &logged.event {
            Event::Started => self.started_at = Some(at),
            Event::Planned { plan } => self.plan = Some(plan.clone()),
            Event::PlanFailed { failure } => {
                self.stop = Some(Stop::NoPlan {
                    failure: failure.clone(),
                });
            }
            Event::ApprovalRequested { digest, expires_at } => {
                self.approval = Some(ApprovalRequest {
                    digest: digest.clone(),
                    expires_at: *expires_at,
                    approved_by: Vec::new(),
                });
            }
            Event::Approved { by, digest } => {
                if let Some(open) = self.approval.as_mut().filter(|open| open.digest == *digest) {
                    open.approved_by.push(by.clone());
                }
            }
            Event::Rejected { by, reason } => {
                self.stop = Some(Stop::Rejected {
                    by: by.clone(),
                    reason: reason.clone(),
                });
            }
            Event::ApprovalExpired => self.stop = Some(Stop::NotApproved),
            Event::ApprovalVoided { why, .. } => {
                self.voided.push(why.clone());
                self.plan = None;
                self.approval = None;
            }
            Event::CancelRequested { by, reason } => {
                self.stop = Some(Stop::Cancelled {
                    by: by.clone(),
                    reason: reason.clone(),
                });
            }
            Event::RunTimedOut => self.stop = Some(Stop::TimedOut),
            Event::Finished { state, summary } => {
                self.ended = Some(Ended {
                    state: *state,
                    summary: summary.clone(),
                    at,
                });
            }
            _ => {}
        }
    }
}

impl StepState {
    /// Whether something that it did is in the world, or may be.
    pub fn has_live_effects(&self) -> bool {
        self.effects.iter().any(EffectRecord::is_live)
    }

    /// Whether what its present attempt did has still to be taken back.
    pub fn wants_undo(&self) -> bool {
        self.has_live_effects() && self.undone_after != Some(self.attempt)
    }

    /// Whether something that it did was taken back.
    pub fn was_undone(&self) -> bool {
        self.effects
            .iter()
            .any(|effect| effect.status == EffectStatus::Undone)
    }

    /// The journal's entry of this effect.
    pub fn effect(&self, name: &EffectName) -> Option<&EffectRecord> {
        self.effects.iter().find(|record| record.effect == *name)
    }

    fn end(&mut self, status: StepStatus, at: Timestamp) {
        self.status = status;
        self.ended_at = Some(at);
    }

    fn apply(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::StepStarted {
                attempt,
                action,
                system,
                input,
                ..
            } => {
                self.status = StepStatus::Running;
                self.attempt = *attempt;
                self.action = Some(action.clone());
                self.system.clone_from(system);
                self.input = input.clone();
                self.failure = None;
                self.retry_at = None;
                self.timed_out = false;
                self.started_at = self.started_at.or(Some(at));
                self.attempt_at = Some(at);
            }
            Event::StepPlanned { plan, .. } => self.plan = Some(plan.clone()),
            Event::ApprovalVoided { .. } => *self = Self::default(),
            Event::Recorded { name, value, .. } => {
                self.records.insert(name.clone(), value.clone());
            }
            Event::StepSucceeded { output, .. } => {
                self.output = Some(output.clone());
                self.end(StepStatus::Succeeded, at);
            }
            Event::ArtifactKept { artifact, .. } => {
                self.artifacts.retain(|kept| kept.name != artifact.name);
                self.artifacts.push(artifact.clone());
            }
            Event::StepSkipped { .. } => self.end(StepStatus::Skipped, at),
            Event::AttemptFailed {
                failure, retry_at, ..
            } => {
                self.failure = Some(failure.clone());
                self.retry_at = *retry_at;
                if retry_at.is_some() {
                    self.status = StepStatus::Waiting;
                } else {
                    self.end(StepStatus::Failed, at);
                }
            }
            Event::RetryDue { .. } => self.status = StepStatus::Ready,
            Event::StepTimedOut { .. } => self.timed_out = true,
            Event::Parked { question, .. } => {
                self.status = StepStatus::Waiting;
                self.question = Some(question.clone());
            }
            Event::StepUndone { left, .. } => {
                self.undone_after = Some(self.attempt);
                self.left.clone_from(left);
                if self.status == StepStatus::Succeeded && left.is_none() {
                    self.end(StepStatus::Undone, at);
                }
            }
            Event::StepUndoFailed { failure, .. } => self.undo_failure = Some(failure.clone()),
            _ => self.apply_effect(event, at),
        }
    }

    fn apply_effect(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::EffectStarted {
                effect, generation, ..
            } => {
                self.effects.retain(|record| record.effect != *effect);
                self.effects.push(EffectRecord {
                    effect: effect.clone(),
                    generation: *generation,
                    status: EffectStatus::Started,
                    started_at: at,
                    ended_at: None,
                });
            }
            Event::EffectDone {
                effect,
                result,
                told_by,
                ..
            } => {
                self.settle(effect, EffectStatus::Done(result.clone()), at);
                self.answered(told_by.as_ref());
            }
            Event::EffectFailed {
                effect, told_by, ..
            } => {
                self.settle(effect, EffectStatus::Failed, at);
                self.answered(told_by.as_ref());
            }
            Event::EffectUndone { effect, .. } => {
                self.settle(effect, EffectStatus::Undone, at);
                self.generation += 1;
                self.records.clear();
            }
            _ => {}
        }
    }

    fn settle(&mut self, effect: &EffectName, status: EffectStatus, at: Timestamp) {
        if let Some(record) = self
            .effects
            .iter_mut()
            .find(|record| record.effect == *effect)
        {
            record.status = status;
            record.ended_at = Some(at);
        }
    }

    /// A person has said whether an effect happened: the attempt goes on.
    fn answered(&mut self, told_by: Option<&Actor>) {
        if told_by.is_some() && self.question.take().is_some() {
            self.status = StepStatus::Running;
        }
    }
}
