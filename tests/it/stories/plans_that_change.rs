//! A plan that is not the approved one any more when its turn comes.

use std::process::Command;

use serde_json::json;

use super::Story;
use super::deploys::DEPLOY;
use crate::docker::compose::Folder;
use crate::docker::shop::Shop;
use crate::docker::stage::{V1, docker, host, unique};
use crate::support::program::Person;
use crate::support::systems::docker as engine;

/// Keeps the runs of the same service waiting for a while.
pub(super) const HOLD: &str = r#"
inputs:
  service: { type: string, required: true }
concurrency: deploy-{{ inputs.service }}
steps:
  - id: hold
    uses: docker.run_job
    with: { image: "purser-test/web:v1", command: [job, --lines, "100", --seconds, "100"] }
"#;

/// An image name of its own, whose tags go when the story ends.
pub(super) struct Tags(pub(super) String);

impl Tags {
    pub(super) fn new() -> Self {
        Self(unique("books"))
    }

    /// Has a tag name this image of the stack, whatever it named before.
    pub(super) fn put(&self, tag: &str, image: &str) {
        docker(&["tag", &format!("purser-test/web:{image}"), &self.image(tag)]);
    }

    pub(super) fn image(&self, tag: &str) -> String {
        format!("{}:{tag}", self.0)
    }
}

impl Drop for Tags {
    fn drop(&mut self) {
        for tag in ["old", "new"] {
            let mut client = Command::new("docker");
            client.args(["--host", &host(), "image", "rm", &self.image(tag)]);
            let _ = client.output();
        }
    }
}

#[tokio::test]
async fn an_approval_is_void_when_the_tag_has_moved_before_the_deploy_began() {
    let tags = Tags::new();
    tags.put("old", "v1");
    tags.put("new", "v2");
    let shop = Shop::new();
    let old = shop.start(1, &tags.image("old"), &[]).await;
    let mut story = Story::of_docker();
    story.call(&shop.project, "bookshop");
    story.call(&tags.0, "books");
    let approval = "approval: { production: { by: [operator], not_requester: true } }";
    story
        .home
        .workflow("release", &format!("{approval}{DEPLOY}"));
    story.home.workflow("hold", HOLD);
    story.home.up().await;

    let service = format!("service={}", shop.web());
    let hold = story.starts(&format!("hold -i {service}")).await;
    story.until(&hold, |view| view["status"] == "running").await;
    let run = story
        .starts(&format!("release -i {service} -i version=new"))
        .await;
    let plan = story.asks_approval(&run).await;
    let approve = format!("approve {run} --plan {plan}");
    insta::assert_snapshot!(story.person_sees(Person::Bo, &approve).await, @"
    run RUN: queued
    exit code 0
    ");
    story.until(&run, |view| view["progress"].is_string()).await;
    insta::assert_snapshot!(story.sees(&format!("runs show {run}")).await, @"
    run RUN of release: queued
    asked by ann (uid 0) at TIME
    inputs: service=bookshop/web version=new
      N s  asked for by ann
    ? N s  plan HEX waits for approval until TIME
    ✓ N s  plan HEX approved by bo
    now: waits for the run before it with the key `deploy-bookshop/web`, or for room
    exit code 0
    ");

    tags.put("new", "v3");
    story.sees(&format!("cancel {hold}")).await;
    let void = |view: &serde_json::Value| {
        view["status"] == json!({ "waiting": "approval" }) && view["run"]["voided"][0].is_string()
    };
    story.until(&run, void).await;
    assert_ne!(story.asks_approval(&run).await, plan);
    insta::assert_snapshot!(story.sees(&format!("runs show {run}")).await, @"
    run RUN of release: waits for approval
    asked by ann (uid 0) at TIME
    inputs: service=bookshop/web version=new
      N s  asked for by ann
    ? N s  plan HEX waits for approval until TIME
    ✓ N s  plan HEX approved by bo
      N s  begun
      N s  deploy: docker.deploy_service on shop
    ! N s  the approval is void: image books:new was sha256:HEX when it was approved and is sha256:HEX now
    ? N s  plan HEX waits for approval until TIME
    deploy: docker.deploy_service on shop
        replace bookshop/web: books:old → books:new, beside the old one
          ~ image of bookshop-web-1: books:old → books:new
          + how it is replaced: beside
          + variable SICK: the new image's value
          ~ variable VERSION: the old image's value → the new image's value
          ~ label purser-test.recipe: HEX → HEX
          · each old container goes on until its new one has proven itself beside it
          · a new container has 1m to prove itself by its HEALTHCHECK; without one it only has to run for 5 s
          · can be undone until the old containers are removed, which comes last
          · in front is Docker's DNS alone: a new container gets the service's name in its networks once it has proven itself; requests under way are dropped where a container does not finish them
          · the next `docker compose up` goes back to the image that its file names: change the file too, or let Purser pin the version in the project's folder (`projects`)
    plan HEX
    waits for approval (1 × operator, not who asked) until TIME: purser approve RUN --plan HEX
    exit code 0
    ");
    insta::assert_snapshot!(story.person_sees(Person::Bo, &approve).await, @"
    purser: the plan of run RUN is HEX by now: look at it again with `purser runs show RUN`
    exit code 1
    ");
    assert_eq!(shop.id(1), old);
    assert_eq!(shop.containers(), [shop.name(1)]);

    let reject = format!("reject {run}");
    story.person_sees(Person::Bo, &reject).await;
    assert_eq!(story.home.ends(&run).await["status"], "cancelled");
    story.home.ends(&hold).await;
}

#[tokio::test]
async fn an_approval_is_void_when_the_version_in_env_was_edited_meanwhile() {
    let shop = Shop::new();
    let old = shop.start(1, V1, &[]).await;
    let compose = "services:\n  web: { image: \"purser-test/web:${WEB_TAG}\" }\n";
    let folder = Folder::new(compose, Some("WEB_TAG=v1\n"));
    let mut engine = engine();
    let mut projects = toml::Table::new();
    let path = folder.path().display().to_string();
    projects.insert(shop.project.clone(), path.clone().into());
    engine.insert("projects".to_owned(), projects.into());
    let mut story = Story::with(&[("shop", engine)]);
    story.call(&shop.project, "bookshop");
    story.call(&path, "/srv/bookshop");
    let approval = "approval: { production: { by: [operator], not_requester: true } }";
    story
        .home
        .workflow("release", &format!("{approval}{DEPLOY}"));
    story.home.up().await;
    let run = format!("release -i service={} -i version=v2", shop.web());
    let run = story.starts(&run).await;
    let plan = story.asks_approval(&run).await;

    folder.write("WEB_TAG=v0\n");
    let approve = format!("approve {run} --plan {plan}");
    story.person_sees(Person::Bo, &approve).await;
    let void = |view: &serde_json::Value| view["run"]["voided"][0].is_string();
    let seen = story.until(&run, void).await;
    let why = story.plain(seen["run"]["voided"][0].as_str().unwrap());
    insta::assert_snapshot!(why, @"what step `deploy` would change is no longer what was approved");
    assert_ne!(story.asks_approval(&run).await, plan);
    assert_eq!((shop.id(1), folder.env()), (old, "WEB_TAG=v0\n".to_owned()));
    story
        .person_sees(Person::Bo, &format!("reject {run}"))
        .await;
    assert_eq!(story.home.ends(&run).await["status"], "cancelled");
}
