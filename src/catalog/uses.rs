//! What the workflows together do with each system and with each folder of objects, as far as it
//! stands in their files.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Catalog;
use super::scope::has_expression;
use crate::action::objects::{FORMAT, ObjectUrl};
use crate::action::{Registry, Risk, Use, Uses};
use crate::domain::expression::only_input;
use crate::domain::names::{SystemName, WorkflowName};
use crate::domain::workflow::{ActionWork, Step, Workflow};

/// A folder of objects that workflows name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderUse {
    /// Whether anything that changes something is handed it.
    pub writes: bool,
    /// Which workflows name it.
    pub workflows: BTreeSet<WorkflowName>,
}

/// What each system is used for; one that no workflow uses is not there.
pub fn uses(catalog: &Catalog, registry: &Registry) -> BTreeMap<SystemName, Uses> {
    let mut all: BTreeMap<SystemName, Uses> = BTreeMap::new();
    for workflow in catalog.workflows().map(|loaded| &loaded.workflow) {
        for work in workflow.all_steps().filter_map(Step::action) {
            let Ok(action) = registry.action(work.uses.as_str()) else {
                continue;
            };
            let with: BTreeMap<_, _> = work
                .with
                .iter()
                .map(|(key, value)| (key.clone(), texts(workflow, value)))
                .collect();
            for system in with.get("system").into_iter().flatten() {
                all.entry(SystemName::from(system.as_str()))
                    .or_default()
                    .0
                    .push(Use {
                        action: work.uses.clone(),
                        risk: action.spec().risk,
                        workflow: workflow.name.clone(),
                        with: with.clone(),
                    });
            }
        }
    }
    all
}

/// The folders of objects that workflows name, by their addresses.
pub fn folders(catalog: &Catalog, registry: &Registry) -> BTreeMap<String, (ObjectUrl, FolderUse)> {
    let mut all: BTreeMap<String, (ObjectUrl, FolderUse)> = BTreeMap::new();
    for workflow in catalog.workflows().map(|loaded| &loaded.workflow) {
        for work in workflow.all_steps().filter_map(Step::action) {
            let Ok(action) = registry.action(work.uses.as_str()) else {
                continue;
            };
            let schema = action.input_schema().to_value();
            for url in addresses(workflow, work, &schema) {
                let (_, found) = all
                    .entry(url.to_string())
                    .or_insert_with(|| (url, FolderUse::default()));
                found.writes |= action.spec().risk > Risk::Read;
                found.workflows.insert(workflow.name.clone());
            }
        }
    }
    all
}

/// The addresses that a step is handed, each cut before the part that is only known in a run.
fn addresses(workflow: &Workflow, work: &ActionWork, schema: &Value) -> Vec<ObjectUrl> {
    let named = work
        .with
        .iter()
        .filter(|(key, _)| is_address(&schema["properties"][key.as_str()], schema));
    named
        .flat_map(
            |(_, value)| match value.as_str().and_then(|text| text.split_once("{{")) {
                Some((before, _)) if !before.is_empty() => {
                    vec![
                        before
                            .rsplit_once('/')
                            .map_or("", |(folder, _)| folder)
                            .to_owned(),
                    ]
                }
                _ => texts(workflow, value),
            },
        )
        .filter_map(|text| text.parse().ok())
        .collect()
}

/// The texts that a value may be: itself, or those that its input may have.
fn texts(workflow: &Workflow, value: &Value) -> Vec<String> {
    let Some(text) = value.as_str() else {
        return vec![];
    };
    if !has_expression(text) {
        return vec![text.to_owned()];
    }
    let Some(input) = only_input(text).and_then(|name| workflow.inputs.get(name)) else {
        return vec![];
    };
    let default = input.default.as_ref().and_then(Value::as_str);
    if input.choices.is_empty() {
        default.into_iter().map(str::to_owned).collect()
    } else {
        input.choices.clone()
    }
}

fn is_address(property: &Value, schema: &Value) -> bool {
    let referred = property["$ref"]
        .as_str()
        .and_then(|path| schema.pointer(path.trim_start_matches('#')));
    let any = ["anyOf", "allOf", "oneOf"];
    property["format"] == FORMAT
        || referred.is_some_and(|property| is_address(property, schema))
        || any
            .iter()
            .flat_map(|word| property[*word].as_array().into_iter().flatten())
            .any(|property| is_address(property, schema))
}
