//! A new container that is found by the service's name only once it is healthy.

use purser::action::Undone;
use serde_json::json;

use super::shop::Shop;
use super::stage::{Step, V1, V2, docker, eventually, inspect, plain, shown, unique};

/// Waits until the new container runs, which takes two seconds to listen: its name.
async fn starting(step: &Step) -> String {
    eventually("the new container runs", || {
        let made = step.containers();
        made.len() == 1 && inspect(&made[0], "{{.State.Running}}") == "true"
    })
    .await;
    let new = step.containers().remove(0);
    assert_eq!(
        inspect(&new, "{{with .State.Health}}{{.Status}}{{end}}"),
        "starting"
    );
    new
}

async fn slow_shop() -> Shop {
    let shop = Shop::new();
    shop.start(1, V1, &["--env", "SLOW_START=2"]).await;
    shop
}

#[tokio::test]
async fn nobody_finds_a_new_container_by_its_name_before_it_is_healthy() {
    let shop = slow_shop().await;
    let step = shop.deploy(&json!({ "version": "v2" }));
    let client = shop.client();
    let look = async {
        let new = starting(&step).await;
        shop.found(&new)
    };
    let (output, (names, address)) = tokio::join!(step.run(), look);
    assert_eq!(output.unwrap()["proof"], "healthy");
    assert_eq!(names, [""; 0]);
    assert_eq!(shop.found(&shop.name(1)), (vec!["web".to_owned()], address));
    let (answers, silences) = client.stop();
    assert_eq!(
        (answers, silences),
        (vec!["web v1".to_owned(), "web v2".to_owned()], 0)
    );
}

#[tokio::test]
async fn one_that_does_not_get_its_address_back_is_not_taken() {
    let shop = slow_shop().await;
    let (old, other) = (shop.id(1), unique("other"));
    docker(&[
        "run",
        "--detach",
        "--name",
        &other,
        "--network",
        &shop.network(),
        V1,
    ]);
    let step = shop.deploy(&json!({ "version": "v2" }));
    let leave = async {
        starting(&step).await;
        // The engine gives out the lowest address that is free: this one is, from now on.
        docker(&["rm", "--force", &other]);
    };
    let (ended, ()) = tokio::join!(step.run(), leave);
    let why = ended.unwrap_err().message.replace(&shop.project, "shop");
    let why = why
        .split_once(" it had 1")
        .map_or(&*why, |(before, _)| before);
    insta::assert_snapshot!(plain(why), @"shop-web-1-purser-HEX on `shop` joined its networks anew, under the service's name, and did not get its address back (in shop_net");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!((shop.id(1), shop.containers()), (old, vec![shop.name(1)]));
    assert_eq!(shop.found(&shop.name(1)).0, ["web"]);
}

#[tokio::test]
async fn it_is_found_at_once_where_that_is_asked_for() {
    let shop = slow_shop().await;
    let step = shop.deploy(&json!({ "image": V2, "found_by_name": "at_once" }));
    let look = async {
        let new = starting(&step).await;
        shop.found(&new).0
    };
    let (output, names) = tokio::join!(step.run(), look);
    output.unwrap();
    assert_eq!(names, ["web"]);
}

#[tokio::test]
async fn what_a_traefik_may_lead_to_already_does_not_leave_its_networks() {
    let shop = Shop::new();
    shop.start(1, V1, &["--label", "traefik.enable=true"]).await;
    let plan = shop.deploy(&json!({ "image": V2 })).plan().await.unwrap();
    let told = shown(&plan);
    let told = told.lines().find(|line| line.contains("DNS"));
    insta::assert_snapshot!(told.unwrap_or_default(), @"note: in front is Docker's DNS alone, which leads to old and new containers while both run; requests under way are dropped where a container does not finish them");
}
