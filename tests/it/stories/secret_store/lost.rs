//! Answers that do not come: what was done is not done again, and nothing is said of it that is not known.

use std::path::PathBuf;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use crate::stories::Story;

/// A socket that hands on what is asked, and then closes: no answer of the server's comes through.
fn that_drops_answers(story: &Story) -> PathBuf {
    let (here, server) = (
        story.home.path("dropping.sock"),
        story.home.path("purser.sock"),
    );
    let listener = UnixListener::bind(&here).unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let server = UnixStream::connect(&server).await;
            let mut request = vec![0; 4096];
            let length = client.read(&mut request).await.unwrap();
            if let Ok(mut server) = server {
                server.write_all(&request[..length]).await.unwrap();
                server.read_u8().await.unwrap();
            }
        }
    });
    here
}

#[tokio::test]
async fn what_was_done_without_an_answer_is_not_done_again() {
    let mut story = Story::of_docker();
    story.home.up().await;
    that_drops_answers(&story);
    let asked = "secret set TOKEN --socket dropping.sock";
    insta::assert_snapshot!(story.gives(asked, "a-long-token").await, @"
    purser: Purser went away before it answered: whether it was done is not known; look with `purser secret list`
    exit code 1
    ");
    insta::assert_snapshot!(story.sees("schedules list --socket dropping.sock").await, @"
    purser: Purser went away before it answered
    exit code 1
    ");
    assert_eq!(
        story.books().await,
        ["secret TOKEN: the secret TOKEN was set by ann"]
    );
}

#[tokio::test]
async fn a_server_that_takes_a_call_and_dies_is_no_reason_to_open_the_store() {
    let story = Story::of_docker();
    that_drops_answers(&story);
    let asked = "secret set TOKEN --socket dropping.sock";
    insta::assert_snapshot!(story.gives(asked, "a-long-token").await, @"
    purser: Purser went away before it answered: whether it was done is not known; look with `purser secret list`
    exit code 1
    ");
    assert!(!story.home.path("store").exists());
}
