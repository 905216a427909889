//! One workflow file: read, checked and completed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::problem::{Problem, Report};
use super::scope::Scope;
use super::source::{self, Content, Node};
use super::surroundings::Surroundings;
use super::systems::Finder;
use super::triggers::Triggers;
use super::who::Who;
use super::{inputs, notify, shape, step};
use crate::action::Registry;
use crate::domain::digest::Digest;
use crate::domain::names::{Environment, SystemName, WorkflowName};
use crate::domain::workflow::{Work, Workflow};

/// A workflow that has been checked, with what follows from it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The definition; every step names its system.
    pub workflow: Workflow,
    /// The digest of that definition.
    pub digest: Digest,
    /// Every system that it may act on.
    pub systems: BTreeSet<SystemName>,
    /// Where those stand: sorted, each once. Production when there is no system.
    pub environments: Vec<Environment>,
}

/// Reads a file and checks it against what there is.
pub(super) fn load(
    file: &Path,
    text: &str,
    registry: &Registry,
    surroundings: &Surroundings,
) -> (Option<Loaded>, Vec<Problem>) {
    let mut report = Report::new(file);
    let loaded = check(file, text, registry, surroundings, &mut report);
    (loaded, report.into_problems())
}

fn check(
    file: &Path,
    text: &str,
    registry: &Registry,
    surroundings: &Surroundings,
    report: &mut Report,
) -> Option<Loaded> {
    let node = source::parse(text)
        .map_err(|fault| report.error(fault.at, fault.message))
        .ok()?;
    let schema = schemars::schema_for!(Workflow).to_value();
    for fault in shape::check(&node, &schema, "a workflow") {
        report.error(fault.at, fault.message);
    }
    if !matches!(node.content, Content::Map(_)) {
        return None;
    }
    let name = check_name(file, &node, report);
    inputs::check(node.get("inputs"), registry, report);
    let inputs = inputs::read(node.get("inputs"));
    if let Some(concurrency) = node.get("concurrency") {
        Scope {
            inputs: &inputs,
            run: None,
        }
        .check_value(concurrency, report);
    }
    let mut finder = Finder {
        surroundings,
        inputs: &inputs,
        found: BTreeSet::new(),
        filled_in: BTreeMap::new(),
    };
    step::check(&node, &inputs, registry, &mut finder, report);
    let (systems, filled_in) = (finder.found, finder.filled_in);
    let environments = surroundings.environments(&systems);
    let who = Who {
        surroundings,
        workflow: &name,
        environments: &environments,
    };
    who.check_who(&node, report);
    who.check_approval(&node, report);
    let triggers = Triggers {
        text,
        surroundings,
        inputs: &inputs,
        environments: &environments,
    };
    triggers.check(&node, report);
    notify::check(&node, surroundings, report);
    if report.has_errors() {
        return None;
    }
    let workflow = source::parse_as(text)
        .map_err(|fault| report.error(fault.at, fault.message))
        .ok()?;
    let workflow = complete(workflow, filled_in);
    Some(Loaded {
        digest: workflow.digest(),
        workflow,
        systems,
        environments,
    })
}

/// Reports a name that is not the file's, and returns the file's.
pub(super) fn check_name(file: &Path, node: &Node, report: &mut Report) -> WorkflowName {
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
            report.error(
                name.at,
                format!("`{text}` cannot be a name: use at most 32 of a-z, 0-9, - and _"),
            );
        }
    }
    WorkflowName::from(&*stem)
}

pub(super) fn is_file_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
}

/// Writes into each step the system that it left out.
fn complete(mut workflow: Workflow, mut filled_in: BTreeMap<usize, SystemName>) -> Workflow {
    for (number, step) in workflow.steps.iter_mut().enumerate() {
        if let Some(system) = filled_in.remove(&number)
            && let Work::Action(action) = &mut step.work
        {
            let system = Value::from(system.as_str());
            action.with.insert("system".to_owned(), system);
        }
    }
    workflow
}
