//! `keycloak.rotate_client_secret`, killed at each failpoint: whatever comes of it, the service has a secret
//! that counts, nobody was turned away, and neither secret stays with Purser.

use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde_json::Value;

use super::{MOMENTS, books, effects, expect_one_run, killed_at, points};
use crate::keycloak::orders::{CLIENT, Different, Orders};

const ACTION: &str = "keycloak.rotate_client_secret";
/// What an undo takes back.
const TAKEN_BACK: [&str; 5] = [
    "keep_secrets",
    "issue_secret",
    "write_secret",
    "reload_consumer",
    "revoke_old_secret",
];
/// What is done to containers that are made anew for it, and counts the most.
const RENEWED: [&str; 4] = [
    "create_new/acted",
    "stop_old/acted",
    "remove_old/started",
    "remove_old/acted",
];
/// Each has a realm, a service that logs in and two starts of the program: Keycloak is one for all.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_at_every_failpoint_a_rotation_goes_on() {
    let points = points(ACTION, &effects(ACTION), &MOMENTS);
    in_turn(points, |point| goes_on(point, "invoices")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_while_containers_are_made_anew_for_it_a_rotation_goes_on() {
    let points = RENEWED.map(|point| format!("docker.deploy_service/{point}"));
    in_turn(points, |point| goes_on(point, "orders")).await;
}

/// The service goes on with the old secret, which shows when that is revoked.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_while_it_is_taken_back_a_rotation_leaves_the_old_secret() {
    let points = points(ACTION, &TAKEN_BACK, &["undoing", "undone"]);
    in_turn(points, goes_back).await;
}

pub(super) async fn in_turn<F: Future<Output = ()>>(
    points: impl IntoIterator<Item = String>,
    story: impl Fn(String) -> F,
) {
    let told = points.into_iter().map(|point| {
        let name = point.clone();
        let story = AssertUnwindSafe(story(point)).catch_unwind();
        story.map(move |told| told.map_err(|_| name))
    });
    let told: Vec<_> = stream::iter(told).buffer_unordered(AT_ONCE).collect().await;
    let failed: Vec<_> = told.into_iter().filter_map(Result::err).collect();
    assert_eq!(failed, Vec::<String>::new());
}

async fn goes_on(point: String, service: &'static str) {
    let mut orders = Orders::with(Different::only(service)).await;
    let run = killed_at(&point, &mut orders.home).await;
    went_on(orders, &run, service).await;
}

async fn goes_back(point: String) {
    let mut orders = of_a_liar().await;
    let run = killed_at(&point, &mut orders.home).await;
    went_back(orders, &run).await;
}

/// A service that goes on with the old secret.
pub(super) async fn of_a_liar() -> Orders {
    Orders::with(Different {
        invoices: vec![("LIE", "1")],
        ..Different::only("invoices")
    })
    .await
}

/// The service has the new secret, and was not turned away.
pub(super) async fn went_on(orders: Orders, run: &Value, service: &str) {
    orders.expect(run, "succeeded").await;
    let facts = expect_one_run(&orders.home, run, "succeeded").await;
    assert_eq!(facts["steps"][0]["attempts"], 1);
    let new = orders.realm.secret(CLIENT).await;
    assert_ne!(new, orders.old, "{facts:#}");
    assert!(!orders.realm.logs_in(CLIENT, &orders.old).await);
    orders.all_use(&new).await;
    assert_eq!(orders.turned_away_of(service).await, 0, "{facts:#}");
    expect_nothing_kept(&orders, &[&orders.old, &new]).await;
    orders.close().await;
}

/// All is as it was.
pub(super) async fn went_back(orders: Orders, run: &Value) {
    orders.expect(run, "rolled_back").await;
    expect_one_run(&orders.home, run, "rolled_back").await;
    assert_eq!(orders.realm.secret(CLIENT).await, orders.old);
    orders.all_use(&orders.old).await;
    expect_nothing_kept(&orders, &[&orders.old]).await;
    orders.close().await;
}

async fn expect_nothing_kept(orders: &Orders, secrets: &[&String]) {
    orders.nothing_is_kept_of(secrets).await;
    assert_eq!(
        books::kept_secrets(&orders.home).await,
        0,
        "what was kept for the step"
    );
}
