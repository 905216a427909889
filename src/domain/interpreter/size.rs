//! How many steps a run has, those counted that are still to come.

use super::spot::MOST_STEPS;
use crate::domain::run::{RunState, StepState};
use crate::domain::workflow::Workflow;

/// Whether a run may have so many steps more; `Err` says that it may not.
pub(super) fn has_room(definition: &Workflow, run: &RunState, more: usize) -> Result<(), String> {
    let steps = steps(definition, run);
    if steps + more <= MOST_STEPS {
        return Ok(());
    }
    Err(format!(
        "a run has at most {MOST_STEPS} steps, and with these {more} it would have {}",
        steps + more
    ))
}

/// The steps of the run's file, and all items and all steps of other workflows of those that have
/// begun, whether they have begun themselves or not. Those that take others back are not counted.
fn steps(definition: &Workflow, run: &RunState) -> usize {
    let within = |state: &StepState| match (&state.items, &state.workflow) {
        (Some(items), _) => items.len(),
        (None, Some(workflow)) => {
            let file = definition.includes.get(workflow);
            file.map_or(0, |file| file.steps.len())
        }
        (None, None) => 0,
    };
    definition.steps.len() + run.steps.values().map(within).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::event::{Event, Logged};
    use crate::domain::interpreter::stage::run;
    use crate::domain::interpreter::{Command, decide, prospects};
    use crate::domain::names::StepId;

    /// Appends this to the log.
    fn happens(run: &mut RunState, event: Event) {
        run.apply(&Logged {
            run: run.id,
            seq: run.seq + 1,
            at: run.requested_at,
            event,
        });
    }

    /// A run of these steps that has just begun.
    fn begun(steps: &Value) -> (Workflow, RunState) {
        let file = json!({ "name": "play", "summary": "Play", "steps": steps });
        let mut run = run(&json!({}));
        happens(&mut run, Event::Started);
        (serde_json::from_value(file).unwrap(), run)
    }

    /// Everything that is to be appended now happens, once; returns why steps were not begun.
    fn goes_on(definition: &Workflow, run: &mut RunState) -> Vec<String> {
        let mut failed = vec![];
        let appended = decide(definition, run).into_iter().filter_map(|c| match c {
            Command::Append(event) => Some(event),
            _ => None,
        });
        for event in appended.collect::<Vec<_>>() {
            if let Event::AttemptFailed { failure, .. } = &event {
                failed.push(failure.message.clone());
            }
            happens(run, event);
        }
        failed
    }

    #[test]
    fn a_foreach_that_runs_is_counted_once_when_the_rest_is_planned_anew() {
        let items: Vec<_> = (0..1_100).collect();
        let (definition, mut run) = begun(&json!([
            { "id": "each", "uses": "toy.make", "foreach": items, "parallel": 1100 },
        ]));
        for _ in 0..2 {
            assert_eq!(goes_on(&definition, &mut run), [] as [&str; 0]);
        }
        assert_eq!(run.steps.len(), 1_101);
        let why = "the world has moved".to_owned();
        let step = StepId::from("each").item(7);
        happens(&mut run, Event::ApprovalVoided { step, why });
        let ahead = prospects(&definition, &run);
        assert_eq!(ahead.map(|ahead| ahead.len()), Ok(1_100));
    }

    #[test]
    fn of_two_side_by_side_that_are_too_many_together_one_is_not_begun() {
        let items: Vec<_> = (0..1_500).collect();
        let each =
            |id: &str| json!({ "id": id, "uses": "toy.make", "foreach": items, "needs": [] });
        let (definition, mut run) = begun(&json!([each("one"), each("two")]));
        // Each is looked at for itself, as the engine does: what is decided on an older state is void.
        let first = decide(&definition, &run).into_iter().find_map(|c| match c {
            Command::Append(event) => Some(event),
            _ => None,
        });
        happens(&mut run, first.unwrap());
        assert_eq!(
            goes_on(&definition, &mut run),
            [
                "step `two` was not begun: a run has at most 2000 steps, and with these 1500 it would \
              have 3002"
            ]
        );
    }

    #[test]
    fn a_run_may_have_just_as_many_as_it_may() {
        for (items, begins) in [(MOST_STEPS - 1, true), (MOST_STEPS, false)] {
            let items: Vec<_> = (0..items).collect();
            let each = json!([{ "id": "each", "uses": "toy.make", "foreach": items }]);
            let (definition, mut run) = begun(&each);
            assert_eq!(goes_on(&definition, &mut run).is_empty(), begins);
        }
    }
}
