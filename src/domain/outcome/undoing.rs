//! The end of a run that takes another one back.

use serde_json::Value;

use super::{headline, recovered, sentence, stopped_because, unstopped};
use crate::domain::ending::{FinalState, Summary};
use crate::domain::event::Event;
use crate::domain::names::{RunId, StepId};
use crate::domain::run::{RunState, StepState, StepStatus, Stop};
use crate::domain::undo::Undo;

/// The last event of one in which nothing is left to do.
pub(super) fn of(undo: &Undo, run: &RunState) -> Event {
    let (state, summary) = ending(undo, run);
    Event::Finished {
        state,
        summary,
        output: Value::Null,
    }
}

/// Why one does not begin.
pub(super) fn overtaken(by: RunId) -> String {
    format!(
        "run {} has begun since it was asked for, and builds on what was to be taken back",
        by.short()
    )
}

fn ending(undo: &Undo, run: &RunState) -> (FinalState, Summary) {
    let of = undo.of.short();
    let known = Known::of(undo, run);
    if let Some(Stop::Recovered { backup, made_at }) = &run.stop {
        return (FinalState::Stuck, recovered(backup, *made_at));
    }
    if let Some((id, why)) = failed(run) {
        let cause = format!("taking back step `{id}` of run {of} failed: {why}");
        return (FinalState::Stuck, known.needs_a_human(cause));
    }
    if let Some(stop) = &run.stop {
        let (state, cause) = stopped_because(stop);
        let is_whole = known.taken_back.is_empty() && known.in_part.is_empty() && !known.is_touched;
        return if is_whole {
            (state, Summary::of_failure(cause, known.sentence()))
        } else {
            (FinalState::Stuck, known.needs_a_human(cause))
        };
    }
    if let Some((id, _)) = known.in_part.first() {
        let cause = format!("step `{id}` of run {of} could not be taken back as a whole");
        return (
            FinalState::Failed,
            Summary::of_failure(cause, known.sentence()),
        );
    }
    let stays = match known.stays.as_slice() {
        [] => String::new(),
        stays => format!("; left as it is: {}", stays.join("; ")),
    };
    let taken_back = known.taken_back.join(", ");
    let now = format!("what run {of} had done is taken back: {taken_back}{stays}");
    (FinalState::Succeeded, Summary { cause: None, now })
}

fn failed(run: &RunState) -> Option<(&StepId, &str)> {
    run.steps.iter().find_map(|(id, state)| {
        let failure = state.undo_failure.as_ref()?;
        Some((id, unstopped(headline(&failure.message))))
    })
}

/// What of a step that was to take another one back is in the world, where that failed.
fn left_of(state: &StepState) -> Option<&str> {
    if state.status != StepStatus::Failed {
        return None;
    }
    let begun = || state.wants_undo().then_some("what it had begun");
    state.left.as_deref().or_else(begun)
}

/// Whether effects of a step were taken back by this run, and not while the step was being done.
fn was_touched(undo: &Undo, id: &StepId, state: &StepState) -> bool {
    let standing = undo.steps.iter().find(|standing| standing.step == *id);
    standing.is_some_and(|standing| state.generation > standing.generation)
}

/// What the log has of what was to be taken back.
struct Known<'r> {
    /// Steps that are.
    taken_back: Vec<String>,
    /// Steps of which something is left that was to go, with what.
    in_part: Vec<(&'r StepId, &'r str)>,
    /// Something of a step that is not taken back as a whole is.
    is_touched: bool,
    /// What there was no way back from, or what was not touched, with why.
    stays: Vec<String>,
}

impl<'r> Known<'r> {
    fn of(undo: &'r Undo, run: &'r RunState) -> Self {
        let states = undo
            .taken_back()
            .filter_map(|id| run.steps.get_key_value(id));
        let states: Vec<(&StepId, &StepState)> = states.collect();
        let is_undone = |state: &StepState| state.status == StepStatus::Undone;
        let taken_back = states.iter().filter(|(_, state)| is_undone(state));
        let in_part = states
            .iter()
            .filter_map(|(id, state)| Some((*id, state.left.as_deref()?)));
        let untouched = states
            .iter()
            .filter(|(_, state)| !is_undone(state) && state.left.is_none());
        let mut is_touched = false;
        let untouched = untouched.map(|(id, state)| {
            let in_part = was_touched(undo, id, state);
            is_touched |= in_part;
            let how = if in_part {
                "taken back in part"
            } else {
                "not taken back"
            };
            format!("`{id}`: {how}")
        });
        let untouched: Vec<_> = untouched.collect();
        let staying = undo.staying().map(|(id, why)| format!("`{id}`: {why}"));
        let of_undo = run.steps.iter().filter(|(id, _)| id.is_undo());
        let of_undo =
            of_undo.filter_map(|(id, state)| Some(format!("`{id}`: {}", left_of(state)?)));
        let of_undo: Vec<_> = of_undo.collect();
        is_touched |= !of_undo.is_empty();
        Self {
            taken_back: taken_back.map(|(id, _)| format!("`{id}`")).collect(),
            in_part: in_part.collect(),
            is_touched,
            stays: of_undo
                .into_iter()
                .chain(untouched)
                .chain(staying)
                .collect(),
        }
    }

    /// What is true now, of one that did not come to its end.
    fn sentence(&self) -> String {
        let taken_back = match self.taken_back.as_slice() {
            [] if !self.is_touched && self.in_part.is_empty() => {
                return "Nothing was taken back.".to_owned();
            }
            [] => "No step was taken back as a whole.".to_owned(),
            steps => format!("Taken back: {}.", steps.join(", ")),
        };
        let in_part = self.in_part.iter();
        let in_part = in_part.map(|(id, left)| format!("`{id}`: {}", unstopped(left)));
        let left: Vec<_> = in_part.chain(self.stays.iter().cloned()).collect();
        match left.as_slice() {
            [] => taken_back,
            left => format!(
                "{taken_back} {}",
                sentence(&format!("Left as it is: {}", left.join("; ")))
            ),
        }
    }

    fn needs_a_human(&self, cause: String) -> Summary {
        let now = self.sentence();
        Summary::of_failure(
            cause,
            format!("{now} A human is needed; Purser touches nothing more."),
        )
    }
}
