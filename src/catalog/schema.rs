//! JSON Schemas of the two kinds of file, for editors: completion, help and errors while typing.

use serde_json::{Value, json};

use super::command::Command;
use crate::action::{AnyAction, Registry};
use crate::domain::workflow::Workflow;

/// The schema of `workflows/*.yaml`, in which `with` depends on `uses`, and that of
/// `commands/*.yaml`.
pub fn schemas(registry: &Registry) -> (Value, Value) {
    let mut workflow = schemars::schema_for!(Workflow).to_value();
    let names: Vec<_> = registry
        .actions()
        .map(|action| action.spec().name)
        .collect();
    let cases: Vec<_> = registry
        .actions()
        .map(|action| case(action.as_ref(), &mut workflow["$defs"]))
        .collect();
    for step in ["Step", "Undo"] {
        let step = &mut workflow["$defs"][step];
        step["properties"]["uses"] = json!({ "description": "The action.", "enum": names });
        step["allOf"] = Value::Array(cases.clone());
    }
    let step = &mut workflow["$defs"]["Step"];
    step["oneOf"] = ["uses", "runs", "wait"]
        .map(|key| json!({ "required": [key] }))
        .into();
    let goes_with = |key: &str| json!({ "required": [key] });
    step["dependentSchemas"] = json!({
        "retry": goes_with("uses"),
        "approval": { "required": ["uses"], "properties": { "foreach": false } },
        "undo": goes_with("uses"),
        "parallel": goes_with("foreach"),
        "with": { "properties": { "wait": false } },
    });
    step["properties"]["foreach"] = json!({
        "description": step["properties"]["foreach"]["description"],
        "anyOf": [
            { "type": "array", "minItems": 1 },
            { "type": "string", "pattern": r"\{\{" },
        ],
    });
    (workflow, schemars::schema_for!(Command).to_value())
}

/// `if` a step uses this action, `then` its `with` has these keys.
fn case(action: &dyn AnyAction, definitions: &mut Value) -> Value {
    let spec = action.spec();
    let mut with = action.input_schema().to_value();
    let mut own = Value::Null;
    if let Some(with) = with.as_object_mut() {
        own = with.remove("$defs").unwrap_or_default();
        // It is a part of a schema, and says so no more itself.
        with.remove("$schema");
        with.remove("title");
    }
    for (name, mut definition) in own.as_object().cloned().unwrap_or_default() {
        rename_references(&mut definition, spec.name);
        definitions[format!("{}.{name}", spec.name)] = definition;
    }
    rename_references(&mut with, spec.name);
    if let Some(keys) = with["properties"].as_object_mut() {
        for key in keys.values_mut() {
            *key = json!({ "anyOf": [key, { "type": "string", "pattern": r"\{\{" }] });
        }
    }
    with["properties"]["system"] =
        json!({ "description": "The system that it acts on.", "type": "string" });
    with["description"] = Value::from(spec.summary);
    if !spec.effects.is_empty() {
        // No rule for files: what it does through the journal, for tools that walk all actions.
        with["x-effects"] = json!(spec.effects);
    }
    let must_be_given = with["required"]
        .as_array()
        .is_some_and(|keys| !keys.is_empty());
    json!({
        "if": { "properties": { "uses": { "const": spec.name } }, "required": ["uses"] },
        "then": {
            "properties": { "with": with },
            "required": if must_be_given { vec!["with"] } else { vec![] },
        },
    })
}

/// Actions may call different definitions alike: each has its own in the common list.
fn rename_references(schema: &mut Value, action: &str) {
    match schema {
        Value::Object(keys) => {
            for (key, value) in keys {
                match value {
                    Value::String(target) if key == "$ref" => {
                        *target = target.replace("#/$defs/", &format!("#/$defs/{action}."));
                    }
                    other => rename_references(other, action),
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| rename_references(item, action)),
        _ => {}
    }
}
