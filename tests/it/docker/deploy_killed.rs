//! A deploy that is killed at every effect and every moment, and then goes on or goes back.

use std::sync::Arc;

use purser::action::Undone;
use serde_json::json;
use tokio::sync::Semaphore;

use super::shop::Shop;
use super::stage::{Step, V1, V2, docker};
use crate::support::journal::{MOMENTS, Moment};

const BESIDE: [&str; 5] = [
    "create_new",
    "start_new",
    "stop_old",
    "remove_old",
    "rename_new",
];
const RECREATE: [&str; 5] = [
    "stop_old",
    "rename_old",
    "create_new",
    "start_new",
    "remove_old",
];

/// What makes a container one that cannot run twice at once.
const WRITES: [&str; 2] = ["--volume", "/data"];

async fn killed(shop: &Shop, effect: &str, moment: Moment) -> Step {
    let step = shop
        .deploy(&json!({ "image": V2 }))
        .dying_at(effect, moment);
    let error = step.run().await.expect_err("the process dies");
    assert!(
        error.message.contains("the process died"),
        "{effect} {moment:?}: {error}"
    );
    step
}

async fn goes_on(options: &'static [&'static str], effect: &'static str, moment: Moment) {
    let shop = Shop::new();
    let old = shop.start(1, V1, options).await;
    let mut events = shop.events();
    let step = killed(&shop, effect, moment).await;
    let output = step
        .run()
        .await
        .unwrap_or_else(|error| panic!("{effect} {moment:?}: {error}"));
    assert_eq!(output["proof"], "healthy");
    assert_eq!(shop.containers(), [shop.name(1)], "{effect} {moment:?}");
    assert_ne!(shop.id(1), old);
    assert_eq!(
        shop.state(1),
        "purser-test/web:v2 running healthy",
        "{effect} {moment:?}"
    );
    docker(&["update", "--restart", "no", &shop.name(1)]);
    let told = events.until("update");
    let count = |what| told.iter().filter(|event| *event == what).count();
    let counts = ["create", "start", "destroy"].map(count);
    assert_eq!(counts, [1, 1, 1], "{effect} {moment:?}: {told:?}");
}

async fn goes_back(options: &'static [&'static str], effect: &'static str, moment: Moment) {
    let shop = Shop::new();
    let old = shop.start(1, V1, options).await;
    let step = killed(&shop, effect, moment).await;
    let is_gone = effect == "rename_new" || (effect == "remove_old" && moment != Moment::Started);
    for _ in 0..2 {
        let undone = step
            .undo()
            .await
            .unwrap_or_else(|e| panic!("{effect} {moment:?}: {e}"));
        assert_eq!(
            undone != Undone::Fully,
            is_gone,
            "{effect} {moment:?}: {undone:?}"
        );
        if is_gone {
            assert_eq!(shop.containers().len(), 1, "{effect} {moment:?}");
        } else {
            assert_eq!(shop.containers(), [shop.name(1)], "{effect} {moment:?}");
            assert_eq!(shop.id(1), old, "{effect} {moment:?}");
            assert_eq!(
                shop.state(1),
                "purser-test/web:v1 running healthy",
                "{effect} {moment:?}"
            );
        }
    }
}

/// A few at the same time: most of it is waiting, but the engine is one for all.
macro_rules! everywhere {
    ($story:ident, $options:expr, $effects:expr) => {{
        let free = Arc::new(Semaphore::new(4));
        let mut told = Vec::new();
        for effect in $effects {
            for moment in MOMENTS {
                let free = Arc::clone(&free);
                told.push(tokio::spawn(async move {
                    let _one_of_few = free.acquire().await;
                    $story($options, effect, moment).await;
                }));
            }
        }
        for story in told {
            story.await.unwrap();
        }
    }};
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn killed_beside_the_old_one_it_goes_on() {
    everywhere!(goes_on, &[], BESIDE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn killed_in_the_old_ones_place_it_goes_on() {
    everywhere!(goes_on, &WRITES, RECREATE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn killed_beside_the_old_one_it_goes_back() {
    everywhere!(goes_back, &[], BESIDE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn killed_in_the_old_ones_place_it_goes_back() {
    everywhere!(goes_back, &WRITES, RECREATE);
}
