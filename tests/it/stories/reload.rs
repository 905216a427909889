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
    insta::assert_snapshot!(story.sees("reload").await, @"");
    insta::assert_snapshot!(story.sees("run migrate").await, @"");
}

#[tokio::test]
async fn a_good_workflow_is_in_force_at_once_and_a_receipt_says_who_wanted_it() {
    let story = Story::of_job().await;
    story.home.workflow("again", MIGRATE);
    insta::assert_snapshot!(story.sees("run again").await, @"");
    insta::assert_snapshot!(story.sees("reload").await, @"");
    insta::assert_snapshot!(story.sees("run again").await, @"");
    insta::assert_snapshot!(story.sees("receipts show 1").await, @"");
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
    insta::assert_snapshot!(story.plain(complaint), @"");
    insta::assert_snapshot!(story.sees("run migrate").await, @"");

    story.home.workflow("migrate", MIGRATE);
    story.home.signal(Signal::SIGHUP);
    log_says("the catalog was reloaded").await;
}
