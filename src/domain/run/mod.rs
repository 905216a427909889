//! The state of a run, derived from its log: `apply` one event after the other.

mod step;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::approval::{ApprovalRequest, Delegation};
use super::digest::Digest;
use super::effect::{EffectKey, EffectName, Question};
use super::ending::{FinalState, Summary};
use super::event::{DoneStep, Event, Failure, Logged, Requested, Rerun};
use super::names::{RunId, StepId};
use super::person::Actor;
use super::plan::WorkflowPlan;
use super::time::Timestamp;

pub(crate) use step::is_zero;
pub use step::{StepApproval, StepState, StepStatus, WaitState};

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
            Self::Waiting(WaitingFor::Signal) => "waits for a message",
            Self::Waiting(WaitingFor::Timer) => "waits for its time",
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
    /// For a message by a hook.
    Signal,
    /// For an instant, or for the pause before the next attempt.
    Timer,
    /// For somebody to say whether an effect happened.
    Decision,
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
    /// Another run of its key was under way, and it does not wait for it.
    Busy {
        /// The other run.
        other: RunId,
    },
    /// It was to take another run back, and this one has begun since.
    Overtaken {
        /// The later run.
        by: RunId,
    },
    /// It is out of time.
    TimedOut,
    /// The store came back from a backup, and nobody knows what it did since that was made.
    Recovered {
        /// The name of the backup.
        backup: String,
        /// When it was made.
        made_at: Timestamp,
    },
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
    /// Its steps, those that have begun or ended, in the order in which they did first.
    pub steps: IndexMap<StepId, StepState>,
    /// How often a person was asked whether an effect happened, or whether a step is tried further.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub questions: u32,
    /// Why it is being stopped.
    pub stop: Option<Stop>,
    /// How it ended.
    pub ended: Option<Ended>,
}

/// What a person is asked of a step: whether an effect happened, or whether it is tried further.
#[derive(Clone, Copy, Debug)]
pub struct OpenQuestion<'r> {
    /// Which of the run's questions it is.
    pub number: u32,
    /// The step.
    pub step: &'r StepId,
    /// Where the step stands.
    pub state: &'r StepState,
    /// What is asked.
    pub question: &'r Question,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    /// How.
    pub state: FinalState,
    /// In words.
    pub summary: Summary,
    /// What the workflow's `outputs` came to.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub output: serde_json::Value,
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
            seq: first.seq,
            ..Self::asked_for(first.run, (**request).clone(), first.at)
        })
    }

    /// The state of a run that is asked for and has no log yet.
    pub fn asked_for(id: RunId, request: Requested, at: Timestamp) -> Self {
        let steps = done_before(&request, at);
        Self {
            id,
            request,
            requested_at: at,
            seq: 0,
            started_at: None,
            plan: None,
            approval: None,
            voided: Vec::new(),
            steps,
            questions: 0,
            stop: None,
            ended: None,
        }
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
        if self.open_approval().is_some() {
            return RunStatus::Waiting(WaitingFor::Approval);
        }
        if self.started_at.is_none() {
            return RunStatus::Queued;
        }
        self.waits_for()
            .map_or(RunStatus::Running, RunStatus::Waiting)
    }

    /// What all steps that are under way wait for, if none of them is at work.
    fn waits_for(&self) -> Option<WaitingFor> {
        if self.is_stopped() {
            return None;
        }
        let mut waits = None;
        let at_work = |step: &&StepState| step.is_under_way() && !step.is_composite();
        for step in self.steps.values().filter(at_work) {
            let is_paused = step.wait.is_some() || step.retry_at.is_some();
            if step.status != StepStatus::Waiting || step.wants_undo() || !is_paused {
                return None;
            }
            if step.wait.as_ref().is_some_and(|wait| wait.hook.is_some()) {
                waits = Some(WaitingFor::Signal);
            } else {
                waits.get_or_insert(WaitingFor::Timer);
            }
        }
        waits
    }

    /// Whether people are being asked for an approval of the whole run that they have not all given
    /// yet.
    pub fn approval_is_open(&self) -> bool {
        let requester = &self.request.by.person;
        self.approval
            .as_ref()
            .is_some_and(|request| !request.is_met(requester))
    }

    /// Whether all have said yes to the plan of the whole run that were asked, as it is now.
    pub fn is_approved(&self) -> bool {
        self.approval.is_some() && !self.approval_is_open()
    }

    /// Whether somebody has stopped it. One that fails, or is out of time, goes its own way to its
    /// end, with all of `on_failure`.
    pub fn is_stopped(&self) -> bool {
        !matches!(self.stop, None | Some(Stop::TimedOut))
    }

    /// Whether it has begun to take another run back: that is not stopped half-way.
    pub fn is_taking_back(&self) -> bool {
        self.request.undo.is_some() && self.started_at.is_some() && self.ended.is_none()
    }

    /// Every question that people are asked, the run's own and those of its steps, oldest first.
    /// None in a run that is stopped.
    pub fn open_approvals(&self) -> impl Iterator<Item = &ApprovalRequest> {
        let of_steps = self
            .steps
            .values()
            .filter(|step| step.status == StepStatus::Waiting)
            .filter_map(|step| step.approval.as_ref())
            .map(|approval| &approval.request);
        let requester = &self.request.by.person;
        let of_run = self.approval.iter().filter(|_| self.stop.is_none());
        of_run
            .chain(of_steps)
            .filter(|request| !self.is_stopped() && !request.is_met(requester))
    }

    /// What whoever says yes to this plan types with it, because it may remove there what cannot be had
    /// back: the names of services and systems, with blanks between them.
    pub fn to_be_typed(&self, plan: &Digest) -> Option<String> {
        let of_steps = self
            .steps
            .values()
            .filter_map(|step| step.approval.as_ref());
        let mut of_steps = of_steps.filter(|asked| asked.request.digest == *plan);
        let names: Vec<&str> = match of_steps.next() {
            Some(asked) => asked.plan.destroys.as_deref().into_iter().collect(),
            None => self.plan.iter().flat_map(WorkflowPlan::destroys).collect(),
        };
        (!names.is_empty()).then(|| names.join(" "))
    }

    /// How often people were asked for an approval, of the run or of a step.
    pub fn approvals_asked(&self) -> usize {
        let of_steps = self.steps.values().filter(|step| step.approval.is_some());
        self.voided.len() + usize::from(self.approval.is_some()) + of_steps.count()
    }

    /// What people are asked to look at and to tell, in the order in which they were asked.
    pub fn open_questions(&self) -> Vec<OpenQuestion<'_>> {
        let mut open: Vec<_> = self
            .steps
            .iter()
            .filter_map(|(step, state)| {
                Some(OpenQuestion {
                    number: state.question_number,
                    step,
                    state,
                    question: state.question.as_ref()?,
                })
            })
            .collect();
        open.sort_by_key(|question| question.number);
        open
    }

    /// The question that people are asked, or the oldest of them.
    pub fn open_approval(&self) -> Option<&ApprovalRequest> {
        self.open_approvals().next()
    }

    fn approval_of(&mut self, digest: &Digest) -> Option<&mut ApprovalRequest> {
        let of_steps = self
            .steps
            .values_mut()
            .filter_map(|step| step.approval.as_mut())
            .map(|approval| &mut approval.request);
        self.approval
            .iter_mut()
            .chain(of_steps)
            .find(|request| request.digest == *digest)
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
        if let Event::ApprovalVoided { step, why } = &logged.event {
            self.voided.push(why.clone());
            if self.step(step).approval.is_none() {
                self.plan = None;
                self.approval = None;
            }
        }
        if let Some(id) = logged.event.step() {
            let step = self.steps.entry(id.clone()).or_default();
            step.apply(&logged.event, at);
            if let Event::Parked { .. } = &logged.event {
                self.questions += 1;
                step.question_number = self.questions;
            }
        }
        match &logged.event {
            Event::Started => self.started_at = Some(at),
            Event::Planned { plan } => self.plan = Some(plan.clone()),
            Event::PlanFailed { failure } => {
                self.stop = Some(Stop::NoPlan {
                    failure: failure.clone(),
                });
            }
            Event::FoundBusy { other } => self.stop = Some(Stop::Busy { other: *other }),
            Event::Overtaken { by } => self.stop = Some(Stop::Overtaken { by: *by }),
            Event::CancelRequested { by, reason } => {
                self.stop = Some(Stop::Cancelled {
                    by: by.clone(),
                    reason: reason.clone(),
                });
            }
            Event::RunTimedOut => self.stop = Some(Stop::TimedOut),
            Event::Recovered { backup, made_at } => {
                self.stop = Some(Stop::Recovered {
                    backup: backup.clone(),
                    made_at: *made_at,
                });
            }
            Event::Finished {
                state,
                summary,
                output,
            } => {
                self.ended = Some(Ended {
                    state: *state,
                    summary: summary.clone(),
                    output: output.clone(),
                    at,
                });
            }
            answer => self.apply_answer(answer),
        }
    }

    /// What people are asked, and what they say to it.
    fn apply_answer(&mut self, event: &Event) {
        match event {
            Event::ApprovalRequested {
                digest,
                expires_at,
                remind_at,
            } => {
                let policies = self.request.approval.clone();
                let digest = digest.clone();
                self.approval = Some(ApprovalRequest::new(
                    digest,
                    policies,
                    *expires_at,
                    *remind_at,
                ));
            }
            Event::ApprovalReminded { digest } => {
                if let Some(open) = self.approval_of(digest) {
                    open.reminded = true;
                }
            }
            Event::ApprovalDelegated { digest, by, to } => {
                if let Some(open) = self.approval_of(digest) {
                    open.delegated.push(Delegation {
                        by: by.clone(),
                        to: to.clone(),
                    });
                }
            }
            Event::Approved { by, digest } => {
                if let Some(open) = self.approval_of(digest) {
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
            _ => {}
        }
    }
}

/// The steps that an earlier run has done count as done from the beginning.
fn done_before(request: &Requested, at: Timestamp) -> IndexMap<StepId, StepState> {
    if let Some(undo) = &request.undo {
        let standing = |one| StepState::standing(undo.of, one, at);
        let steps = undo.steps.iter();
        return steps.map(|one| (one.step.clone(), standing(one))).collect();
    }
    let done = |rerun: &Rerun| {
        let state = |done: &DoneStep| {
            let run = done.done_in.unwrap_or(rerun.of);
            (done.step.clone(), StepState::done_before(run, done, at))
        };
        rerun.done.iter().map(state).collect()
    };
    request.rerun.as_ref().map(done).unwrap_or_default()
}
