//! Looking at services, reading their logs, restarting them.

use purser::action::{ErrorKind, Undone};
use serde_json::{Value, json};

use super::shop::Shop;
use super::stage::{Step, V1, docker, host, inspect, plain, shown, systems};
use crate::support::journal::{MOMENTS, Moment};
use crate::support::offers;

#[tokio::test]
async fn a_service_is_listed_with_what_it_runs() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    shop.start(2, V1, &[]).await;
    docker(&["stop", &shop.name(2)]);
    let output = Step::of("docker.list_services", json!({}))
        .run()
        .await
        .unwrap();
    let services = output["services"].as_array().unwrap();
    let mut row = services
        .iter()
        .find(|row| row["name"] == shop.web())
        .unwrap()
        .clone();
    assert_eq!(
        row["image_id"],
        inspect(V1, "{{.Id}}")["sha256:".len()..][..12]
    );
    assert!(row["since"].as_str().unwrap().ends_with('Z'));
    for differs in ["name", "image_id", "since"] {
        row[differs] = Value::Null;
    }
    insta::assert_snapshot!(row, @r#"{"name":null,"image":"purser-test/web:v1","image_id":null,"state":"1 exited, 1 running","health":"healthy","running":1,"replicas":2,"since":null,"ports":["8080/tcp"]}"#);
}

#[tokio::test]
async fn services_are_suggested_while_one_types() {
    let shop = Shop::new();
    shop.start(1, V1, &["--no-healthcheck"]).await;
    let systems = systems(&format!("host = '{}'", host())).unwrap();
    let found = offers::values(&systems, "shop", "services", None).await;
    assert!(found.contains(&shop.web()), "{found:?}");
    let tags = offers::values(&systems, "shop", "tags", Some(&shop.web())).await;
    assert!(
        ["v1", "v2"].iter().all(|tag| tags.iter().any(|t| t == tag)),
        "{tags:?}"
    );
    let error = offers::offers(&systems, "shop", "servics", None).await;
    let error = error.unwrap_err();
    insta::assert_snapshot!(error, @"unknown list of Docker names `servics`; did you mean `services`?");
}

#[tokio::test]
async fn the_last_lines_of_all_replicas_are_shown() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let logs = async |more: Value| {
        let mut input = json!({ "service": shop.web() });
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        Step::of("docker.show_logs", input).run().await
    };
    let one = logs(json!({})).await.unwrap();
    assert_eq!(one["text"], "web v1 listens on port 8080");

    shop.start(2, V1, &[]).await;
    let both = logs(json!({ "since": "1h" })).await.unwrap();
    let text = both["text"]
        .as_str()
        .unwrap()
        .replace(&shop.project, "shop");
    insta::assert_snapshot!(text, @r"
    shop-web-1 | web v1 listens on port 8080
    shop-web-2 | web v1 listens on port 8080
    ");
    assert_eq!(logs(json!({ "lines": 1 })).await.unwrap()["lines"], 1);
    let error = logs(json!({ "lines": 0 })).await.unwrap_err();
    insta::assert_snapshot!(error, @"`lines` is 0: it must be 1 to 1000");
}

fn restart(shop: &Shop) -> Step {
    Step::of("docker.restart_service", json!({ "service": shop.web() }))
}

fn started_at(shop: &Shop) -> String {
    inspect(&shop.name(1), "{{.State.StartedAt}}")
}

#[tokio::test]
async fn a_restart_is_done_when_the_service_is_healthy_again() {
    let shop = Shop::new();
    let id = shop.start(1, V1, &[]).await;
    let before = started_at(&shop);
    let mut events = shop.events();
    let step = restart(&shop);
    let plan = shown(&step.plan().await.unwrap()).replace(&shop.project, "shop");
    insta::assert_snapshot!(plain(&plan), @r"
    restart shop-HEX/web, container by container
    relies on image of shop-HEX-web-1: sha256:HEX
    shop-HEX-web-1: running → restarted
    note: shop-HEX-web-1 is HEX
    note: shop-HEX/web does not answer while it restarts
    note: a restart cannot be undone
    ");
    shop.expect_silence(&mut events);

    let output = step.run().await.unwrap();
    assert_eq!(output["proof"], "healthy");
    assert_eq!(output["containers"][0]["by"], "its own HEALTHCHECK");
    assert_ne!(started_at(&shop), before);
    assert_eq!(shop.id(1), id);
    let undone = step.undo().await.unwrap();
    assert_eq!(
        undone,
        Undone::ExceptFor(format!("{} stays restarted", shop.name(1)))
    );
}

#[tokio::test]
async fn without_a_check_a_restart_says_only_that_it_runs() {
    let shop = Shop::new();
    shop.start(1, V1, &["--no-healthcheck"]).await;
    let output = restart(&shop).run().await.unwrap();
    assert_eq!(output["proof"], "started");
}

#[tokio::test]
async fn killed_at_any_moment_a_restart_happens_once() {
    for moment in MOMENTS {
        let shop = Shop::new();
        shop.start(1, V1, &[]).await;
        let step = restart(&shop).dying_at("restart_container", moment);
        let mut events = shop.events();
        step.run().await.expect_err("the process dies");
        step.run()
            .await
            .unwrap_or_else(|error| panic!("{moment:?}: {error}"));
        docker(&["update", "--restart", "no", &shop.name(1)]);
        let told = events.until("update");
        let restarts = told.iter().filter(|event| *event == "restart").count();
        assert_eq!(restarts, 1, "{moment:?}: {told:?}");
    }
}

#[tokio::test]
async fn a_container_that_is_gone_before_its_restart_is_named() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let step = restart(&shop).dying_at("restart_container", Moment::Started);
    step.run().await.unwrap_err();
    docker(&["rm", "--force", &shop.name(1)]);
    let error = step.run().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fatal);
    let message = plain(&error.message.replace(&shop.project, "shop"));
    insta::assert_snapshot!(message, @"shop-web-1 was removed from `shop` by someone else before it could be restarted");
}
