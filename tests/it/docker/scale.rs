//! More or fewer containers of a service.

use purser::action::Undone;
use serde_json::{Value, json};

use super::shop::Shop;
use super::stage::{Step, V1, V2, docker, inspect, plain, shown};
use crate::support::journal::Moment;

pub(super) fn scale(shop: &Shop, replicas: usize) -> Step {
    scaled(shop, &json!({ "replicas": replicas }))
}

fn scaled(shop: &Shop, inputs: &Value) -> Step {
    let mut all = json!({ "service": shop.web() });
    for (name, value) in inputs.as_object().unwrap() {
        all[name] = value.clone();
    }
    Step::of("docker.scale_service", all)
}

/// The names by which a container is found in the project's network.
fn aliases(shop: &Shop, number: u32) -> Vec<String> {
    let format = format!(
        "{{{{json (index .NetworkSettings.Networks {:?}).Aliases}}}}",
        shop.network()
    );
    let all: Vec<String> = serde_json::from_str(&inspect(&shop.name(number), &format)).unwrap();
    let id = shop.id(number);
    let mut named: Vec<_> = all.into_iter().filter(|one| !id.starts_with(one)).collect();
    named.sort();
    named
}

#[tokio::test]
async fn new_containers_are_like_the_first_and_proven_and_its_undo_removes_them() {
    let shop = Shop::new();
    let named = shop.name(1);
    let options = ["--env", "COLOUR=blue", "--network-alias", named.as_str()];
    let first = shop.start(1, V1, &options).await;
    let mut events = shop.events();
    let step = scale(&shop, 3);
    let plan = shown(&step.plan().await.unwrap());
    insta::assert_snapshot!(plain(&plan.replace(&shop.project, "shop")), @"
    scale shop-HEX/web: 1 → 3
    relies on containers of shop-HEX/web: shop-HEX-web-1
    relies on image of shop-HEX-web-1: sha256:HEX
    shop-HEX-web-2: nothing → like shop-HEX-web-1 (purser-test/web:v1)
    shop-HEX-web-3: nothing → like shop-HEX-web-1 (purser-test/web:v1)
    note: a new container has 1m to prove itself by its HEALTHCHECK; without one it only has to run for 5 s
    note: the next `docker compose up` goes back to as many as its file says: change the file too
    ");
    shop.expect_silence(&mut events);

    let output = step.run().await.unwrap();
    let message = output["message"].as_str().unwrap();
    insta::assert_snapshot!(message.replace(&shop.project, "shop"), @"shop/web has 3 containers instead of 1: healthy (its own HEALTHCHECK)");
    assert_eq!(
        shop.containers(),
        [shop.name(1), shop.name(2), shop.name(3)]
    );
    for number in 1..=3 {
        let name = shop.name(number);
        assert_eq!(shop.state(number), "purser-test/web:v1 running healthy");
        let label = r#"{{index .Config.Labels "com.docker.compose.container-number"}}"#;
        assert_eq!(inspect(&name, label), number.to_string());
        assert_eq!(aliases(&shop, number), [name.clone(), "web".to_owned()]);
        assert!(inspect(&name, "{{.Config.Env}}").contains("COLOUR=blue"));
    }

    for _ in 0..2 {
        assert_eq!(step.undo().await.unwrap(), Undone::Fully);
        assert_eq!(shop.containers(), [shop.name(1)]);
        assert_eq!(shop.id(1), first);
    }
}

#[tokio::test]
async fn each_new_container_has_volumes_without_a_name_of_its_own() {
    let shop = Shop::new();
    shop.start(1, V1, &["--volume", "/data"]).await;
    let inputs = json!({ "replicas": 2, "parallel": true });
    scaled(&shop, &inputs).run().await.unwrap();
    let volume = |number| inspect(&shop.name(number), "{{(index .Mounts 0).Name}}");
    assert_ne!(volume(1), volume(2));
    let path = inspect(&shop.name(2), "{{(index .Mounts 0).Destination}}");
    assert_eq!(path, "/data");
}

#[tokio::test]
async fn the_highest_numbers_go_and_only_when_the_others_are_well() {
    let shop = Shop::new();
    for number in [1, 2, 10] {
        shop.start(number, V1, &[]).await;
    }
    let step = scale(&shop, 1);
    let plan = shown(&step.plan().await.unwrap());
    insta::assert_snapshot!(plain(&plan.replace(&shop.project, "shop")), @"
    scale shop-HEX/web: 3 → 1
    relies on containers of shop-HEX/web: shop-HEX-web-1, shop-HEX-web-2, shop-HEX-web-10
    shop-HEX-web-10: running → nothing
    shop-HEX-web-2: running → nothing
    note: what a container has written inside itself goes with it; volumes stay, also those without a name
    note: can be undone until the first of them is removed, which comes last
    note: the next `docker compose up` goes back to as many as its file says: change the file too
    ");
    let output = step.run().await.unwrap();
    assert_eq!(output["removed"], json!([shop.name(10), shop.name(2)]));
    assert_eq!(shop.containers(), [shop.name(1)]);
    let Undone::ExceptFor(left) = step.undo().await.unwrap() else {
        panic!("nothing is left")
    };
    insta::assert_snapshot!(plain(&left.replace(&shop.project, "shop")), @"removed from `shop` for good: shop-web-2, shop-web-10; scale the service again to have others in their place (docker.scale_service)");
}

#[tokio::test]
async fn a_new_container_that_does_not_prove_itself_is_taken_away_again() {
    let shop = Shop::new();
    let first = shop.start(1, V1, &["--no-healthcheck"]).await;
    let probe = json!({ "port": 1 });
    let inputs = json!({ "replicas": 2, "probe": probe, "healthy_within": "1s" });
    let step = scaled(&shop, &inputs);
    let error = step.run().await.unwrap_err();
    let message = error.message.lines().next().unwrap();
    let named = message.replace(&shop.project, "shop");
    insta::assert_snapshot!(plain(&named), @"shop-web-2 (purser-test/web:v1) on `shop`: it was not healthy within 1s: the probe GET :1/ failed (Connection refused (os error 111)); its last lines:");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(shop.id(1), first);
}

#[tokio::test]
async fn surplus_ones_come_back_when_one_that_stays_is_not_well_any_more() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let second = shop.start(2, V1, &[]).await;
    let step = scale(&shop, 1).dying_at("stop_surplus", Moment::Done);
    step.run().await.expect_err("the process dies");
    docker(&["stop", &shop.name(1)]);
    let error = step.run().await.unwrap_err();
    let message = error.message.lines().next().unwrap();
    let named = message.replace(&shop.project, "shop");
    insta::assert_snapshot!(plain(&named), @"shop-web-1 (purser-test/web:v1) on `shop`: it ended with exit code 137; its last lines:");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(shop.state(2), "purser-test/web:v1 running healthy");
    assert_eq!(shop.id(2), second);
}

#[tokio::test]
async fn as_many_as_there_are_is_nothing_to_do() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let mut events = shop.events();
    let step = scale(&shop, 1);
    assert_eq!(
        step.plan().await.unwrap().summary,
        format!("nothing: {} has 1 container already", shop.web())
    );
    assert_eq!(step.run().await.unwrap()["changed"], false);
    shop.expect_silence(&mut events);
}

/// Plan and run say the same, and nothing has happened.
async fn refused(shop: &Shop, inputs: Value) -> String {
    let before = shop.containers();
    let step = scaled(shop, &inputs);
    let planned = step.plan().await.unwrap_err().message;
    assert_eq!(step.run().await.unwrap_err().message, planned);
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(shop.containers(), before);
    plain(&planned.replace(&shop.project, "shop"))
}

#[tokio::test]
async fn what_could_not_end_well_is_refused() {
    let mut said = Vec::new();
    let shop = Shop::new();
    shop.start(1, V1, &["--volume", "/data"]).await;
    said.push(refused(&shop, json!({ "replicas": 0 })).await);
    said.push(refused(&shop, json!({ "replicas": 2 })).await);
    docker(&["stop", &shop.name(1)]);
    said.push(refused(&shop, json!({ "replicas": 2, "parallel": true })).await);
    shop.start(2, V1, &[]).await;
    said.push(refused(&shop, json!({ "replicas": 1 })).await);

    let shop = Shop::new();
    shop.start(1, V1, &["--publish", "127.0.0.1:28471:8080"])
        .await;
    said.push(refused(&shop, json!({ "replicas": 2, "parallel": true })).await);

    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    shop.start(2, V2, &[]).await;
    said.push(refused(&shop, json!({ "replicas": 3 })).await);

    insta::assert_snapshot!(said.join("\n"), @"
    `replicas` is 0: it must be 1 to 50; to have none run, stop the service (docker.stop_service)
    shop/web on `shop` cannot run more than once: it writes to the volume at /data; nothing was changed: take that out of its Compose file, or say `parallel: true` if several may write there
    no container of shop/web on `shop` runs well, and a copy would be no better; nothing was changed: start or repair it first
    those that would stay on `shop` do not run; nothing was changed: start them first (docker.start_service)
    shop/web on `shop` cannot run more than once: it publishes the host's port 28471; nothing was changed: take that out of its Compose file
    the containers of shop/web on `shop` do not all run the same image; nothing was changed: deploy one to all of them first
    ");
}
