//! The events of a run's log. The log is the truth: everything else is derived (decision 8).

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::approval::ApprovalPolicy;
use super::artifact::Artifact;
use super::chat::ChatPlace;
use super::digest::Digest;
use super::effect::{EffectName, Question};
use super::ending::{FinalState, Summary};
use super::names::{
    ActionName, Environment, HookName, PersonName, RunId, StepId, SystemName, WorkflowName,
};
use super::output::LeftOut;
use super::person::Actor;
use super::plan::{Plan, WorkflowPlan};
use super::schedule::ScheduleName;
use super::time::{Span, Timestamp};
use super::undo::Undo;
use super::workflow::WhenBusy;

/// The version in which events are written. Older ones are lifted when they are read.
pub const EVENT_VERSION: u32 = 1;

/// The rules by which [`super::interpreter::decide`] goes on; a run keeps those it began with.
pub const DIALECT: u32 = 1;

/// An event in its place in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Logged {
    /// The run.
    pub run: RunId,
    /// Its place, counted from 1, without gaps.
    pub seq: u64,
    /// When it was appended.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What happened to a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// Somebody asked for it and was allowed to.
    Requested(Box<Requested>),
    /// It left the queue.
    Started,
    /// It was said what it would do.
    Planned {
        /// The whole plan.
        plan: WorkflowPlan,
    },
    /// No plan could be made; nothing was changed.
    PlanFailed {
        /// Why.
        failure: Failure,
    },
    /// People are asked whether that plan may be carried out.
    ApprovalRequested {
        /// The plan's digest.
        digest: Digest,
        /// When the question lapses.
        expires_at: Timestamp,
        /// When people are reminded of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remind_at: Option<Timestamp>,
    },
    /// People are asked whether one step may be carried out.
    StepApprovalRequested(Box<StepAsked>),
    /// People were asked once more: the question lapses soon.
    ApprovalReminded {
        /// The digest that is asked about.
        digest: Digest,
    },
    /// Somebody whose yes would count lets another person say it in their stead.
    ApprovalDelegated {
        /// The digest that is asked about.
        digest: Digest,
        /// Whose yes it is.
        by: Actor,
        /// Who may say it.
        to: PersonName,
    },
    /// Somebody said yes to the plan of this digest.
    Approved {
        /// Who.
        by: Actor,
        /// The digest that they have seen.
        digest: Digest,
    },
    /// Somebody said no.
    Rejected {
        /// Who.
        by: Actor,
        /// Why, if they said.
        reason: Option<String>,
    },
    /// Nobody said yes in time.
    ApprovalExpired,
    /// The world has drifted from the approved plan: it must be planned and approved again. Where the
    /// step has an approval of its own that one is void, else that of the run.
    ApprovalVoided {
        /// The step whose plan differs.
        step: StepId,
        /// What differs.
        why: String,
    },
    /// An attempt at a step began, with these inputs, which are never evaluated again.
    StepStarted {
        /// The step.
        step: StepId,
        /// Which attempt, counted from 1.
        attempt: u32,
        /// The action.
        action: ActionName,
        /// The system, where the action has one.
        system: Option<SystemName>,
        /// The rendered inputs, without `system`.
        input: Value,
    },
    /// A step is done once for each of these.
    StepFannedOut {
        /// The step.
        step: StepId,
        /// The items, which are never evaluated again.
        items: Vec<Value>,
    },
    /// A step that stands for another workflow's steps began, with these inputs.
    StepEntered {
        /// The step.
        step: StepId,
        /// The other workflow.
        workflow: WorkflowName,
        /// Its inputs, checked, with defaults filled in.
        inputs: Value,
    },
    /// A step began to wait.
    WaitBegan {
        /// The step.
        step: StepId,
        /// For what.
        wait: Awaited,
    },
    /// What a step waited for has come by a hook.
    Signalled {
        /// The step.
        step: StepId,
        /// The sender's id of the message: the same message again changes nothing.
        message: String,
        /// What it brought, which is the step's output.
        data: Value,
    },
    /// A process that ends in good order leaves a running step to the next one.
    StepHandedBack {
        /// The step.
        step: StepId,
    },
    /// A process has taken up a running step that another one had begun and did not end.
    StepTakenUp {
        /// The step.
        step: StepId,
    },
    /// Somebody has looked at a step that was taken up too often: it is tried further.
    StepLetOn {
        /// The step.
        step: StepId,
        /// Who.
        by: Actor,
    },
    /// A step that had not come to its end is not gone on with, because the run is stopped.
    StepCancelled {
        /// The step.
        step: StepId,
    },
    /// The plan that stands from the step's first effect on.
    StepPlanned {
        /// The step.
        step: StepId,
        /// Its plan.
        plan: Plan,
    },
    /// A read that decides an effect was taken.
    Recorded {
        /// The step.
        step: StepId,
        /// Under this name.
        name: String,
        /// The answer.
        value: Value,
    },
    /// An effect is about to begin.
    EffectStarted {
        /// The step.
        step: StepId,
        /// Which.
        effect: EffectName,
        /// The step's generation at that time.
        generation: u32,
    },
    /// An effect is done.
    EffectDone {
        /// The step.
        step: StepId,
        /// Which.
        effect: EffectName,
        /// Its result.
        result: Value,
        /// The person who said so, when nobody else could tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        told_by: Option<Actor>,
    },
    /// An effect was definitely not done.
    EffectFailed {
        /// The step.
        step: StepId,
        /// Which.
        effect: EffectName,
        /// Why.
        error: String,
        /// The person who said so, when nobody else could tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        told_by: Option<Actor>,
    },
    /// An effect was taken back.
    EffectUndone {
        /// The step.
        step: StepId,
        /// Which.
        effect: EffectName,
    },
    /// Nobody can tell whether an effect happened: a person is asked.
    Parked {
        /// The step.
        step: StepId,
        /// What is asked.
        question: Question,
    },
    /// A step is done.
    StepSucceeded {
        /// The step.
        step: StepId,
        /// What later steps can read.
        output: Value,
        /// What of its output is not in `output`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left_out: Vec<LeftOut>,
    },
    /// A step has kept something for people; of the same name, it takes the place of what was kept.
    ArtifactKept {
        /// The step.
        step: StepId,
        /// What.
        artifact: Artifact,
    },
    /// A step's condition is false.
    StepSkipped {
        /// The step.
        step: StepId,
    },
    /// An attempt failed.
    AttemptFailed {
        /// The step.
        step: StepId,
        /// Why.
        failure: Failure,
        /// When it is tried again; `None`: it is not.
        retry_at: Option<Timestamp>,
    },
    /// The pause before the next attempt is over.
    RetryDue {
        /// The step.
        step: StepId,
    },
    /// An attempt is out of time and is being stopped.
    StepTimedOut {
        /// The step.
        step: StepId,
    },
    /// A step's effects were taken back, as far as they can be.
    StepUndone {
        /// The step.
        step: StepId,
        /// What could not be taken back.
        left: Option<String>,
    },
    /// Taking back failed: a human is needed, and nothing more is touched.
    StepUndoFailed {
        /// The step.
        step: StepId,
        /// Why.
        failure: Failure,
    },
    /// Somebody wants it to stop.
    CancelRequested {
        /// Who.
        by: Actor,
        /// Why, if they said.
        reason: Option<String>,
    },
    /// Another run of the same key was under way, and this one does not wait for it.
    FoundBusy {
        /// The other run.
        other: RunId,
    },
    /// It was to take another run back, and this one has begun since.
    Overtaken {
        /// The later run.
        by: RunId,
    },
    /// The whole run is out of time and is being stopped.
    RunTimedOut,
    /// The store was recovered from a backup that was made while the run was under way.
    Recovered {
        /// The name of the backup.
        backup: String,
        /// When it was made. What the run did since then is not in its log.
        made_at: Timestamp,
    },
    /// It has come to its end.
    Finished {
        /// How.
        state: FinalState,
        /// In words, for people.
        summary: Summary,
        /// What the workflow's `outputs` came to.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        output: Value,
    },
}

/// Everything that is fixed when a run is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Requested {
    /// The workflow's name.
    pub workflow: WorkflowName,
    /// The digest of the definition that the run goes by to its end.
    pub definition: Digest,
    /// The rules of interpretation that it goes by.
    pub dialect: u32,
    /// Checked, with defaults filled in.
    pub inputs: Value,
    /// Who asked.
    pub by: Actor,
    /// By which way.
    pub trigger: Trigger,
    /// The environments of all systems that it names.
    pub environments: Vec<Environment>,
    /// Who must approve it.
    pub approval: Vec<ApprovalPolicy>,
    /// The address of each system that it names, when it was asked for.
    pub systems: BTreeMap<SystemName, String>,
    /// Runs of the same key are never under way together.
    pub concurrency: Option<String>,
    /// What becomes of it while another run has the key.
    #[serde(default, skip_serializing_if = "WhenBusy::is_queue")]
    pub when_busy: WhenBusy,
    /// After this it is stopped.
    pub timeout: Option<Span>,
    /// The run that it goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun: Option<Rerun>,
    /// The run that it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
    /// Why it may begin in spite of a freeze or a lock, in the words of whoever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<String>,
    /// Where in a chat it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_in: Option<ChatPlace>,
}

/// The earlier run that a run goes on from: what was done there and still stands is not done again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rerun {
    /// The earlier run.
    pub of: RunId,
    /// Its steps that count as done, with what they have left, in the order of the definition.
    pub done: Vec<DoneStep>,
}

/// A step that an earlier run has done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DoneStep {
    /// Which.
    pub step: StepId,
    /// The run that has done it, where the one that is gone on from had found it done already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_in: Option<RunId>,
    /// Whether it was passed over there, its condition being false.
    #[serde(default)]
    pub skipped: bool,
    /// The systems that it acted on, and all below it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub systems: BTreeSet<SystemName>,
    /// What it has left.
    pub output: Value,
    /// What of that is not in `output`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// One step is asked about: what it would do now that its inputs are known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepAsked {
    /// The step.
    pub step: StepId,
    /// What it would do.
    pub plan: Plan,
    /// What a yes is bound to: the step, its inputs and the plan's digest.
    pub digest: Digest,
    /// Who must say yes.
    pub policy: ApprovalPolicy,
    /// When the question lapses.
    pub expires_at: Timestamp,
    /// When people are reminded of it.
    pub remind_at: Option<Timestamp>,
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Awaited {
    /// That so much time passes.
    For(Span),
    /// An instant.
    Until(Timestamp),
    /// A signed message by this hook.
    Hook(HookName),
}

/// By which way a run was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A command of this name.
    Command(String),
    /// The API, asked for a workflow by name.
    Api,
    /// A message to the hook of this name.
    Webhook(String),
    /// A schedule of the workflow.
    Schedule {
        /// Which.
        name: ScheduleName,
        /// The fire that it is for; `None` when a person had it run between.
        at: Option<Timestamp>,
    },
}

/// Why something failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// What may be done about it.
    pub kind: FailureKind,
    /// For people.
    pub message: String,
}

/// What may be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Another attempt may succeed.
    Retryable,
    /// Another attempt would fail in the same way.
    Fatal,
    /// It was out of time.
    TimedOut,
    /// It was told to stop.
    Cancelled,
}

impl Failure {
    /// Another attempt would fail in the same way.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Fatal,
            message: message.into(),
        }
    }
}

impl Event {
    /// The step that it is about, if it is about one.
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::ApprovalVoided { step, .. }
            | Self::StepStarted { step, .. }
            | Self::StepPlanned { step, .. }
            | Self::StepFannedOut { step, .. }
            | Self::StepEntered { step, .. }
            | Self::WaitBegan { step, .. }
            | Self::Signalled { step, .. }
            | Self::StepHandedBack { step }
            | Self::StepTakenUp { step }
            | Self::StepLetOn { step, .. }
            | Self::StepCancelled { step }
            | Self::Recorded { step, .. }
            | Self::EffectStarted { step, .. }
            | Self::EffectDone { step, .. }
            | Self::EffectFailed { step, .. }
            | Self::EffectUndone { step, .. }
            | Self::Parked { step, .. }
            | Self::StepSucceeded { step, .. }
            | Self::ArtifactKept { step, .. }
            | Self::StepSkipped { step }
            | Self::AttemptFailed { step, .. }
            | Self::RetryDue { step }
            | Self::StepTimedOut { step }
            | Self::StepUndone { step, .. }
            | Self::StepUndoFailed { step, .. } => Some(step),
            Self::StepApprovalRequested(asked) => Some(&asked.step),
            Self::Requested(_)
            | Self::Started
            | Self::Planned { .. }
            | Self::PlanFailed { .. }
            | Self::ApprovalRequested { .. }
            | Self::ApprovalReminded { .. }
            | Self::ApprovalDelegated { .. }
            | Self::Approved { .. }
            | Self::Rejected { .. }
            | Self::ApprovalExpired
            | Self::CancelRequested { .. }
            | Self::FoundBusy { .. }
            | Self::Overtaken { .. }
            | Self::RunTimedOut
            | Self::Recovered { .. }
            | Self::Finished { .. } => None,
        }
    }
}
