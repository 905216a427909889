//! What a script can rely on: the six exit codes.

use std::process::Stdio;

use super::{MIGRATE, Story, words};
use crate::support::program::Person;

#[tokio::test]
async fn output_that_nobody_reads_ends_the_command_without_a_word() {
    let story = Story::of_docker();
    let schema = ["schema", "config"];
    let mut command = story.home.command(Person::Ann, &schema);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut command = command.spawn().unwrap();
    // More than a pipe holds.
    drop(command.stdout.take());
    let said = command.wait_with_output().await.unwrap();
    assert_eq!(String::from_utf8(said.stderr).unwrap(), "");
    assert_eq!(said.status.code(), Some(141));
}

#[tokio::test]
async fn every_exit_code_means_what_the_manual_says() {
    let mut story = Story::of_job().await;
    let approval = "approval: { production: { by: [operator], not_requester: true } }";
    story
        .home
        .workflow("release", &format!("{approval}{MIGRATE}"));
    story.sees("reload").await;
    let code = async |story: &Story, person, line: &str| {
        story.home.person_types(person, &words(line)).await.code
    };
    let said = [
        ("done", code(&story, Person::Ann, "run migrate").await),
        (
            "failed",
            code(&story, Person::Ann, "run migrate -i exit=7").await,
        ),
        (
            "no such workflow",
            code(&story, Person::Ann, "run migrat").await,
        ),
        (
            "no such option",
            code(&story, Person::Ann, "run migrate --fast").await,
        ),
        (
            "waits for a person",
            code(&story, Person::Ann, "run release").await,
        ),
        ("refused", code(&story, Person::Cy, "run migrate").await),
    ];
    story.home.stop().await;
    let no_server = code(&story, Person::Ann, "run migrate").await;
    assert_eq!(
        said,
        [
            ("done", 0),
            ("failed", 1),
            ("no such workflow", 2),
            ("no such option", 2),
            ("waits for a person", 3),
            ("refused", 4),
        ]
    );
    assert_eq!(no_server, 5);
}
