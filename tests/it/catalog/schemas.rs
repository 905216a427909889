//! The JSON Schemas for editors.

use purser::catalog::schemas;

use super::fakes;

#[test]
fn with_depends_on_the_action_that_a_step_uses() {
    let (workflow, command) = schemas(&fakes::registry());
    let step = &workflow["$defs"]["Step"];
    assert_eq!(
        step["properties"]["uses"]["enum"].as_array().map(Vec::len),
        Some(4)
    );
    let cases = step["allOf"].as_array().expect("a case for each action");
    let case = |name: &str| {
        cases
            .iter()
            .find(|case| case["if"]["properties"]["uses"]["const"] == name)
            .expect(name)
    };
    let backup = &case("postgres.backup")["then"];
    assert_eq!(backup["required"], serde_json::json!(["with"]));
    let keys = backup["properties"]["with"]["properties"]
        .as_object()
        .expect("keys");
    assert_eq!(
        keys.keys().collect::<Vec<_>>(),
        ["database", "to", "sample_rows", "form", "system"]
    );
    assert_eq!(
        case("docker.list_services")["then"]["required"],
        serde_json::json!([])
    );
    assert_eq!(command["properties"]["reply"]["$ref"], "#/$defs/Reply");
}

#[test]
fn an_entry_of_on_is_one_of_the_kinds_that_there_are() {
    let (workflow, _) = schemas(&fakes::registry());
    let entry = &workflow["$defs"]["TriggerSpec"]["anyOf"];
    let kinds: Vec<_> = entry
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| &kind["$ref"])
        .collect();
    assert_eq!(kinds, ["#/$defs/ScheduleSpec", "#/$defs/WebhookSpec"]);
    let schedule = &workflow["$defs"]["ScheduleSpec"];
    assert_eq!(schedule["required"], serde_json::json!(["schedule", "id"]));
    let keys = schedule["properties"].as_object().unwrap();
    assert_eq!(
        keys.keys().collect::<Vec<_>>(),
        [
            "schedule", "id", "timezone", "misfire", "overlap", "jitter", "inputs"
        ]
    );
}

#[test]
fn every_reference_leads_somewhere() {
    let (workflow, command) = schemas(&fakes::registry());
    for root in [&workflow, &command] {
        let mut references = vec![];
        collect(root, &mut references);
        assert!(!references.is_empty());
        for reference in references {
            let path = reference
                .strip_prefix('#')
                .expect("a path in the schema itself");
            assert!(root.pointer(path).is_some(), "{reference} leads nowhere");
        }
    }
}

fn collect<'s>(schema: &'s serde_json::Value, references: &mut Vec<&'s str>) {
    match schema {
        serde_json::Value::Object(keys) => {
            references.extend(keys.get("$ref").and_then(|target| target.as_str()));
            keys.values().for_each(|value| collect(value, references));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}
