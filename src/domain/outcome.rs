//! How a run ends, and the sentence that says so: never more than the log has proven.

use super::event::Event;
use super::names::StepId;
use super::run::{FinalState, RunState, StepState, StepStatus, Stop};
use super::workflow::Workflow;

/// The last event of a run in which nothing is left to do.
pub fn of(definition: &Workflow, run: &RunState) -> Event {
    let steps: Vec<(&StepId, &StepState)> = definition
        .steps
        .iter()
        .filter_map(|step| run.steps.get(&step.id).map(|state| (&step.id, state)))
        .collect();
    let failed = steps
        .iter()
        .find(|(_, state)| state.status == StepStatus::Failed);
    let stuck = steps.iter().find(|(_, state)| state.undo_failure.is_some());
    let aftermath = Aftermath::of(&steps);
    let (state, summary) = if let Some((id, state)) = stuck {
        (FinalState::Stuck, stuck_summary(run, id, state, &aftermath))
    } else if let Some(stop) = &run.stop {
        stopped(stop, &aftermath)
    } else if let Some((id, state)) = failed {
        let cause = state
            .failure
            .as_ref()
            .map_or("it failed", |failure| &failure.message);
        let state = if aftermath.all_taken_back() {
            FinalState::RolledBack
        } else {
            FinalState::Failed
        };
        (
            state,
            format!(
                "step `{id}` failed: {}. {}",
                unstopped(cause),
                aftermath.sentence()
            ),
        )
    } else {
        (FinalState::Succeeded, succeeded(&steps))
    };
    Event::Finished { state, summary }
}

/// What is left in the world after a run that did not succeed.
struct Aftermath {
    undone: Vec<String>,
    left: Vec<String>,
}

impl Aftermath {
    fn of(steps: &[(&StepId, &StepState)]) -> Self {
        let undone = steps
            .iter()
            .filter(|(_, s)| s.was_undone())
            .map(|(id, _)| id.to_string());
        let left = steps.iter().filter_map(|(id, state)| {
            let what = state.left.clone().or_else(|| {
                state
                    .has_live_effects()
                    .then(|| "what it did was not taken back".to_owned())
            })?;
            Some(format!("`{id}`: {what}"))
        });
        Self {
            undone: undone.collect(),
            left: left.collect(),
        }
    }

    fn all_taken_back(&self) -> bool {
        self.left.is_empty() && !self.undone.is_empty()
    }

    fn sentence(&self) -> String {
        if !self.left.is_empty() {
            return format!("Left as it is: {}.", unstopped(&self.left.join("; ")));
        }
        if self.undone.is_empty() {
            return "Nothing was changed.".to_owned();
        }
        "Everything that it had done was taken back.".to_owned()
    }
}

fn stopped(stop: &Stop, aftermath: &Aftermath) -> (FinalState, String) {
    let after = aftermath.sentence();
    let because = |reason: &Option<String>| {
        reason
            .as_ref()
            .map(|reason| format!(" ({reason})"))
            .unwrap_or_default()
    };
    match stop {
        Stop::Cancelled { by, reason } => (
            FinalState::Cancelled,
            format!("cancelled by {by}{}. {after}", because(reason)),
        ),
        Stop::Rejected { by, reason } => (
            FinalState::Cancelled,
            format!("rejected by {by}{}. {after}", because(reason)),
        ),
        Stop::NotApproved => (
            FinalState::Cancelled,
            format!("nobody approved it in time. {after}"),
        ),
        Stop::TimedOut if aftermath.all_taken_back() => (
            FinalState::RolledBack,
            format!("it was out of time and was stopped. {after}"),
        ),
        Stop::TimedOut => (
            FinalState::Failed,
            format!("it was out of time and was stopped. {after}"),
        ),
        Stop::NoPlan { failure } => (
            FinalState::Failed,
            format!(
                "no plan could be made: {}. {after}",
                unstopped(&failure.message)
            ),
        ),
    }
}

fn stuck_summary(run: &RunState, id: &StepId, state: &StepState, after: &Aftermath) -> String {
    let cause = run
        .steps
        .values()
        .find_map(|step| step.failure.as_ref())
        .map_or_else(
            || "it was stopped".to_owned(),
            |failure| failure.message.clone(),
        );
    let undo = state
        .undo_failure
        .as_ref()
        .map_or("", |failure| &failure.message);
    format!(
        "{}; then taking back step `{id}` failed too: {}. {} A human is needed; Purser touches \
         nothing more.",
        unstopped(&cause),
        unstopped(undo),
        after.sentence()
    )
}

fn succeeded(steps: &[(&StepId, &StepState)]) -> String {
    let done = steps
        .iter()
        .filter(|(_, state)| state.status == StepStatus::Succeeded)
        .count();
    let skipped = steps.len() - done;
    let steps = |n: usize| {
        if n == 1 {
            "1 step".to_owned()
        } else {
            format!("{n} steps")
        }
    };
    match skipped {
        0 => format!("{} done", steps(done)),
        _ => format!("{} done, {skipped} skipped", steps(done)),
    }
}

/// Without the full stop at its end, so that sentences can be joined.
fn unstopped(text: &str) -> &str {
    text.trim_end().trim_end_matches('.')
}
