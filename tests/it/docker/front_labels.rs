//! `docker.deploy_service` behind a real Traefik that goes by the labels of the service's own containers.

use purser::action::Undone;
use serde_json::json;

use super::front::{Site, said, visit};
use super::stage::{V1, inspect, shown};

/// Told to stop, it fails its health check and goes on for five seconds.
const DRAINS: [&str; 6] = [
    "--env",
    "ON_STOP=drain",
    "--stop-signal",
    "SIGTERM",
    "--health-retries",
    "1",
];

async fn draining(containers: u32) -> Site {
    let site = Site::of(0).await;
    for number in 1..=containers {
        site.start_with(number, V1, &DRAINS).await;
    }
    site.is_led_to().await;
    site
}

#[tokio::test]
async fn a_service_that_drains_itself_is_replaced_one_by_one_and_nobody_is_left_without_an_answer()
{
    let site = draining(2).await;
    let labels = |number| inspect(&site.shop.name(number), "{{json .Config.Labels}}");
    let routers = |labels: &str| labels.matches("traefik.http.routers").count();
    let before = routers(&labels(1));
    let inputs = json!({
        "version": "v2", "drains_itself": true, "proxy_probe": { "path": "/", "contains": "web v2" },
    });
    let plan = site.deploy_with(&inputs).plan().await.unwrap();
    let visitor = site.visitor();
    let output = site.deploy_with(&inputs).run().await.unwrap();
    let answers = visitor.stop();
    let failed: Vec<_> = answers.iter().filter(|answer| answer.is_err()).collect();
    assert_eq!(failed, Vec::<&Result<String, String>>::new());
    assert_eq!(answers.last(), Some(&Ok("web v2".to_owned())));

    let shown = site.of_text(&shown(&plan));
    let told = shown.lines().find(|line| line.contains("labels:"));
    insta::assert_snapshot!(told.unwrap_or(&shown), @"note: the proxy `edge` goes by the containers' own labels: it has to lead to a new container, which without a HEALTHCHECK gets requests as soon as it runs, before its old one is stopped, and in the end to no old one; old and new ones answer meanwhile. Told to stop, the service is said to fail its HEALTHCHECK and to go on until the proxy has noticed: then no request is dropped");
    insta::assert_snapshot!(site.of_text(output["message"].as_str().unwrap()), @"shop/web runs purser-test/web:v2 instead of purser-test/web:v1: versioned (shop.example/ through `edge`), without a gap");
    assert_eq!(output["strategy"], "rolling");
    assert_eq!((site.switches(), before), (vec![], routers(&labels(1))));
    assert_eq!(
        site.shop.containers(),
        [site.shop.name(1), site.shop.name(2)]
    );
}

#[tokio::test]
async fn an_answer_of_another_version_through_the_proxy_brings_the_old_ones_back() {
    let site = draining(1).await;
    let old = site.shop.id(1);
    let inputs = json!({
        "version": "v2", "strategy": "rolling", "routed_within": "3s",
        "proxy_probe": { "path": "/", "contains": "web v9" },
    });
    let step = site.deploy_with(&inputs);
    let error = step.run().await.unwrap_err();
    insta::assert_snapshot!(site.of_text(&error.message), @"that the proxy `edge` leads to the new containers alone was not seen within 3s: shop.example/ through `edge` does not say `web v9`");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(
        (site.shop.id(1), visit(&site.host)),
        (old, Ok("web v1".to_owned()))
    );
}

#[tokio::test]
async fn a_set_that_is_led_to_by_a_switch_keeps_it_when_its_containers_are_replaced_one_by_one() {
    let site = draining(1).await;
    site.deploy("v2").run().await.unwrap();
    let switches = site.switches();
    let visitor = site.visitor();
    let inputs = json!({
        "version": "v1", "drains_itself": true, "proxy_probe": { "path": "/", "contains": "web v1" },
    });
    let output = site.deploy_with(&inputs).run().await.unwrap();
    let answers = visitor.stop();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(output["proof"], "versioned");
    assert_eq!(site.switches(), switches);
    let visitor = site.visitor();
    site.deploy("v2").run().await.unwrap();
    assert_eq!(visitor.stop(), said(&["web v1", "web v2"]));
}

#[tokio::test]
async fn what_cannot_run_twice_at_once_is_proven_by_the_proxy_too() {
    let site = Site::of(0).await;
    site.start_with(1, V1, &["--volume", "/data"]).await;
    site.is_led_to().await;
    let inputs = json!({ "version": "v2", "proxy_probe": { "path": "/", "contains": "web v2" } });
    let plan = site.deploy_with(&inputs).plan().await.unwrap();
    let output = site.deploy_with(&inputs).run().await.unwrap();
    let shown = site.of_text(&shown(&plan));
    let told = shown.lines().find(|line| line.contains("labels:"));
    insta::assert_snapshot!(told.unwrap_or(&shown), @"note: the proxy `edge` goes by the containers' own labels: in the end it has to lead to the new ones; requests under way are dropped where a container does not finish them");
    assert_eq!(
        (&output["strategy"], &output["proof"]),
        (&json!("recreate"), &json!("versioned"))
    );
    assert!(output["gap_seconds"].as_f64().unwrap() > 0.5, "{output}");
    assert_eq!(visit(&site.host), Ok("web v2".to_owned()));
}

#[tokio::test]
async fn what_could_not_drain_itself_in_time_is_told_before_anything_is_done() {
    let site = Site::of(0).await;
    site.start_with(1, V1, &["--no-healthcheck"]).await;
    site.start_with(
        2,
        V1,
        &["--health-interval", "20s", "--health-retries", "1"],
    )
    .await;
    let inputs = json!({ "version": "v2", "drains_itself": true });
    let why = site.deploy_with(&inputs).plan().await.unwrap_err();
    insta::assert_snapshot!(site.of_text(&why.message), @"shop/web on `shop` does not drain itself: shop-web-1 has no HEALTHCHECK by which the proxy could notice that it is about to end");
    super::stage::docker(&["rm", "--force", &site.shop.name(1)]);
    let why = site.deploy_with(&inputs).plan().await.unwrap_err();
    insta::assert_snapshot!(site.of_text(&why.message), @"shop/web on `shop` does not drain itself: the proxy may need 22s to notice that shop-web-2 is about to end, by its HEALTHCHECK, and it is killed 10s after it was told to: give it a longer stop_grace_period, or a HEALTHCHECK with a shorter interval and fewer retries");
}
