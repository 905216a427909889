//! `docker.deploy_service`: what is proven stays, what is not goes back.

use std::time::{Duration, Instant};

use purser::action::{ErrorKind, Undone};
use serde_json::{Value, json};

use super::shop::{Shop, ask};
use super::stage::{V1, V2, docker, eventually, inspect, plain, shown, unique};

const SICK: &str = "purser-test/web:v3";
const CRASHING: &str = "purser-test/web:v4";

/// A text without what differs between runs of this test.
fn of(shop: &Shop, text: &str) -> String {
    plain(&text.replace(&shop.project, "shop"))
}

#[tokio::test]
async fn a_plan_is_another_one_when_the_service_was_set_up_anew() {
    let shop = Shop::new();
    shop.start(1, V1, &["--env", "COLOUR=blue"]).await;
    let step = shop.deploy(&json!({ "version": "v2" }));
    let digest = async || step.plan().await.unwrap().digest();
    let first = digest().await;
    assert_eq!(digest().await, first);
    docker(&[
        "update",
        "--memory",
        "64m",
        "--memory-swap",
        "64m",
        &shop.name(1),
    ]);
    let with_a_limit = digest().await;
    docker(&["rm", "--force", &shop.name(1)]);
    shop.start(1, V1, &["--env", "COLOUR=red"]).await;
    let in_red = digest().await;
    let other = unique("other");
    docker(&["network", "create", &other]);
    docker(&["network", "connect", &other, &shop.name(1)]);
    let in_two = digest().await;
    docker(&["network", "disconnect", &other, &shop.name(1)]);
    docker(&["network", "rm", &other]);
    let all = [first, with_a_limit, in_red, in_two];
    let each: std::collections::BTreeSet<_> = all.iter().map(ToString::to_string).collect();
    assert_eq!(each.len(), all.len(), "{all:?}");
}

#[tokio::test]
async fn a_new_version_takes_over_and_somebody_always_answers() {
    let shop = Shop::new();
    let options = [
        "--env",
        "COLOUR=blue",
        "--label",
        "team=checkout",
        "--memory",
        "64m",
    ];
    let old = shop.start(1, V1, &options).await;
    let client = shop.client();
    let step = shop.deploy(&json!({ "version": "v2" }));
    let output = step.run().await.unwrap();
    let (answers, silences) = client.stop();

    assert_eq!(silences, 0);
    assert_eq!(
        (
            answers.first().unwrap().as_str(),
            answers.last().unwrap().as_str()
        ),
        ("web v1", "web v2")
    );
    let message = of(&shop, output["message"].as_str().unwrap());
    insta::assert_snapshot!(message, @"shop/web runs purser-test/web:v2 instead of purser-test/web:v1: healthy (its own HEALTHCHECK), without a gap");
    assert_eq!(output["proof"], "healthy");
    assert_eq!(output["gap_seconds"], 0.0);
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
    assert_ne!(shop.id(1), old);

    let seen = |format| inspect(&shop.name(1), format);
    let env = seen("{{.Config.Env}}");
    assert!(
        env.contains("COLOUR=blue") && env.contains("VERSION=v2"),
        "{env}"
    );
    assert_eq!(
        seen("{{.Config.Labels.team}} {{.HostConfig.Memory}}"),
        "checkout 67108864"
    );
    assert_eq!(
        seen("{{index .Config.Labels \"com.docker.compose.image\"}}"),
        seen("{{.Image}}")
    );
    let alias = format!(
        "{{{{(index .NetworkSettings.Networks \"{}\").Aliases}}}}",
        shop.network()
    );
    assert!(seen(&alias).contains("web"), "{}", seen(&alias));

    let undone = step.undo().await.unwrap();
    let Undone::ExceptFor(why) = undone else {
        panic!("the old container is gone, and yet: {undone:?}");
    };
    insta::assert_snapshot!(of(&shop, &why), @"shop-web-1 on `shop` stays on its new image, as the old container is removed; to go back, deploy `purser-test/web:v1` (docker.deploy_service with `image`)");
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
}

#[tokio::test]
async fn the_plan_says_what_and_how_and_changes_nothing() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let mut events = shop.events();
    let beside = shop.deploy(&json!({ "image": V2 })).plan().await.unwrap();
    insta::assert_snapshot!(of(&shop, &shown(&beside)), @"
    replace shop-HEX/web: purser-test/web:v1 → purser-test/web:v2, beside the old one
    relies on image purser-test/web:v2: sha256:HEX
    relies on image of shop-HEX-web-1: sha256:HEX
    relies on container shop-HEX-web-1: HEX, in shop-HEX_net, restart no
    image of shop-HEX-web-1: purser-test/web:v1 → purser-test/web:v2
    how it is replaced: nothing → beside
    variable VERSION: the old image's value → the new image's value
    label purser-test.recipe: HEX → HEX
    note: each old container goes on until its new one has proven itself beside it
    note: a new container has 1m to prove itself by its HEALTHCHECK; without one it only has to run for 5 s
    note: can be undone until the old containers are removed, which comes last
    note: in front is Docker's DNS alone: a new container gets the service's name in its networks once it has proven itself; requests under way are dropped where a container does not finish them
    note: the next `docker compose up` goes back to the image that its file names: change the file too, or let Purser pin the version in the project's folder (`projects`)
    ");
    shop.expect_silence(&mut events);
    assert_eq!(shop.containers(), [shop.name(1)]);

    let other = Shop::new();
    let volume = format!("{}:/data", unique("data"));
    other
        .start(
            1,
            V1,
            &["--publish", "127.0.0.1:28081:8080", "--volume", &volume],
        )
        .await;
    let recreate = other.deploy(&json!({ "image": V2, "probe": { "port": 8080 } }));
    insta::assert_snapshot!(of(&other, &shown(&recreate.plan().await.unwrap())), @"
    replace shop-HEX/web: purser-test/web:v1 → purser-test/web:v2, in the old one's place
    relies on image purser-test/web:v2: sha256:HEX
    relies on image of shop-HEX-web-1: sha256:HEX
    relies on container shop-HEX-web-1: HEX, in shop-HEX_net, restart no
    image of shop-HEX-web-1: purser-test/web:v1 → purser-test/web:v2
    how it is replaced: nothing → in place
    variable VERSION: the old image's value → the new image's value
    label purser-test.recipe: HEX → HEX
    note: cannot run twice at once: it publishes the host's port 28081, it writes to the volume at /data; so each old container is stopped first, and does not answer until its new one has proven itself
    note: a new container has 1m to prove itself by its HEALTHCHECK, or by the probe if it has none
    note: can be undone until the old containers are removed, which comes last
    note: the next `docker compose up` goes back to the image that its file names: change the file too, or let Purser pin the version in the project's folder (`projects`)
    ");
}

#[tokio::test]
async fn what_runs_already_is_left_alone() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let mut events = shop.events();
    let step = shop.deploy(&json!({ "image": V1 }));
    let plan = step.plan().await.unwrap();
    assert!(plan.changes.is_empty());
    let output = step.run().await.unwrap();
    assert_eq!(
        (&output["changed"], &output["proof"]),
        (&json!(false), &json!(null))
    );
    insta::assert_snapshot!(of(&shop, output["message"].as_str().unwrap()), @"shop/web runs purser-test/web:v1 already: nothing was changed and nothing was proven");
    shop.expect_silence(&mut events);
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
}

#[tokio::test]
async fn a_sick_version_goes_and_the_old_one_has_never_stopped_answering() {
    let shop = Shop::new();
    let old = shop.start(1, V1, &[]).await;
    let client = shop.client();
    let step = shop.deploy(&json!({ "image": SICK }));
    let error = step.run().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fatal);
    insta::assert_snapshot!(of(&shop, &error.message), @r"
    shop-web-1-purser-HEX (purser-test/web:v3) on `shop`: its own HEALTHCHECK calls it unhealthy (`HTTP/1.1 503 Service Unavailable`); its last lines:
    web v3 listens on port 8080
    ");

    for _ in 0..2 {
        assert_eq!(step.undo().await.unwrap(), Undone::Fully);
        assert_eq!(shop.containers(), [shop.name(1)]);
        assert_eq!(shop.id(1), old);
    }
    assert_eq!(client.stop().1, 0);
    assert_eq!(shop.state(1), "purser-test/web:v1 running healthy");

    // The same step may be tried again, and fails again for the same reason.
    let again = step.run().await.unwrap_err();
    assert!(again.message.contains("unhealthy"), "{again}");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
}

#[tokio::test]
async fn a_version_that_crashes_is_given_up_at_once() {
    let shop = Shop::new();
    shop.start(1, V1, &["--restart", "always"]).await;
    let begun = Instant::now();
    let step = shop.deploy(&json!({ "image": CRASHING }));
    let error = step.run().await.unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "a minute was allowed, and not needed"
    );
    let how = [
        "it ended with exit code 3",
        "it crashed and was started again",
    ];
    assert!(how.iter().any(|how| error.message.contains(how)), "{error}");
    assert!(
        error
            .message
            .contains("its last lines:\nweb: told to crash"),
        "{error}"
    );
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(shop.state(1), "purser-test/web:v1 running healthy");
}

#[tokio::test]
async fn what_is_not_healthy_in_time_is_not_healthy() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let step = shop.deploy(&json!({ "image": SICK, "healthy_within": "1s" }));
    insta::assert_snapshot!(of(&shop, &step.run().await.unwrap_err().message), @r"
    shop-web-1-purser-HEX (purser-test/web:v3) on `shop`: it was not healthy within 1s: its own HEALTHCHECK, every 1s, has not passed yet; its last lines:
    web v3 listens on port 8080
    ");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
}

#[tokio::test]
async fn a_published_port_is_handed_over_with_a_gap_that_is_told() {
    let shop = Shop::new();
    shop.start(1, V1, &["--publish", "127.0.0.1:28082:8080"])
        .await;
    assert_eq!(ask("127.0.0.1:28082").unwrap(), "web v1");
    let output = shop.deploy(&json!({ "image": V2 })).run().await.unwrap();
    assert_eq!(ask("127.0.0.1:28082").unwrap(), "web v2");
    assert_eq!(output["strategy"], "recreate");
    let gap = output["gap_seconds"].as_f64().unwrap();
    assert!(gap > 0.1 && gap < 30.0, "{gap}");
    assert_eq!(shop.containers(), [shop.name(1)]);
}

#[tokio::test]
async fn a_sick_version_in_the_old_ones_place_gives_it_back() {
    let shop = Shop::new();
    let old = shop
        .start(1, V1, &["--publish", "127.0.0.1:28083:8080"])
        .await;
    let step = shop.deploy(&json!({ "image": SICK }));
    let error = step.run().await.unwrap_err();
    assert!(error.message.contains("unhealthy"), "{error}");
    for _ in 0..2 {
        assert_eq!(step.undo().await.unwrap(), Undone::Fully);
        assert_eq!(
            (shop.containers(), shop.id(1)),
            (vec![shop.name(1)], old.clone())
        );
        assert_eq!(shop.state(1), "purser-test/web:v1 running healthy");
        assert_eq!(ask("127.0.0.1:28083").unwrap(), "web v1");
    }
}

#[tokio::test]
async fn a_deploy_that_is_cancelled_goes_back() {
    let shop = Shop::new();
    let old = shop.start(1, V1, &[]).await;
    let step = shop.deploy(&json!({ "image": SICK }));
    let cancel = async {
        eventually("there are two", || shop.containers().len() == 2).await;
        step.cancel.cancel();
    };
    let (ended, ()) = tokio::join!(step.run(), cancel);
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!((shop.containers(), shop.id(1)), (vec![shop.name(1)], old));
}

#[tokio::test]
async fn without_a_check_it_has_started_and_is_not_called_healthy() {
    let shop = Shop::new();
    shop.start(1, V1, &["--no-healthcheck"]).await;
    let output = shop.deploy(&json!({ "image": V2 })).run().await.unwrap();
    assert_eq!(output["proof"], "started");
    insta::assert_snapshot!(of(&shop, output["message"].as_str().unwrap()), @"shop/web runs purser-test/web:v2 instead of purser-test/web:v1: started (running for 5 s without dying, as it has no check of its own), and only then the old one was stopped");
}

#[tokio::test]
async fn a_probe_stands_in_for_a_check_that_the_image_does_not_have() {
    let shop = Shop::new();
    shop.start(1, V1, &["--no-healthcheck"]).await;
    let probe = json!({ "port": 8080, "path": "/healthz" });
    let sick = shop.deploy(&json!({ "image": SICK, "healthy_within": "2s", "probe": probe }));
    insta::assert_snapshot!(of(&shop, &sick.run().await.unwrap_err().message), @r"
    shop-web-1-purser-HEX (purser-test/web:v3) on `shop`: it was not healthy within 2s: the probe GET :8080/healthz failed (it answers `HTTP/1.1 503 Service Unavailable`); its last lines:
    web v3 listens on port 8080
    ");
    assert_eq!(sick.undo().await.unwrap(), Undone::Fully);

    let well = shop.deploy(&json!({ "image": V2, "probe": probe }));
    let output = well.run().await.unwrap();
    assert_eq!(output["proof"], "healthy");
    insta::assert_snapshot!(output["proven_by"].as_str().unwrap(), @"the probe GET :8080/healthz");
}

#[tokio::test]
async fn a_connection_or_a_command_stand_in_too() {
    let shop = Shop::new();
    shop.start(1, V1, &["--no-healthcheck"]).await;
    let deploy = |image: &str, probe: Value| {
        shop.deploy(&json!({ "image": image, "healthy_within": "10s", "probe": probe }))
    };
    let deaf = shop.deploy(&json!({
        "image": V2, "healthy_within": "1s", "probe": { "tcp": 9 },
    }));
    insta::assert_snapshot!(of(&shop, &deaf.run().await.unwrap_err().message), @"
    shop-web-1-purser-HEX (purser-test/web:v2) on `shop`: it was not healthy within 1s: the probe a connection to :9 failed (Connection refused (os error 111)); its last lines:
    web v2 listens on port 8080
    ");
    assert_eq!(deaf.undo().await.unwrap(), Undone::Fully);

    let taken = deploy(V2, json!({ "tcp": 8080 })).run().await.unwrap();
    assert_eq!(taken["proven_by"], "the probe a connection to :8080");

    let check = json!({ "command": ["/web", "check"] });
    let sick = deploy(SICK, check.clone());
    let error = sick.run().await.unwrap_err();
    assert!(
        error.message.contains("its own HEALTHCHECK"),
        "{}",
        error.message
    );
    assert_eq!(sick.undo().await.unwrap(), Undone::Fully);
    let plan = shown(&deploy(V1, check.clone()).plan().await.unwrap());
    assert!(
        plan.contains("\nHEALTHCHECK: nothing → /web check\n"),
        "{plan}"
    );
    let done = deploy(V1, check).run().await.unwrap();
    assert_eq!(
        (&done["proof"], &done["proven_by"]),
        (&json!("healthy"), &json!("its own HEALTHCHECK"))
    );
    assert_eq!(shop.state(1), "purser-test/web:v1 running healthy");
}

#[tokio::test]
async fn the_way_that_is_asked_for_is_taken_or_refused() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let deploy = |strategy: &str| shop.deploy(&json!({ "version": "v2", "strategy": strategy }));
    let refused = deploy("blue_green").plan().await.unwrap_err();
    insta::assert_snapshot!(of(&shop, &refused.message), @"shop/web on `shop` cannot be replaced as a whole set: no proxy stands in front that could be switched (`proxy` of the system, and labels of Traefik on the containers)");
    let done = deploy("recreate").run().await.unwrap();
    assert_eq!(done["strategy"], "recreate");
    assert!(done["gap_seconds"].as_f64().unwrap() > 0.0, "{done}");
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
}

#[tokio::test]
async fn every_replica_is_replaced_and_a_bad_version_leaves_both() {
    let shop = Shop::new();
    let old = [shop.start(1, V1, &[]).await, shop.start(2, V1, &[]).await];
    let sick = shop.deploy(&json!({ "image": SICK }));
    sick.run().await.unwrap_err();
    assert_eq!(sick.undo().await.unwrap(), Undone::Fully);
    assert_eq!([shop.id(1), shop.id(2)], old);

    shop.deploy(&json!({ "image": V2 })).run().await.unwrap();
    assert_eq!(shop.containers(), [shop.name(1), shop.name(2)]);
    for number in [1, 2] {
        assert_eq!(shop.state(number), "purser-test/web:v2 running healthy");
        let label = "{{index .Config.Labels \"com.docker.compose.container-number\"}}";
        assert_eq!(inspect(&shop.name(number), label), number.to_string());
    }
}

#[tokio::test]
async fn data_goes_over_and_a_service_that_may_share_it_has_no_gap() {
    let shop = Shop::new();
    shop.start(1, V1, &["--volume", "/data"]).await;
    let volume = || inspect(&shop.name(1), "{{(index .Mounts 0).Name}}");
    let data = volume();
    let output = shop.deploy(&json!({ "image": V2 })).run().await.unwrap();
    assert_eq!(output["strategy"], "recreate");
    assert_eq!(volume(), data);

    let output = shop
        .deploy(&json!({ "image": V1, "parallel": true }))
        .run()
        .await
        .unwrap();
    assert_eq!(output["strategy"], "rolling");
    assert_eq!(volume(), data);
}

#[tokio::test]
async fn it_joins_the_networks_that_the_old_one_was_in_and_has_its_environment() {
    let shop = Shop::new();
    let motto = "MOTTO=one\ntwo $HOME ${X} $$ 'three'";
    shop.start(1, V1, &["--env", motto]).await;
    let second = unique("purser-test");
    docker(&["network", "create", &second]);
    docker(&[
        "network",
        "connect",
        "--alias",
        "shopfront",
        &second,
        &shop.name(1),
    ]);
    shop.deploy(&json!({ "image": V2 })).run().await.unwrap();
    let format = format!("{{{{(index .NetworkSettings.Networks \"{second}\").Aliases}}}}");
    let aliases = inspect(&shop.name(1), &format);
    assert!(aliases.contains("shopfront"), "{aliases}");
    let environment: Vec<String> =
        serde_json::from_str(&inspect(&shop.name(1), "{{json .Config.Env}}")).unwrap();
    assert!(
        environment.iter().any(|one| one == motto),
        "{environment:?}"
    );
    docker(&["rm", "--force", &shop.name(1)]);
    docker(&["network", "rm", &second]);
}

#[tokio::test]
async fn a_stopped_or_sick_old_one_can_be_replaced_too() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    docker(&["stop", &shop.name(1)]);
    let sick = shop.deploy(&json!({ "image": SICK }));
    sick.run().await.unwrap_err();
    assert_eq!(sick.undo().await.unwrap(), Undone::Fully);
    assert!(
        shop.state(1).starts_with("purser-test/web:v1 exited"),
        "{}",
        shop.state(1)
    );

    shop.deploy(&json!({ "image": V2 })).run().await.unwrap();
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
}

#[tokio::test]
async fn when_a_person_removes_a_container_meanwhile_it_is_said() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let step = shop.deploy(&json!({ "image": SICK, "healthy_within": "30s" }));
    let remove_new = async {
        eventually("there are two", || shop.containers().len() == 2).await;
        let new = step.containers().pop().unwrap();
        eventually("it runs", || inspect(&new, "{{.State.Running}}") == "true").await;
        docker(&["rm", "--force", &new]);
    };
    let (ended, ()) = tokio::join!(step.run(), remove_new);
    // Whether it was looked at before it went is a matter of moments.
    let told = of(&shop, &ended.unwrap_err().message).replace("shop-web-1-purser-HEX", "HEX");
    insta::assert_snapshot!(told, @"the container HEX was removed from `shop` by someone else before it had proven itself");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(shop.state(1), "purser-test/web:v1 running healthy");

    let step = shop.deploy(&json!({ "image": V2 }));
    let remove_old = async {
        eventually("there are two", || shop.containers().len() == 2).await;
        docker(&["rm", "--force", &shop.name(1)]);
    };
    let (ended, ()) = tokio::join!(step.run(), remove_old);
    insta::assert_snapshot!(of(&shop, &ended.unwrap_err().message), @"shop-web-1 (HEX) was removed from `shop` by someone else while it was being replaced");
    let Undone::ExceptFor(why) = step.undo().await.unwrap() else {
        panic!("what is gone cannot be back");
    };
    insta::assert_snapshot!(of(&shop, &why), @"shop-web-1 (purser-test/web:v1) was removed from `shop` by someone else and cannot be put back; its new container (purser-test/web:v2) stays in its place");
    assert_eq!(shop.containers(), [shop.name(1)]);
}
