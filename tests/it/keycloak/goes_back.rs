//! Rotations that have to be taken back, and services or a Keycloak that make that hard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::orders::{CLIENT, Different, Orders};
use crate::docker::stage::docker;
use crate::kill::books;
use crate::support::gateway::{Asked, Gateway, Passage};
use crate::support::keycloak::url;

/// A service that has stopped in its tracks, and a rotation that has begun.
async fn of_a_silent_service() -> (Orders, String) {
    let mut orders = Orders::with(Different {
        reload: Some(json!({ "signal": "SIGHUP", "within": "3s" })),
        ..Different::only("invoices")
    })
    .await;
    orders.home.up().await;
    docker(&["pause", &orders.service("invoices").name]);
    let run = orders.home.starts(&["go"]).await;
    (orders, run)
}

fn comes_to(orders: &Orders) {
    docker(&["unpause", &orders.service("invoices").name]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_log_in_in_time_has_all_go_back_before_the_old_secret_is_revoked() {
    let (orders, run) = of_a_silent_service().await;
    orders.has_failed(&run).await;
    comes_to(&orders);
    let ended = orders.home.ends(&run).await;
    insta::assert_snapshot!(orders.summary(&ended), @"rolled_back: step `rotate` failed: invoices was given its secret of the client orders of `sso`, and x-invoices-1 was not seen to log in within 3s Everything that it had done was taken back.");
    assert_eq!(orders.realm.secret(CLIENT).await, orders.old);
    orders.all_use(&orders.old).await;
    assert_eq!(orders.turned_away_of("invoices").await, 0);
    orders.close().await;
}

/// Nobody knows which of the two it has taken up.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_not_seen_to_work_with_its_old_secret_either_has_both_count() {
    let (orders, run) = of_a_silent_service().await;
    let ended = orders.home.ends(&run).await;
    insta::assert_snapshot!(orders.summary(&ended), @"failed: step `rotate` failed: invoices was given its secret of the client orders of `sso`, and x-invoices-1 was not seen to log in within 3s Left as it is: `rotate`: invoices has its old secret again and was not seen to work with it: invoices was given its secret of the client orders of `sso`, and x-invoices-1 was not seen to log in within 3s; the new secret still counts beside the old one at the client orders of `sso`, for whoever has it.");
    assert_eq!(orders.realm.secret(CLIENT).await, orders.old);
    let new = orders.realm.rotated(CLIENT).await.unwrap();
    assert!(orders.realm.logs_in(CLIENT, &new).await);
    comes_to(&orders);
    let service = orders.service("invoices");
    service.uses(&orders.old).await;
    assert_eq!(service.logs_in(2).await.failed, 0);
    orders.close().await;
}

/// It lies, and when that shows Purser may not set secrets any more.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_back_is_stuck_with_both_secrets_kept() {
    let revoked = Arc::<AtomicBool>::default();
    let is_revoked = Arc::clone(&revoked);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let keycloak = url();
    let way = Gateway::to(&keycloak, move |asked: &Asked| {
        match asked.method.as_str() {
            "DELETE" => {
                is_revoked.store(true, Ordering::SeqCst);
                Passage::Open
            }
            "PUT" if is_revoked.load(Ordering::SeqCst) => Passage::Refused,
            _ => Passage::Open,
        }
    });
    let mut orders = Orders::with(Different {
        way: Some(way.await),
        invoices: vec![("LIE", "1")],
        ..Different::only("invoices")
    })
    .await;
    orders.home.up().await;
    let run = orders.rotate(&[]).await;
    insta::assert_snapshot!(orders.summary(&run), @"stuck: step `rotate` failed: invoices was turned away by the client orders of `sso` after it had been given its secret: invalid_client_credentials; then taking back step `rotate` failed too: sso: cannot set a client's secrets: the service account of `purser` lacks the role `manage-clients` of the client `realm-management`; give it that in the admin console, under `Service account roles` of `purser`. Nothing was changed Left as it is: `rotate`: what it did was not taken back. A human is needed; Purser touches nothing more.");
    assert!(!orders.realm.logs_in(CLIENT, &orders.old).await);
    // The two, and how the client was.
    assert_eq!(books::kept_secrets(&orders.home).await, 3);
    orders.close().await;
}

/// Its file goes away when the new secret counts, and comes back, or not.
#[tokio::test(flavor = "multi_thread")]
async fn one_whose_file_cannot_be_written_keeps_its_old_secret_which_still_counts() {
    let mut orders = Orders::with(Different::only("invoices")).await;
    let run = orders.dies_at("issue_secret/done").await;
    let (file, away) = (orders.project.file("invoices"), orders.project.file("away"));
    std::fs::rename(&file, &away).unwrap();
    orders.home.up().await;
    let ended = orders.home.ends(&run).await;
    insta::assert_snapshot!(orders.summary(&ended), @"rolled_back: step `rotate` failed: /srv/x/invoices cannot be read and written: No such file or directory (os error 2) Everything that it had done was taken back.");
    std::fs::rename(&away, &file).unwrap();
    let service = orders.service("invoices");
    service.uses(&orders.old).await;
    assert_eq!(service.logs_in(2).await.failed, 0);
    assert!(orders.realm.logs_in(CLIENT, &orders.old).await);
    orders.close().await;
}
