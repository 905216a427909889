//! The way back: what runs is stopped, what was done is taken back in reverse order, and then
//! `on_failure` has its turn.

use super::Command;
use super::forward::{Forward, Standing};
use super::spot::{Block, Spot};
use crate::domain::event::{Event, Failure, FailureKind};
use crate::domain::names::StepId;
use crate::domain::outcome;
use crate::domain::run::{RunState, StepState, StepStatus};
use crate::domain::workflow::Workflow;

/// What is to be done in a run that will not succeed.
pub(super) fn wind_up(definition: &Workflow, run: &RunState) -> Vec<Command> {
    let back = Back { definition, run };
    back.stop_what_runs()
        .or_else(|| back.end_what_stands_open())
        .or_else(|| back.take_back())
        .or_else(|| back.on_failure())
        .unwrap_or_else(|| vec![Command::Append(outcome::of(definition, run))])
}

/// What is to be done next so that what was done is taken back, the last step first; `None` when
/// nothing more is to be.
pub(super) fn take_back(definition: &Workflow, run: &RunState) -> Option<Vec<Command>> {
    Back { definition, run }.take_back()
}

/// What takes a step back.
pub(super) enum Way<'a> {
    /// This step.
    By(Box<Spot<'a>>),
    /// Its action's own undo.
    Undo,
}

/// The steps that are still to be taken back, in the order in which they are; none behind one that
/// could not be.
pub(super) fn ahead<'a>(definition: &'a Workflow, run: &'a RunState) -> Vec<(&'a StepId, Way<'a>)> {
    Back { definition, run }.ahead().collect()
}

struct Back<'a> {
    definition: &'a Workflow,
    run: &'a RunState,
}

impl<'a> Back<'a> {
    /// Steps that are not part of the way back itself.
    fn of_the_way_forward(&self) -> impl Iterator<Item = (&StepId, &StepState)> {
        let on_failure_is_over = self.run.is_stopped() || self.on_failure_has_failed();
        self.run
            .steps
            .iter()
            .filter(move |(id, _)| !id.is_undo() && (on_failure_is_over || !id.is_on_failure()))
    }

    fn on_failure_has_failed(&self) -> bool {
        let is_out_of_time = |state: &StepState| state.timed_out && state.is_composite();
        self.run.steps.iter().any(|(id, state)| {
            id.is_on_failure() && (state.status == StepStatus::Failed || is_out_of_time(state))
        })
    }

    fn stop_what_runs(&self) -> Option<Vec<Command>> {
        let running: Vec<_> = self
            .of_the_way_forward()
            .filter(|(_, state)| state.status == StepStatus::Running && !state.is_composite())
            .map(|(id, _)| Command::StopStep(id.clone()))
            .collect();
        (!running.is_empty()).then_some(running)
    }

    /// What waits, and what stands for others, comes to its end too: the innermost first.
    fn end_what_stands_open(&self) -> Option<Vec<Command>> {
        let (id, state) = self
            .of_the_way_forward()
            .filter(|(_, state)| state.is_under_way())
            .last()?;
        let step = id.clone();
        let failed = |kind, message| Event::AttemptFailed {
            step: step.clone(),
            failure: Failure { kind, message },
            retry_at: None,
        };
        let below = self.run.steps.iter().find(|(other, state)| {
            other.is_below(id) && state.status == StepStatus::Failed && !is_cancelled(state)
        });
        let event = if state.timed_out {
            let timeout = self.definition.step(id).and_then(|step| step.timeout);
            let within = timeout.map_or_else(String::new, |span| format!(" within {span}"));
            failed(FailureKind::TimedOut, format!("it was not done{within}"))
        } else if let Some((other, _)) = below {
            failed(FailureKind::Fatal, format!("`{other}` failed"))
        } else {
            Event::StepCancelled { step: step.clone() }
        };
        Some(vec![Command::Append(event)])
    }

    fn take_back(&self) -> Option<Vec<Command>> {
        let (id, way) = self.ahead().next()?;
        Some(match way {
            Way::By(undo) => take_back_by(id, &undo, self.run),
            Way::Undo => vec![Command::UndoStep(id.clone())],
        })
    }

    /// The last step first. When one cannot be taken back nothing more is touched.
    fn ahead(&self) -> impl Iterator<Item = (&'a StepId, Way<'a>)> + use<'a> {
        let (definition, run) = (self.definition, self.run);
        let steps = run.steps.iter().rev();
        let steps = steps.take_while(|(_, state)| state.undo_failure.is_none());
        steps.filter_map(move |(id, state)| Some((id, way_of(definition, run, id, state)?)))
    }

    fn on_failure(&self) -> Option<Vec<Command>> {
        let is_stuck = self.run.steps.values().any(|s| s.undo_failure.is_some());
        if self.run.is_stopped() || is_stuck || self.run.started_at.is_none() {
            return None;
        }
        let mut commands = Vec::new();
        let mut forward = Forward {
            commands: &mut commands,
            holds: false,
        };
        let standing = forward.block(Block::on_failure(self.definition, self.run));
        (standing == Standing::Open).then_some(commands)
    }
}

/// What takes this step back; `None` where nothing has to.
fn way_of<'a>(
    definition: &'a Workflow,
    run: &'a RunState,
    id: &StepId,
    state: &StepState,
) -> Option<Way<'a>> {
    // What `on_failure` has done is there to stay; only what it broke off is taken back.
    let broke_off = matches!(state.status, StepStatus::Failed | StepStatus::Cancelled);
    if id.is_on_failure() && !broke_off {
        return None;
    }
    // Not what an earlier run has done; and of items, each and not all of them once more.
    let is_own = state.attempt > 0 && !state.is_composite();
    if state.status == StepStatus::Succeeded
        && is_own
        && let Some(undo) = Spot::find(definition, run, id).and_then(|spot| spot.undo())
    {
        return Some(Way::By(Box::new(undo)));
    }
    let wants_undo = state.status != StepStatus::Undone && state.wants_undo() && !id.is_undo();
    wants_undo.then_some(Way::Undo)
}

/// What the step that takes another one back should be doing.
fn take_back_by(id: &StepId, undo: &Spot<'_>, run: &RunState) -> Vec<Command> {
    let step = id.clone();
    let Some(state) = undo.state() else {
        return vec![Command::Append(undo.start())];
    };
    match state.status {
        StepStatus::Succeeded => {
            vec![Command::Append(Event::StepUndone { step, left: None })]
        }
        // What the run was there for has failed: what that had begun does not stay either.
        StepStatus::Failed if run.request.undo.is_some() && state.wants_undo() => {
            vec![Command::UndoStep(undo.id.clone())]
        }
        StepStatus::Failed | StepStatus::Cancelled | StepStatus::Undone => {
            let failure = state.failure.clone();
            let failure = failure.unwrap_or_else(|| Failure::fatal("it was stopped"));
            vec![Command::Append(Event::StepUndoFailed { step, failure })]
        }
        _ => {
            let mut commands = Vec::new();
            let mut forward = Forward {
                commands: &mut commands,
                holds: false,
            };
            forward.begun(undo, state);
            commands
        }
    }
}

fn is_cancelled(state: &StepState) -> bool {
    state
        .failure
        .as_ref()
        .is_some_and(|failure| failure.kind == FailureKind::Cancelled)
}
