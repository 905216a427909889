//! Workflows that run other workflows: who runs whom, and with what.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::problem::Report;
use super::source::Node;
use crate::domain::input::{InputSpec, InputType};
use crate::domain::input_file::InputFile;
use crate::domain::interpreter::MOST_STEPS;
use crate::domain::names::WorkflowName;
use crate::domain::nearest;
use crate::domain::position::Position;
use crate::domain::secret::FORMAT;

/// Workflows run each other at most so deep.
const DEEPEST: usize = 5;

/// What a workflow has that is of no use where a step runs it.
const OF_RUNS_ALONE: [&str; 4] = ["on_failure", "timeout", "concurrency", "notify"];

/// What other files need to know of a workflow.
#[derive(Debug)]
pub(super) struct Face {
    /// Its inputs; `None` for one whose declaration is wrong.
    pub(super) inputs: IndexMap<String, Option<InputSpec>>,
    outputs: Vec<String>,
    calls: Vec<(WorkflowName, Position)>,
    steps: usize,
    of_runs_alone: Vec<&'static str>,
}

impl Face {
    pub(super) fn of(file: &Node, inputs: IndexMap<String, Option<InputSpec>>) -> Self {
        let items = |key| file.get(key).map(Node::items).unwrap_or_default();
        let steps = || items("steps").iter().chain(items("on_failure"));
        let outputs = file.get("outputs").map(Node::entries).unwrap_or_default();
        Self {
            inputs,
            outputs: outputs.iter().map(|entry| entry.key.clone()).collect(),
            calls: steps()
                .filter_map(|step| {
                    let runs = step.get("runs")?;
                    Some((WorkflowName::from(runs.text()?), runs.at))
                })
                .collect(),
            steps: items("steps").len(),
            of_runs_alone: OF_RUNS_ALONE
                .into_iter()
                .filter(|key| file.get(key).is_some())
                .collect(),
        }
    }

    /// The schema of `with` where a step runs it.
    pub(super) fn input_schema(&self) -> Value {
        let known = self
            .inputs
            .iter()
            .filter_map(|(name, spec)| Some((name, spec.as_ref()?)));
        let required: Vec<_> = known
            .clone()
            .filter(|(_, spec)| spec.required && spec.default.is_none())
            .map(|(name, _)| name)
            .collect();
        let of_input = |(name, spec): (&String, &Option<InputSpec>)| {
            let schema = spec.as_ref().map_or_else(|| json!({}), schema_of);
            (name.clone(), schema)
        };
        let properties: Map<_, _> = self.inputs.iter().map(of_input).collect();
        json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }

    /// The schema of what it leaves.
    pub(super) fn output_schema(&self) -> Value {
        let properties: Map<_, _> = self
            .outputs
            .iter()
            .map(|name| (name.clone(), json!({})))
            .collect();
        json!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}

fn schema_of(spec: &InputSpec) -> Value {
    let mut schema = match spec.kind {
        InputType::String if spec.secret => json!({ "type": "string", "format": FORMAT }),
        InputType::String | InputType::User | InputType::Role | InputType::Channel => {
            json!({ "type": "string" })
        }
        InputType::Integer => json!({ "type": "integer" }),
        InputType::Number => json!({ "type": "number" }),
        InputType::Boolean => json!({ "type": "boolean" }),
        InputType::Choice => json!({ "enum": spec.choices }),
        InputType::List => json!({ "type": "array", "items": { "type": "string" } }),
        InputType::File => schemars::schema_for!(InputFile).to_value(),
    };
    if let Some(summary) = &spec.summary {
        schema["description"] = Value::from(summary.as_str());
    }
    schema
}

/// Which workflow runs which; `None` for one whose file cannot be read.
#[derive(Debug)]
pub(super) struct Calls {
    faces: BTreeMap<WorkflowName, Option<Face>>,
}

impl Calls {
    pub(super) fn new(faces: BTreeMap<&WorkflowName, Option<Face>>) -> Self {
        let faces = faces
            .into_iter()
            .map(|(name, face)| (name.clone(), face))
            .collect();
        Self { faces }
    }

    /// What is known of a workflow. Nothing of one whose file cannot be read.
    ///
    /// # Errors
    /// There is no such file.
    pub(super) fn face(&self, name: &str) -> Result<Option<&Face>, String> {
        let names = || self.faces.keys().map(WorkflowName::as_str);
        let found = self.faces.get(name).map(Option::as_ref);
        found.ok_or_else(|| nearest::unknown("workflow", name, names().collect::<Vec<_>>()))
    }

    /// Every workflow that this one runs, directly or not.
    pub(super) fn reached_from(&self, name: &WorkflowName) -> BTreeSet<WorkflowName> {
        let mut reached = BTreeSet::new();
        let mut ahead = vec![name];
        while let Some(here) = ahead.pop() {
            for (next, _) in self.calls_of(here) {
                if reached.insert(next.clone()) {
                    ahead.push(next);
                }
            }
        }
        reached
    }

    /// Reports circles, chains that are too long, runs that would have too many steps, and what of
    /// other workflows is not used.
    pub(super) fn check(&self, name: &WorkflowName, file: &Node, report: &mut Report) {
        for (called, at) in self.calls_of(name) {
            if let Some(circle) = self.way(called, name) {
                let circle: Vec<_> = circle.iter().map(|name| name.as_str()).collect();
                let message = format!(
                    "workflows run each other in a circle: {name}→{}",
                    circle.join("→")
                );
                report.error(*at, message);
            }
            let unused = self.of(called).map_or(&[][..], |face| &face.of_runs_alone);
            if !unused.is_empty() {
                let keys: Vec<_> = unused.iter().map(|key| format!("`{key}`")).collect();
                let message = format!(
                    "{} of `{called}` counts for runs of its own, and not where a step runs it",
                    keys.join(", ")
                );
                report.warning(*at, message);
            }
        }
        if self.reached_from(name).contains(name) {
            return;
        }
        let at = file.get("steps").map_or(file.at, |steps| steps.at);
        let deep = self.depth(name, &mut BTreeMap::new());
        if deep > DEEPEST {
            let message = format!(
                "workflows that run workflows lie {deep} deep in each other here, and {DEEPEST} is \
                 the most"
            );
            report.error(at, message);
        }
        let steps = self.steps(name, &mut BTreeMap::new());
        if steps > MOST_STEPS && !self.calls_of(name).is_empty() {
            let message = format!(
                "with those of the workflows that it runs this has {steps} steps, and a run has at \
                 most {MOST_STEPS}"
            );
            report.error(at, message);
        }
    }

    fn of(&self, name: &WorkflowName) -> Option<&Face> {
        self.faces.get(name)?.as_ref()
    }

    fn calls_of(&self, name: &WorkflowName) -> &[(WorkflowName, Position)] {
        self.of(name).map_or(&[][..], |face| &face.calls)
    }

    /// The shortest way from one workflow to another, both included.
    fn way<'c>(
        &'c self,
        from: &'c WorkflowName,
        to: &WorkflowName,
    ) -> Option<Vec<&'c WorkflowName>> {
        let mut ways = std::collections::VecDeque::from([vec![from]]);
        let mut seen = BTreeSet::from([from]);
        while let Some(way) = ways.pop_front() {
            let here = *way.last()?;
            if here == to {
                return Some(way);
            }
            for (next, _) in self.calls_of(here) {
                if seen.insert(next) {
                    ways.push_back(way.iter().copied().chain([next]).collect());
                }
            }
        }
        None
    }

    /// How many workflows lie in each other below this one. A circle counts as nothing: it is
    /// reported by whoever lies on it.
    fn depth<'c>(
        &'c self,
        name: &'c WorkflowName,
        known: &mut BTreeMap<&'c WorkflowName, usize>,
    ) -> usize {
        if let Some(depth) = known.get(name) {
            return *depth;
        }
        known.insert(name, 0);
        let below = self.calls_of(name).iter();
        let depth = below
            .map(|(next, _)| 1 + self.depth(next, known))
            .max()
            .unwrap_or(0);
        known.insert(name, depth);
        depth
    }

    /// All steps of a run, those of the other workflows once for each step that runs them.
    fn steps<'c>(
        &'c self,
        name: &'c WorkflowName,
        known: &mut BTreeMap<&'c WorkflowName, usize>,
    ) -> usize {
        if let Some(steps) = known.get(name) {
            return *steps;
        }
        known.insert(name, 0);
        let own = self.of(name).map_or(0, |face| face.steps);
        let below = self.calls_of(name).iter();
        let steps = below.fold(own, |all, (next, _)| {
            all.saturating_add(self.steps(next, known))
        });
        known.insert(name, steps);
        steps
    }
}
