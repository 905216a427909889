//! A process that died while the engine made its container, and a successor that asks at once.

use serde_json::json;

use super::busy_engine::BusyEngine;
use super::shop::Shop;
use super::stage::{Step, V1, V2, names};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_the_engine_is_still_making_is_waited_for() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let engine = BusyEngine::new();
    let inputs = json!({ "service": shop.web(), "image": V2 });
    let step = Step::on(&engine.host(), "docker.deploy_service", "", inputs);
    step.run().await.unwrap();
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(shop.state(1), format!("{V2} running healthy"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_is_that_of_a_job() {
    let engine = BusyEngine::new();
    let inputs = json!({ "image": V1, "command": ["job", "--lines", "1"] });
    let step = Step::on(&engine.host(), "docker.run_job", "", inputs);
    step.run().await.unwrap();
    assert_eq!(names(&format!("label=purser.run={}", step.run)), [""; 0]);
}
