//! Going on from a run that has ended: which of its steps count as done.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::event::{DoneStep, Rerun};
use super::names::{RunId, StepId, SystemName};
use super::nearest;
use super::run::{RunState, StepStatus, Stop};
use super::workflow::{Step, Work, Workflow};

/// A run takes no more over from the one that it goes on from, in bytes of JSON: it stands in its first
/// event, and in its state.
pub const MOST_TAKEN_OVER: usize = 8 * 1024 * 1024;

/// Why a run is not gone on from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRerun {
    /// It is still under way, or waits.
    #[error("run {0} has not ended: there is nothing to go on from yet", .run.short())]
    NotEnded {
        /// Which.
        run: RunId,
    },
    /// Its log ends before the run did.
    #[error(
        "nobody knows what run {0} did after the backup that its log comes from: look at the \
         systems that it acts on, then start the workflow anew", .run.short()
    )]
    Recovered {
        /// Which.
        run: RunId,
    },
    /// It was to take another one back.
    #[error(
        "run {0} was asked for to take back what run {1} did, and nothing goes on from that: where it \
         has not, `purser undo {1}` asks for it anew",
        .run.short(), .of.short()
    )]
    IsUndo {
        /// Which.
        run: RunId,
        /// The run that it was to take back.
        of: RunId,
    },
    /// All of it is done, and stands.
    #[error(
        "everything that run {0} was to do is done: name the step to begin at with --from STEP, or \
         start the workflow anew", .run.short()
    )]
    NothingLeft {
        /// Which.
        run: RunId,
    },
    /// The workflow has no such step.
    #[error("{0}")]
    UnknownStep(String),
    /// A step that comes before the one to begin at would have to be done.
    #[error("step `{step}` comes before `{from}` and {why}: begin there, with --from {step}")]
    DoneTooLittle {
        /// Where to begin.
        from: StepId,
        /// What comes before it.
        step: StepId,
        /// What has become of it.
        why: String,
    },
    /// What its steps have left is too much for one event.
    #[error(
        "what the steps of run {0} that count as done have left is {bytes} bytes long, and another run \
         takes over {MOST_TAKEN_OVER} at most: --from {step} does the step again that has left most of \
         it, and all that needs it", .run.short()
    )]
    LeftTooMuch {
        /// Which.
        run: RunId,
        /// How much they have left, in bytes of JSON.
        bytes: usize,
        /// The step that has left most of it.
        step: StepId,
    },
    /// What a step did is still there in part.
    #[error(
        "step `{step}` is neither done nor taken back ({why}): --from {step} does it again, and \
         --from with a step behind it goes on as if it were done"
    )]
    Unclear {
        /// Which.
        step: StepId,
        /// What is known of it.
        why: String,
    },
}

/// What has become of a step in the earlier run.
enum Fate {
    /// It is done, and stands.
    Stands,
    /// It was begun to be taken back, and something of it is left.
    Half(String),
    /// It has to be done.
    Open(&'static str),
}

/// What a run goes by that is asked for at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Present<'p> {
    /// The workflow as it is written.
    pub workflow: &'p Workflow,
    /// The address of each system that it names.
    pub systems: &'p BTreeMap<SystemName, String>,
}

/// What a run that goes on from an `earlier` one has done already. It goes by things as they are `now`;
/// a step counts as done when it is done and stands, is written as it was `then`, its system is where
/// it was, and all that it needs counts as done. `from` and all that needs it is done again in any case. Items
/// of one step, and steps of a workflow that a step runs, count as done together or not at all.
///
/// # Errors
/// Why there is nothing to go on from, or what somebody has to say first.
pub fn go_on(
    earlier: &RunState,
    then: &Workflow,
    now: Present<'_>,
    from: Option<&StepId>,
) -> Result<Rerun, NoRerun> {
    let run = earlier.id;
    if earlier.ended.is_none() {
        return Err(NoRerun::NotEnded { run });
    }
    if matches!(earlier.stop, Some(Stop::Recovered { .. })) {
        return Err(NoRerun::Recovered { run });
    }
    if let Some(undo) = &earlier.request.undo {
        return Err(NoRerun::IsUndo { run, of: undo.of });
    }
    let steps = &now.workflow.steps;
    let from = from.map(|from| place_of(steps, from)).transpose()?;
    let behind = from.map_or_else(BTreeSet::new, |from| all_behind(steps, from));
    let before = from.map_or_else(BTreeSet::new, |from| all_before(steps, from));
    let mut done = BTreeSet::new();
    for (place, step) in steps.iter().enumerate() {
        let counts = match fate_of(earlier, then, now, step) {
            _ if behind.contains(&place) => false,
            Fate::Stands => true,
            Fate::Half(_) if before.contains(&place) => true,
            Fate::Half(why) => {
                let step = step.id.clone();
                return Err(NoRerun::Unclear { step, why });
            }
            Fate::Open(_) => false,
        };
        if counts {
            done.insert(place);
        }
    }
    keep_what_needs_only_itself(steps, &mut done);
    if let (Some(from), Some(open)) = (from, before.difference(&done).next()) {
        let step = &steps[*open];
        let why = match fate_of(earlier, then, now, step) {
            Fate::Open(why) => why,
            Fate::Stands | Fate::Half(_) => "needs what is to be done again",
        };
        return Err(NoRerun::DoneTooLittle {
            from: steps[from].id.clone(),
            step: step.id.clone(),
            why: why.to_owned(),
        });
    }
    if done.len() == steps.len() {
        return Err(NoRerun::NothingLeft { run });
    }
    let done = done.into_iter().map(|place| {
        let step = &steps[place].id;
        done_step(earlier, step)
    });
    let done: Vec<_> = done.collect();
    within_bounds(run, &done)?;
    Ok(Rerun { of: run, done })
}

fn within_bounds(run: RunId, done: &[DoneStep]) -> Result<(), NoRerun> {
    let sizes = done.iter().map(|done| done.output.to_string().len());
    let sizes: Vec<_> = sizes.collect();
    let bytes = sizes.iter().sum();
    let largest = done.iter().zip(&sizes).max_by_key(|(_, bytes)| **bytes);
    match largest {
        Some((largest, _)) if bytes > MOST_TAKEN_OVER => Err(NoRerun::LeftTooMuch {
            run,
            bytes,
            step: largest.step.clone(),
        }),
        _ => Ok(()),
    }
}

fn done_step(earlier: &RunState, step: &StepId) -> DoneStep {
    let state = earlier.step(step);
    DoneStep {
        step: step.clone(),
        done_in: state.done_in,
        skipped: state.status == StepStatus::Skipped,
        systems: systems_of(earlier, step),
        output: state.output.clone().unwrap_or(Value::Null),
        left_out: state.output_left_out.clone(),
    }
}

/// What a step has acted on, and all below it; there or in a run that had done it before.
fn systems_of(earlier: &RunState, step: &StepId) -> BTreeSet<SystemName> {
    let here = earlier.steps.iter().filter_map(|(id, state)| {
        let system = state.system.as_ref()?;
        (id == step || id.is_below(step)).then_some(system)
    });
    let done = earlier.request.rerun.iter().flat_map(|rerun| &rerun.done);
    let before = done
        .filter(|done| done.step == *step)
        .flat_map(|done| &done.systems);
    here.chain(before).cloned().collect()
}

fn place_of(steps: &[Step], id: &StepId) -> Result<usize, NoRerun> {
    steps.iter().position(|step| step.id == *id).ok_or_else(|| {
        let known: Vec<_> = steps.iter().map(|step| step.id.as_str()).collect();
        NoRerun::UnknownStep(nearest::unknown("step", id.as_str(), known))
    })
}

fn fate_of(earlier: &RunState, then: &Workflow, now: Present<'_>, step: &Step) -> Fate {
    let state = earlier.step(&step.id);
    let below = earlier.steps.iter().filter(|(id, _)| {
        // What takes a step back has said so in the step's own state.
        id.is_below(&step.id) && !id.is_undo()
    });
    let all = || std::iter::once(&*state).chain(below.clone().map(|(_, state)| state));
    if let Some(failure) = all().find_map(|state| state.undo_failure.as_ref()) {
        return Fate::Half(format!("taking it back failed: {}", failure.message));
    }
    if !state.is_over() {
        return Fate::Open(match state.status {
            StepStatus::Undone => "was taken back",
            StepStatus::Pending => "was not done",
            _ => "did not come to its end",
        });
    }
    if all().any(|state| state.status == StepStatus::Undone) {
        return Fate::Open("was taken back");
    }
    if let Some(left) = all().find_map(|state| state.left.as_ref()) {
        let moved = if has_moved(earlier, now, step) {
            "; its system has another address by now"
        } else {
            ""
        };
        return Fate::Half(format!("left as it is: {left}{moved}"));
    }
    if !is_written_as_it_was(then, now.workflow, step) {
        return Fate::Open("is written otherwise by now");
    }
    if has_moved(earlier, now, step) {
        return Fate::Open("was done on a system that has another address by now");
    }
    Fate::Stands
}

/// Whether a system that the step has acted on is not where it was.
fn has_moved(earlier: &RunState, now: Present<'_>, step: &Step) -> bool {
    systems_of(earlier, &step.id).iter().any(|system| {
        let was = earlier.request.systems.get(system);
        was.is_some() && was != now.systems.get(system)
    })
}

/// A step that runs another workflow is what that one is, and all that it runs.
fn is_written_as_it_was(then: &Workflow, now: &Workflow, step: &Step) -> bool {
    let runs_others = matches!(step.work, Work::Workflow(_));
    then.steps.contains(step) && (!runs_others || then.includes == now.includes)
}

/// Takes away what needs something that is not done.
fn keep_what_needs_only_itself(steps: &[Step], done: &mut BTreeSet<usize>) {
    loop {
        let before = done.len();
        let known = done.clone();
        done.retain(|place| needs_of(steps, *place).all(|needed| known.contains(&needed)));
        if done.len() == before {
            return;
        }
    }
}

fn needs_of(steps: &[Step], place: usize) -> impl Iterator<Item = usize> {
    let named = steps[place].needs.iter().flatten();
    let places = named.filter_map(|id| steps.iter().position(|step| step.id == *id));
    let one_before = place
        .checked_sub(1)
        .filter(|_| steps[place].needs.is_none());
    places.chain(one_before)
}

/// Everything that `from` needs, directly or not.
fn all_before(steps: &[Step], from: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut to_see = vec![from];
    while let Some(place) = to_see.pop() {
        to_see.extend(needs_of(steps, place).filter(|needed| found.insert(*needed)));
    }
    found
}

/// `from` and everything that needs it, directly or not.
fn all_behind(steps: &[Step], from: usize) -> BTreeSet<usize> {
    (0..steps.len())
        .filter(|place| *place == from || all_before(steps, *place).contains(&from))
        .collect()
}

#[cfg(test)]
mod tests;
