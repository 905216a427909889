//! Workflows that are changed while the server runs.

use nix::sys::signal::Signal;

use super::{MIGRATE, Story};
use crate::docker::stage::eventually;

/// The workflow with a misspelt action.
fn broken() -> String {
    MIGRATE.replace("docker.run_job", "docker.run_jbo")
}

#[tokio::test]
async fn a_broken_workflow_leaves_the_old_one_in_force() {
    let story = Story::of_job().await;
    story.home.workflow("migrate", &broken());
    insta::assert_snapshot!(story.sees("reload").await, @"
    purser: the old catalog stays in force:
    HOME/workflows/migrate.yaml:11:11: unknown action `docker.run_jbo`; did you mean `docker.run_job`?
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("run migrate").await, @"
    run RUN of migrate, asked by ann
    ✓ migrate: done in N s
    exit_code: 0
    seconds: N
    container: purser-migrate-HEX
    last_lines:
        line 1
        line 2
        line 3
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
}

#[tokio::test]
async fn a_good_workflow_is_in_force_at_once_and_a_receipt_says_who_wanted_it() {
    let story = Story::of_job().await;
    story.home.workflow("again", MIGRATE);
    insta::assert_snapshot!(story.sees("run again").await, @"
    purser: unknown workflow `again`; there is `migrate`
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("reload").await, @"
    in force now: 2 workflows, 0 commands
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("run again").await, @"
    run RUN of again, asked by ann
    ✓ migrate: done in N s
    exit_code: 0
    seconds: N
    container: purser-migrate-HEX
    last_lines:
        line 1
        line 2
        line 3
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("receipts show 1").await, @"
    receipt 1: catalog: changed
    asked by ann (uid 0), over at TIME
    the catalog was reloaded by ann
    hash sha256:HEX
    after sha256:HEX
    exit code 0
    ");
}

#[tokio::test]
async fn a_hangup_reloads_too_and_the_log_says_what_is_wrong() {
    let story = Story::of_job().await;
    let log_says = async |words: &str| {
        eventually(words, || story.home.log().contains(words)).await;
    };
    story.home.workflow("migrate", &broken());
    story.home.signal(Signal::SIGHUP);
    log_says("unknown action").await;
    let log = story.home.log();
    let (_, complaint) = log.split_once("ERROR ").unwrap();
    // What else the server says meanwhile begins with its time.
    let complaint = complaint.split("\n20").next().unwrap_or_default();
    insta::assert_snapshot!(story.plain(complaint), @"
    purser::app::doors: the catalog was not reloaded error=the old catalog stays in force:
    HOME/workflows/migrate.yaml:11:11: unknown action `docker.run_jbo`; did you mean `docker.run_job`?
    ");
    insta::assert_snapshot!(story.sees("run migrate").await, @"
    run RUN of migrate, asked by ann
    ✓ migrate: done in N s
    exit_code: 0
    seconds: N
    container: purser-migrate-HEX
    last_lines:
        line 1
        line 2
        line 3
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");

    story.home.workflow("migrate", MIGRATE);
    story.home.signal(Signal::SIGHUP);
    log_says("the catalog was reloaded").await;
}
