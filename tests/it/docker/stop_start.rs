//! Stopping a service, starting it, and each as the way back of the other.

use purser::action::{ErrorKind, Undone};
use serde_json::json;

use super::shop::Shop;
use super::stage::{Step, V1, docker, inspect, plain, shown};
use crate::support::journal::{MOMENTS, Moment};

fn stop(shop: &Shop) -> Step {
    Step::of("docker.stop_service", json!({ "service": shop.web() }))
}

fn start(shop: &Shop) -> Step {
    Step::of("docker.start_service", json!({ "service": shop.web() }))
}

fn is_running(shop: &Shop, number: u32) -> bool {
    inspect(&shop.name(number), "{{.State.Running}}") == "true"
}

/// A service of the same project that says that it depends on `web`.
fn dependant(shop: &Shop) {
    docker(&[
        "run",
        "--detach",
        "--name",
        &format!("{}-api-1", shop.project),
        "--label",
        &format!("com.docker.compose.project={}", shop.project),
        "--label",
        "com.docker.compose.service=api",
        "--label",
        "com.docker.compose.depends_on=web:service_healthy:true",
        V1,
    ]);
}

#[tokio::test]
async fn a_service_is_stopped_and_its_undo_starts_what_ran() {
    let shop = Shop::new();
    let options = ["--publish", "127.0.0.1::8080", "--restart", "always"];
    let first = shop.start(1, V1, &options).await;
    shop.start(2, V1, &[]).await;
    docker(&["stop", &shop.name(2)]);
    dependant(&shop);
    let port = docker(&["port", &shop.name(1), "8080/tcp"]);
    let step = stop(&shop);
    let plan = shown(&step.plan().await.unwrap());
    let plan = plan.replace(&port, "HOST:PORT");
    insta::assert_snapshot!(plain(&plan.replace(&shop.project, "shop")), @"
    stop shop-HEX/web
    relies on image of shop-HEX-web-1: sha256:HEX
    shop-HEX-web-1: running → stopped
    note: shop-HEX-web-1 is HEX
    note: nothing answers at HOST:PORT→8080/tcp while it is stopped
    note: shop-HEX/api depends on it, as its Compose file says, and goes on running without it
    note: shop-HEX-web-1 has the restart policy `always`: it comes back when the engine itself is started anew
    note: shop-HEX-web-2 does not run now
    note: the next `docker compose up` starts it again
    note: can be undone: what ran is started again, and has to be as well as it was
    ");
    assert!(is_running(&shop, 1));

    let output = step.run().await.unwrap();
    assert!(!is_running(&shop, 1));
    let message = output["message"].as_str().unwrap();
    insta::assert_snapshot!(message.replace(&shop.project, "shop"), @"shop/web is stopped (1 container); shop-web-1 ended by SIGKILL (exit code 137)");
    assert_eq!(output["containers"].as_array().unwrap().len(), 1);

    for _ in 0..2 {
        assert_eq!(step.undo().await.unwrap(), Undone::Fully);
        assert_eq!(shop.state(1), "purser-test/web:v1 running healthy");
        assert_eq!(shop.id(1), first);
        assert!(!is_running(&shop, 2), "it did not run before");
    }
}

#[tokio::test]
async fn what_does_not_run_is_not_stopped_and_what_runs_is_not_started() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let nothing = start(&shop);
    let plan = nothing.plan().await.unwrap();
    assert_eq!(plan.summary, format!("nothing: {} runs", shop.web()));
    assert_eq!(nothing.run().await.unwrap()["changed"], false);

    docker(&["stop", &shop.name(1)]);
    let nothing = stop(&shop);
    let plan = nothing.plan().await.unwrap();
    assert_eq!(
        plan.summary,
        format!("nothing: {} does not run", shop.web())
    );
    assert_eq!(nothing.run().await.unwrap()["changed"], false);
    assert_eq!(nothing.undo().await.unwrap(), Undone::Fully);
    assert!(!is_running(&shop, 1));
}

#[tokio::test]
async fn what_would_be_gone_when_it_is_stopped_is_not_stopped() {
    let shop = Shop::new();
    shop.start(1, V1, &["--rm"]).await;
    let step = stop(&shop);
    let error = step.plan().await.unwrap_err();
    assert_eq!(error.message, step.run().await.unwrap_err().message);
    insta::assert_snapshot!(plain(&error.message.replace(&shop.project, "shop")), @"shop-web-1 on `shop` was started with --rm: the engine removes it as soon as it is stopped, and it could not be started again; nothing was changed: use `docker stop shop-web-1` on the host if it may go");
    assert!(is_running(&shop, 1));
}

#[tokio::test]
async fn what_was_removed_while_it_was_stopped_is_named() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let step = stop(&shop);
    step.run().await.unwrap();
    docker(&["rm", &shop.name(1)]);
    let Undone::ExceptFor(left) = step.undo().await.unwrap() else {
        panic!("nothing is left")
    };
    insta::assert_snapshot!(plain(&left.replace(&shop.project, "shop")), @"shop-web-1 was removed from `shop` by someone else and cannot be started again");
}

#[tokio::test]
async fn a_service_is_started_when_it_is_healthy_and_its_undo_stops_it() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    shop.start(2, V1, &[]).await;
    docker(&["stop", &shop.name(1), &shop.name(2)]);
    docker(&["start", &shop.name(2)]);
    let step = start(&shop);
    let plan = shown(&step.plan().await.unwrap());
    insta::assert_snapshot!(plain(&plan.replace(&shop.project, "shop")), @"
    start shop-HEX/web
    relies on image of shop-HEX-web-1: sha256:HEX
    shop-HEX-web-1: exited → running
    note: shop-HEX-web-1 is HEX
    note: shop-HEX-web-2 is running already
    note: each has 1m to prove itself by its HEALTHCHECK; without one it only has to run for 5 s
    note: can be undone: what did not run is stopped again
    ");
    assert!(!is_running(&shop, 1));

    let output = step.run().await.unwrap();
    assert_eq!(shop.state(1), "purser-test/web:v1 running healthy");
    let message = output["message"].as_str().unwrap();
    insta::assert_snapshot!(message.replace(&shop.project, "shop"), @"shop/web runs: healthy (its own HEALTHCHECK)");
    for _ in 0..2 {
        assert_eq!(step.undo().await.unwrap(), Undone::Fully);
        assert!(!is_running(&shop, 1));
        assert!(is_running(&shop, 2), "it ran before");
    }
}

#[tokio::test]
async fn what_dies_when_it_is_started_is_an_error_and_is_left_stopped() {
    let shop = Shop::new();
    let options = ["--no-healthcheck", "--env", "CRASH=1"];
    shop.start(1, V1, &options).await;
    docker(&["wait", &shop.name(1)]);
    let step = start(&shop);
    let error = step.run().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fatal);
    insta::assert_snapshot!(plain(&error.message.replace(&shop.project, "shop")), @"
    shop-web-1 (purser-test/web:v1) on `shop`: it ended with exit code 3; its last lines:
    web: told to crash
    web: told to crash
    ");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert!(!is_running(&shop, 1));
}

#[tokio::test]
async fn killed_at_any_moment_a_stop_happens_once_and_goes_back() {
    for moment in MOMENTS {
        let shop = Shop::new();
        shop.start(1, V1, &[]).await;
        let step = stop(&shop).dying_at("stop_container", moment);
        let mut events = shop.events();
        step.run().await.expect_err("the process dies");
        step.run()
            .await
            .unwrap_or_else(|error| panic!("{moment:?}: {error}"));
        docker(&["update", "--restart", "no", &shop.name(1)]);
        let told = events.until("update");
        let ends = told.iter().filter(|event| *event == "die").count();
        assert_eq!(ends, 1, "{moment:?}: {told:?}");
        assert_eq!(step.undo().await.unwrap(), Undone::Fully, "{moment:?}");
        assert_eq!(shop.state(1), "purser-test/web:v1 running healthy");

        let step = stop(&shop).dying_at("stop_container", moment);
        step.run().await.expect_err("the process dies");
        assert_eq!(step.undo().await.unwrap(), Undone::Fully, "{moment:?}");
        assert_eq!(shop.state(1), "purser-test/web:v1 running healthy");
    }
}

#[tokio::test]
async fn killed_at_any_moment_a_start_happens_once_and_goes_back() {
    for moment in MOMENTS {
        let shop = Shop::new();
        shop.start(1, V1, &[]).await;
        docker(&["stop", &shop.name(1)]);
        let step = start(&shop).dying_at("start_container", moment);
        let mut events = shop.events();
        step.run().await.expect_err("the process dies");
        step.run()
            .await
            .unwrap_or_else(|error| panic!("{moment:?}: {error}"));
        docker(&["update", "--restart", "no", &shop.name(1)]);
        let told = events.until("update");
        let starts = told.iter().filter(|event| *event == "start").count();
        assert_eq!(starts, 1, "{moment:?}: {told:?}");
        assert_eq!(step.undo().await.unwrap(), Undone::Fully, "{moment:?}");
        assert!(!is_running(&shop, 1), "{moment:?}");

        let step = start(&shop).dying_at("start_container", moment);
        step.run().await.expect_err("the process dies");
        assert_eq!(step.undo().await.unwrap(), Undone::Fully, "{moment:?}");
        assert!(!is_running(&shop, 1), "{moment:?}");
    }
}

#[tokio::test]
async fn a_start_that_was_done_before_the_kill_is_not_done_again_when_it_has_died() {
    let shop = Shop::new();
    shop.start(1, V1, &["--no-healthcheck", "--env", "CRASH=1"])
        .await;
    docker(&["wait", &shop.name(1)]);
    let step = start(&shop).dying_at("start_container", Moment::Acted);
    let mut events = shop.events();
    step.run().await.expect_err("the process dies");
    docker(&["wait", &shop.name(1)]);
    step.run().await.expect_err("it has died");
    docker(&["update", "--restart", "no", &shop.name(1)]);
    let told = events.until("update");
    let starts = told.iter().filter(|event| *event == "start").count();
    assert_eq!(starts, 1, "{told:?}");
}
