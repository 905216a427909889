//! `purser schema`, held against the files that people are given, by a validator that is not ours.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

use crate::support::program::{Home, Person};
use crate::support::stack::variable;

/// Reads a schema and files, and prints what is wrong with them, a line each.
const VALIDATE: &str = r#"
import json, sys
from jsonschema import Draft202012Validator
schema, *documents = [json.loads(argument) for argument in sys.argv[1:]]
Draft202012Validator.check_schema(schema)
for document in documents:
    for error in Draft202012Validator(schema).iter_errors(document):
        # What it is not one of grows with every integration.
        print(error.json_path, error.message.split(" [")[0])
"#;

/// The schema as the program prints it, without a server and without a configuration.
async fn schema(kind: &str) -> Value {
    let home = Home::new(&[]);
    fs::remove_file(home.path("purser.toml")).unwrap();
    let schema = home.asks(&["schema", kind]).await;
    let plain = home.person_types(Person::Stranger, &["schema", kind]).await;
    assert_eq!(plain.json(), schema);
    schema
}

/// What the validator finds wrong.
async fn faults(schema: &Value, documents: &[Value]) -> String {
    let said = Command::new("python3")
        .args(["-c", VALIDATE, &schema.to_string()])
        .args(documents.iter().map(Value::to_string))
        .env("PYTHONPATH", variable("PURSER_TEST_PYTHONPATH"))
        .output()
        .await
        .unwrap();
    let errors = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{errors}");
    String::from_utf8(said.stdout).unwrap()
}

/// The files of a folder of the repository.
fn given(folder: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let read = |path: &Path| serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let files = fs::read_dir(folder).unwrap();
    files.map(|file| read(&file.unwrap().path())).collect()
}

/// The configuration that people are given.
fn example() -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/purser.example.toml");
    fs::read_to_string(path).unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_workflows_that_people_are_given_fit_and_slips_do_not() {
    let schema = schema("workflow").await;
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    let workflows = given("workflows");
    assert!(workflows.len() > 5);
    assert_eq!(faults(&schema, &workflows).await, "");
    let slips: Value = serde_saphyr::from_str(
        "{ name: a, summary: b, stpes: [], steps: [{ id: c, uses: docker.deploy_servcie }, \
         { id: d, uses: docker.deploy_service, with: { servce: x } }] }",
    )
    .unwrap();
    insta::assert_snapshot!(faults(&schema, &[slips]).await, @"
    $ Additional properties are not allowed ('stpes' was unexpected)
    $.steps[0].uses 'docker.deploy_servcie' is not one of
    $.steps[1].with Additional properties are not allowed ('servce' was unexpected)
    $.steps[1].with 'service' is a required property
    ");
}

#[tokio::test]
async fn the_commands_that_people_are_given_fit_and_slips_do_not() {
    let schema = schema("command").await;
    let commands = given("commands");
    assert!(commands.len() > 5);
    assert_eq!(faults(&schema, &commands).await, "");
    let slip: Value =
        serde_saphyr::from_str("{ name: a, summary: b, runs: c, reply: thraed }").unwrap();
    insta::assert_snapshot!(faults(&schema, &[slip]).await, @"$.reply 'thraed' is not valid under any of the given schemas");
    let named = |name: &str| serde_json::json!({ "name": name, "summary": "b", "runs": "c" });
    assert_eq!(faults(&schema, &[named("db copy plan")]).await, "");
    insta::assert_snapshot!(faults(&schema, &[named("a b c d"), named("db/copy")]).await, @"
    $.name 'a b c d' does not match '^[a-z0-9_-]{1,32}(
    $.name 'db/copy' does not match '^[a-z0-9_-]{1,32}(
    ");
}

#[tokio::test]
async fn the_configuration_that_people_are_given_fits_and_slips_do_not() {
    let schema = schema("config").await;
    let example = example();
    let json = |config: &toml::Table| serde_json::to_value(config).unwrap();
    assert_eq!(faults(&schema, &[json(&example)]).await, "");
    let slip = |section: &[&str], key: &str| {
        let mut slip = example.clone();
        let mut table = &mut slip;
        for name in section {
            table = table[*name].as_table_mut().unwrap();
        }
        table.insert(key.to_owned(), "x".into());
        json(&slip)
    };
    let slips = [
        slip(&[], "sever"),
        slip(&["server"], "sokcet"),
        slip(&["people", "ada"], "role"),
        slip(&["hooks", "backup"], "secret"),
        slip(&["systems", "shop"], "hots"),
        slip(&["systems", "shop"], "kind"),
        slip(&["systems", "orders-db"], "url"),
        slip(&["systems", "prometheus", "graphs", "cpu"], "units"),
        slip(&["log"], "level"),
    ];
    insta::assert_snapshot!(faults(&schema, &slips).await, @r#"
    $ Additional properties are not allowed ('sever' was unexpected)
    $.server Additional properties are not allowed ('sokcet' was unexpected)
    $.people.ada Additional properties are not allowed ('role' was unexpected)
    $.hooks.backup Additional properties are not allowed ('secret' was unexpected)
    $.systems.shop Additional properties are not allowed ('hots' was unexpected)
    $.systems.shop.kind 'x' is not one of
    $.systems['orders-db'] Additional properties are not allowed ('url' was unexpected)
    $.systems.prometheus.graphs.cpu {'query': '1 - avg(rate(node_cpu_seconds_total{mode="idle"}[5m]))', 'unit': 'ratio', 'units': 'x'} is not valid under any of the given schemas
    $.log.level 'x' is not valid under any of the given schemas
    "#);
}
