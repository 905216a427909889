//! What a workflow does around a deploy: a job before it that fails stops it, and one behind it takes it back.

use std::fs;

use super::Story;
use crate::docker::shop::Shop;
use crate::docker::stage::V1;

/// `workflows/release.yaml` as it is shipped, for this shop, without a second person: `migrate` and `try` are
/// jobs that end with these codes.
fn release(shop: &Shop, migrate: u8, try_it: u8) -> String {
    let file = format!("{}/workflows/release.yaml", env!("CARGO_MANIFEST_DIR"));
    let mut text = fs::read_to_string(file).unwrap();
    let (begin, rest) = text.split_once("approval:").unwrap();
    let (_, steps) = rest.split_once("steps:").unwrap();
    text = format!("{begin}steps:{steps}");
    let (web, network) = (shop.web(), shop.network());
    for (shipped, ours) in [
        ("registry.example.org/shop/web", "IMAGE"),
        ("[./migrate, up]", &format!("[job, --exit, \"{migrate}\"]")),
        (
            "[./smoke-test, \"http://web:8080\"]",
            &format!("[job, --exit, \"{try_it}\"]"),
        ),
        ("shop/web", &web),
        ("shop_default", &network),
        ("IMAGE", "purser-test/web"),
    ] {
        assert!(text.contains(shipped), "{shipped}");
        text = text.replace(shipped, ours);
    }
    text
}

/// A shop that runs v1, and a server with the workflow `release`.
async fn open(migrate: u8, try_it: u8) -> (Shop, Story) {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let mut story = Story::of_docker();
    story.call(&shop.project, "bookshop");
    let release = release(&shop, migrate, try_it);
    story.home.write("workflows/release.yaml", &release);
    story.home.up().await;
    (shop, story)
}

#[tokio::test]
async fn a_migration_that_fails_stops_the_deploy_before_it_has_begun() {
    let (shop, story) = open(1, 0).await;
    let mut events = shop.events();
    insta::assert_snapshot!(story.sees("run release -i version=v2").await, @"
    run RUN of release, asked by ann
    ✗ migrate: the job purser-migrate-HEX on `shop` ended with exit code 1 after N s; its last lines:
    line 1
    ✗ failed after N s: Left as it is: `migrate`: what the job did before it was removed stays.
    exit code 1
    ");
    shop.expect_silence(&mut events);
}

#[tokio::test]
async fn a_trial_that_fails_has_what_ran_before_deployed_again() {
    let (shop, story) = open(0, 1).await;
    insta::assert_snapshot!(story.sees("run release -i version=v2").await, @"
    run RUN of release, asked by ann
    ✓ migrate: done in N s
    ✓ deploy: done in N s
    ✗ try: the job purser-try-HEX on `shop` ended with exit code 1 after N s; its last lines:
    line 1
    ✓ deploy/undo: done in N s
    ↶ deploy: taken back
    migrate:
        exit_code: 0
        seconds: N
        container: purser-migrate-HEX
        last_lines:
            line 1
    deploy:
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
    deploy/undo:
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
    ✗ failed after N s: Left as it is: `migrate`: what the job did before it was removed stays; `try`: what the job did before it was removed stays.
    exit code 1
    ");
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(shop.state(1), format!("{V1} running healthy"));

    // Where the deploy had nothing to do there is nothing to take back.
    let old = shop.id(1);
    let told = story.sees("run release -i version=v1").await;
    assert!(told.contains("the job purser-try-"), "{told}");
    assert_eq!(shop.id(1), old);
}

#[tokio::test]
async fn a_release_that_works_is_migrated_deployed_and_tried() {
    let (shop, story) = open(0, 0).await;
    insta::assert_snapshot!(story.sees("run release -i version=v2").await, @"
    run RUN of release, asked by ann
    ✓ migrate: done in N s
    ✓ deploy: done in N s
    ✓ try: done in N s
    migrate:
        exit_code: 0
        seconds: N
        container: purser-migrate-HEX
        last_lines:
            line 1
    deploy:
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
    try:
        exit_code: 0
        seconds: N
        container: purser-try-HEX
        last_lines:
            line 1
    ✓ succeeded after N s: 3 steps done
    exit code 0
    ");
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
}
