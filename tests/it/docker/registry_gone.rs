//! A registry that dies while an engine fetches an image of it.

use std::sync::Arc;

use purser::action::{ErrorKind, Undone};
use serde_json::json;

use super::registry::{Guarded, PASSWORD, Slow, large};
use super::stage::{Step, V1, eventually};
use crate::support::own_engine::OwnEngine;

#[tokio::test]
async fn a_registry_that_dies_in_the_middle_leaves_the_service_alone_and_is_asked_again_later() {
    // One that gives a layer up at its first failure: by default that is five, in 50 seconds.
    let (engine, mut registry) = tokio::join!(OwnEngine::with(&[V1]), Guarded::start());
    let old = engine.serve("web", V1, &[]);
    let image = large(24 << 20);
    let pushed = registry.push(&image.name);
    let slow = Slow::before(registry.address.clone(), 1 << 20).await;
    let reference = pushed.reference().replace(&registry.address, &slow.address);
    let login = registry.login(PASSWORD);
    let login = login.replace(&registry.address, &slow.address);
    let input = json!({ "service": "shop/web", "image": reference });
    let step = Step::on(&engine.host(), "docker.deploy_service", &login, input);
    engine.are_well(1).await;

    let journal = Arc::clone(&step.journal);
    let die = async {
        eventually("the large layer is under way", || {
            let has_bytes = |text: &String| text.contains(" of ") && text.contains(" layers");
            journal.told().iter().any(has_bytes)
        })
        .await;
        registry.kill();
        slow.let_go();
    };
    let (ended, ()) = tokio::join!(step.run(), die);
    let error = ended.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Retryable);
    let told = error.message.replace(&reference, "REGISTRY/shop/web:live");
    let told = told.replace(&slow.address, "REGISTRY");
    // At which request it died is a matter of moments.
    let (before, after) = told.split_once(" (").unwrap();
    let (_, next) = after.rsplit_once("); ").unwrap();
    insta::assert_snapshot!(format!("{before}; {next}"), @"the image REGISTRY/shop/web:live is not on `shop` and cannot be fetched: the registry REGISTRY cannot be reached; see that the registry runs and that its name is right, and try again");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    let untouched = format!("shop-web-1 {old} running healthy");
    assert_eq!(engine.containers(), [untouched]);
    assert_eq!(engine.new_ones(), 0);

    registry.starts_again().await;
    let output = step.run().await.unwrap();
    assert_eq!(output["proof"], "healthy");
    assert_eq!(engine.containers().len(), 1);
    assert!(!engine.containers()[0].contains(&old));
}
