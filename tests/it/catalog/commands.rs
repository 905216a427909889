//! Command files, good and bad.

use purser::catalog::Reply;
use serde_json::json;

use super::{load, load_good, said};

const WORKFLOW: &str = "\
name: deploy
summary: Run a version
inputs:
  service: { type: choice, choices: [shop, blog], required: true }
  version: { type: string, required: true }
  rows: { type: number, default: 5 }
who: { production: [operator] }
steps:
  - id: run
    uses: docker.run_job
    with: { image: \"{{ inputs.service }}:{{ inputs.version }}\" }
";

const COMMAND: &str = "\
name: deploy
summary: Put a version of a service live
options:
  service: { type: choice, choices: [shop], default: shop }
  version: { type: string, required: true }
  rows: { type: integer }
runs: deploy
reply: thread
who: { production: [operator] }
";

fn with(changes: &[(&str, &str)]) -> String {
    let text = changes.iter().fold(COMMAND.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the good file has no {from:?}");
        text.replacen(from, to, 1)
    });
    said(load(&[("deploy", WORKFLOW)], &[("deploy", &text)]))
}

#[test]
fn a_command_turns_its_options_into_inputs() {
    let catalog = load_good(&[("deploy", WORKFLOW)], &[("deploy", COMMAND)]);
    let command = catalog.command("deploy").expect("the command");
    assert_eq!(
        (command.runs.as_str(), command.reply),
        ("deploy", Reply::Thread)
    );
    let given = |value: serde_json::Value| value.as_object().cloned().unwrap_or_default();
    assert_eq!(
        command
            .inputs(&given(json!({ "version": "1.2" })))
            .map(serde_json::Value::Object),
        Ok(json!({ "service": "shop", "version": "1.2" })),
        "the option's default is given, and what was left out is left to the workflow"
    );
    let error = command.inputs(&given(json!({}))).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"the input `version` is missing");
    insta::assert_snapshot!(catalog.command("deplyo").unwrap_err(), @"unknown command `deplyo`; did you mean `deploy`?");
}

#[test]
fn every_mistake_in_a_command_is_told_with_its_place() {
    let said = [
        with(&[("reply: thread", "repyl: thread")]),
        with(&[("reply: thread", "reply: thraed")]),
        with(&[("runs: deploy", "runs: deplyo")]),
        with(&[("name: deploy", "name: delpoy")]),
        with(&[("  version:", "  verison:")]),
        with(&[(
            "version: { type: string, required: true }",
            "version: { type: integer, required: true }",
        )]),
        with(&[(
            "version: { type: string, required: true }",
            "version: { type: string }",
        )]),
        with(&[("  version: { type: string, required: true }\n", "")]),
        with(&[("rows: { type: integer }", "rows: { type: boolean }")]),
        with(&[(
            "choices: [shop], default: shop",
            "choices: [shpo], default: shpo",
        )]),
        with(&[(
            "who: { production: [operator] }",
            "who: { production: [operator, developer] }",
        )]),
        with(&[(
            "who: { production: [operator] }",
            "who: { staging: [operator] }",
        )]),
        with(&[("runs: deploy\n", "runs: [")]),
    ]
    .join("\n");
    insta::assert_snapshot!(said, @"
    commands/deploy.yaml:8:1: unknown key `repyl`; did you mean `reply`?
    commands/deploy.yaml:8:8: `reply`: unknown value `thraed`; did you mean `thread`?
    commands/deploy.yaml:7:7: unknown workflow `deplyo`; did you mean `deploy`?
    commands/deploy.yaml:1:7: the name is `delpoy` and the file is `deploy.yaml`: they must be the same
    commands/deploy.yaml:4:3: the workflow `deploy` must be given `version`: make it an option
    commands/deploy.yaml:5:3: the workflow `deploy`: unknown input `verison`; did you mean `version`?
    commands/deploy.yaml:5:20: the option `version` is of type integer, and the input of `deploy` is of type string
    commands/deploy.yaml:5:3: `deploy` must be given `version`: make the option `required`, or give it a `default`
    commands/deploy.yaml:4:3: the workflow `deploy` must be given `version`: make it an option
    commands/deploy.yaml:6:17: the option `rows` is of type boolean, and the input of `deploy` is of type number
    commands/deploy.yaml:4:37: the input of `deploy`: unknown choice `shpo`; did you mean `shop`?
    commands/deploy.yaml:9:31: a command can only take rights away: `developer` may not run `deploy` in production
    commands/deploy.yaml:9:8: warning: the workflow `deploy`: unknown environment `staging`; there is `production`
    commands/deploy.yaml:8:4: while parsing a flow mapping, did not find expected ',' or '}'
    ");
}

#[test]
fn what_chats_would_cut_or_refuse_is_an_error() {
    let long = "x".repeat(101);
    let choices: Vec<_> = (0..26).map(|n| format!("c{n}")).collect();
    let choices = choices.join(", ");
    let workflow = WORKFLOW.replace("choices: [shop, blog]", "choices: [shop, blog, '']");
    let with = |from: &str, to: &str| {
        let text = COMMAND.replacen(from, to, 1);
        said(load(&[("deploy", &workflow)], &[("deploy", &text)]))
    };
    let summary = "Put a version of a service live";
    let said = [
        with(summary, &long),
        with(summary, "''"),
        with(summary, &"ü".repeat(100)),
        with("rows: {", &format!("rows: {{ summary: {long}, ")),
        with(
            "choices: [shop], default: shop",
            "choices: [shop, ''], default: shop",
        ),
        with(
            "version: { type: string, required: true }",
            &format!("version: {{ type: choice, required: true, choices: [{choices}] }}"),
        ),
    ]
    .join("\n");
    insta::assert_snapshot!(said, @"
    commands/deploy.yaml:2:10: the summary has 101 characters, and chats take 1 to 100
    commands/deploy.yaml:2:10: the summary has 0 characters, and chats take 1 to 100
    fine
    commands/deploy.yaml:6:20: the summary of `rows` has 101 characters, and chats take 1 to 100
    commands/deploy.yaml:4:44: a choice of `service` has 0 characters, and chats take 1 to 100
    commands/deploy.yaml:5:53: here are 26 choices, and chats take 25
    ");
}

#[test]
fn a_command_has_no_more_options_than_chats_take() {
    let names: Vec<_> = (0..26).map(|n| format!("o{n}")).collect();
    let declared = |kind: &str| -> String {
        let lines = names
            .iter()
            .map(|name| format!("  {name}: {{ type: {kind} }}\n"));
        lines.collect()
    };
    let workflow = WORKFLOW.replace("who:", &format!("{}who:", declared("string")));
    let command = COMMAND.replace("runs:", &format!("{}runs:", declared("string")));
    let said = said(load(&[("deploy", &workflow)], &[("deploy", &command)]));
    insta::assert_snapshot!(said, @"commands/deploy.yaml:4:3: here are 29 options, and chats take 25");
}
