//! `rollback` long after the deploy that it goes back to.

use std::fs;

use serde_json::json;

use super::Story;
use super::deploys::DEPLOY;
use super::retention::{days_go_by, sees_in_time};
use crate::docker::shop::Shop;
use crate::docker::stage::V1;
use crate::support::patience;

fn shipped(file: &str) -> String {
    fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[tokio::test]
async fn a_deploy_whose_log_is_gone_is_offered_and_gone_back_to_by_its_receipt() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let mut story = Story::of_docker();
    story.call(&shop.project, "bookshop");
    story.home.workflow("deploy", DEPLOY);
    let rollback = shipped("workflows/rollback.yaml");
    let (begin, rest) = rollback.split_once("# A second person").unwrap();
    let (_, steps) = rest.split_once("steps:").unwrap();
    let alone = format!("{begin}steps:{steps}");
    story.home.write("workflows/rollback.yaml", &alone);
    let command = shipped("commands/rollback.yaml");
    story.home.write("commands/rollback.yaml", &command);
    story.home.up().await;
    let deploy = async |version: &str| {
        let line = format!("deploy -i service={} -i version={version}", shop.web());
        let run = story.starts(&line).await;
        assert_eq!(story.home.ends(&run).await["status"], "succeeded");
        run
    };
    let first = deploy("v2").await;
    let second = deploy("v1").await;

    days_go_by(&mut story, 91).await;
    sees_in_time(&story, &format!("runs show {first}"), "kept no more").await;
    let wanted = json!({
        "what": { "option": {
            "command": "rollback", "option": "to", "given": { "service": shop.web() },
        } },
        "typed": "",
    });
    patience::until("both are offered, the newest first", async || {
        story.offered(&wanted).await.0 == [second.clone(), first.clone()]
    })
    .await;

    let to = &first[first.len() - 8..];
    let rollback = format!("run rollback -i service={} -i to={to}", shop.web());
    let told = story.sees(&rollback).await;
    assert!(told.ends_with("exit code 0"), "{told}");
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
}
