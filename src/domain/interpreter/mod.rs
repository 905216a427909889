//! The one interpreter: from a definition and a run's state to what is to be done now.
//!
//! Pure: no clock, no I/O, no randomness. The engine carries the commands out and feeds the
//! events back. Commands are *level-triggered*: they say what should be happening, so the engine
//! may ask as often as it likes, and after a restart simply asks again.

mod back;
mod foretold;
mod forward;
mod prospect;
mod size;
mod spot;
#[cfg(test)]
mod stage;

use super::event::Event;
use super::names::StepId;
use super::outcome;
use super::run::{RunState, Stop};
use super::time::Timestamp;
use super::workflow::Workflow;

pub use foretold::Foretold;
pub use prospect::{Given, Prospect, prospects};
pub use spot::{Block, MOST_STEPS, Spot};

/// A step that so many processes have taken up, one after the other, without coming to its end is
/// not taken up again before a person has looked at it.
pub const MOST_TAKEOVERS: u32 = 5;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Take it out of the queue as soon as there is room.
    Claim,
    /// Say what the run would do, and append [`Event::Planned`] or [`Event::PlanFailed`].
    MakePlan,
    /// Ask people to approve the plan: append [`Event::ApprovalRequested`].
    AskApproval,
    /// Say what this step would do, and append [`Event::StepApprovalRequested`], or
    /// [`Event::AttemptFailed`] where no plan can be made.
    AskStepApproval(StepId),
    /// Append this event, if the log has not moved on.
    Append(Event),
    /// Append this event when the time has come.
    AppendAt(Timestamp, Event),
    /// See that this step's action is being run.
    RunStep(StepId),
    /// See that this step's effects are being taken back.
    UndoStep(StepId),
    /// Tell this step's action to stop.
    StopStep(StepId),
}

/// What is to be done now. Empty when the run waits for somebody, or has ended.
pub fn decide(definition: &Workflow, run: &RunState) -> Vec<Command> {
    if run.ended.is_some() {
        return Vec::new();
    }
    if let Some(Stop::Recovered { .. }) = run.stop {
        // What its journal holds may have been gone on with, or taken back, since the backup.
        return vec![Command::Append(outcome::of(definition, run))];
    }
    if run.request.undo.is_some() {
        return take_back(definition, run);
    }
    if run.stop.is_some() {
        return back::wind_up(definition, run);
    }
    let gate = gate(run);
    let Some(started) = run.started_at else {
        return gate.unwrap_or_else(|| vec![Command::Claim]);
    };
    // Steps that have begun go on while the rest is planned and approved again.
    let holds = gate.is_some();
    let mut commands = gate.unwrap_or_default();
    match forward::go_on(definition, run, holds, &mut commands) {
        forward::Standing::Failed => return back::wind_up(definition, run),
        forward::Standing::Over => return vec![Command::Append(outcome::of(definition, run))],
        forward::Standing::Open => {}
    }
    if let Some(timeout) = run.request.timeout {
        commands.push(Command::AppendAt(
            started.plus(timeout.duration()),
            Event::RunTimedOut,
        ));
    }
    commands
}

/// What a run should be doing that takes another one back. One step is taken back after the other, so
/// while people are asked, nothing is under way.
fn take_back(definition: &Workflow, run: &RunState) -> Vec<Command> {
    let end = || vec![Command::Append(outcome::of(definition, run))];
    if run.stop.is_some() {
        return end();
    }
    if let Some(gate) = gate(run) {
        return gate;
    }
    if run.started_at.is_none() {
        return vec![Command::Claim];
    }
    back::take_back(definition, run).unwrap_or_else(end)
}

/// What stands between the request and the first step: the approval of a plan. It is asked for
/// before the run is claimed, so that a run that waits for people keeps no other waiting.
fn gate(run: &RunState) -> Option<Vec<Command>> {
    if run.request.approval.is_empty() {
        return None;
    }
    match (&run.plan, &run.approval) {
        (None, _) => Some(vec![Command::MakePlan]),
        (Some(_), None) => Some(vec![Command::AskApproval]),
        (Some(_), Some(open)) if run.approval_is_open() => Some(forward::await_answer(open)),
        _ => None,
    }
}
