//! Which steps of a run stand, and how each of them is taken back.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{NoUndo, StandingStep, Undo, WayBack};
use crate::domain::ending::FinalState;
use crate::domain::names::StepId;
use crate::domain::rerun::MOST_TAKEN_OVER;
use crate::domain::run::{RunState, StepState, StepStatus, Stop};
use crate::domain::workflow::{Step, Work, Workflow};

/// What is needed of a run to take back what it has done. `own` says of a step that its action has
/// done how it is taken back, where its file does not.
///
/// # Errors
/// Why it is not taken back.
pub fn of(
    earlier: &RunState,
    definition: &Workflow,
    reason: Option<String>,
    own: impl Fn(&StepState) -> WayBack,
) -> Result<Undo, NoUndo> {
    may_be_undone(earlier)?;
    let reads_outputs = has_undo(definition);
    let standing = |(id, state): (&StepId, &StepState)| {
        let way_back = way_back(earlier, definition, id, &own);
        standing(id, state, way_back, reads_outputs)
    };
    let steps = earlier.steps.iter().filter(|(id, _)| id.is_forward());
    let undo = Undo {
        of: earlier.id,
        reason,
        steps: steps.map(standing).collect(),
    };
    leads_back(&undo)?;
    within_bounds(&undo)?;
    Ok(undo)
}

/// Whether something that a run has done can be taken back, by its log alone.
pub fn can_be(
    earlier: &RunState,
    definition: &Workflow,
    own: impl Fn(&StepState) -> WayBack,
) -> bool {
    let mut steps = earlier.steps.keys().filter(|id| id.is_forward());
    may_be_undone(earlier).is_ok()
        && steps.any(|id| way_back(earlier, definition, id, &own).leads_back())
}

/// Whether a run has come to an end of which something can be taken back, if anything it did can be.
///
/// # Errors
/// Why not.
pub fn may_be_undone(earlier: &RunState) -> Result<(), NoUndo> {
    let run = earlier.id;
    let Some(ended) = &earlier.ended else {
        return Err(NoUndo::NotEnded { run });
    };
    if let Some(undo) = &earlier.request.undo {
        let (of, workflow) = (undo.of, earlier.request.workflow.clone());
        return Err(NoUndo::IsUndo { run, of, workflow });
    }
    if matches!(earlier.stop, Some(Stop::Recovered { .. })) {
        return Err(NoUndo::Recovered { run });
    }
    match ended.state {
        FinalState::Succeeded => Ok(()),
        state => Err(NoUndo::NotSucceeded { run, state }),
    }
}

/// Whether something that a run has done is in the world, or may be.
pub fn stands(run: &RunState) -> bool {
    let Some(ended) = &run.ended else {
        return true;
    };
    if ended.state == FinalState::Stuck {
        return true;
    }
    run.steps.iter().any(|(id, state)| {
        let is_own = state.done_in.is_none() || run.request.undo.is_some();
        let is_left = state.left.is_some() || state.wants_undo();
        id.is_forward() && is_own && state.status != StepStatus::Undone && is_left
    })
}

/// Of a step that has items, or stands for another workflow's steps, each of those is taken back.
fn way_back(
    earlier: &RunState,
    definition: &Workflow,
    id: &StepId,
    own: impl Fn(&StepState) -> WayBack,
) -> WayBack {
    let state = earlier.step(id);
    if let Some(run) = state.done_in {
        return match state.status {
            StepStatus::Skipped => WayBack::Nothing,
            _ => WayBack::Stays(format!("done in run {}", run.short())),
        };
    }
    if state.is_composite() || state.attempt == 0 || state.action.is_none() {
        return WayBack::Nothing;
    }
    let written = definition.step(id).and_then(Step::undo);
    if written.is_some() {
        return WayBack::Undo;
    }
    if !state.has_live_effects() {
        return WayBack::Nothing;
    }
    match own(&state) {
        WayBack::By(mut step) => {
            if let (Work::Action(action), Some(system)) = (&mut step.work, &state.system) {
                let system = Value::from(system.as_str());
                action.with.insert("system".to_owned(), system);
            }
            WayBack::By(step)
        }
        way => way,
    }
}

/// Whether expressions may read what steps have left.
fn has_undo(definition: &Workflow) -> bool {
    let own = definition.steps.iter();
    let included = definition.includes.values().flat_map(|file| &file.steps);
    own.chain(included).any(|step| step.undo().is_some())
}

fn standing(id: &StepId, state: &StepState, way_back: WayBack, output: bool) -> StandingStep {
    let journal = way_back == WayBack::Undo;
    let kept = state.output.clone().filter(|_| output);
    StandingStep {
        step: id.clone(),
        skipped: state.status == StepStatus::Skipped,
        attempt: state.attempt,
        action: state.action.clone(),
        system: state.system.clone(),
        input: state.input.clone(),
        left_out: if kept.is_some() {
            state.output_left_out.clone()
        } else {
            Vec::new()
        },
        output: kept.unwrap_or_default(),
        items: state.items.clone(),
        workflow: state.workflow.clone(),
        generation: state.generation,
        effects: if journal {
            state.effects.clone()
        } else {
            Vec::new()
        },
        records: if journal {
            state.records.clone()
        } else {
            BTreeMap::new()
        },
        way_back,
    }
}

fn leads_back(undo: &Undo) -> Result<(), NoUndo> {
    let run = undo.of;
    if undo.taken_back().next().is_some() {
        return Ok(());
    }
    let why = undo.staying().map(|(step, why)| format!("`{step}`: {why}"));
    let why: Vec<_> = why.collect();
    Err(if why.is_empty() {
        NoUndo::ChangedNothing { run }
    } else {
        NoUndo::AllStays { run, why }
    })
}

fn within_bounds(undo: &Undo) -> Result<(), NoUndo> {
    let sizes = undo.steps.iter().map(|step| {
        let bytes = serde_json::to_vec(step).map_or(0, |json| json.len());
        (step, bytes)
    });
    let sizes: Vec<_> = sizes.collect();
    let bytes = sizes.iter().map(|(_, bytes)| bytes).sum();
    match sizes.iter().max_by_key(|(_, bytes)| *bytes) {
        Some((largest, _)) if bytes > MOST_TAKEN_OVER => Err(NoUndo::LeftTooMuch {
            run: undo.of,
            bytes,
            step: largest.step.clone(),
        }),
        _ => Ok(()),
    }
}
