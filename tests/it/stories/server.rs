//! The server that is there already, and the one that is not.

use super::Story;

#[tokio::test]
async fn a_second_server_on_one_store_is_refused_and_the_first_goes_on() {
    let mut story = Story::of_job().await;
    let first = story.home.pid().to_string();
    story.call(&format!("process {first}"), "process FIRST");
    insta::assert_snapshot!(story.sees("up").await, @"");
    insta::assert_snapshot!(story.sees("run migrate").await, @"");
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
            insta::assert_snapshot!(told, @"");
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
    insta::assert_snapshot!(story.sees("runs list").await, @"");
}
