//! The workflow files: each read, checked and completed, and then linked with those that it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use indexmap::IndexMap;
use serde_json::Value;

use super::call::{Calls, Face};
use super::files::File;
use super::problem::{Problem, Report};
use super::scope::Scope;
use super::source::{self, Content, Node};
use super::steps::{self, Around};
use super::surroundings::Surroundings;
use super::systems::Finder;
use super::triggers::Triggers;
use super::who::Who;
use super::{inputs, notify, shape};
use crate::action::Registry;
use crate::domain::digest::Digest;
use crate::domain::input::InputSpec;
use crate::domain::names::{Environment, StepId, SystemName, WorkflowName};
use crate::domain::workflow::{Step, Work, Workflow};

/// A workflow that has been checked, with what follows from it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The definition; every step names its system.
    pub workflow: Workflow,
    /// The digest of that definition.
    pub digest: Digest,
    /// Every system that it may act on, those of the workflows that it runs too.
    pub systems: BTreeSet<SystemName>,
    /// Where those stand: sorted, each once. Production when there is no system.
    pub environments: Vec<Environment>,
}

/// All workflows by name, and `None` for one whose file is wrong itself.
pub(super) type Workflows = BTreeMap<WorkflowName, Option<Loaded>>;

/// Reads all files and checks them against what there is, and against each other.
pub(super) fn load_all(
    files: Vec<File>,
    registry: &Registry,
    surroundings: &Surroundings,
) -> (Workflows, Vec<Problem>) {
    let mut drafts: BTreeMap<_, _> = files
        .into_iter()
        .map(|file| (WorkflowName::from(file.name()), Draft::read(file)))
        .collect();
    let faces = drafts.iter().map(|(name, draft)| (name, draft.face()));
    let calls = Calls::new(faces.collect());
    for (name, draft) in &mut drafts {
        draft.check_alone(name, &calls, registry, surroundings);
    }
    let systems: BTreeMap<_, _> = drafts
        .iter()
        .map(|(name, draft)| (name.clone(), draft.systems.clone()))
        .collect();
    for (name, draft) in &mut drafts {
        let reached = calls.reached_from(name);
        let others = reached.iter().filter_map(|other| systems.get(other));
        draft.systems.extend(others.flatten().cloned());
        draft.check_around(name, surroundings);
    }
    let definitions: BTreeMap<_, _> = drafts
        .iter_mut()
        .filter_map(|(name, draft)| Some((name.clone(), draft.definition()?)))
        .collect();
    let mut workflows = Workflows::new();
    let mut problems = Vec::new();
    for (name, draft) in drafts {
        let loaded = draft.link(
            &calls.reached_from(&name),
            definitions.get(&name),
            &definitions,
        );
        problems.extend(draft.report.into_problems());
        workflows.insert(name, loaded);
    }
    (workflows, problems)
}

/// A file on its way to a workflow.
struct Draft {
    text: String,
    /// `None`: it is no mapping.
    node: Option<Node>,
    inputs: IndexMap<String, Option<InputSpec>>,
    systems: BTreeSet<SystemName>,
    filled_in: BTreeMap<StepId, SystemName>,
    environments: Vec<Environment>,
    report: Report,
}

impl Draft {
    fn read(file: File) -> Self {
        let mut report = Report::new(&file.path);
        let text = file.text;
        let node = source::parse(&text)
            .map_err(|fault| report.error(fault.at, fault.message))
            .ok();
        if let Some(node) = &node {
            let schema = schemars::schema_for!(Workflow).to_value();
            for fault in shape::check(node, &schema, "a workflow") {
                report.error(fault.at, fault.message);
            }
            check_name(&file.path, node, &mut report);
        }
        let node = node.filter(|node| matches!(node.content, Content::Map(_)));
        Self {
            inputs: inputs::read(node.as_ref().and_then(|node| node.get("inputs"))),
            text,
            node,
            systems: BTreeSet::new(),
            filled_in: BTreeMap::new(),
            environments: Vec::new(),
            report,
        }
    }

    fn face(&self) -> Option<Face> {
        Some(Face::of(self.node.as_ref()?, self.inputs.clone()))
    }

    /// Everything that does not depend on which systems other files act on.
    fn check_alone(
        &mut self,
        name: &WorkflowName,
        calls: &Calls,
        registry: &Registry,
        surroundings: &Surroundings,
    ) {
        let Some(node) = &self.node else { return };
        let report = &mut self.report;
        inputs::check(node.get("inputs"), registry, surroundings, report);
        if let Some(concurrency) = node.get("concurrency") {
            Scope::before_the_run(&self.inputs).check_value(concurrency, report);
        }
        let mut finder = Finder {
            surroundings,
            inputs: &self.inputs,
            items: None,
            found: BTreeSet::new(),
            filled_in: BTreeMap::new(),
        };
        let around = Around {
            inputs: &self.inputs,
            registry,
            calls,
            has_timeout: node.get("timeout").is_some(),
        };
        steps::check(node, &around, &mut finder, report);
        self.systems = finder.found;
        self.filled_in = finder.filled_in;
        calls.check(name, node, report);
    }

    /// Who may do what depends on where the systems stand.
    fn check_around(&mut self, name: &WorkflowName, surroundings: &Surroundings) {
        self.environments = surroundings.environments(&self.systems);
        let Some(node) = &self.node else { return };
        let report = &mut self.report;
        let who = Who {
            surroundings,
            workflow: name,
            environments: &self.environments,
        };
        who.check_who(node, report);
        who.check_approval(node, report);
        let triggers = Triggers {
            text: &self.text,
            surroundings,
            inputs: &self.inputs,
            environments: &self.environments,
        };
        triggers.check(node, report);
        notify::check(node, surroundings, report);
    }

    /// What the file alone says; `None` where it is wrong.
    fn definition(&mut self) -> Option<Workflow> {
        self.node.as_ref()?;
        if self.report.has_errors() {
            return None;
        }
        let workflow = source::parse_as(&self.text)
            .map_err(|fault| self.report.error(fault.at, fault.message))
            .ok()?;
        Some(complete(workflow, &self.filled_in))
    }

    /// With the definitions of all workflows that it runs; `None` where one of those is wrong.
    fn link(
        &self,
        reached: &BTreeSet<WorkflowName>,
        own: Option<&Workflow>,
        all: &BTreeMap<WorkflowName, Workflow>,
    ) -> Option<Loaded> {
        let includes: Option<_> = reached
            .iter()
            .map(|name| Some((name.clone(), all.get(name)?.clone())))
            .collect();
        let workflow = Workflow {
            includes: includes?,
            ..own?.clone()
        };
        Some(Loaded {
            digest: workflow.digest(),
            workflow,
            systems: self.systems.clone(),
            environments: self.environments.clone(),
        })
    }
}

/// Reports a name that is not the file's.
fn check_name(file: &Path, node: &Node, report: &mut Report) {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    if let Some(name) = node.get("name")
        && let Some(text) = name.text()
    {
        if text != stem {
            report.error(
                name.at,
                format!(
                    "the name is `{text}` and the file is `{stem}.yaml`: they must be the same"
                ),
            );
        }
        if !is_file_name(text) {
            report.error(name.at, no_name(text));
        }
    }
}

/// Why a text names no workflow, no command and no group of commands.
pub(super) fn no_name(text: &str) -> String {
    format!("`{text}` cannot be a name: use at most 32 of a-z, 0-9, - and _")
}

pub(super) fn is_file_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
}

/// Writes into each step the system that it left out.
fn complete(mut workflow: Workflow, filled_in: &BTreeMap<StepId, SystemName>) -> Workflow {
    for step in workflow.steps.iter_mut().chain(&mut workflow.on_failure) {
        let id = step.id.clone();
        complete_step(step, &id, filled_in);
    }
    workflow
}

fn complete_step(step: &mut Step, id: &StepId, filled_in: &BTreeMap<StepId, SystemName>) {
    let Work::Action(action) = &mut step.work else {
        return;
    };
    if let Some(system) = filled_in.get(id) {
        let system = Value::from(system.as_str());
        action.with.insert("system".to_owned(), system);
    }
    if let Some(undo) = &mut action.undo {
        let id = id.within(&undo.id);
        complete_step(undo, &id, filled_in);
    }
}
