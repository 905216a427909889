//! Services whose logins are not seen, or are seen as somebody else's: what shows then that they work.

use serde_json::{Value, json};

use super::orders::{CLIENT, Different, Orders};
use crate::support::detour::Detour;
use crate::support::keycloak::seen_from_here;

/// A realm that records no logins: one service is restarted and shows by its HEALTHCHECK that it can log in,
/// the other is asked over HTTP.
async fn unrecorded(reports: &[(&'static str, &'static str)]) -> Orders {
    Orders::with(Different {
        unrecorded: true,
        reload: Some(json!({ "restart": true, "healthcheck": true })),
        reports: reports.to_vec(),
        without: Some("orders"),
        ..Different::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_logins_are_not_recorded_a_health_check_and_an_address_show_that_they_work() {
    let mut orders = unrecorded(&[]).await;
    orders.home.up().await;
    let plan = orders.says(&["plan", "go"]).await;
    insta::assert_snapshot!(plan, @"
    rotate: keycloak.rotate_client_secret on sso
        rotate the secret of the client orders in the realm shop, for 2 consumers
          ~ the secret of orders: the old one → a new one
          ~ invoices: the old one in /srv/x/invoices → the new one; x/invoices is restarted
          ~ reports: the old one in http://store/secret → the new one; x/reports reads it again within 1s
          · the old secret counts until each consumer has logged in by the new one; then it is revoked, and each has to log in once more
          · Keycloak refuses the new secret too from TIME on (30days), unless it is rotated before
          · the realm does not record who logs in: the consumers are proven by what their probes say, and nobody else who uses the secret would be noticed
    plan HEX
    ");
    let run = orders.rotate(&[]).await;
    orders.expect(&run, "succeeded").await;
    let new = orders.realm.secret(CLIENT).await;
    assert_ne!(new, orders.old);
    orders.all_use(&new).await;
    assert_eq!(orders.turned_away().await, [0; 2]);
    let output = &run["run"]["steps"]["rotate"]["output"];
    assert_eq!(output["gap_seconds"], Value::Null);
    insta::assert_snapshot!(output["message"].as_str().unwrap(), @"orders has a new secret, proven by invoices (probed), reports (probed): the old one is refused, whether anybody was turned away is not known, as the realm does not record it");
    orders.close().await;
}

/// Its address says that it can log in for as long as the old secret counts.
#[tokio::test(flavor = "multi_thread")]
async fn one_whose_probe_fails_once_the_old_secret_is_revoked_has_all_go_back() {
    let mut orders = unrecorded(&[("LIE", "1")]).await;
    orders.home.up().await;
    let run = orders.rotate(&[]).await;
    orders.expect(&run, "rolled_back").await;
    insta::assert_snapshot!(orders.summary(&run).replace(&orders.service("reports").url(""), "http://reports"), @"rolled_back: step `rotate` failed: reports was given its secret of the client orders of `sso`, and http://(an address):8080/healthz answered 503 Service Unavailable within 15s Everything that it had done was taken back.");
    assert_eq!(orders.realm.secret(CLIENT).await, orders.old);
    orders.all_use(&orders.old).await;
    orders.close().await;
}

/// It never logs in: it has the tokens of others looked at, which Keycloak does not record.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_service_account_is_rotated_by_what_its_service_shows_of_itself() {
    let mut orders = Orders::with(Different {
        takes_tokens: true,
        reload: Some(json!({ "signal": "SIGHUP", "healthcheck": true })),
        ..Different::only("invoices")
    })
    .await;
    orders.home.up().await;
    let run = orders.rotate(&[]).await;
    orders.expect(&run, "succeeded").await;
    let new = orders.realm.secret(CLIENT).await;
    assert_ne!(new, orders.old);
    let service = orders.service("invoices");
    service.uses(&new).await;
    assert_eq!(service.logs_in(2).await.failed, 0);
    let output = &run["run"]["steps"]["rotate"]["output"];
    insta::assert_snapshot!(output["message"].as_str().unwrap(), @"orders has a new secret, proven by invoices (probed): the old one is refused, nobody was seen to be turned away");
    assert_eq!(output["old_refused"], true);
    orders.close().await;
}

/// Purser itself comes from the address that the service is said to come from.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_comes_by_a_proxy_is_known_by_its_address_and_purser_is_not_taken_for_it() {
    let here = seen_from_here();
    let mut orders = Orders::with(Different {
        reload: Some(json!({ "signal": "SIGHUP", "addresses": [here], "within": "5s" })),
        detour: Some(Detour::open().await),
        ..Different::only("invoices")
    })
    .await;
    orders.home.up().await;
    let run = orders.rotate(&[]).await;
    orders.expect(&run, "succeeded").await;
    let new = orders.realm.secret(CLIENT).await;
    orders.all_use(&new).await;
    assert_eq!(orders.turned_away_of("invoices").await, 0);

    orders.the_detour_ends();
    let run = orders.rotate(&[]).await;
    insta::assert_snapshot!(orders.summary(&run).replace(&here, "(here)"), @"failed: step `rotate` failed: invoices was given its secret of the client orders of `sso`, and (here) was not seen to log in within 5s Left as it is: `rotate`: invoices has its old secret again and was not seen to work with it: invoices was given its secret of the client orders of `sso`, and (here) was not seen to log in within 5s; the new secret still counts beside the old one at the client orders of `sso`, for whoever has it.");
    assert_eq!(orders.held("invoices"), new);
    assert!(orders.realm.logs_in(CLIENT, &new).await);
    orders.close().await;
}
