//! A realm that does not record who logs in, or who is turned away.

use super::orders::{Different, Orders};

/// All that the actions look at, but for these.
fn all_but(missing: &[&str]) -> Vec<&'static str> {
    let all = [
        "CLIENT_LOGIN",
        "CLIENT_LOGIN_ERROR",
        "CODE_TO_TOKEN",
        "CODE_TO_TOKEN_ERROR",
        "REFRESH_TOKEN",
        "REFRESH_TOKEN_ERROR",
    ];
    let wanted = all.into_iter().filter(|kind| !missing.contains(kind));
    wanted.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_refused_before_anything_is_done_with_what_to_switch_on() {
    let mut orders = Orders::with(Different::only("invoices")).await;
    orders.home.up().await;
    let mut told = Vec::new();
    for types in [
        vec![],
        all_but(&["CLIENT_LOGIN", "CLIENT_LOGIN_ERROR"]),
        all_but(&["CLIENT_LOGIN_ERROR"]),
    ] {
        orders.realm.records(&types).await;
        let run = orders.rotate(&[]).await;
        told.push(orders.summary(&run));
    }
    insta::assert_snapshot!(told.join("\n"), @"
    failed: step `rotate` failed: sso: the secret of the client `orders` is not rotated: the realm does not record who logs in by it and who is turned away, so invoices could not be proven: switch on `Save events` under `Realm settings`, `Events`, `User events settings`, or give it a `probe` or a `healthcheck` Nothing was changed.
    failed: step `rotate` failed: sso: the secret of the client `orders` is not rotated: the realm does not record who logs in by it and who is turned away, so invoices could not be proven: add CLIENT_LOGIN, CLIENT_LOGIN_ERROR to the event types that are saved, under `Realm settings`, `Events`, `User events settings`, or give it a `probe` or a `healthcheck` Nothing was changed.
    failed: step `rotate` failed: sso: the secret of the client `orders` is not rotated: the realm does not record who logs in by it and who is turned away, so invoices could not be proven: add CLIENT_LOGIN_ERROR to the event types that are saved, under `Realm settings`, `Events`, `User events settings`, or give it a `probe` or a `healthcheck` Nothing was changed.
    ");
    orders.all_use(&orders.old).await;
    assert_eq!(orders.turned_away_of("invoices").await, 0);
    orders.close().await;
}
