//! People who take a container's name, or give it another one, while it is being replaced.

use purser::action::{ErrorKind, Undone};
use serde_json::json;

use super::front::{Site, visit};
use super::shop::Shop;
use super::stage::{Cleanup, V1, V2, docker, eventually, inspect, plain, unique};
use crate::support::journal::Moment;

const SICK: &str = "purser-test/web:v3";

/// A text without what differs between runs of these tests.
fn of(shop: &Shop, text: &str) -> String {
    plain(&text.replace(&shop.project, "shop"))
}

#[tokio::test]
async fn a_name_that_somebody_takes_before_the_new_one_gets_it_is_left_to_them() {
    let shop = Shop::new();
    let old = shop.start(1, V1, &[]).await;
    let step = shop
        .deploy(&json!({ "image": V2 }))
        .dying_at("rename_new", Moment::Started);
    step.run().await.unwrap_err();
    let label = format!("purser-test.squatter={}", unique("name"));
    let _squatter = Cleanup(format!("label={label}"));
    let squatter = docker(&["create", "--label", &label, "--name", &shop.name(1), V1]);

    let error = step.run().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fatal);
    insta::assert_snapshot!(of(&shop, &error.message), @"the name shop-web-1 on `shop` is another container's by now, so shop-web-1-purser-HEX (purser-test/web:v2) keeps the name that it has: remove or rename the other one, then `docker rename shop-web-1-purser-HEX shop-web-1`");
    let Undone::ExceptFor(why) = step.undo().await.unwrap() else {
        panic!("the old container is gone");
    };
    insta::assert_snapshot!(of(&shop, &why), @"shop-web-1 on `shop` stays on its new image, as the old container is removed; to go back, deploy `purser-test/web:v1` (docker.deploy_service with `image`)");
    let [new] = &shop.containers()[..] else {
        panic!("{:?}", shop.containers());
    };
    assert_ne!(*new, shop.name(1));
    let format = "{{.Config.Image}} {{.State.Health.Status}}";
    assert_eq!(inspect(new, format), format!("{V2} healthy"));
    assert_eq!(shop.id(1), squatter, "it is somebody's");
    assert_ne!(squatter, old);

    // What was said to do does.
    docker(&["rename", &squatter, &unique("squatter")]);
    docker(&["rename", new, &shop.name(1)]);
    let again = shop.deploy(&json!({ "image": V2 })).run().await.unwrap();
    assert_eq!(again["changed"], false);
}

#[tokio::test]
async fn a_name_that_somebody_takes_from_the_one_put_aside_keeps_it_from_coming_back() {
    let shop = Shop::new();
    let old = shop.start(1, V1, &["--volume", "/data"]).await;
    let step = shop
        .deploy(&json!({ "image": V2 }))
        .dying_at("create_new", Moment::Started);
    step.run().await.unwrap_err();
    let label = format!("purser-test.squatter={}", unique("name"));
    let _squatter = Cleanup(format!("label={label}"));
    let squatter = docker(&["create", "--label", &label, "--name", &shop.name(1), V1]);

    insta::assert_snapshot!(of(&shop, &step.run().await.unwrap_err().message), @"a container named shop-web-1 exists on `shop` and was not made by this step; nothing was created: remove or rename it, then try again");
    insta::assert_snapshot!(of(&shop, &step.undo().await.unwrap_err().message), @"the name shop-web-1 on `shop` is another container's by now, so shop-web-1-purser-HEX (purser-test/web:v1) keeps the name that it has: remove or rename the other one, then `docker rename shop-web-1-purser-HEX shop-web-1`; to go back by hand: `docker rename shop-web-1-purser-HEX shop-web-1`, then `docker start shop-web-1`");
    assert_eq!(shop.id(1), squatter, "it is somebody's");

    // What was said to do does, and so does Purser when it is asked once more.
    docker(&["rename", &squatter, &unique("squatter")]);
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(shop.id(1), old);
    assert_eq!(shop.state(1), format!("{V1} running healthy"));
}

#[tokio::test]
async fn an_old_one_that_somebody_gives_another_name_is_found_by_its_id() {
    let shop = Shop::new();
    let old = shop.start(1, V1, &["--volume", "/data"]).await;
    let step = shop.deploy(&json!({ "image": SICK }));
    let other = unique("precious");
    let rename = async {
        eventually("there are two", || shop.containers().len() == 2).await;
        docker(&["rename", &old, &other]);
    };
    let (ended, ()) = tokio::join!(step.run(), rename);
    assert!(ended.unwrap_err().message.contains("unhealthy"));
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!((shop.containers(), shop.id(1)), (vec![shop.name(1)], old));
    assert_eq!(shop.state(1), format!("{V1} running healthy"));
}

#[tokio::test]
async fn an_old_set_with_another_name_is_led_to_again_all_the_same() {
    let site = Site::of(1).await;
    let old = site.shop.id(1);
    let inputs = json!({ "version": "v2", "drain": "0s", "keep": "20m" });
    let step = site.deploy_with(&inputs);
    let other = unique("precious");
    let meddle = async {
        eventually("v2 answers", || {
            visit(&site.host) == Ok("web v2".to_owned())
        })
        .await;
        docker(&["rename", &old, &other]);
        step.cancel.cancel();
    };
    let (ended, ()) = tokio::join!(step.run(), meddle);
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(visit(&site.host), Ok("web v1".to_owned()));
    assert_eq!(site.switches(), [""; 0]);
    assert_eq!(site.shop.containers(), [other]);
    assert_eq!(inspect(&old, "{{.State.Status}}"), "running");
}
