//! A Docker engine that ends in the middle of deploys and is started again: what people see of that, and what
//! is there afterwards.

use serde_json::Value;

use super::Story;
use super::deploys::DEPLOY;
use crate::docker::stage::{V1, V2, eventually};
use crate::support::own_engine::OwnEngine;
use crate::support::patience;
use crate::support::systems::of_kind;

/// The new container is not ready so soon: there is a middle of each deploy.
const SLOW: [&str; 2] = ["--env", "SLOW_START=2"];

/// An engine of its own, and a server that knows it as `shop`, with the workflow `deploy`.
async fn open() -> (OwnEngine, Story) {
    let engine = OwnEngine::with(&[V1, V2]).await;
    let host = engine.host();
    let mut story = Story::with(&[("shop", of_kind("docker", toml::toml! { host = host }))]);
    story.call(&engine.host(), "unix://ENGINE");
    story.home.workflow("deploy", DEPLOY);
    story.home.up().await;
    (engine, story)
}

impl Story {
    async fn deploys(&self, service: &str) -> String {
        let deploy = format!("deploy -i service=shop/{service} -i version=v2");
        self.starts(&deploy).await
    }

    /// What ann sees of a run's end.
    async fn sees_end_of(&self, run: &str) -> String {
        without_reasons(&self.sees(&format!("runs watch {run}")).await)
    }

    /// Waits until taking back has failed so often.
    async fn tries_to_take_back(&self, times: usize) {
        patience::until("it is tried again", async || {
            self.home.log().matches("undo failed; again").count() >= times
        })
        .await;
    }
}

/// Whether it refuses, resets or is not there at all is a matter of moments.
fn without_reasons(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| match line.split_once(" at unix://ENGINE (") {
            Some((before, _)) => format!("{before} at unix://ENGINE"),
            None => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_engine_that_is_killed_takes_deploys_with_it_and_what_ran_before_runs_again() {
    let (mut engine, story) = open().await;
    let again = ["--restart", "always"];
    let web = engine.serve("web", V1, &[&SLOW[..], &again].concat());
    let books = engine.serve(
        "books",
        V1,
        &[&SLOW[..], &again, &["--volume", "/data"]].concat(),
    );
    let plain = engine.serve("plain", V1, &SLOW);
    engine.are_well(3).await;
    let mut runs = Vec::new();
    for service in ["web", "books", "plain"] {
        runs.push(story.deploys(service).await);
    }
    eventually("each has a new one", || engine.new_ones() == 3).await;
    engine.kill();
    engine.start();
    engine.is_up().await;

    insta::assert_snapshot!(story.sees_end_of(&runs[0]).await, @"
    run RUN of deploy, asked by ann
    ✗ deploy: the container HEX was looked at, and no answer came from `shop` at unix://ENGINE
    ✗ rolled back after N s: Everything that it had done was taken back.
    exit code 1
    ");
    insta::assert_snapshot!(story.sees_end_of(&runs[1]).await, @"
    run RUN of deploy, asked by ann
    ✗ deploy: the container HEX was looked at, and no answer came from `shop` at unix://ENGINE
    ✗ rolled back after N s: Everything that it had done was taken back.
    exit code 1
    ");
    insta::assert_snapshot!(story.sees_end_of(&runs[2]).await, @"
    run RUN of deploy, asked by ann
    ✗ deploy: the container HEX was looked at, and no answer came from `shop` at unix://ENGINE
    ✗ failed after N s: Left as it is: `deploy`: shop-plain-1 on `shop` does not run (exit code 137), and not because of this deploy: look why, and start it anew (`docker restart shop-plain-1`).
    exit code 1
    ");
    let expected = [
        format!("shop-books-1 {books} running healthy"),
        format!("shop-plain-1 {plain} exited healthy"),
        format!("shop-web-1 {web} running healthy"),
    ];
    assert_eq!(engine.containers(), expected);

    let run = story.deploys("web").await;
    let ended: Value = story.home.ends(&run).await;
    assert_eq!(ended["status"], "succeeded", "{ended:#}");
}

#[tokio::test]
async fn an_engine_that_is_away_for_a_while_is_waited_for_and_the_deploy_is_taken_back() {
    let (mut engine, story) = open().await;
    let options = ["--restart", "always", "--volume", "/data"];
    let books = engine.serve("books", V1, &[&SLOW[..], &options].concat());
    engine.are_well(1).await;
    let plan = story
        .sees("plan deploy -i service=shop/books -i version=v2")
        .await;
    let told = plan.lines().find(|line| line.contains("`always`"));
    insta::assert_snapshot!(told.unwrap_or(&plan).trim(), @"· shop-books-1 has the restart policy `always`: an engine that is started anew in the middle of the deploy starts it too, beside the new one; with `unless-stopped` it does not");
    let run = story.deploys("books").await;
    eventually("it has a new one", || engine.new_ones() == 1).await;
    engine.stop();
    story.tries_to_take_back(3).await;
    let now = story.home.asks(&["runs", "show", &run]).await;
    let told = story.plain(now["progress"].as_str().unwrap());
    insta::assert_snapshot!(without_reasons(&told), @"taking it back is tried again soon: the container HEX was looked at, and no answer came from `shop` at unix://ENGINE");
    engine.start();

    insta::assert_snapshot!(story.sees_end_of(&run).await, @"
    run RUN of deploy, asked by ann
    ✗ deploy: the container HEX was looked at, and no answer came from `shop` at unix://ENGINE
    ✗ rolled back after N s: Everything that it had done was taken back.
    exit code 1
    ");
    assert_eq!(
        engine.containers(),
        [format!("shop-books-1 {books} running healthy")]
    );
}
