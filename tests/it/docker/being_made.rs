//! A process that died while the engine made its container, and a successor that asks at once.

use purser::action::Undone;
use serde_json::json;

use super::busy_engine::BusyEngine;
use super::shop::Shop;
use super::stage::{Step, V1, V2, names, unique};
use crate::support::journal::Moment;

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
async fn a_deploy_that_is_taken_back_takes_it_away_too() {
    let shop = Shop::new();
    let old = shop.start(1, V1, &[]).await;
    let inputs = json!({ "service": shop.web(), "image": V2 });
    let step = Step::of("docker.deploy_service", inputs).dying_at("create_new", Moment::Started);
    step.run().await.unwrap_err();
    let (run, name) = (step.run.to_string(), unique("being-made"));
    let effect = format!("{run}/step/0/create_new[{}]", shop.name(1));
    let labels = json!({ "purser.run": run, "purser.effect": effect });
    let engine = BusyEngine::making(&name, &json!({ "Image": V2, "Labels": labels }));
    let step = step.moved_to(&engine.host());
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert!(engine.is_done(), "the container was never made");
    assert_eq!((shop.id(1), step.containers()), (old, vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_is_that_of_a_job() {
    let engine = BusyEngine::new();
    let inputs = json!({ "image": V1, "command": ["job", "--lines", "1"] });
    let step = Step::on(&engine.host(), "docker.run_job", "", inputs);
    step.run().await.unwrap();
    assert_eq!(names(&format!("label=purser.run={}", step.run)), [""; 0]);
}
