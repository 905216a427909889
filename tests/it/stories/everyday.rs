//! What people do on a day without a deploy, with the workflows that Purser comes with.

use serde_json::{Value, json};

use super::Story;
use crate::docker::shop::Shop;
use crate::docker::stage::{V1, docker};

/// A shop, and a server with these of the shipped workflows.
async fn open(workflows: &[&str]) -> (Shop, Story) {
    let shop = Shop::new();
    let mut story = Story::of_docker();
    story.call(&shop.project, "bookshop");
    for name in workflows {
        let file = format!("workflows/{name}.yaml");
        let shipped = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        story
            .home
            .write(&file, &std::fs::read_to_string(shipped).unwrap());
    }
    story.home.up().await;
    (shop, story)
}

#[tokio::test]
async fn a_service_is_stopped_and_the_run_is_undone() {
    let (shop, story) = open(&["stop"]).await;
    let id = shop.start(1, V1, &[]).await;
    let service = shop.web();
    let stop = format!("run stop -i service={service}");
    insta::assert_snapshot!(story.sees(&stop).await, @"
    run RUN of stop, asked by ann
    ✓ stop: done in N s
    service: bookshop/web
    changed: true
    containers:
        name                   exit_code
        bookshop-web-1  137
    message: bookshop/web is stopped (1 container); bookshop-web-1 ended by SIGKILL (exit code 137)
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    assert!(shop.state(1).contains("exited"));
    let run = story.last_run().await;
    insta::assert_snapshot!(story.sees(&format!("undo {run}")).await, @"
    run RUN of stop, asked by ann
    undoes run RUN
    - stop: done in run RUN
    ↶ stop: taken back
    ✓ succeeded after N s: what run RUN had done is taken back: `stop`
    exit code 0
    ");
    assert_eq!(shop.state(1), "purser-test/web:v1 running healthy");
    assert_eq!(shop.id(1), id);
}

#[tokio::test]
async fn a_service_is_scaled_and_the_run_is_undone() {
    let (shop, story) = open(&["scale"]).await;
    shop.start(1, V1, &[]).await;
    let service = shop.web();
    let scale = format!("run scale -i service={service} -i replicas=2");
    insta::assert_snapshot!(story.sees(&scale).await, @"
    run RUN of scale, asked by ann
    ✓ scale: done in N s
    service: bookshop/web
    changed: true
    before: 1
    replicas: 2
    added:
        bookshop-web-2
    removed: none
    proof: healthy
    proven_by: its own HEALTHCHECK
    message: bookshop/web has 2 containers instead of 1: healthy (its own HEALTHCHECK)
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    assert_eq!(shop.containers(), [shop.name(1), shop.name(2)]);
    let run = story.last_run().await;
    insta::assert_snapshot!(story.sees(&format!("undo {run}")).await, @"
    run RUN of scale, asked by ann
    undoes run RUN
    - scale: done in run RUN
    ✓ scale/undo: done in N s
    ↶ scale: taken back
    service: bookshop/web
    changed: true
    before: 2
    replicas: 1
    added: none
    removed:
        bookshop-web-2
    message: bookshop/web has 1 instead of 2
    ✓ succeeded after N s: what run RUN had done is taken back: `scale`
    exit code 0
    ");
    assert_eq!(shop.containers(), [shop.name(1)]);
}

#[tokio::test]
async fn a_log_that_is_followed_shows_what_was_seen_when_it_is_cancelled() {
    let (shop, story) = open(&["logs"]).await;
    let name = shop.name(1);
    let project = format!("com.docker.compose.project={}", shop.project);
    let mut run = vec!["run", "--detach", "--no-healthcheck", "--name", &name];
    run.extend(["--label", &project, V1]);
    run.extend(["job", "--lines", "2000", "--seconds", "2000"]);
    docker(&run);
    let follow = format!("logs -i service={name} -i grep=LINE -i follow=10m");
    let run = story.starts(&follow).await;
    let told = |view: &Value| {
        view["progress"]
            .as_str()
            .is_some_and(|t| t.starts_with("line "))
    };
    story.until(&run, told).await;
    story.sees(&format!("cancel {run}")).await;
    let ended = story.home.ends(&run).await;
    assert_eq!(ended["status"], "cancelled", "{ended:#}");
    let output = &ended["run"]["steps"]["logs"]["output"];
    assert_eq!(
        output["ended"],
        json!("it was stopped before its time was over"),
        "{ended:#}"
    );
    assert!(output["text"].as_str().unwrap().starts_with("line 1"));
}

#[tokio::test]
async fn what_there_is_is_shown_with_the_workflows_that_come_with_it() {
    let (shop, story) = open(&["stats", "events", "images", "networks"]).await;
    shop.start(1, V1, &[]).await;
    let note = "its last 256 events".to_owned();
    for (run, holds) in [
        (format!("stats -i service={}", shop.web()), shop.name(1)),
        (
            format!("stats -i service={} -i over=2s", shop.web()),
            shop.name(1),
        ),
        ("stats".to_owned(), shop.name(1)),
        // On a busy engine nothing of the shop may be remembered any more.
        (format!("events -i service={}", shop.web()), note.clone()),
        ("events".to_owned(), note),
        ("images".to_owned(), shop.web()),
        ("networks".to_owned(), shop.network()),
    ] {
        let said = story.home.types(&super::words(&format!("run {run}"))).await;
        assert_eq!(said.code, 0, "{run}: {said:?}");
        assert!(said.out.contains(&holds), "{run}: {said:?}");
    }
}
