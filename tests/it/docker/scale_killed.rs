//! Scaling that is killed at every effect and every moment, and then goes on or goes back.

use std::sync::Arc;

use purser::action::{AnyAction, Registry, Undone};
use tokio::sync::Semaphore;

use super::scale::scale;
use super::shop::Shop;
use super::stage::{Step, V1, docker};
use crate::support::journal::{MOMENTS, Moment};

const UP: [&str; 2] = ["create_replica", "start_replica"];
const DOWN: [&str; 2] = ["stop_surplus", "remove_surplus"];

const WELL: &str = "purser-test/web:v1 running healthy";

/// From how many to how many.
fn ways(effect: &str) -> (u32, usize) {
    if UP.contains(&effect) { (1, 2) } else { (2, 1) }
}

async fn killed(shop: &Shop, effect: &str, moment: Moment) -> Step {
    let (before, wanted) = ways(effect);
    for number in 1..=before {
        shop.start(number, V1, &[]).await;
    }
    let step = scale(shop, wanted).dying_at(effect, moment);
    let error = step.run().await.expect_err("the process dies");
    assert!(
        error.message.contains("the process died"),
        "{effect} {moment:?}: {error}"
    );
    step
}

async fn goes_on(effect: &'static str, moment: Moment) {
    let shop = Shop::new();
    let mut events = shop.events();
    let step = killed(&shop, effect, moment).await;
    step.run()
        .await
        .unwrap_or_else(|error| panic!("{effect} {moment:?}: {error}"));
    let (before, wanted) = ways(effect);
    assert_eq!(shop.containers().len(), wanted, "{effect} {moment:?}");
    for number in 1..=u32::try_from(wanted).unwrap() {
        assert_eq!(shop.state(number), WELL, "{effect} {moment:?}");
    }
    docker(&["update", "--restart", "no", &shop.name(1)]);
    let told = events.until("update");
    let count = |what| told.iter().filter(|event| *event == what).count();
    let most = usize::try_from(before).unwrap().max(wanted);
    let counts = ["create", "start", "destroy"].map(count);
    assert_eq!(
        counts,
        [most, most, most - wanted],
        "{effect} {moment:?}: {told:?}"
    );
}

async fn goes_back(effect: &'static str, moment: Moment) {
    let shop = Shop::new();
    let step = killed(&shop, effect, moment).await;
    let (before, _) = ways(effect);
    let is_gone = effect == "remove_surplus" && moment != Moment::Started;
    for _ in 0..2 {
        let undone = step
            .undo()
            .await
            .unwrap_or_else(|error| panic!("{effect} {moment:?}: {error}"));
        assert_eq!(
            undone != Undone::Fully,
            is_gone,
            "{effect} {moment:?}: {undone:?}"
        );
        let there = before - u32::from(is_gone);
        let names: Vec<_> = (1..=there).map(|number| shop.name(number)).collect();
        assert_eq!(shop.containers(), names, "{effect} {moment:?}");
        for number in 1..=there {
            assert_eq!(shop.state(number), WELL, "{effect} {moment:?}");
        }
    }
}

/// A few at the same time: most of it is waiting, but the engine is one for all.
macro_rules! everywhere {
    ($story:ident) => {{
        let free = Arc::new(Semaphore::new(4));
        let mut told = Vec::new();
        for effect in UP.into_iter().chain(DOWN) {
            for moment in MOMENTS {
                let free = Arc::clone(&free);
                told.push(tokio::spawn(async move {
                    let _one_of_few = free.acquire().await;
                    $story(effect, moment).await;
                }));
            }
        }
        for story in told {
            story.await.unwrap();
        }
    }};
}

#[test]
fn every_effect_is_killed() {
    let registry = Registry::new(purser::integrations::all());
    let action: &Arc<dyn AnyAction> = registry.action("docker.scale_service").unwrap();
    let effects = action.spec().effects.iter().map(|effect| effect.name);
    let effects: Vec<_> = effects.collect();
    assert_eq!(effects, [UP, DOWN].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn killed_it_goes_on() {
    everywhere!(goes_on);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn killed_it_goes_back() {
    everywhere!(goes_back);
}
