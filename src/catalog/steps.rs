//! The check of a workflow's steps, those of `on_failure` too, and of what they leave.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::call::Calls;
use super::graph::Graph;
use super::inputs::is_name;
use super::problem::Report;
use super::scope::{OfStep, Scope};
use super::source::{Content, Node};
use super::step;
use super::systems::Finder;
use crate::action::Registry;
use crate::domain::input::InputSpec;
use crate::domain::names::StepId;
use crate::domain::workflow::{ON_FAILURE, UNDO};

/// A file has no more steps than this.
const MOST: usize = 500;

/// What steps are checked against.
pub(super) struct Around<'a> {
    pub(super) inputs: &'a IndexMap<String, Option<InputSpec>>,
    pub(super) registry: &'a Registry,
    pub(super) calls: &'a Calls,
    /// Whether the whole run is out of time some day.
    pub(super) has_timeout: bool,
}

/// What steps leave: the schema by id, `None` where that is not known.
pub(super) type Outputs = IndexMap<String, Option<Value>>;

/// Checks every step of a file, and has the finder collect their systems.
pub(super) fn check(
    file: &Node,
    around: &Around<'_>,
    finder: &mut Finder<'_>,
    report: &mut Report,
) {
    let Some(list) = file.get("steps") else {
        return;
    };
    if matches!(list.content, Content::List(ref items) if items.is_empty()) {
        report.error(list.at, "there are no steps: a workflow has at least one");
    }
    let steps = list.items();
    let on_failure = file.get(ON_FAILURE).map(Node::items).unwrap_or_default();
    let all = steps.len() + on_failure.len();
    if all > MOST {
        let message =
            format!("the file has {all} steps, and {MOST} are allowed: have workflows run others");
        report.error(list.at, message);
        return;
    }
    check_ids(steps, on_failure, report);
    let outputs = outputs_of(steps, around);
    let forward = Block {
        steps,
        before: None,
        outputs: &outputs,
    };
    forward.check(around, finder, report);
    let back = Block {
        steps: on_failure,
        before: Some(&outputs),
        outputs: &outputs_of(on_failure, around),
    };
    back.check(around, finder, report);
    check_outputs(file, &outputs, around, report);
}

/// Steps that stand beside each other.
struct Block<'a> {
    steps: &'a [Node],
    /// What all steps of the workflow leave, in `on_failure`.
    before: Option<&'a Outputs>,
    outputs: &'a Outputs,
}

impl Block<'_> {
    fn check(&self, around: &Around<'_>, finder: &mut Finder<'_>, report: &mut Report) {
        let graph = Graph::of(self.steps, report);
        for (place, node) in self.steps.iter().enumerate() {
            let needed = graph.needed_by(place).iter();
            let needed = needed.filter_map(|place| self.outputs.get_key_value(graph.id(*place)));
            let seen = self.before.into_iter().flatten().chain(needed);
            let seen: IndexMap<_, _> = seen
                .map(|(id, output)| (id.as_str(), output.as_ref()))
                .collect();
            let unseen = |id: &str| {
                let other = graph.place(id)?;
                Some(if other == place {
                    format!("the step `{id}` cannot see itself, only the steps before it")
                } else if graph.needed_by(other).contains(&place) {
                    format!(
                        "the step `{id}` comes later: only the steps before this one can be named"
                    )
                } else {
                    format!(
                        "the step `{id}` need not be over by then: name it in this step's `needs`"
                    )
                })
            };
            let scope = Scope {
                inputs: around.inputs,
                of_step: Some(OfStep {
                    seen: &seen,
                    unseen: &unseen,
                    item: None,
                    taken_back: None,
                    has_failed: self.before.is_some(),
                    takes_secrets: false,
                }),
            };
            let id = StepId::from(graph.id(place));
            let id = match self.before {
                Some(_) => StepId::from(ON_FAILURE).within(&id),
                None => id,
            };
            let output = self.outputs.get(graph.id(place)).and_then(Option::as_ref);
            step::check(&id, node, &scope, output, around, finder, report);
        }
    }
}

fn id_of(step: &Node) -> Option<&str> {
    step.get("id")?.text()
}

fn check_ids(steps: &[Node], on_failure: &[Node], report: &mut Report) {
    let ids: Vec<_> = steps
        .iter()
        .chain(on_failure)
        .filter_map(|step| Some((step.get("id")?.at, id_of(step)?)))
        .collect();
    let mut first = std::collections::BTreeMap::new();
    for (at, id) in ids {
        if let Some(line) = first.get(id) {
            let message = format!("the id `{id}` is taken by the step in line {line}");
            report.error(at, message);
        } else {
            first.insert(id, at.line);
        }
        if !is_name(id) {
            report.error(
                at,
                format!(
                    "`{id}` cannot be the id of a step: use a-z, 0-9 and _, with a letter first"
                ),
            );
        }
        if [UNDO, ON_FAILURE].contains(&id) {
            let message = format!("`{id}` is Purser's own name for steps: take another id");
            report.error(at, message);
        }
    }
}

/// What each step leaves, as far as its action or workflow says so.
fn outputs_of(steps: &[Node], around: &Around<'_>) -> Outputs {
    let of_step = |step: &Node| {
        let one = one_output(step, around);
        match step.get("foreach") {
            Some(_) => Some(list_of(one)),
            None => one,
        }
    };
    steps
        .iter()
        .filter_map(|step| Some((id_of(step)?.to_owned(), of_step(step))))
        .collect()
}

fn one_output(step: &Node, around: &Around<'_>) -> Option<Value> {
    if let Some(name) = step.get("uses").and_then(Node::text) {
        let action = around.registry.action(name).ok()?;
        return Some(action.output_schema().to_value());
    }
    if let Some(name) = step.get("runs").and_then(Node::text) {
        return Some(around.calls.face(name).ok()??.output_schema());
    }
    let wait = step.get("wait")?;
    wait.get("hook")
        .is_none()
        .then(|| json!({ "type": "object", "properties": {}, "additionalProperties": false }))
}

/// References within the schema of an item lead to the definitions at the top.
fn list_of(item: Option<Value>) -> Value {
    let mut item = item.unwrap_or_else(|| json!({}));
    let definitions = item
        .as_object_mut()
        .and_then(|item| item.remove("$defs"))
        .unwrap_or_else(|| json!({}));
    json!({ "type": "array", "items": item, "$defs": definitions })
}

/// What the workflow leaves for a step that runs it.
fn check_outputs(file: &Node, outputs: &Outputs, around: &Around<'_>, report: &mut Report) {
    let Some(declared) = file.get("outputs") else {
        return;
    };
    let seen: IndexMap<_, _> = outputs
        .iter()
        .map(|(id, output)| (id.as_str(), output.as_ref()))
        .collect();
    let scope = Scope {
        inputs: around.inputs,
        of_step: Some(OfStep {
            seen: &seen,
            unseen: &|_| None,
            item: None,
            taken_back: None,
            has_failed: false,
            takes_secrets: false,
        }),
    };
    let mut names = BTreeSet::new();
    for entry in declared.entries() {
        if !is_name(&entry.key) || !names.insert(&entry.key) {
            let message = format!(
                "`{}` cannot be the name of an output: use a-z, 0-9 and _, with a letter first",
                entry.key
            );
            report.error(entry.at, message);
        }
        scope.check_value(&entry.value, report);
    }
}
