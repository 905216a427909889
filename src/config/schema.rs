//! The JSON Schema of `purser.toml`, for editors.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::File;
use crate::action::Registry;

/// What the file may hold; the keys of a system's table depend on its `kind`.
pub fn schema(registry: &Registry) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let kinds: Vec<_> = registry.integrations().map(|one| one.kind).collect();
    let cases: Vec<_> = registry
        .integrations()
        .map(|one| case(one.kind, (one.settings)(&mut generator).to_value()))
        .collect();
    let mut schema = generator.into_root_schema_for::<File>().to_value();
    schema["title"] = "The configuration of Purser".into();
    let systems = &mut schema["properties"]["systems"];
    systems["additionalProperties"] = json!({
        "type": "object",
        "properties": {
            "kind": { "description": "The integration that it belongs to.", "enum": kinds },
        },
        "required": ["kind"],
        "allOf": cases,
    });
    schema
}

/// `if` the table is of this kind, `then` it has these keys and the two that all have.
fn case(kind: &str, settings: Value) -> Value {
    let mut then = match settings {
        Value::Object(then) => then,
        _ => Map::new(),
    };
    let mut properties = match then.remove("properties") {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    properties.insert("kind".into(), Value::Bool(true));
    properties.insert(
        "environment".into(),
        json!({
            "description": "Where it stands: whose word a run needs. Without it, production.",
            "type": "string",
        }),
    );
    then.insert("properties".into(), properties.into());
    json!({
        "if": { "properties": { "kind": { "const": kind } }, "required": ["kind"] },
        "then": then,
    })
}
