//! The server that is there already, and the one that is not.

use super::Story;

#[tokio::test]
async fn a_second_server_on_one_store_is_refused_and_the_first_goes_on() {
    let mut story = Story::of_job().await;
    let first = story.home.pid().to_string();
    story.call(&format!("process {first}"), "process FIRST");
    insta::assert_snapshot!(story.sees("up").await, @"
    purser: the store HOME/store is held by the process FIRST: one Purser works on a store at a time. Stop that one first, or use another `[store] path`
    exit code 1
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
    assert_eq!(story.home.pid().to_string(), first);
}

#[tokio::test]
async fn without_a_server_every_command_says_how_to_start_one() {
    let mut story = Story::of_job().await;
    story.home.stop().await;
    for line in [
        "run migrate",
        "runs list",
        "approve 12345678",
        "receipts verify",
        "console",
    ] {
        let told = story.sees(line).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(told, @"
            purser: no Purser is listening at HOME/purser.sock: start it with `purser up`, or name its socket with --socket
            exit code 5
            ");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_stopped_leaves_no_socket_and_starts_again() {
    let mut story = Story::of_job().await;
    let run = story.starts("migrate").await;
    story.home.ends(&run).await;
    assert!(story.home.stop().await.success());
    assert!(!story.home.path("purser.sock").exists());
    story.home.up().await;
    insta::assert_snapshot!(story.sees("runs list").await, @"
    RUN       WORKFLOW  STATUS     BY   ASKED AT              SUMMARY
    RUN  migrate   succeeded  ann  TIME  1 step done
    exit code 0
    ");
}

#[tokio::test]
async fn a_configuration_may_be_named_from_within_its_folder() {
    let mut story = Story::of_docker();
    story
        .home
        .up_with(&[("PURSER_CONFIG", "purser.toml")])
        .await;
    insta::assert_snapshot!(story.sees("runs list").await, @"
    no runs yet
    exit code 0
    ");
}

#[tokio::test]
async fn a_server_that_was_killed_is_missed_and_its_socket_is_taken_over() {
    let mut story = Story::of_job().await;
    // It has answered, so it has said that it is up.
    story.home.asks(&["runs", "list"]).await;
    story.home.kill().await;
    assert!(story.home.path("purser.sock").exists());
    insta::assert_snapshot!(story.sees("runs list").await, @"
    purser: no Purser is listening at HOME/purser.sock: start it with `purser up`, or name its socket with --socket
    exit code 5
    ");
    story.home.up().await;
    insta::assert_snapshot!(story.sees("runs list").await, @"
    no runs yet
    exit code 0
    ");
    assert_eq!(story.home.logs().matches("purser is up").count(), 2);
}
