//! Workflow files, good and bad.

use super::{lint, load, load_good, said};

/// A good file in which a test changes one thing.
const BACKUP: &str = "\
name: backup
summary: Dump a database and prove that it restores
inputs:
  database: { type: string, required: true }
  rows: { type: integer, default: 10 }
  note: { type: string }
concurrency: backup-{{ inputs.database }}
timeout: 2h
who: { production: [operator] }
approval: { production: { by: [operator] } }
steps:
  - id: dump
    uses: postgres.backup
    with:
      system: orders-db
      database: \"{{ inputs.database }}\"
      to: s3://minio/backups/{{ inputs.database }}
      sample_rows: \"{{ inputs.rows }}\"
  - id: drill
    uses: postgres.drill_restore
    if: steps.dump.output.bytes > 0
    with: { system: orders-db, backup: \"{{ steps.dump.output.backup }}\" }
  - id: tell
    uses: docker.run_job
    with: { image: \"curl:8\", command: [\"{{ steps.dump.output.manifest.tables[0] }}\", \"{{ run.by }}\"] }
    retry: { attempts: 3 }
";

/// What is said when these pieces of the good file are others.
fn with(changes: &[(&str, &str)]) -> String {
    let text = changes.iter().fold(BACKUP.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the good file has no {from:?}");
        text.replacen(from, to, 1)
    });
    lint(&text)
}

#[test]
fn a_good_file_is_completed_with_what_follows_from_it() {
    let catalog = load_good(&[("backup", BACKUP)], &[]);
    let loaded = catalog.workflow("backup").expect("the workflow");
    let job = &loaded.workflow.steps[2];
    assert_eq!(
        job.with().unwrap()["system"],
        "shop",
        "the only one of its kind is filled in"
    );
    assert_eq!(loaded.digest, loaded.workflow.digest());
    let systems = loaded
        .systems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    assert_eq!(systems, ["minio", "orders-db", "shop"]);
    assert_eq!(loaded.environments, ["production".into()]);
    insta::assert_snapshot!(catalog.workflow("bakup").unwrap_err(), @"unknown workflow `bakup`; did you mean `backup`?");
    insta::assert_snapshot!(catalog.command("backup").unwrap_err(), @"unknown command `backup`: there is none yet");
}

#[test]
fn a_choice_of_systems_counts_with_all_of_them() {
    let text = "\
name: backup
summary: Dump a database
inputs:
  from: { type: choice, choices: [orders-db, orders-db-staging], default: orders-db-staging }
  store: { type: choice, choices: [\"minio\", \"minio-staging\"], required: true }
who: { production: [operator], staging: [operator, developer] }
steps:
  - id: dump
    uses: postgres.backup
    with: { system: \"{{ inputs.from }}\", to: \"s3://{{ inputs.store }}/backups\" }
";
    let catalog = load_good(&[("backup", text)], &[]);
    let loaded = catalog.workflow("backup").expect("the workflow");
    assert_eq!(loaded.systems.len(), 4);
    assert_eq!(loaded.environments, ["production".into(), "staging".into()]);
}

#[test]
fn a_workflow_without_any_system_counts_as_production() {
    let text = "\
name: backup
summary: List local backups
who: { production: [operator] }
steps:
  - { id: list, uses: docker.list_services }
";
    let catalog = load_good(&[("backup", text)], &[]);
    let loaded = catalog.workflow("backup").expect("the workflow");
    assert_eq!(loaded.environments, ["production".into()]);
}

#[test]
fn broken_yaml_is_refused_with_its_place() {
    let said = [
        "",
        "just text",
        "name: backup\nname: backup\n",
        "name: backup\nsteps: [",
        "name: backup\n\tsteps: []\n",
        "name: backup\nsteps:\n  - id: 'a\n",
        "a: &a [*a]",
    ]
    .map(lint)
    .join("\n");
    insta::assert_snapshot!(said, @r#"
    workflows/backup.yaml:1:1: a workflow must be a mapping of keys to values, and is empty
    workflows/backup.yaml:1:1: a workflow must be a mapping of keys to values, and is "just text"
    workflows/backup.yaml:2:1: duplicate mapping key `name` is not allowed here
    workflows/backup.yaml:2:8: unclosed bracket '['
    workflows/backup.yaml:1:7: while scanning a plain scalar, found a tab
    workflows/backup.yaml:3:9: unclosed quote
    workflows/backup.yaml:1:8: Recursive reference not allowed here
    "#);
}

#[test]
fn unknown_and_missing_keys_name_the_nearest_and_are_all_reported_at_once() {
    let said = with(&[
        ("summary:", "sumary:"),
        ("timeout: 2h", "timout: 2h"),
        ("required: true", "requierd: true"),
        ("by: [operator]", "by: [operator], cuont: 2"),
        ("retry: { attempts: 3 }", "retry: { atempts: 3 }"),
        ("uses: docker.run_job", "use: docker.run_job"),
    ]);
    insta::assert_snapshot!(said, @"
    workflows/backup.yaml:1:1: `summary` is missing (one line for people)
    workflows/backup.yaml:2:1: unknown key `sumary`; did you mean `summary`?
    workflows/backup.yaml:4:29: unknown key `requierd`; did you mean `required`?
    workflows/backup.yaml:8:1: unknown key `timout`; did you mean `timeout`?
    workflows/backup.yaml:10:43: unknown key `cuont`; did you mean `count`?
    workflows/backup.yaml:24:5: unknown key `use`; did you mean `uses`?
    workflows/backup.yaml:26:12: `attempts` is missing (all attempts, the first one included)
    workflows/backup.yaml:26:14: unknown key `atempts`; did you mean `attempts`?
    ");
}

#[test]
fn values_of_the_wrong_type_say_what_is_wanted() {
    let said = with(&[
        (
            "summary: Dump a database and prove that it restores",
            "summary: 5",
        ),
        ("required: true", "required: sometimes"),
        ("type: string }", "type: strnig }"),
        ("{ production: [operator] }", "{ production: operator }"),
        ("attempts: 3", "attempts: -1"),
        ("if: steps.dump.output.bytes > 0", "if: true"),
    ]);
    insta::assert_snapshot!(said, @r#"
    workflows/backup.yaml:2:10: `summary` must be text, and is 5: put it in quotes
    workflows/backup.yaml:4:39: `required` must be true or false, and is "sometimes"
    workflows/backup.yaml:6:17: `type`: unknown value `strnig`; did you mean `string`?
    workflows/backup.yaml:9:20: `production` must be a list, and is "operator"
    workflows/backup.yaml:21:9: `if` must be text, and is true: put it in quotes
    workflows/backup.yaml:26:24: `attempts` must be at least 0, and is -1
    "#);
    insta::assert_snapshot!(with(&[("timeout: 2h", "timeout: soon")]), @"workflows/backup.yaml:8:10: `soon` is not a length of time (expected number at 0): write 30s, 5m, 2h or 1d");
    insta::assert_snapshot!(with(&[("  - id: dump\n", "  - 5\n  - id: dump\n")]), @"workflows/backup.yaml:12:5: each item of `steps` must be a mapping of keys to values, and is 5");
    insta::assert_snapshot!(lint("name: backup\nsummary: x\nsteps: []\n"), @"
    workflows/backup.yaml:1:1: warning: nobody may run `backup` in production: add `who: { production: [ROLE] }`
    workflows/backup.yaml:3:8: there are no steps: a workflow has at least one
    ");
}

#[test]
fn the_file_is_called_after_its_workflow() {
    insta::assert_snapshot!(with(&[("name: backup", "name: Back up")]), @"
    workflows/backup.yaml:1:7: the name is `Back up` and the file is `backup.yaml`: they must be the same
    workflows/backup.yaml:1:7: `Back up` cannot be a name: use at most 32 of a-z, 0-9, - and _
    ");
}

#[test]
fn actions_are_checked_against_what_there_is() {
    insta::assert_snapshot!(with(&[("uses: postgres.backup", "uses: postgres.bakup")]), @"workflows/backup.yaml:13:11: unknown action `postgres.bakup`; did you mean `postgres.backup`?");
}

#[test]
fn what_an_action_is_given_is_checked_against_what_it_takes() {
    let said = [
        with(&[(
            "database: \"{{ inputs.database }}\"",
            "databse: \"{{ inputs.database }}\"",
        )]),
        with(&[("      to: s3://minio/backups/{{ inputs.database }}\n", "")]),
        with(&[(
            "sample_rows: \"{{ inputs.rows }}\"",
            "sample_rows: \"{{ inputs.database }}\"",
        )]),
        with(&[("sample_rows: \"{{ inputs.rows }}\"", "sample_rows: many")]),
        with(&[(
            "sample_rows: \"{{ inputs.rows }}\"",
            "sample_rows: \"about {{ inputs.rows }}\"",
        )]),
        with(&[("sample_rows: \"{{ inputs.rows }}\"", "sample_rows: -5")]),
        with(&[("sample_rows: \"{{ inputs.rows }}\"", "form: directry")]),
        with(&[("image: \"curl:8\"", "image: 8")]),
        with(&[("image: \"curl:8\"", "image: \"{{ inputs.note }}\"")]),
        with(&[("image: \"curl:8\"", "image: \"curl:{{ inputs.note }}\"")]),
        with(&[(
            "image: \"curl:8\"",
            "image: \"{{ steps.dump.output.bytes }}\"",
        )]),
        with(&[("image: \"curl:8\"", "image: \"curl:8\", env: { A: 1 }")]),
        with(&[("\"{{ run.by }}\"", "5")]),
    ]
    .join("\n");
    insta::assert_snapshot!(said, @r#"
    workflows/backup.yaml:16:7: postgres.backup: unknown key `databse`; did you mean `database`?
    workflows/backup.yaml:15:7: postgres.backup: `to` is missing (the folder that keeps the backups)
    workflows/backup.yaml:18:20: postgres.backup: `sample_rows` must be a whole number, and `{{ inputs.database }}` is text
    workflows/backup.yaml:18:20: postgres.backup: `sample_rows` must be a whole number, and is "many"
    workflows/backup.yaml:18:20: postgres.backup: `sample_rows` must be a whole number, and `about {{ inputs.rows }}` is text
    workflows/backup.yaml:18:20: postgres.backup: `sample_rows` must be at least 0, and is -5
    workflows/backup.yaml:18:13: postgres.backup: `form`: unknown value `directry`; did you mean `directory`?
    workflows/backup.yaml:25:20: docker.run_job: `image` must be text, and is 8: put it in quotes
    workflows/backup.yaml:25:20: docker.run_job: `image` must be given, and the input `note` may be left out: make it `required`, or give it a `default`
    workflows/backup.yaml:25:20: warning: in `curl:{{ inputs.note }}`: the input `note` may be left out and reads `none` then: make it `required`, or give it a `default`
    workflows/backup.yaml:25:20: docker.run_job: `image` must be text, and `{{ steps.dump.output.bytes }}` is a whole number
    workflows/backup.yaml:25:40: docker.run_job: `A` must be text, and is 1: put it in quotes
    workflows/backup.yaml:25:86: docker.run_job: each item of `command` must be text, and is 5: put it in quotes
    "#);
}

#[test]
fn systems_are_named_seen_and_of_the_right_kind() {
    let said = [
        with(&[("system: orders-db", "system: ordersdb")]),
        with(&[("system: orders-db", "system: shop")]),
        with(&[("      system: orders-db\n", "")]),
        with(&[("system: orders-db", "system: 5")]),
        with(&[("system: orders-db", "system: \"{{ inputs.database }}\"")]),
        with(&[(
            "system: orders-db",
            "system: \"orders-{{ inputs.database }}\"",
        )]),
        with(&[
            (
                "required: true",
                "default: orders-db, choices: [orders-db, shop]",
            ),
            ("type: string, default", "type: choice, default"),
            ("system: orders-db", "system: \"{{ inputs.database }}\""),
        ]),
    ]
    .join("\n");
    insta::assert_snapshot!(said, @"
    workflows/backup.yaml:15:15: unknown system `ordersdb`; did you mean `orders-db`?
    workflows/backup.yaml:15:15: the system `shop` is of kind docker, and postgres.backup needs one of kind postgres: there is `orders-db`, `orders-db-staging`
    workflows/backup.yaml:13:11: postgres.backup needs `system:` of kind postgres: there is `orders-db`, `orders-db-staging`
    workflows/backup.yaml:15:15: `system` must be text: the name of a system
    workflows/backup.yaml:15:15: `{{ inputs.database }}` does not show which systems it can be: write the name of one, or {{ inputs.X }} where X is a `choice` of systems of kind postgres
    workflows/backup.yaml:15:15: `orders-{{ inputs.database }}` does not show which systems it can be: write the name of one, or {{ inputs.X }} where X is a `choice` of systems of kind postgres
    workflows/backup.yaml:15:15: a choice of `{{ inputs.database }}`: the system `shop` is of kind docker, and postgres.backup needs one of kind postgres: there is `orders-db`, `orders-db-staging`
    ");
}

#[test]
fn addresses_of_objects_show_their_system() {
    let to = |address: &str| with(&[("s3://minio/backups/{{ inputs.database }}", address)]);
    let said = [
        to("s3://mino/backups"),
        to("s3://shop/backups"),
        to("s3://minio"),
        to("s3://minio/backups/../secrets"),
        to("backups"),
        to("\"{{ inputs.database }}\""),
        to("\"{{ inputs.database }}/x\""),
        to("\"s3://{{ inputs.database }}/x\""),
        to("file:///var/backups/{{ inputs.database }}"),
    ]
    .join("\n");
    insta::assert_snapshot!(said, @"
    workflows/backup.yaml:17:11: unknown system `mino`; did you mean `minio`?
    workflows/backup.yaml:17:11: the system `shop` is of kind docker, and `s3://shop/backups` needs one of kind s3: there is `minio`, `minio-staging`
    workflows/backup.yaml:17:11: `s3://minio` is not a place for objects: write s3://SYSTEM/BUCKET/FOLDER or file:///FOLDER
    workflows/backup.yaml:17:11: `s3://minio/backups/../secrets` is not a place for objects: write s3://SYSTEM/BUCKET/FOLDER or file:///FOLDER
    workflows/backup.yaml:17:11: `backups` is not a place for objects: write s3://SYSTEM/BUCKET/FOLDER or file:///FOLDER
    workflows/backup.yaml:17:11: `{{ inputs.database }}` does not show on which system it is: begin it with s3://SYSTEM/ or file:///, or name the output of a step
    workflows/backup.yaml:17:11: `{{ inputs.database }}/x` does not show on which system it is: begin it with s3://SYSTEM/ or file:///, or name the output of a step
    workflows/backup.yaml:17:11: `{{ inputs.database }}` does not show which systems it can be: write the name of one, or {{ inputs.X }} where X is a `choice` of systems of kind s3
    fine
    ");
}

#[test]
fn expressions_that_name_what_is_not_there_are_found_before_they_run() {
    let image = |text: &str| with(&[("image: \"curl:8\"", &format!("image: \"{text}\""))]);
    let said = [
        image("x{{ inputs.databse }}"),
        image("x{{ inputs.database.name }}"),
        image("x{{ input.database }}"),
        image("x{{ steps.dmup.output.backup }}"),
        image("x{{ steps.dump.output.bakcup }}"),
        image("x{{ steps.dump.output.manifest.tabels }}"),
        image("x{{ steps.dump.outptu }}"),
        image("x{{ steps.tell.output }}"),
        image("x{{ run.name }}"),
        image("x{{ 1 + }}"),
        image("{% for a in b %}"),
        with(&[("steps.dump.output.bytes > 0", "steps.tell.output.x > 0")]),
        with(&[("steps.dump.output.bytes > 0", "\"{{ inputs.rows > 0 }}\"")]),
        with(&[("steps.dump.output.bytes > 0", "inputs.rows >")]),
        with(&[("backup-{{ inputs.database }}", "backup-{{ run.id }}")]),
        with(&[("backup-{{ inputs.database }}", "backup-{{ inputs.note }}")]),
    ]
    .join("\n");
    insta::assert_snapshot!(said, @"
    workflows/backup.yaml:25:20: in `x{{ inputs.databse }}`: unknown input `databse`; did you mean `database`?
    workflows/backup.yaml:25:20: in `x{{ inputs.database.name }}`: the input `database` is a plain value and has no `name`
    workflows/backup.yaml:25:20: in `x{{ input.database }}`: unknown value `input`; did you mean `inputs`?
    workflows/backup.yaml:25:20: in `x{{ steps.dmup.output.backup }}`: unknown step `dmup`; did you mean `dump`?
    workflows/backup.yaml:25:20: in `x{{ steps.dump.output.bakcup }}`: the output of the step `dump`: unknown value `bakcup`; did you mean `backup`?
    workflows/backup.yaml:25:20: in `x{{ steps.dump.output.manifest.tabels }}`: the output of the step `dump`: unknown value `tabels`; did you mean `tables`?
    workflows/backup.yaml:25:20: in `x{{ steps.dump.outptu }}`: the step `dump`: unknown value `outptu`; did you mean `output`?
    workflows/backup.yaml:25:20: in `x{{ steps.tell.output }}`: the step `tell` cannot see itself, only the steps before it
    workflows/backup.yaml:25:20: in `x{{ run.name }}`: `run`: unknown value `name`; there is `by`, `id`
    workflows/backup.yaml:25:20: in `x{{ 1 + }}`: syntax error: unexpected end of variable block
    workflows/backup.yaml:25:20: in `{% for a in b %}`: loops, macros, comments and other `{% %}` are not part of the language
    workflows/backup.yaml:21:9: in `steps.tell.output.x > 0`: the step `tell` comes later: only the steps before this one can be named
    workflows/backup.yaml:21:9: `if` is a bare expression: write `inputs.rows > 0` without {{ }}
    workflows/backup.yaml:21:9: in `inputs.rows >`: syntax error: unexpected end of input, expected expression
    workflows/backup.yaml:7:14: in `backup-{{ run.id }}`: `run` is not known before the run: only `inputs` is
    workflows/backup.yaml:7:14: warning: in `backup-{{ inputs.note }}`: the input `note` may be left out and reads `none` then: make it `required`, or give it a `default`
    ");
}

#[test]
fn steps_have_an_id_each_that_expressions_can_name() {
    let said = [
        with(&[("id: drill", "id: dump")]),
        with(&[("id: drill", "id: the-drill")]),
    ]
    .join("\n");
    insta::assert_snapshot!(said, @"
    workflows/backup.yaml:19:9: the id `dump` is taken by the step in line 12
    workflows/backup.yaml:19:9: `the-drill` cannot be the id of a step: use a-z, 0-9 and _, with a letter first
    ");
}

#[test]
fn inputs_can_be_what_they_say() {
    let input = |text: &str| with(&[("note: { type: string }", text)]);
    let said = [
        input("note: { type: choice }"),
        input("note: { type: choice, choices: [a, b, a], default: c }"),
        input("note: { type: string, choices: [a] }"),
        input("note: { type: integer, default: many }"),
        input("the-note: { type: string }"),
        input("note: { type: string, suggest: dcoker.services }"),
        input("note: { type: string, suggest: services }"),
        input("note: { type: string, suggest: docker.tags(servcie) }"),
        input("note: { type: string, suggest: docker.servics }"),
        input("note: { type: string, suggest: 'postgres.backups(s3://minio/backups)' }"),
        input("note: { type: string, suggest: 'postgres.backups(s3://mino/backups)' }"),
        input("note: { type: string, suggest: 'postgres.backups(s3://shop/backups)' }"),
        input("note: { type: string, suggest: 'postgres.backups(minio://backups)' }"),
    ]
    .join("\n");
    insta::assert_snapshot!(said, @r#"
    workflows/backup.yaml:6:3: the choice `note` has no `choices`: list what may be chosen
    workflows/backup.yaml:6:34: `note` has the choice `a` twice
    workflows/backup.yaml:6:54: `default`: the input `note`: unknown choice `c`; there is `a`, `a`, `b`
    workflows/backup.yaml:6:34: `note` has `choices` and is no choice: write `type: choice`
    workflows/backup.yaml:6:35: `default`: the input `note` must be a whole number, and is "many"
    workflows/backup.yaml:6:3: `the-note` cannot be the name of an input: use at most 32 of a-z, 0-9 and _, with a letter first
    workflows/backup.yaml:6:34: `suggest`: unknown kind `dcoker`; did you mean `docker`?
    workflows/backup.yaml:6:34: `suggest` must be KIND.WHAT as in docker.services, and is `services`
    workflows/backup.yaml:6:34: `suggest`: unknown input `servcie`; there is `database`, `rows`
    workflows/backup.yaml:6:34: `suggest`: unknown list `docker.servics`; did you mean `docker.services`?
    fine
    workflows/backup.yaml:6:34: `suggest`: unknown object store `mino`; did you mean `minio`?
    workflows/backup.yaml:6:34: `suggest`: unknown object store `shop`; there is `minio-staging`, `minio`
    workflows/backup.yaml:6:34: `suggest`: `minio://backups` is not a place for objects: write s3://SYSTEM/BUCKET/FOLDER or file:///FOLDER
    "#);
}

#[test]
fn people_who_are_not_there_are_warned_of_and_nothing_is_refused() {
    let said = [
        with(&[("who: { production: [operator] }\n", "")]),
        with(&[(
            "who: { production: [operator] }",
            "who: { staging: [operator] }",
        )]),
        with(&[(
            "who: { production: [operator] }",
            "who: { production: [operater], prodution: [operator] }",
        )]),
        with(&[("by: [operator]", "by: [operator, admin], count: 2")]),
    ]
    .join("\n");
    insta::assert_snapshot!(said, @"
    workflows/backup.yaml:1:1: warning: nobody may run `backup` in production: add `who: { production: [ROLE] }`
    workflows/backup.yaml:9:6: warning: nobody may run `backup` in production: add `who: { production: [ROLE] }`
    workflows/backup.yaml:9:21: warning: nobody has the role `operater`; did you mean `operator`?
    workflows/backup.yaml:9:32: warning: unknown environment `prodution`; did you mean `production`? (no system stands in it)
    workflows/backup.yaml:10:25: warning: the approval takes 2 people, and only 1 can give it
    workflows/backup.yaml:10:42: warning: nobody has the role `admin`
    ");
}

#[test]
fn an_approval_that_nobody_can_give_is_refused() {
    insta::assert_snapshot!(with(&[("by: [operator]", "by: [], count: 0")]), @"
    workflows/backup.yaml:10:25: an approval in production `by` nobody can never be given: name a role
    workflows/backup.yaml:10:42: an approval by 0 people is none: leave it out, or make `count` at least 1
    ");
}

#[test]
fn all_problems_of_all_files_are_told_at_once() {
    let said = said(load(
        &[
            ("one", "name: one\n"),
            ("two", "name: [\n"),
            ("backup", BACKUP),
        ],
        &[
            ("say", "name: say\nsummary: x\nruns: backpu\n"),
            ("two", "name: two\nsummary: x\nruns: two\n"),
        ],
    ));
    insta::assert_snapshot!(said, @"
    workflows/one.yaml:1:1: `summary` is missing (one line for people)
    workflows/one.yaml:1:1: `steps` is missing (what it does)
    workflows/one.yaml:1:1: warning: nobody may run `one` in production: add `who: { production: [ROLE] }`
    workflows/two.yaml:1:7: unclosed bracket '['
    commands/say.yaml:3:7: unknown workflow `backpu`; did you mean `backup`?
    ");
}
