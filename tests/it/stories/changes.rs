//! What has changed, and who did it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Story;
use super::deploys::DEPLOY;
use crate::docker::shop::Shop;
use crate::docker::stage::{V1, docker};
use crate::docker::telling_engine::TellingEngine;
use crate::support::program::Person;
use crate::support::systems::of_kind;

impl Story {
    /// Puts the workflow `changes` there, as it comes with the program.
    fn tells_changes(&self) {
        let file = "workflows/changes.yaml";
        let shipped = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        self.home
            .write(file, &std::fs::read_to_string(shipped).unwrap());
    }

    /// What the last run of `changes` with these inputs had to say, once it is as wanted.
    async fn changes(&self, inputs: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let mut line = vec!["changes"];
            line.extend(inputs.iter().flat_map(|input| ["-i", input]));
            let run = self.home.starts(&line).await;
            let ended = self.home.ends(&run).await;
            let output = ended["run"]["steps"]["changes"]["output"].clone();
            if wanted(&output) {
                return output;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{output:#}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The words of all lines that no run has written.
fn outside(output: &Value) -> Vec<String> {
    let lines = output["changes"].as_array().unwrap().iter();
    let outside = lines.filter(|line| line["run"].is_null());
    outside
        .map(|line| line["what"].as_str().unwrap().to_owned())
        .collect()
}

fn says(output: &Value, what: &str) -> bool {
    outside(output).iter().any(|line| line.contains(what))
}

#[tokio::test]
async fn what_somebody_did_by_hand_is_told_apart_from_a_deploy_and_voids_an_approval() {
    let shop = Shop::new();
    let mut story = Story::of_docker();
    story.call(&shop.project, "bookshop");
    let approval = "approval: { production: { by: [operator], not_requester: true } }";
    story.home.workflow("deploy", DEPLOY);
    story
        .home
        .workflow("release", &format!("{approval}{DEPLOY}"));
    story.tells_changes();
    story.home.up().await;
    let of_web = format!("service={}", shop.web());
    shop.start(1, V1, &[]).await;
    let begun = |output: &Value| says(output, "made and started");
    story.changes(&[&of_web], begun).await;

    docker(&["stop", &shop.name(1)]);
    docker(&["start", &shop.name(1)]);
    shop.is_healthy(1).await;
    let deployed = story
        .starts(&format!("deploy -i {of_web} -i version=v2"))
        .await;
    assert_eq!(story.home.ends(&deployed).await["status"], "succeeded");
    let restarted = |output: &Value| says(output, "restarted");
    let output = story.changes(&[&of_web], restarted).await;
    assert_eq!(
        output["unwatched"].as_array().unwrap().len(),
        1,
        "{output:#}"
    );
    insta::assert_snapshot!(story.plain(&table(&output)), @"
    AT                    WHO             ON                         WHAT
    TIME  outside Purser  shop: bookshop/web  bookshop-web-1 made and started, of purser-test/web:v1
    TIME  outside Purser  shop: bookshop/web  bookshop-web-1 restarted
    TIME  ann             shop: bookshop/web  run RUN of deploy: succeeded: 1 step done
    ");

    let run = story
        .starts(&format!("release -i {of_web} -i version=v1"))
        .await;
    let plan = story.asks_approval(&run).await;
    docker(&[
        "update",
        "--memory",
        "64m",
        "--memory-swap",
        "64m",
        &shop.name(1),
    ]);
    let approve = format!("approve {run} --plan {plan}");
    story.person_sees(Person::Bo, &approve).await;
    let view = story
        .until(&run, |view| view["run"]["voided"][0].is_string())
        .await;
    let why = view["run"]["voided"][0].as_str().unwrap();
    insta::assert_snapshot!(story.plain(why), @"container bookshop-web-1 was HEX, in bookshop_net, restart no when it was approved and is HEX, in bookshop_net, memory RUN, restart no now");
    let updated = |output: &Value| says(output, "other limits");
    story.changes(&[&of_web], updated).await;
    story.sees(&format!("cancel {run}")).await;
    assert_eq!(story.home.ends(&run).await["status"], "cancelled");
}

/// What stands below the lines about times that were not watched.
fn table(output: &Value) -> String {
    let text = output["text"].as_str().unwrap();
    let lines = text.lines().skip_while(|line| !line.starts_with("AT"));
    lines.collect::<Vec<_>>().join("\n")
}

fn now() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

#[tokio::test]
async fn what_happened_while_nobody_listened_is_told_as_far_as_the_engine_remembers_it() {
    let mut engine = TellingEngine::new();
    let hour = now() - 3_600_000_000;
    engine.happens(hour, "start", "old", &json!({}));
    let host = toml::toml! { host = (engine.host()) };
    let mut story = Story::with(&[("shop", of_kind("docker", host))]);
    story.tells_changes();
    story.home.up().await;
    let code = json!({ "exitCode": "1" });
    engine.happens(now(), "die", "web", &code);
    let died = |output: &Value| says(output, "ended by itself");
    let output = story.changes(&["since=50m"], died).await;
    assert_eq!(output["unwatched"], json!([]), "it remembers an hour");

    // Killed, it asks for what it has missed, and keeps nothing twice.
    story.home.kill().await;
    engine.happens(now(), "start", "web", &json!({}));
    story.home.up().await;
    let started = |output: &Value| says(output, "and started again");
    let output = story.changes(&["since=50m"], started).await;
    assert_eq!(
        outside(&output),
        ["shop-web-1 ended by itself with exit code 1, and started again"]
    );
    assert_eq!(output["unwatched"], json!([]));

    // What it has forgotten is not known, and that is said.
    story.home.stop().await;
    for _ in 0..256 {
        engine.happens(now(), "exec_start: true", "db", &json!({}));
    }
    story.home.up().await;
    let gaps =
        |count: usize| move |output: &Value| output["unwatched"].as_array().unwrap().len() == count;
    let output = story.changes(&["since=50m"], gaps(1)).await;
    assert_eq!(outside(&output).len(), 1, "{output:#}");

    // Gone, it has forgotten everything.
    engine.ends();
    story.home.says("what changes on it is not heard").await;
    let output = story.changes(&["since=50m"], gaps(2)).await;
    let text = story.plain(output["text"].as_str().unwrap());
    insta::assert_snapshot!(text, @"
    shop was not watched from TIME to TIME: what others changed there then is not known
    shop was not watched from TIME to TIME: what others changed there then is not known
    AT                    WHO             ON              WHAT
    TIME  outside Purser  shop: shop/web  shop-web-1 ended by itself with exit code 1, and started again
    ");
    engine.starts();
    engine.happens(now(), "pause", "web", &json!({}));
    let paused = |output: &Value| says(output, "paused");
    let output = story.changes(&["since=50m"], paused).await;
    assert_eq!(
        output["unwatched"].as_array().unwrap().len(),
        2,
        "{output:#}"
    );
}
