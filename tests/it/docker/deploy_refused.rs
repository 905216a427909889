//! What a deploy refuses before it changes anything.

use purser::action::Undone;
use serde_json::{Value, json};

use super::shop::Shop;
use super::stage::{Cleanup, Step, V1, V2, docker, plain, unique};

/// Plan and run say the same, and nothing is left.
async fn refused(input: Value) -> String {
    let step = Step::of("docker.deploy_service", input);
    let planned = step.plan().await.unwrap_err().message;
    assert_eq!(step.run().await.unwrap_err().message, planned);
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(step.containers(), Vec::<String>::new());
    planned
}

#[tokio::test]
async fn a_service_that_is_not_there_is_answered_with_the_nearest_name() {
    let shop = Shop::new();
    let name = unique("checkout");
    let _gone = Cleanup(format!("name={name}"));
    docker(&[
        "run",
        "--detach",
        "--name",
        &name,
        "--network",
        &shop.network(),
        V1,
    ]);
    let error = refused(json!({ "service": format!("{name}e"), "image": V2 })).await;
    assert!(
        error.ends_with(&format!("did you mean `{name}`?")),
        "{error}"
    );
}

#[tokio::test]
async fn a_service_that_could_be_two_is_asked_back() {
    let (one, other) = (Shop::new(), Shop::new());
    one.start(1, V1, &[]).await;
    other.start(1, V1, &[]).await;
    let error = refused(json!({ "service": "web", "image": V2 })).await;
    assert!(error.contains("`web` may be"), "{error}");
    assert!(
        error.contains(&one.web()) && error.contains(&other.web()),
        "{error}"
    );
    let error = refused(json!({ "service": one.name(1), "image": V2 })).await;
    assert!(
        error.contains(&format!("is a container of the service `{}`", one.web())),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_to_be_deployed_must_be_said_and_must_exist() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let web = shop.web();
    let said = async |input: Value| {
        let mut all = json!({ "service": shop.web() });
        for (name, value) in input.as_object().unwrap() {
            all[name] = value.clone();
        }
        plain(&refused(all).await.replace(&web, "shop/web"))
    };
    insta::assert_snapshot!(said(json!({})).await, @"say what to deploy: either `image` (shop/web:v2), `version` (v2, a tag of the image that the service runs now) or `back_to` (a run that had deployed it, or `previous`)");
    insta::assert_snapshot!(said(json!({ "version": "v2 " })).await, @"`purser-test/web:v2 ` is not the name of an image: write it like registry/shop/web:v2");
    insta::assert_snapshot!(said(json!({ "image": "--privileged" })).await, @"`--privileged` is not the name of an image: write it like registry/shop/web:v2");
    insta::assert_snapshot!(said(json!({ "version": "-v/:/host" })).await, @"`purser-test/web:-v/:/host` is not the name of an image: write it like registry/shop/web:v2");
    let missing = said(json!({ "image": "localhost:1/web:v9" })).await;
    assert!(
        missing.contains("localhost:1/web:v9 is not on `shop` and cannot be fetched: the registry"),
        "{missing}"
    );
}

#[tokio::test]
async fn what_could_not_be_put_back_is_not_taken_down() {
    let shop = Shop::new();
    shop.start(1, V1, &["--rm"]).await;
    let error = refused(json!({ "service": shop.web(), "image": V2 })).await;
    insta::assert_snapshot!(plain(&error.replace(&shop.project, "shop")), @"shop-web-1 on `shop` was started with --rm: the engine removes it as soon as it is stopped, and it could not be put back; start it without --rm first");
}

#[tokio::test]
async fn a_deploy_that_is_under_way_keeps_another_one_out() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let sick = json!({ "image": "purser-test/web:v3" });
    let first = shop.deploy(&sick);
    first.run().await.unwrap_err();
    let error = shop
        .deploy(&json!({ "image": V2 }))
        .run()
        .await
        .unwrap_err();
    let message = error.message.replace(&first.run.to_string(), "RUN");
    insta::assert_snapshot!(plain(&message.replace(&shop.project, "shop")), @"another deploy of shop/web on `shop` has begun and not ended: its container shop-web-1-purser-HEX (run RUN) is there; finish or undo that run, or remove the container");
    assert_eq!(first.undo().await.unwrap(), Undone::Fully);
}
