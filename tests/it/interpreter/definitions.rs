//! Random definitions: every part of the language, in every combination that the catalog lets through.

use proptest::prelude::*;
use proptest::sample::Index;
use purser::domain::workflow::Workflow;
use serde_json::{Value, json};

/// A definition, how a run of it is asked for, and what happens to the run.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) definition: Workflow,
    pub(super) asks: bool,
    pub(super) has_timeout: bool,
    /// The first steps that an earlier run has done.
    pub(super) done_before: usize,
    /// What happens, one draw a turn; when they are used up, everything goes well.
    pub(super) fates: Vec<Index>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (asks, timeout, done) = (self.asks, self.has_timeout, self.done_before);
        let definition = json!(self.definition);
        write!(
            f,
            "asks {asks}, timeout {timeout}, done {done}, {definition}"
        )
    }
}

/// What may stand in a step beside its id.
#[derive(Clone, Debug)]
struct Shape {
    work: Work,
    needs: Needs,
    condition: Option<bool>,
    items: Option<(u8, u32)>,
    attempts: u32,
    timeout: bool,
    approval: Option<u32>,
    undo: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    Action,
    Workflow,
    WaitFor,
    WaitUntil,
    WaitHook,
}

#[derive(Clone, Debug)]
enum Needs {
    TheOneBefore,
    Nothing,
    Some(Vec<Index>),
}

pub(super) fn cases() -> impl Strategy<Value = Case> {
    (
        definitions(),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
        prop::option::weighted(0.2, 0..3_usize),
        prop::collection::vec(any::<Index>(), 0..160),
    )
        .prop_map(|(definition, asks, has_timeout, done_before, fates)| Case {
            done_before: done_before.unwrap_or(0).min(definition.steps.len()),
            definition,
            asks,
            has_timeout,
            fates,
        })
}

fn definitions() -> impl Strategy<Value = Workflow> {
    (
        prop::collection::vec(shapes(2), 1..6),
        prop::collection::vec(shapes(1), 1..4),
        prop::collection::vec(shapes(0), 1..3),
        prop::collection::vec(shapes(0), 0..3),
        prop::bool::weighted(0.3),
    )
        .prop_map(|(main, inner, innermost, on_failure, outputs)| {
            let mut workflow = json!({
                "name": "play", "summary": "Play",
                "steps": steps(&main, "inner"),
                "on_failure": steps(&on_failure, ""),
                "includes": {
                    "inner": {
                        "name": "inner", "summary": "Inner", "steps": steps(&inner, "innermost"),
                        "inputs": { "n": { "type": "integer", "default": 1 } },
                        "outputs": { "n": "{{ inputs.n }}" },
                    },
                    "innermost": {
                        "name": "innermost", "summary": "Innermost", "steps": steps(&innermost, ""),
                    },
                },
            });
            if outputs {
                workflow["outputs"] =
                    json!({ "by": "{{ run.by }}", "first": "{{ steps.s0.status }}" });
            }
            serde_json::from_value(workflow).unwrap()
        })
}

/// Steps; those of depth 0 run no other workflow.
fn shapes(depth: u32) -> impl Strategy<Value = Shape> {
    let work = prop_oneof![
        12 => Just(Work::Action),
        depth * 2 => Just(Work::Workflow),
        1 => Just(Work::WaitFor),
        1 => Just(Work::WaitUntil),
        1 => Just(Work::WaitHook),
    ];
    let needs = prop_oneof![
        3 => Just(Needs::TheOneBefore),
        1 => Just(Needs::Nothing),
        2 => prop::collection::vec(any::<Index>(), 1..3).prop_map(Needs::Some),
    ];
    (
        work,
        needs,
        prop::option::weighted(0.2, any::<bool>()),
        prop::option::weighted(0.25, (0..4_u8, 1..3_u32)),
        1..4_u32,
        prop::bool::weighted(0.3),
        prop::option::weighted(0.15, 1..3_u32),
        prop::option::weighted(0.25, 1..3_u32),
    )
        .prop_map(
            |(work, needs, condition, items, attempts, timeout, approval, undo)| Shape {
                work,
                needs,
                condition,
                items,
                attempts,
                timeout,
                approval,
                undo,
            },
        )
}

fn steps(shapes: &[Shape], other: &str) -> Value {
    let one = |(number, shape): (usize, &Shape)| step(number, shape, other);
    shapes.iter().enumerate().map(one).collect()
}

fn step(number: usize, shape: &Shape, other: &str) -> Value {
    let mut step = json!({ "id": format!("s{number}") });
    match shape.work {
        Work::Workflow => {
            step["runs"] = other.into();
            if other == "inner" {
                step["with"] = json!({ "n": number });
            }
        }
        Work::WaitFor => step["wait"] = json!({ "for": "1m" }),
        Work::WaitUntil => step["wait"] = json!({ "until": "2026-01-01T00:00:00Z" }),
        Work::WaitHook => step["wait"] = json!({ "hook": "bell" }),
        Work::Action => {
            step["uses"] = "toy.make".into();
            step["retry"] = json!({ "attempts": shape.attempts });
            if let Some(count) = shape.approval.filter(|_| shape.items.is_none()) {
                step["approval"] = json!({ "by": ["operator"], "count": count });
            }
            if let Some(attempts) = shape.undo {
                step["undo"] = json!({ "uses": "toy.unmake", "retry": { "attempts": attempts } });
            }
        }
    }
    match &shape.needs {
        Needs::TheOneBefore => {}
        Needs::Nothing => step["needs"] = json!([]),
        Needs::Some(_) if number == 0 => step["needs"] = json!([]),
        Needs::Some(picks) => {
            let mut needs: Vec<_> = picks.iter().map(|pick| pick.index(number)).collect();
            needs.sort_unstable();
            needs.dedup();
            step["needs"] = needs.iter().map(|n| format!("s{n}")).collect();
        }
    }
    if let Some(condition) = shape.condition {
        step["if"] = condition.to_string().into();
    }
    if let Some((items, parallel)) = shape.items {
        step["foreach"] = (0..items).collect();
        step["parallel"] = parallel.into();
    }
    if shape.timeout {
        step["timeout"] = "1h".into();
    }
    step
}
