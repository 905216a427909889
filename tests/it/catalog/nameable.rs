//! Inputs that name people, roles and places.

use super::{lint, load, said};

const WORKFLOW: &str = "\
name: backup
summary: Tell somebody
inputs:
  who: { type: user, default: ada }
  as: { type: role, default: operator }
  where: { type: channel, default: ops }
on:
  - { schedule: '@daily', id: nightly, inputs: { who: ben, where: '1180000000000000001' } }
who: { production: [operator] }
steps:
  - id: run
    uses: docker.run_job
    with: { image: \"tell:{{ inputs.who }}\", command: [\"{{ inputs.as }}\", \"{{ inputs.where }}\"] }
";

#[test]
fn defaults_and_schedules_name_whom_and_what_there_is() {
    let with = |from: &str, to: &str| {
        assert!(WORKFLOW.contains(from), "the good file has no {from:?}");
        lint(&WORKFLOW.replacen(from, to, 1))
    };
    assert_eq!(lint(WORKFLOW), "fine");
    let said = [
        with("default: ada", "default: adda"),
        with("default: ada", "default: ''"),
        with("default: ada", "default: 7"),
        with("default: operator", "default: oprator"),
        with("default: ops", "default: opps"),
        with("who: ben", "who: bne"),
        with("'1180000000000000001'", "1180000000000000001"),
        with("type: role", "type: rolle"),
    ]
    .join("\n");
    insta::assert_snapshot!(said, @r#"
    workflows/backup.yaml:4:31: `default`: the input `who`: unknown person `adda`; did you mean `ada`?
    workflows/backup.yaml:4:31: `default`: the input `who` must be the name of a person, and is ""
    workflows/backup.yaml:4:31: `default`: the input `who` must be the name of a person, and is 7
    workflows/backup.yaml:5:30: `default`: the input `as`: unknown role `oprator`; did you mean `operator`?
    workflows/backup.yaml:6:36: `default`: the input `where`: unknown place `opps`; did you mean `ops`? (the id of a channel, in digits, does too)
    workflows/backup.yaml:8:50: the input `who`: unknown person `bne`; there is `ada`, `ben`
    workflows/backup.yaml:8:60: the input `where` must be the name of a place or the id of a channel, as text, and is 1180000000000000001
    workflows/backup.yaml:5:15: `type`: unknown value `rolle`; did you mean `role`?
    "#);
}

#[test]
fn an_option_that_names_fits_an_input_of_its_type_and_text() {
    let command = |kind: &str| {
        let option = format!("options: {{ who: {{ type: {kind} }} }}");
        format!("name: tell\nsummary: Tell somebody\n{option}\nruns: backup\n")
    };
    let fits = |option: &str, input: &str| {
        let workflow = WORKFLOW.replace(
            "who: { type: user, default: ada }",
            &format!("who: {{ type: {input}, default: ada }}"),
        );
        said(load(
            &[("backup", &workflow)],
            &[("tell", &command(option))],
        ))
    };
    assert_eq!([fits("user", "user"), fits("user", "string")], ["fine"; 2]);
    let said = [fits("string", "user"), fits("role", "user")].join("\n");
    insta::assert_snapshot!(said, @"
    commands/tell.yaml:3:25: the option `who` is of type string, and the input of `backup` is of type user
    commands/tell.yaml:3:25: the option `who` is of type role, and the input of `backup` is of type user
    ");
}
