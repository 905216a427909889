//! A new container that joins a network only once it is healthy: nobody finds it there by its name before.

use purser::action::Undone;
use serde_json::json;

use super::shop::{Front, Shop};
use super::stage::{V1, eventually, inspect, plain, shown};

#[tokio::test]
async fn nobody_finds_a_new_container_by_its_name_before_it_is_healthy() {
    let shop = Shop::new();
    shop.start(1, V1, &["--env", "SLOW_START=2"]).await;
    let front = Front::of(&shop);
    let step = shop.deploy(&json!({ "version": "v2", "join_once_healthy": ["front"] }));
    let plan = step.plan().await.unwrap();
    let told = shown(&plan).replace(&shop.project, "shop");
    let told = told.lines().find(|line| line.contains("DNS"));
    insta::assert_snapshot!(plain(told.unwrap_or_default()), @"note: in front is Docker's DNS alone, which leads to old and new containers while both run; a new one joins front only once it has proven itself; requests under way are dropped where a container does not finish them");

    let client = front.client();
    let look = async {
        eventually("the new container runs", || {
            let made = step.containers();
            made.len() == 1 && inspect(&made[0], "{{.State.Running}}") == "true"
        })
        .await;
        let new = &step.containers()[0];
        assert_eq!(inspect(new, "{{.State.Health.Status}}"), "starting");
        assert_eq!(front.aliases(new), None);
    };
    let (output, ()) = tokio::join!(step.run(), look);
    assert_eq!(output.unwrap()["strategy"], "rolling");
    assert_eq!(front.aliases(&shop.name(1)), Some(vec!["web".to_owned()]));
    let (answers, silences) = client.stop();
    assert_eq!(
        (answers, silences),
        (vec!["web v1".to_owned(), "web v2".to_owned()], 0)
    );
}

#[tokio::test]
async fn a_sick_one_never_joins() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let front = Front::of(&shop);
    let old = shop.id(1);
    let client = front.client();
    let step = shop.deploy(
        &json!({ "version": "v3", "join_once_healthy": [format!("{}_front", shop.project)] }),
    );
    step.run().await.unwrap_err();
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(
        (shop.id(1), client.stop().0),
        (old, vec!["web v1".to_owned()])
    );
}

#[tokio::test]
async fn where_it_cannot_be_the_plan_says_why() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let why = async |inputs| {
        let step = shop.deploy(&inputs);
        let why = step.plan().await.unwrap_err().message;
        plain(&why.replace(&shop.project, "shop"))
    };
    let mut told = vec![why(json!({ "version": "v2", "join_once_healthy": ["net"] })).await];
    let _front = Front::of(&shop);
    told.push(why(json!({ "version": "v2", "join_once_healthy": ["frnt"] })).await);
    told.push(
        why(json!({ "version": "v2", "join_once_healthy": ["front"], "strategy": "recreate" }))
            .await,
    );
    insta::assert_snapshot!(told.join("\n"), @"
    shop/web on `shop` cannot be deployed so: shop-web-1 is in no other network than shop_net, and would reach nothing while it proves itself: give the service a second network in its Compose file, and let those who call it share that one
    shop/web on `shop` cannot be deployed so: shop-web-1 is in no network `frnt`, but in shop_front, shop_net
    shop/web on `shop` cannot be deployed so: `join_once_healthy` is for containers that are replaced one by one (`rolling`)
    ");
}
