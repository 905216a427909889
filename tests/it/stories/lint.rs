//! Files with mistakes in them: `purser lint` says all, and `purser up` does not start.

use super::Story;

impl Story {
    /// What `lint` and `up` say of these files.
    async fn checks(&self) -> String {
        let (lint, up) = (self.sees("lint").await, self.sees("up").await);
        format!("$ purser lint\n{lint}\n$ purser up\n{up}")
    }
}

#[tokio::test]
async fn good_files_are_counted() {
    let story = Story::of_docker();
    story.home.workflow("migrate", super::MIGRATE);
    insta::assert_snapshot!(story.sees("lint").await, @"
    1 system, 1 workflow, 0 commands: no errors
    exit code 0
    ");
}

#[tokio::test]
async fn a_misspelt_key_of_the_configuration_is_found_with_its_place() {
    let story = Story::of_docker();
    story.home.configure("[engine]\nconcurent_runs = 3");
    insta::assert_snapshot!(story.checks().await, @"
    $ purser lint
    HOME/purser.toml:18:1: unknown field `concurent_runs`; did you mean `concurrent_runs`?
    exit code 2
    $ purser up
    purser: HOME/purser.toml:18:1: unknown field `concurent_runs`; did you mean `concurrent_runs`?
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("runs list").await, @"
    purser: HOME/purser.toml:18:1: unknown field `concurent_runs`; did you mean `concurrent_runs`?
    exit code 2
    ");
}

#[tokio::test]
async fn a_misspelt_kind_of_system_names_the_nearest() {
    let story = Story::of_docker();
    story
        .home
        .configure("[systems.orders-db]\nkind = 'postgress'");
    insta::assert_snapshot!(story.checks().await, @"
    $ purser lint
    HOME/purser.toml:18:1: unknown kind `postgress`; did you mean `postgres`?
    exit code 2
    $ purser up
    purser: HOME/purser.toml:18:1: unknown kind `postgress`; did you mean `postgres`?
    exit code 2
    ");
}

#[tokio::test]
async fn a_misspelt_key_of_a_system_names_the_nearest() {
    let story = Story::of_docker();
    story
        .home
        .configure("[systems.other]\nkind = 'docker'\nhots = 'tcp://127.0.0.1:2375'");
    insta::assert_snapshot!(story.checks().await, @"
    $ purser lint
    HOME/purser.toml:19:1: [systems.other]: unknown field `hots`; did you mean `host`?
    exit code 2
    $ purser up
    purser: HOME/purser.toml:19:1: [systems.other]: unknown field `hots`; did you mean `host`?
    exit code 2
    ");
}

#[tokio::test]
async fn a_configuration_that_is_not_there_is_named() {
    let story = Story::of_docker();
    insta::assert_snapshot!(story.sees("lint --config nowhere.toml").await, @"
    nowhere.toml: the configuration cannot be read: No such file or directory (os error 2)
    exit code 2
    ");
}

#[tokio::test]
async fn every_mistake_of_workflows_and_commands_is_said_at_once() {
    let story = Story::of_docker();
    let workflow = "
inputs:
  version: { type: string, requierd: true }
timout: 5m
steps:
  - id: first
    uses: docker.run_jobs
  - id: second
    uses: docker.run_job
    with: { image: \"shop:{{ inputs.vresion }}\", system: shopp }
";
    story.home.workflow("migrate", workflow);
    let command =
        "name: migrate\nsummary: Bring the database up to date\nruns: migarte\nrepyl: thread\n";
    story.home.write("commands/migrate.yaml", command);
    insta::assert_snapshot!(story.checks().await, @"
    $ purser lint
    HOME/workflows/migrate.yaml:6:28: unknown key `requierd`; did you mean `required`?
    HOME/workflows/migrate.yaml:7:1: unknown key `timout`; did you mean `timeout`?
    HOME/workflows/migrate.yaml:10:11: unknown action `docker.run_jobs`; did you mean `docker.run_job`?
    HOME/workflows/migrate.yaml:13:20: in `shop:{{ inputs.vresion }}`: unknown input `vresion`; did you mean `version`?
    HOME/workflows/migrate.yaml:13:57: unknown system `shopp`; did you mean `shop`?
    HOME/commands/migrate.yaml:3:7: unknown workflow `migarte`; did you mean `migrate`?
    HOME/commands/migrate.yaml:4:1: unknown key `repyl`; did you mean `reply`?
    exit code 2
    $ purser up
    purser: HOME/workflows/migrate.yaml:6:28: unknown key `requierd`; did you mean `required`?
    HOME/workflows/migrate.yaml:7:1: unknown key `timout`; did you mean `timeout`?
    HOME/workflows/migrate.yaml:10:11: unknown action `docker.run_jobs`; did you mean `docker.run_job`?
    HOME/workflows/migrate.yaml:13:20: in `shop:{{ inputs.vresion }}`: unknown input `vresion`; did you mean `version`?
    HOME/workflows/migrate.yaml:13:57: unknown system `shopp`; did you mean `shop`?
    HOME/commands/migrate.yaml:3:7: unknown workflow `migarte`; did you mean `migrate`?
    HOME/commands/migrate.yaml:4:1: unknown key `repyl`; did you mean `reply`?
    exit code 2
    ");
}

#[tokio::test]
async fn mistakes_in_groups_of_commands_are_found_with_their_places() {
    let story = Story::of_docker();
    story.home.workflow("migrate", super::MIGRATE);
    let command = |file: &str, name: &str, more: &str| {
        let text = format!("name: {name}\nsummary: Migrate\n{more}runs: migrate\n");
        story.home.write(&format!("commands/{file}.yaml"), &text);
    };
    command("db/migrate", "migrate", "");
    command(
        "db/copy",
        "db copy",
        "options: { exot: { type: string } }\n",
    );
    command("db/copy/now", "db copy now", "");
    insta::assert_snapshot!(story.sees("lint").await, @"
    HOME/commands/db/copy.yaml:1:7: `db copy` is a group already, with `now`: call the command otherwise, or move it into the group
    HOME/commands/db/copy.yaml:3:12: the workflow `migrate`: unknown input `exot`; did you mean `exit`?
    HOME/commands/db/migrate.yaml:1:7: the name is `migrate` and the file is `db/migrate.yaml`: they must be the same, as in `name: db migrate`
    exit code 2
    ");
    command("db/migrate", "db migrate", "");
    command("db/copy/plan", "db copy plan", "");
    std::fs::remove_file(story.home.path("commands/db/copy.yaml")).unwrap();
    insta::assert_snapshot!(story.sees("lint").await, @"
    1 system, 1 workflow, 3 commands: no errors
    exit code 0
    ");
}

#[tokio::test]
async fn a_warning_keeps_nobody_from_working() {
    let story = Story::of_docker();
    let workflow = "name: status\nsummary: What runs\nwho: { production: [oprator] }\nsteps:\n  \
                    - { id: services, uses: docker.list_services }\n";
    story.home.write("workflows/status.yaml", workflow);
    insta::assert_snapshot!(story.sees("lint").await, @"
    HOME/workflows/status.yaml:3:21: warning: nobody has the role `oprator`; did you mean `operator`?
    1 system, 1 workflow, 0 commands: no errors
    exit code 0
    ");
}

#[tokio::test]
async fn mistakes_of_all_files_are_said_at_once() {
    let story = Story::of_docker();
    let config = "[systems.other]
kind = 'docker'
hots = 'tcp://127.0.0.1:2375'

[systems.orders-db]
kind = 'postgres'
url_secret = 'ORDERS_URL'

[hooks.ci]
roles = ['operator']
token_file = 'nowhere'

[heartbeat]
trouble_url = 'beats.example'
schedules = { 'w.nightly' = { url = 'beats.example' } }";
    story
        .home
        .configure(&config.replace("trouble", "url = 'http://b.example'\ntrouble"));
    story
        .home
        .workflow("migrate", &super::MIGRATE.replace("steps:", "stesp:"));
    insta::assert_snapshot!(story.checks().await, @r#"
    $ purser lint
    HOME/purser.toml:19:1: [systems.other]: unknown field `hots`; did you mean `host`?
    HOME/purser.toml:23:1: [systems.orders-db]: the secret `ORDERS_URL` is not set: set it with `purser secret set ORDERS_URL`
    HOME/purser.toml:27:1: [hooks.ci]: the file HOME/nowhere cannot be read: No such file or directory (os error 2)
    HOME/purser.toml:31:1: [heartbeat]: `trouble_url` holds no address that begins with http:// or https://
    HOME/purser.toml:32:31: [heartbeat.schedules."w.nightly"]: `url` holds no address that begins with http:// or https://
    HOME/workflows/migrate.yaml:1:1: `steps` is missing (what it does)
    HOME/workflows/migrate.yaml:9:1: unknown key `stesp`; did you mean `steps`?
    exit code 2
    $ purser up
    purser: HOME/purser.toml:19:1: [systems.other]: unknown field `hots`; did you mean `host`?
    HOME/purser.toml:23:1: [systems.orders-db]: the secret `ORDERS_URL` is not set: set it with `purser secret set ORDERS_URL`
    HOME/purser.toml:27:1: [hooks.ci]: the file HOME/nowhere cannot be read: No such file or directory (os error 2)
    HOME/purser.toml:31:1: [heartbeat]: `trouble_url` holds no address that begins with http:// or https://
    HOME/purser.toml:32:31: [heartbeat.schedules."w.nightly"]: `url` holds no address that begins with http:// or https://
    exit code 2
    "#);
    let said = story.home.types(&["lint", "--json"]).await;
    assert_eq!((said.code, said.err.as_str()), (2, ""));
    let problems = said.json();
    let lines = problems.as_array().unwrap().iter();
    let lines: Vec<_> = lines.map(|problem| &problem["line"]).collect();
    assert_eq!(lines, [&19, &23, &27, &31, &32, &1, &9], "{problems:#}");
}
