//! How a run ends, and the sentence that says so: never more than the log has proven.

mod undoing;

use serde_json::Value;

use super::ending::{FinalState, Summary, sentence};
use super::event::{Event, Failure, FailureKind};
use super::interpreter::Block;
use super::names::StepId;
use super::run::{RunState, StepState, StepStatus, Stop};
use super::time::Timestamp;
use super::workflow::Workflow;

/// The last event of a run in which nothing is left to do.
pub fn of(definition: &Workflow, run: &RunState) -> Event {
    if let Some(undo) = &run.request.undo {
        return undoing::of(undo, run);
    }
    let steps: Vec<(&StepId, &StepState)> = run
        .steps
        .iter()
        .filter(|(id, _)| !id.is_undo() && !id.is_on_failure())
        .collect();
    let stuck = run
        .steps
        .iter()
        .find(|(_, state)| state.undo_failure.is_some());
    let after = Aftermath::of(&steps);
    let mut output = Value::Null;
    let (state, mut summary) = if let Some((id, state)) = stuck {
        (FinalState::Stuck, stuck_summary(run, id, state, &after))
    } else if let Some(stop) = &run.stop {
        stopped(stop, &after)
    } else if let Some((id, failure)) = first_failure(run) {
        let cause = format!("step `{id}` failed: {}", headline(&failure.message));
        (
            after.state_of_failure(),
            Summary::of_failure(cause, after.sentence()),
        )
    } else {
        let (left, now) = left_behind(definition, run, succeeded(&steps));
        output = left;
        (FinalState::Succeeded, Summary { cause: None, now })
    };
    if let Some((id, failure)) = failed_on_failure(run) {
        let told = sentence(&format!(
            "`{id}` failed too: {}",
            headline(&failure.message)
        ));
        summary.now = format!("{} {told}", sentence(&summary.now));
    }
    Event::Finished {
        state,
        summary,
        output,
    }
}

/// The failure that the run fails of: the first, and not that of a step which was stopped for it.
pub(super) fn first_failure(run: &RunState) -> Option<(&StepId, &Failure)> {
    let of_itself = |id: &StepId, state: &StepState| {
        state.status == StepStatus::Failed && !id.is_undo() && !id.is_on_failure()
    };
    run.steps
        .iter()
        .filter(|(id, state)| of_itself(id, state))
        .filter_map(|(id, state)| Some((id, state, state.failure.as_ref()?)))
        .filter(|(_, state, why)| !state.is_composite() || why.kind == FailureKind::TimedOut)
        .min_by_key(|(_, state, why)| (why.kind == FailureKind::Cancelled, state.ended_at))
        .or_else(|| {
            let (id, state) = run.steps.iter().find(|(id, state)| of_itself(id, state))?;
            Some((id, state, state.failure.as_ref()?))
        })
        .map(|(id, _, failure)| (id, failure))
}

fn failed_on_failure(run: &RunState) -> Option<(&StepId, &Failure)> {
    let mut failed = run.steps.iter().filter(|(id, state)| {
        id.is_on_failure() && state.status == StepStatus::Failed && !state.is_composite()
    });
    failed.find_map(|(id, state)| Some((id, state.failure.as_ref()?)))
}

/// What `outputs` come to, and the last sentence. All steps are done: outputs that cannot be made
/// are said, and take nothing back.
fn left_behind(definition: &Workflow, run: &RunState, now: String) -> (Value, String) {
    match Block::root(definition, run).outputs() {
        Ok(Value::Object(none)) if none.is_empty() => (Value::Null, now),
        Ok(output) => (output, now),
        Err(error) => {
            let told = format!("{now}, but its outputs cannot be made: {error}");
            (Value::Null, sentence(&told))
        }
    }
}

/// What is left in the world after a run that did not succeed.
struct Aftermath {
    /// Something was taken back.
    undone: bool,
    /// Effects that an undo has left in place on purpose: a fetched image, which harms nobody.
    kept: Vec<String>,
    /// What could not be taken back, or was not.
    left: Vec<String>,
}

impl Aftermath {
    fn of(steps: &[(&StepId, &StepState)]) -> Self {
        let mut after = Self {
            undone: false,
            kept: Vec::new(),
            left: Vec::new(),
        };
        for (id, state) in steps {
            after.undone |= state.was_undone() || state.status == StepStatus::Undone;
            if state.status == StepStatus::Undone {
                continue;
            }
            if let Some(left) = &state.left {
                after.left.push(format!("`{id}`: {left}"));
            } else if state.wants_undo() {
                after
                    .left
                    .push(format!("`{id}`: what it did was not taken back"));
            } else {
                let live = state.effects.iter().filter(|record| record.is_live());
                after
                    .kept
                    .extend(live.map(|record| format!("`{}`", record.effect)));
            }
        }
        after
    }

    /// Taken back is only what was done; a run that had done nothing has failed.
    fn state_of_failure(&self) -> FinalState {
        if self.left.is_empty() && self.undone {
            FinalState::RolledBack
        } else {
            FinalState::Failed
        }
    }

    fn sentence(&self) -> String {
        if !self.left.is_empty() {
            return sentence(&format!("Left as it is: {}", self.left.join("; ")));
        }
        let kept = self.kept.join(", ");
        match (self.undone, self.kept.is_empty()) {
            (true, true) => "Everything that it had done was taken back.".to_owned(),
            (true, false) => format!("Everything that it had done was taken back, except {kept}."),
            (false, true) => "Nothing was changed.".to_owned(),
            (false, false) => format!("Nothing was changed, except by {kept}."),
        }
    }
}

fn stopped(stop: &Stop, after: &Aftermath) -> (FinalState, Summary) {
    if let Stop::Recovered { backup, made_at } = stop {
        return (FinalState::Stuck, recovered(backup, *made_at));
    }
    let (state, cause) = stopped_because(stop);
    let state = match stop {
        Stop::TimedOut => after.state_of_failure(),
        _ => state,
    };
    (state, Summary::of_failure(cause, after.sentence()))
}

/// How a run ends that is stopped before it has done anything, and why.
fn stopped_because(stop: &Stop) -> (FinalState, String) {
    let because = |reason: &Option<String>| {
        reason
            .as_ref()
            .map(|reason| format!(" ({reason})"))
            .unwrap_or_default()
    };
    match stop {
        Stop::Cancelled { by, reason } => (
            FinalState::Cancelled,
            format!("cancelled by {by}{}", because(reason)),
        ),
        Stop::Rejected { by, reason } => (
            FinalState::Cancelled,
            format!("rejected by {by}{}", because(reason)),
        ),
        Stop::NotApproved => (
            FinalState::Cancelled,
            "nobody approved it in time".to_owned(),
        ),
        Stop::Busy { other } => (
            FinalState::Cancelled,
            format!(
                "run {} with the same key was under way, and this one does not wait for it",
                other.short()
            ),
        ),
        Stop::Overtaken { by } => (FinalState::Cancelled, undoing::overtaken(*by)),
        Stop::TimedOut => (
            FinalState::Failed,
            "it was out of time and was stopped".to_owned(),
        ),
        Stop::NoPlan { failure } => {
            let why = headline(&failure.message);
            (FinalState::Failed, format!("no plan could be made: {why}"))
        }
        Stop::Recovered { backup, .. } => (
            FinalState::Stuck,
            format!("the store was recovered from {backup}"),
        ),
    }
}

/// Even of a run that had not begun: it may have begun right after the backup.
fn recovered(backup: &str, made_at: Timestamp) -> Summary {
    Summary::of_failure(
        format!(
            "the store was recovered from {backup}, and this run had not ended when that was made"
        ),
        format!(
            "What it did since {made_at} is not known, and nothing was undone or done again: look at \
             the systems that it acts on, then start it anew if it is still wanted."
        ),
    )
}

fn stuck_summary(run: &RunState, id: &StepId, state: &StepState, after: &Aftermath) -> Summary {
    let first = first_failure(run);
    let cause = first.map_or_else(
        || "it was stopped".to_owned(),
        |(id, failure)| format!("step `{id}` failed: {}", headline(&failure.message)),
    );
    let undo = state
        .undo_failure
        .as_ref()
        .map_or("", |failure| headline(&failure.message));
    Summary::of_failure(
        format!(
            "{}; then taking back step `{id}` failed too: {undo}",
            unstopped(&cause)
        ),
        format!(
            "{} A human is needed; Purser touches nothing more.",
            after.sentence()
        ),
    )
}

/// What an earlier run has done is not said to be this one's work.
fn succeeded(steps: &[(&StepId, &StepState)]) -> String {
    let own = steps.iter().filter(|(_, state)| !state.is_composite());
    let (mut done, mut skipped, mut before) = (0, 0, 0);
    for (_, state) in own {
        match state.status {
            _ if state.done_in.is_some() => before += 1,
            StepStatus::Succeeded => done += 1,
            StepStatus::Skipped => skipped += 1,
            _ => {}
        }
    }
    let steps = if done == 1 { "step" } else { "steps" };
    let counted = [(skipped, "skipped"), (before, "done before")];
    let more = counted.iter().filter(|(count, _)| *count > 0);
    std::iter::once(format!("{done} {steps} done"))
        .chain(more.map(|(count, what)| format!("{count} {what}")))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The sentence that a message begins with. Lines of a log may follow it: what announces them goes
/// with them.
fn headline(message: &str) -> &str {
    let first = message.lines().next().unwrap_or_default();
    match first.rsplit_once("; ") {
        Some((sentence, announced)) if announced.ends_with(':') => sentence,
        _ => first,
    }
}

/// Without the full stop at its end, so that sentences can be joined.
fn unstopped(text: &str) -> &str {
    text.trim_end().trim_end_matches('.')
}
