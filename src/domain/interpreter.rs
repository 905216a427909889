//! The one interpreter: from a definition and a run's state to what is to be done now.
//!
//! Pure: no clock, no I/O, no randomness. The engine carries the commands out and feeds the
//! events back. Commands are *level-triggered*: they say what should be happening, so the engine
//! may ask as often as it likes, and after a restart simply asks again.

use serde_json::{Map, Value};

use super::event::{Event, Failure};
use super::expression::{self, ExpressionError, Scope};
use super::names::{StepId, SystemName};
use super::outcome;
use super::run::{RunState, StepStatus, Stop};
use super::time::Timestamp;
use super::workflow::{Step, Workflow};

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Take it out of the queue as soon as there is room.
    Claim,
    /// Say what the run would do, and append [`Event::Planned`] or [`Event::PlanFailed`].
    MakePlan,
    /// Ask people to approve the plan: append [`Event::ApprovalRequested`].
    AskApproval,
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
    if run.stop.is_some() {
        return wind_up(definition, run);
    }
    if let Some(command) = gate(run) {
        return vec![command];
    }
    let Some(started) = run.started_at else {
        return vec![Command::Claim];
    };
    let mut commands = go_on(definition, run);
    if let Some(timeout) = run.request.timeout {
        commands.push(Command::AppendAt(
            started.plus(timeout.duration()),
            Event::RunTimedOut,
        ));
    }
    commands
}

/// What stands between the request and the first step: the approval of a plan. It is asked for
/// before the run is claimed, so that a run that waits for people keeps no other waiting.
fn gate(run: &RunState) -> Option<Command> {
    if run.request.approval.is_empty() {
        return None;
    }
    match (&run.plan, &run.approval) {
        (None, _) => Some(Command::MakePlan),
        (Some(_), None) => Some(Command::AskApproval),
        (Some(_), Some(open)) if run.approval_is_open() => {
            Some(Command::AppendAt(open.expires_at, Event::ApprovalExpired))
        }
        _ => None,
    }
}

fn go_on(definition: &Workflow, run: &RunState) -> Vec<Command> {
    for step in &definition.steps {
        let state = run.step(&step.id);
        match state.status {
            StepStatus::Succeeded | StepStatus::Skipped => {}
            StepStatus::Failed | StepStatus::Undone => return wind_up(definition, run),
            StepStatus::Pending => return vec![Command::Append(begin(definition, run, step))],
            StepStatus::Ready => return vec![Command::Append(start(definition, run, step))],
            StepStatus::Running => return attend(run, step),
            StepStatus::Waiting if state.question.is_some() => return Vec::new(),
            StepStatus::Waiting if state.wants_undo() => {
                return vec![Command::UndoStep(step.id.clone())];
            }
            StepStatus::Waiting => {
                let due = state.retry_at.unwrap_or(run.requested_at);
                let event = Event::RetryDue {
                    step: step.id.clone(),
                };
                return vec![Command::AppendAt(due, event)];
            }
        }
    }
    vec![Command::Append(outcome::of(definition, run))]
}

/// A running step goes on, until its own time is over.
fn attend(run: &RunState, step: &Step) -> Vec<Command> {
    let state = run.step(&step.id);
    if state.timed_out {
        return vec![Command::StopStep(step.id.clone())];
    }
    let mut commands = vec![Command::RunStep(step.id.clone())];
    if let (Some(timeout), Some(since)) = (step.timeout, state.attempt_at) {
        let event = Event::StepTimedOut {
            step: step.id.clone(),
        };
        commands.push(Command::AppendAt(since.plus(timeout.duration()), event));
    }
    commands
}

/// Stops what runs, takes back what was done in reverse order, and ends the run.
fn wind_up(definition: &Workflow, run: &RunState) -> Vec<Command> {
    let running = definition
        .steps
        .iter()
        .find(|s| run.step(&s.id).status == StepStatus::Running);
    if let Some(step) = running {
        return vec![Command::StopStep(step.id.clone())];
    }
    for step in definition.steps.iter().rev() {
        let state = run.step(&step.id);
        if state.undo_failure.is_some() {
            break;
        }
        if state.wants_undo() {
            return vec![Command::UndoStep(step.id.clone())];
        }
    }
    vec![Command::Append(outcome::of(definition, run))]
}

fn begin(definition: &Workflow, run: &RunState, step: &Step) -> Event {
    match &step.condition {
        None => start(definition, run, step),
        Some(condition) => match expression::truth(condition, &scope(definition, run)) {
            Ok(true) => start(definition, run, step),
            Ok(false) => Event::StepSkipped {
                step: step.id.clone(),
            },
            Err(error) => unreadable(step, &error),
        },
    }
}

fn start(definition: &Workflow, run: &RunState, step: &Step) -> Event {
    match render(step, &scope(definition, run)) {
        Ok((system, input)) => Event::StepStarted {
            step: step.id.clone(),
            attempt: run.step(&step.id).attempt + 1,
            action: step.uses.clone(),
            system,
            input,
        },
        Err(error) => unreadable(step, &error),
    }
}

fn unreadable(step: &Step, error: &ExpressionError) -> Event {
    Event::AttemptFailed {
        step: step.id.clone(),
        failure: Failure::fatal(format!("step `{}` was not begun: {error}", step.id)),
        retry_at: None,
    }
}

/// The step's inputs with every expression evaluated, `system` apart from the rest.
///
/// # Errors
/// The first expression that cannot be evaluated.
pub fn render(step: &Step, scope: &Scope) -> Result<(Option<SystemName>, Value), ExpressionError> {
    let mut input = Map::new();
    let mut system = None;
    for (name, value) in &step.with {
        let value = expression::render(value, scope)?;
        match value {
            Value::Null => {}
            Value::String(text) if name == "system" => system = Some(SystemName::from(text)),
            value => {
                input.insert(name.clone(), value);
            }
        }
    }
    Ok((system, Value::Object(input)))
}

/// What expressions can see: `inputs`, `steps.ID.output`, `run`.
pub fn scope(definition: &Workflow, run: &RunState) -> Scope {
    let steps: Map<String, Value> = definition
        .steps
        .iter()
        .filter_map(|step| run.steps.get(&step.id).map(|state| (step, state)))
        .map(|(step, state)| {
            let seen = serde_json::json!({ "status": state.status, "output": state.output });
            (step.id.to_string(), seen)
        })
        .collect();
    Scope::new(serde_json::json!({
        "inputs": run.request.inputs,
        "steps": steps,
        "run": { "id": run.id, "by": run.request.by.person },
    }))
}
