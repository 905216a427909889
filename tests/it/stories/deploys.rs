//! Deploys: what is planned, what is proven, and what is taken back.

use super::Story;
use crate::docker::shop::Shop;
use crate::docker::stage::V1;

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
    insta::assert_snapshot!(story.sees(&plan).await, @"");
    shop.expect_silence(&mut events);
    insta::assert_snapshot!(story.sees("runs list").await, @"");
    insta::assert_snapshot!(story.sees("receipts list").await, @"");
}

#[tokio::test]
async fn a_version_that_is_healthy_takes_over() {
    let (shop, story) = open().await;
    let deploy = format!("run deploy -i service={} -i version=v2", shop.web());
    insta::assert_snapshot!(story.sees(&deploy).await, @"");
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
}

#[tokio::test]
async fn a_version_that_exits_at_once_is_rolled_back_and_the_old_one_stays() {
    let (shop, story) = open().await;
    let old = shop.id(1);
    let deploy = format!("run deploy -i service={} -i version=v4", shop.web());
    insta::assert_snapshot!(story.sees(&deploy).await, @"");
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(shop.id(1), old);
    assert_eq!(shop.state(1), "purser-test/web:v1 running healthy");
}
