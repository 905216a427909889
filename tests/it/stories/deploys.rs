//! Deploys: what is planned, what is proven, and what is taken back.

use std::fs;

use super::Story;
use crate::docker::shop::Shop;
use crate::docker::stage::{V1, docker};

/// A workflow that deploys a version of a service.
pub(super) const DEPLOY: &str = r#"
inputs:
  service: { type: string, required: true }
  version: { type: string, required: true }
concurrency: deploy-{{ inputs.service }}
steps:
  - id: deploy
    uses: docker.deploy_service
    with: { service: "{{ inputs.service }}", version: "{{ inputs.version }}" }
"#;

/// A shop that runs v1, and a server with the workflow `deploy`.
async fn open() -> (Shop, Story) {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let mut story = Story::of_docker();
    story.call(&shop.project, "bookshop");
    story.home.workflow("deploy", DEPLOY);
    story.home.up().await;
    (shop, story)
}

#[tokio::test]
async fn a_plan_is_told_and_nothing_is_changed() {
    let (shop, story) = open().await;
    let mut events = shop.events();
    let plan = format!("plan deploy -i service={} -i version=v2", shop.web());
    insta::assert_snapshot!(story.sees(&plan).await, @"
    deploy: docker.deploy_service on shop
        replace bookshop/web: purser-test/web:v1 → purser-test/web:v2, beside the old one
          ~ image of bookshop-web-1: purser-test/web:v1 → purser-test/web:v2
          + how it is replaced: beside
          ~ variable VERSION: the old image's value → the new image's value
          ~ label purser-test.recipe: HEX → HEX
          · each old container goes on until its new one has proven itself beside it
          · a new container has 1m to prove itself by its HEALTHCHECK; without one it only has to run for 5 s
          · can be undone until the old containers are removed, which comes last
          · in front is Docker's DNS alone: a new container gets the service's name in its networks once it has proven itself; requests under way are dropped where a container does not finish them
          · the next `docker compose up` goes back to the image that its file names: change the file too, or let Purser pin the version in the project's folder (`projects`)
    plan HEX
    exit code 0
    ");
    shop.expect_silence(&mut events);
    insta::assert_snapshot!(story.sees("runs list").await, @"
    no runs yet
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("receipts list").await, @"
    no receipts yet
    exit code 0
    ");
}

#[tokio::test]
async fn a_version_that_is_healthy_takes_over() {
    let (shop, story) = open().await;
    let deploy = format!("run deploy -i service={} -i version=v2", shop.web());
    insta::assert_snapshot!(story.sees(&deploy).await, @"
    run RUN of deploy, asked by ann
    ✓ deploy: done in N s
    service: bookshop/web
    changed: true
    image: purser-test/web:v2
    image_id: sha256:HEX
    replaced_image: purser-test/web:v1
    replaced_image_id: sha256:HEX
    strategy: rolling
    proof: healthy
    proven_by: its own HEALTHCHECK
    gap_seconds: N
    containers:
        bookshop-web-1
    message: bookshop/web runs purser-test/web:v2 instead of purser-test/web:v1: healthy (its own HEALTHCHECK), without a gap
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
}

#[tokio::test]
async fn of_two_deploys_of_one_service_the_second_waits_for_the_first() {
    let (shop, story) = open().await;
    let deploy = |version: &str| format!("deploy -i service={} -i version={version}", shop.web());
    let mut events = shop.events();
    let first = story.starts(&deploy("v2")).await;
    let second = story.sees(&format!("run {}", deploy("v1"))).await;
    assert!(second.contains("\n✓ succeeded after"), "{second}");
    let ended = story
        .until(&first, |run| run["status"] == "succeeded")
        .await;
    assert_eq!(
        ended["run"]["steps"]["deploy"]["output"]["image"],
        "purser-test/web:v2"
    );
    assert_eq!(shop.state(1), "purser-test/web:v1 running healthy");
    assert_eq!(shop.containers(), [shop.name(1)]);
    docker(&["update", "--restart", "no", &shop.name(1)]);
    let told = events.until("update");
    let came_and_went = told
        .iter()
        .filter(|one| matches!(one.as_str(), "create" | "destroy"));
    let expected = ["create", "destroy", "create", "destroy"];
    assert_eq!(came_and_went.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_service_goes_back_to_what_an_earlier_run_had_put_live() {
    let (shop, story) = open().await;
    let service = shop.web();
    let shipped = format!("{}/workflows/rollback.yaml", env!("CARGO_MANIFEST_DIR"));
    let shipped = fs::read_to_string(shipped).unwrap();
    let (before, rest) = shipped.split_once("# A second person").unwrap();
    let (_, steps) = rest.split_once("steps:").unwrap();
    let alone = format!("{before}steps:{steps}");
    story.home.write("workflows/rollback.yaml", &alone);
    story.sees("reload").await;
    let rollback = format!("run rollback -i service={service}");
    insta::assert_snapshot!(story.sees(&rollback).await, @"
    run RUN of rollback, asked by ann
    ✗ rollback: bookshop/web on `shop`: none of the last 10000 receipts names an image that it ran besides the present one: deploy a version by its name
    ✗ failed after N s: Nothing was changed.
    exit code 1
    ");

    story
        .sees(&format!("run deploy -i service={service} -i version=v2"))
        .await;
    let first = story.last_run().await;
    insta::assert_snapshot!(story.sees(&rollback).await, @"
    run RUN of rollback, asked by ann
    ✓ rollback: done in N s
    service: bookshop/web
    changed: true
    image: purser-test/web:v1
    image_id: sha256:HEX
    replaced_image: purser-test/web:v2
    replaced_image_id: sha256:HEX
    strategy: rolling
    proof: healthy
    proven_by: its own HEALTHCHECK
    gap_seconds: N
    containers:
        bookshop-web-1
    message: bookshop/web runs purser-test/web:v1 instead of purser-test/web:v2: healthy (its own HEALTHCHECK), without a gap
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    assert_eq!(shop.state(1), "purser-test/web:v1 running healthy");

    let to = format!("{rollback} -i to={}", &first[first.len() - 8..]);
    insta::assert_snapshot!(story.sees(&to).await, @"
    run RUN of rollback, asked by ann
    ✓ rollback: done in N s
    service: bookshop/web
    changed: true
    image: purser-test/web:v2
    image_id: sha256:HEX
    replaced_image: purser-test/web:v1
    replaced_image_id: sha256:HEX
    strategy: rolling
    proof: healthy
    proven_by: its own HEALTHCHECK
    gap_seconds: N
    containers:
        bookshop-web-1
    message: bookshop/web runs purser-test/web:v2 instead of purser-test/web:v1: healthy (its own HEALTHCHECK), without a gap
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
    insta::assert_snapshot!(story.sees(&format!("{rollback} -i to=deadbeef")).await, @"
    run RUN of rollback, asked by ann
    ✗ rollback: bookshop/web on `shop`: none of the last 10000 receipts says that the run `DEADBEEF` has deployed it: see `purser receipts list`, or write `previous`
    ✗ failed after N s: Nothing was changed.
    exit code 1
    ");
}

#[tokio::test]
async fn a_version_that_exits_at_once_is_rolled_back_and_the_old_one_stays() {
    let (shop, story) = open().await;
    let old = shop.id(1);
    let deploy = format!("run deploy -i service={} -i version=v4", shop.web());
    insta::assert_snapshot!(story.sees(&deploy).await, @"
    run RUN of deploy, asked by ann
    ✗ deploy: bookshop-web-1-purser-HEX (purser-test/web:v4) on `shop`: it ended with exit code 3; its last lines:
    web: told to crash
    ✗ rolled back after N s: Everything that it had done was taken back.
    exit code 1
    ");
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(shop.id(1), old);
    assert_eq!(shop.state(1), "purser-test/web:v1 running healthy");
}
