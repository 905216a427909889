//! What a run would still do, as far as that can be told before it does it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::back::{self, Way};
use super::foretold::{Foretold, Sight};
use super::spot::{Block, MOST_STEPS, Spot};
use crate::domain::effect::EffectName;
use crate::domain::event::{Event, Failure, Logged};
use crate::domain::expression;
use crate::domain::names::{ActionName, StepId, SystemName};
use crate::domain::run::{RunState, StepState};
use crate::domain::workflow::{Step, Wait, Work, Workflow};

/// A step that runs an action, and has not come to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Prospect {
    /// Which.
    pub step: StepId,
    /// Its action.
    pub action: ActionName,
    /// What the action would be given.
    pub given: Given,
}

/// What an action would be given.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// This.
    Known {
        /// The system that it would act on.
        system: Option<SystemName>,
        /// Everything else.
        input: Value,
    },
    /// That depends on what an earlier step will leave.
    Later {
        /// Which.
        after: StepId,
        /// What can be told of it already; for each item, where those can be told.
        known: Vec<Foretold>,
    },
    /// This: what it did with it is taken back, by its own undo.
    TakenBack {
        /// The system that it has acted on.
        system: Option<SystemName>,
        /// Everything else.
        input: Value,
        /// What it did.
        effects: Vec<EffectName>,
    },
}

/// The steps that a run would still do, in the order of the definition. Those of `on_failure`, and
/// those that take others back, are not among them; of a run that takes another one back they are all
/// there is, in the order in which they are done.
///
/// # Errors
/// The first step that could not begin, and why.
pub fn prospects(definition: &Workflow, run: &RunState) -> Result<Vec<Prospect>, Failure> {
    if run.request.undo.is_some() {
        return taken_back(definition, run);
    }
    let mut ahead = Ahead {
        definition,
        prospects: Vec::new(),
        foretold: 0,
    };
    ahead.block(run, Block::root(definition, run))?;
    Ok(ahead.prospects)
}

/// What a run would still do that takes another one back.
fn taken_back(definition: &Workflow, run: &RunState) -> Result<Vec<Prospect>, Failure> {
    let prospect = |(id, way): (&StepId, Way<'_>)| match way {
        Way::By(undo) => match undo.start() {
            Event::StepStarted {
                step,
                action,
                system,
                input,
                ..
            } => Ok(Some(Prospect {
                step,
                action,
                given: Given::Known { system, input },
            })),
            Event::AttemptFailed { failure, .. } => Err(failure),
            _ => Ok(None),
        },
        Way::Undo => {
            let state = run.step(id);
            let live = state.effects.iter().filter(|record| record.is_live());
            Ok(state.action.clone().map(|action| Prospect {
                step: id.clone(),
                action,
                given: Given::TakenBack {
                    system: state.system.clone(),
                    input: state.input.clone(),
                    effects: live.map(|record| record.effect.clone()).collect(),
                },
            }))
        }
    };
    let ahead = back::ahead(definition, run).into_iter().map(prospect);
    ahead.filter_map(Result::transpose).collect()
}

struct Ahead<'a> {
    definition: &'a Workflow,
    prospects: Vec<Prospect>,
    /// How many steps were foretold. A run that would have more of them comes to no end of them.
    foretold: usize,
}

impl Ahead<'_> {
    fn block(&mut self, run: &RunState, block: Block<'_>) -> Result<(), Failure> {
        for spot in block.spots() {
            if spot.state().is_some_and(StepState::is_over) {
                continue;
            }
            if let Some(earlier) = waits_for(block, spot.step) {
                self.later(&spot.id, spot.step, &earlier, &[Sight::from(block)]);
                continue;
            }
            if let Some(condition) = &spot.step.condition
                && !expression::truth(condition, &spot.scope())
                    .map_err(|error| Failure::fatal(format!("step `{}`: {error}", spot.id)))?
            {
                continue;
            }
            self.step(run, &spot)?;
        }
        Ok(())
    }

    /// One whose inputs are known: as if it began now. What stands for others has begun already, or
    /// does in a state of its own.
    fn step(&mut self, run: &RunState, spot: &Spot<'_>) -> Result<(), Failure> {
        if spot.state().is_some_and(StepState::is_composite) {
            return self.composite(run, &spot.id);
        }
        match spot.opening() {
            Event::StepStarted {
                step,
                action,
                system,
                input,
                ..
            } => self.prospects.push(Prospect {
                step,
                action,
                given: Given::Known { system, input },
            }),
            Event::AttemptFailed { failure, .. } => return Err(failure),
            opening @ (Event::StepFannedOut { .. } | Event::StepEntered { .. }) => {
                let run = after(run, opening);
                self.composite(&run, &spot.id)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn composite(&mut self, run: &RunState, id: &StepId) -> Result<(), Failure> {
        let Some(spot) = Spot::find(self.definition, run, id) else {
            return Ok(());
        };
        let items = spot.state().and_then(|state| state.items.as_ref());
        for (index, item) in items.into_iter().flatten().enumerate() {
            let item = spot.for_item(index, item);
            if !item.state().is_some_and(StepState::is_over) {
                self.step(run, &item)?;
            }
        }
        match spot.inner() {
            Some(block) if items.is_none() => self.block(run, block),
            _ => Ok(()),
        }
    }

    /// What the step would do depends on an earlier one, in part at least. It is seen from each of
    /// these places, of which there is more than one where it stands in a `foreach`.
    fn later(&mut self, id: &StepId, step: &Step, earlier: &StepId, sights: &[Sight]) {
        let room = MOST_STEPS.saturating_sub(self.foretold);
        let sights = sights.iter().flat_map(|sight| sight.of_items(step));
        let sights: Vec<_> = sights.take(room).collect();
        match &step.work {
            Work::Action(action) => {
                self.foretold += sights.len();
                self.prospects.push(Prospect {
                    step: id.clone(),
                    action: action.uses.clone(),
                    given: Given::Later {
                        after: earlier.clone(),
                        known: sights.iter().map(|sight| sight.foretell(step)).collect(),
                    },
                });
            }
            Work::Workflow(call) => {
                let definition = self.definition;
                let Some(file) = definition.includes.get(&call.runs) else {
                    return;
                };
                let inside = sights.iter().map(|sight| sight.within(call, file));
                let inside: Vec<_> = inside.collect();
                for inner in &file.steps {
                    self.later(&id.within(&inner.id), inner, earlier, &inside);
                }
            }
            Work::Wait(_) => {}
        }
    }
}

/// The state after one more event. Nothing that is asked of it here depends on the time.
fn after(run: &RunState, event: Event) -> RunState {
    let mut after = run.clone();
    after.apply(&Logged {
        run: run.id,
        seq: run.seq + 1,
        at: run.requested_at,
        event,
    });
    after
}

/// An earlier step whose output the step needs and that is not over yet.
fn waits_for(block: Block<'_>, step: &Step) -> Option<StepId> {
    let spots: Vec<_> = block.spots().collect();
    names_of(step)
        .iter()
        .filter_map(|name| name.strip_prefix("steps.")?.split('.').next())
        .filter_map(|id| spots.iter().find(|spot| spot.step.id.as_str() == id))
        .find(|spot| !spot.state().is_some_and(StepState::is_over))
        .map(|spot| spot.id.clone())
}

/// The dotted names that a step's expressions see.
fn names_of(step: &Step) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for value in step.with().into_iter().flat_map(|with| with.values()) {
        collect(value, &mut names);
    }
    if let Some(foreach) = &step.foreach {
        collect(&foreach.items, &mut names);
    }
    if let Work::Wait(Wait::Until(text)) = &step.work {
        names.extend(expression::names_in(text).unwrap_or_default());
    }
    if let Some(condition) = &step.condition {
        names.extend(expression::names_in_condition(condition).unwrap_or_default());
    }
    names
}

pub(super) fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => names.extend(expression::names_in(text).unwrap_or_default()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, names)),
        _ => {}
    }
}
