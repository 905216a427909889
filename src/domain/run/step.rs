//! The state of one step of a run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::approval::ApprovalRequest;
use crate::domain::artifact::Artifact;
use crate::domain::effect::{EffectName, EffectRecord, EffectStatus, Question};
use crate::domain::event::{Awaited, DoneStep, Event, Failure};
use crate::domain::names::{ActionName, HookName, RunId, SystemName, WorkflowName};
use crate::domain::output::LeftOut;
use crate::domain::person::Actor;
use crate::domain::plan::Plan;
use crate::domain::time::Timestamp;
use crate::domain::undo::{StandingStep, WayBack};

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
    /// Had not come to its end when the run was stopped.
    Cancelled,
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
    /// What was too long for the log, and so is not in `output`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output_left_out: Vec<LeftOut>,
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
    /// Which of the run's questions that is, or was: counted from 1 in the order in which people were
    /// asked. An answer names it, so that it is of what was looked at.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub question_number: u32,
    /// Who must say yes to it before it begins, and who has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<StepApproval>,
    /// What it is done for, one after the other or side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Value>>,
    /// The workflow that it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowName>,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitState>,
    /// How often a process took it up that another one had left without a word, since it last came
    /// further or a person last looked.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub takeovers: u32,
    /// The process that had begun it has ended in good order.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handed_back: bool,
    /// The earlier run that has done it, where this run goes on from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_in: Option<RunId>,
    /// How often effects of it were taken back.
    pub generation: u32,
    /// The same when its present attempt began.
    #[serde(skip)]
    pub generation_before: u32,
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

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape that serde wants"
)]
pub(crate) fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A step that people are, or were, asked about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepApproval {
    /// What it would do.
    pub plan: Plan,
    /// The question.
    pub request: ApprovalRequest,
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaitState {
    /// It goes on then.
    pub until: Option<Timestamp>,
    /// It goes on with a message by this hook.
    pub hook: Option<HookName>,
    /// The message that has come.
    pub message: Option<String>,
}

impl StepState {
    /// Whether something that it did is in the world, or may be.
    pub fn has_live_effects(&self) -> bool {
        self.effects.iter().any(EffectRecord::is_live)
    }

    /// Whether what its present attempt did has still to be taken back; and when all of it is, whether it has
    /// still to be said what that has left.
    pub fn wants_undo(&self) -> bool {
        let has_begun = self.generation > self.generation_before;
        (has_begun || self.has_live_effects()) && self.undone_after != Some(self.attempt)
    }

    /// Whether something that it did was taken back.
    pub fn was_undone(&self) -> bool {
        self.effects
            .iter()
            .any(|effect| effect.status == EffectStatus::Undone)
    }

    /// What people are told of that which is not in its output.
    pub fn told_of_left_out(&self) -> Vec<String> {
        let output = self.output.as_ref().unwrap_or(&Value::Null);
        let told = |left_out: &LeftOut| match left_out.item {
            None => left_out.told("its output", output),
            Some(item) => left_out.told(&format!("the output of item {item}"), output),
        };
        self.output_left_out.iter().map(told).collect()
    }

    /// The journal's entry of this effect.
    pub fn effect(&self, name: &EffectName) -> Option<&EffectRecord> {
        self.effects.iter().find(|record| record.effect == *name)
    }

    /// Whether it has begun and not come to its end.
    pub fn is_under_way(&self) -> bool {
        matches!(
            self.status,
            StepStatus::Ready | StepStatus::Running | StepStatus::Waiting
        )
    }

    /// Whether it is done, or need not be.
    pub fn is_over(&self) -> bool {
        matches!(self.status, StepStatus::Succeeded | StepStatus::Skipped)
    }

    /// Whether it stands for other steps, and does nothing itself.
    pub fn is_composite(&self) -> bool {
        self.items.is_some() || self.workflow.is_some()
    }

    /// A step that an earlier run has done.
    pub(super) fn done_before(run: RunId, done: &DoneStep, at: Timestamp) -> Self {
        Self {
            done_in: Some(run),
            status: if done.skipped {
                StepStatus::Skipped
            } else {
                StepStatus::Succeeded
            },
            output: Some(done.output.clone()),
            output_left_out: done.left_out.clone(),
            ended_at: Some(at),
            ..Self::default()
        }
    }

    /// A step of the run that is being taken back, as that has left it.
    pub(super) fn standing(run: RunId, left: &StandingStep, at: Timestamp) -> Self {
        Self {
            done_in: Some(run),
            status: if left.skipped {
                StepStatus::Skipped
            } else {
                StepStatus::Succeeded
            },
            attempt: left.attempt,
            action: left.action.clone(),
            system: left.system.clone(),
            input: left.input.clone(),
            output: (!left.output.is_null()).then(|| left.output.clone()),
            output_left_out: left.left_out.clone(),
            items: left.items.clone(),
            workflow: left.workflow.clone(),
            generation: left.generation,
            generation_before: left.generation,
            effects: left.effects.clone(),
            records: left.records.clone(),
            left: match &left.way_back {
                WayBack::Stays(why) => Some(why.clone()),
                WayBack::Nothing | WayBack::Undo | WayBack::By(_) => None,
            },
            ended_at: Some(at),
            ..Self::default()
        }
    }

    fn end(&mut self, status: StepStatus, at: Timestamp) {
        self.status = status;
        self.question = None;
        self.ended_at = Some(at);
    }

    pub(super) fn apply(&mut self, event: &Event, at: Timestamp) {
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
                self.generation_before = self.generation;
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
            Event::StepSucceeded {
                output, left_out, ..
            } => {
                self.output = Some(output.clone());
                self.output_left_out.clone_from(left_out);
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
            Event::StepCancelled { .. } => self.end(StepStatus::Cancelled, at),
            Event::Parked { question, .. } => {
                self.status = StepStatus::Waiting;
                self.question = Some(question.clone());
            }
            Event::StepHandedBack { .. } => self.handed_back = true,
            Event::StepTakenUp { .. } => {
                self.takeovers += u32::from(!self.handed_back);
                self.handed_back = false;
            }
            Event::StepLetOn { .. } => {
                self.takeovers = 0;
                self.question = None;
                self.status = StepStatus::Running;
            }
            Event::StepUndone { left, .. } => {
                self.undone_after = Some(self.attempt);
                self.left.clone_from(left);
                if self.status == StepStatus::Succeeded && left.is_none() {
                    self.end(StepStatus::Undone, at);
                }
            }
            Event::StepUndoFailed { failure, .. } => {
                self.undo_failure = Some(failure.clone());
                if self.is_under_way() {
                    // Its next attempt would have begun clean: there is none.
                    self.end(StepStatus::Failed, at);
                }
            }
            _ => self.apply_before_action(event, at),
        }
    }

    /// What comes before an action, or in its place.
    fn apply_before_action(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::StepApprovalRequested(asked) => {
                self.status = StepStatus::Waiting;
                self.approval = Some(StepApproval {
                    plan: asked.plan.clone(),
                    request: ApprovalRequest::new(
                        asked.digest.clone(),
                        vec![asked.policy.clone()],
                        asked.expires_at,
                        asked.remind_at,
                    ),
                });
            }
            Event::StepFannedOut { items, .. } => {
                self.items = Some(items.clone());
                self.set_out(StepStatus::Running, at);
            }
            Event::StepEntered {
                workflow, inputs, ..
            } => {
                self.workflow = Some(workflow.clone());
                self.input = inputs.clone();
                self.set_out(StepStatus::Running, at);
            }
            Event::WaitBegan { wait, .. } => {
                self.wait = Some(WaitState {
                    until: match wait {
                        Awaited::For(span) => Some(at.plus(span.duration())),
                        Awaited::Until(until) => Some(*until),
                        Awaited::Hook(_) => None,
                    },
                    hook: match wait {
                        Awaited::Hook(hook) => Some(hook.clone()),
                        Awaited::For(_) | Awaited::Until(_) => None,
                    },
                    message: None,
                });
                self.set_out(StepStatus::Waiting, at);
            }
            Event::Signalled { message, data, .. } => {
                if let Some(wait) = &mut self.wait {
                    wait.message = Some(message.clone());
                }
                self.output = Some(data.clone());
                self.end(StepStatus::Succeeded, at);
            }
            _ => self.apply_effect(event, at),
        }
    }

    fn set_out(&mut self, status: StepStatus, at: Timestamp) {
        self.status = status;
        self.attempt = 1;
        self.started_at = Some(at);
        self.attempt_at = Some(at);
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
                self.takeovers = 0;
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
