//! `purser console`, with what is typed coming through a pipe.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;

use super::{MIGRATE, Story};
use crate::support::program::Person;

/// A server with the command `migrate`, which needs one word of anybody who may.
async fn open() -> Story {
    let mut story = Story::of_docker();
    let approval = "approval: { production: { by: [operator] } }";
    story
        .home
        .workflow("migrate", &format!("{approval}{MIGRATE}"));
    let command = "name: migrate\nsummary: Bring the database up to date\noptions:\n  \
                   exit: { type: string, summary: how it is to end }\nruns: migrate\n";
    story.home.write("commands/migrate.yaml", command);
    story.home.up().await;
    story
}

impl Story {
    /// Ann types these lines into the console and closes it: what it shows.
    async fn types_into_console(&self, lines: &[&str]) -> String {
        let mut console = self.home.command(Person::Ann, &["console"]);
        console
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut console = console.spawn().unwrap();
        let mut keys = console.stdin.take().unwrap();
        keys.write_all(lines.join("\n").as_bytes()).await.unwrap();
        drop(keys);
        self.shown(&crate::support::program::ended(&["console"], console).await)
    }
}

#[tokio::test]
async fn a_command_asks_for_its_approval_and_shows_its_end() {
    let story = open().await;
    insta::assert_snapshot!(story.types_into_console(&["migrate", "yes"]).await, @"");
}

#[tokio::test]
async fn a_no_cancels_and_a_failure_leaves_the_prompt() {
    let story = open().await;
    let lines = ["migrate", "no", "migrate 3", "yes", "runs", "quit", "runs"];
    insta::assert_snapshot!(story.types_into_console(&lines).await, @"");
}

#[tokio::test]
async fn later_leaves_the_run_and_end_of_input_ends_the_console() {
    let story = open().await;
    insta::assert_snapshot!(story.types_into_console(&["/migrate", "later"]).await, @"");
    let run = story.last_run().await;
    story.asks_approval(&run).await;
    let short = &run[run.len() - 8..];
    let (watch, reject) = (format!("watch {short}"), format!("reject {short} too late"));
    insta::assert_snapshot!(story.types_into_console(&[&watch]).await, @"");
    insta::assert_snapshot!(story.types_into_console(&[&reject]).await, @"");
}

#[tokio::test]
async fn what_it_does_not_know_it_answers_with_the_nearest_name() {
    let story = open().await;
    let lines = [
        "help",
        "migarte",
        "migrate 1 2",
        "show",
        "show 12345678",
        "",
        "quit",
    ];
    insta::assert_snapshot!(story.types_into_console(&lines).await, @"");
}
