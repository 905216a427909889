//! Schedules in workflow files: what loads, and what every mistake is told.

use purser::domain::schedule::{Misfire, Overlap};
use serde_json::json;

use super::{lint, load_good};

/// A workflow with this under `on:`.
fn workflow(on: &str) -> String {
    format!(
        "name: backup
summary: Looks around
inputs:
  database: {{ type: string, required: true }}
  rows: {{ type: integer }}
on:
{on}
who: {{ production: [operator] }}
steps:
  - {{ id: list, uses: docker.list_services }}
"
    )
}

/// What is said of a schedule with these keys beside a good expression, id and inputs.
fn with(keys: &str) -> String {
    lint(&workflow(&format!(
        "  - {{ schedule: '30 2 * * *', id: nightly, inputs: {{ database: app }}, {keys} }}"
    )))
}

/// What is said of this expression.
fn expression(text: &str) -> String {
    lint(&workflow(&format!(
        "  - schedule: {text}\n    id: nightly\n    inputs: {{ database: app }}"
    )))
}

#[test]
fn a_schedule_is_read_with_what_it_leaves_out() {
    let text = workflow(
        "  - schedule: \"30 2 * * *\"
    id: nightly
    timezone: Europe/Istanbul
    misfire: all
    overlap: replace
    jitter: 5m
    inputs: { database: app, rows: 7 }
  - { schedule: \"@hourly\", id: hourly, inputs: { database: app } }",
    );
    let catalog = load_good(&[("backup", &text)], &[]);
    let workflow = &catalog.workflow("backup").unwrap().workflow;
    let all: Vec<_> = workflow.schedules().collect();
    let (name, nightly) = &all[0];
    assert_eq!(name.to_string(), "backup.nightly");
    assert_eq!(
        (nightly.misfire, nightly.overlap),
        (Misfire::All, Overlap::Replace)
    );
    assert_eq!(
        json!(nightly.inputs),
        json!({ "database": "app", "rows": 7 })
    );
    let (name, hourly) = &all[1];
    assert_eq!(name.to_string(), "backup.hourly");
    assert_eq!(
        (hourly.misfire, hourly.overlap),
        (Misfire::Once, Overlap::Skip)
    );
    assert_eq!((hourly.timezone, hourly.jitter), (None, None));
    let again: purser::domain::workflow::Workflow =
        serde_json::from_value(json!(workflow)).unwrap();
    assert_eq!(again.digest(), workflow.digest());
}

#[test]
fn a_mistake_in_an_expression_is_found_at_its_character() {
    let said = [
        "\"30 25 * * *\"",
        "30 25 * * *",
        "'30 2 * * mno'",
        "\"30 2 * *\"",
        "|\n      30 25 * * *",
        "30",
        "'0 0 31 2 *'",
    ]
    .map(expression)
    .join("\n");
    insta::assert_snapshot!(said, @"
    workflows/backup.yaml:7:19: `schedule`: the hour 25 is not in 0 to 23
    workflows/backup.yaml:7:18: `schedule`: the hour 25 is not in 0 to 23
    workflows/backup.yaml:7:25: `schedule`: `mno` is no day of the week: write a number, or sun to sat
    workflows/backup.yaml:7:24: `schedule`: five fields are needed (minute, hour, day of the month, month, day of the week), or six with the second first; after 4 it ends
    workflows/backup.yaml:8:7: `schedule`: the hour 25 is not in 0 to 23
    workflows/backup.yaml:7:15: `schedule` must be text, and is 30: put it in quotes
    workflows/backup.yaml:7:15: warning: `0 0 31 2 *` never fires: no calendar has such a day
    ");
}

#[test]
fn every_other_mistake_names_the_nearest() {
    let said = [
        "timezone: Europe/Istambul",
        "timezone: Mars/Base",
        "misfire: one",
        "overlap: parallel",
        "jitter: soon",
        "jiter: 5m",
        "id: b",
    ]
    .map(with)
    .join("\n");
    insta::assert_snapshot!(said, @"
    workflows/backup.yaml:7:81: unknown time zone `Europe/Istambul`; did you mean `Europe/Istanbul`?
    workflows/backup.yaml:7:81: unknown time zone `Mars/Base`; did you mean `Asia/Brunei`?
    workflows/backup.yaml:7:80: `misfire`: unknown value `one`; did you mean `once`?
    workflows/backup.yaml:7:80: `overlap`: unknown value `parallel`; there is `queue`, `replace`, `skip`
    workflows/backup.yaml:7:79: `jitter`: `soon` is not a length of time (expected number at 0): write 30s, 5m or 1h
    workflows/backup.yaml:7:71: unknown key `jiter`; did you mean `jitter`?
    workflows/backup.yaml:7:71: duplicate mapping key `id` is not allowed here
    ");
}

#[test]
fn every_schedule_has_an_id_of_its_own() {
    let said = [
        "  - { schedule: '@daily', inputs: { database: app } }",
        "  - { schedule: '@daily', id: 'every day', inputs: { database: app } }",
        "  - { schedule: '@daily', id: a, inputs: { database: app } }\n  - { schedule: '@hourly', id: a, inputs: { database: app } }",
        "  - { id: a }",
        "  - '@daily'",
        "  schedule: '@daily'",
    ]
    .map(|on| lint(&workflow(on)))
    .join("\n");
    insta::assert_snapshot!(said, @r#"
    workflows/backup.yaml:7:5: `id` is missing (its name within the workflow)
    workflows/backup.yaml:7:31: `every day` cannot be the id of a schedule: use at most 32 of a-z, 0-9, - and _
    workflows/backup.yaml:8:32: the id `a` is taken by the schedule in line 7
    workflows/backup.yaml:7:5: `schedule` is missing (when)
    workflows/backup.yaml:7:5: each item of `on` must be a mapping of keys to values, and is "@daily"
    workflows/backup.yaml:7:3: `on` must be a list, and is a mapping of keys to values
    "#);
}

#[test]
fn inputs_are_checked_before_anybody_misses_the_first_run() {
    let said = [
        "",
        ", inputs: { databse: app }",
        ", inputs: { database: app, rows: many }",
        ", inputs: { database: '{{ inputs.rows }}' }",
        ", inputs: [app]",
    ]
    .map(|inputs| {
        lint(&workflow(&format!(
            "  - {{ schedule: '@daily', id: a{inputs} }}"
        )))
    })
    .join("\n");
    insta::assert_snapshot!(said, @r#"
    workflows/backup.yaml:7:5: the input `database` is missing
    workflows/backup.yaml:7:44: unknown input `databse`; did you mean `database`?
    workflows/backup.yaml:7:59: the input `rows` must be a whole number, and is "many"
    workflows/backup.yaml:7:54: a schedule's inputs are values: nothing is rendered here
    workflows/backup.yaml:7:42: `inputs` must be a mapping of keys to values, and is a list
    workflows/backup.yaml:7:42: the input `database` is missing
    "#);
}

#[test]
fn a_schedule_may_not_start_what_nobody_may() {
    let on = "  - { schedule: '@daily', id: a, inputs: { database: app } }";
    let text = workflow(on).replace(
        "who: { production: [operator] }",
        "who: { staging: [operator] }",
    );
    insta::assert_snapshot!(lint(&text), @"
    workflows/backup.yaml:7:5: the schedule may not start what nobody may start in production: add `who: { production: [ROLE] }`
    workflows/backup.yaml:8:6: warning: nobody may run `backup` in production: add `who: { production: [ROLE] }`
    ");
}
