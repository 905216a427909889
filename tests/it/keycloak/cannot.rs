//! Clients, services and rights with which a rotation could not end well: refused before anything is done.

use serde_json::{Value, json};

use super::hands::Sso;
use super::orders::{CLIENT, Different, Orders};
use crate::docker::stage::docker;
use crate::support::keycloak::Realm;
use crate::support::patience;

async fn said(orders: &Orders) -> String {
    orders.summary(&orders.rotate(&[]).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_or_a_service_with_which_it_could_not_end_well_is_refused() {
    let mut orders = Orders::with(Different::only("invoices")).await;
    orders.home.up().await;
    let alter = async |fields: Value| orders.realm.alter(CLIENT, fields).await;
    let mut told = Vec::new();
    alter(json!({ "enabled": false })).await;
    told.push(said(&orders).await);
    alter(json!({ "enabled": true, "clientAuthenticatorType": "client-jwt" })).await;
    told.push(said(&orders).await);
    alter(json!({ "clientAuthenticatorType": "client-secret", "secret": orders.old })).await;

    let (file, away) = (orders.project.file("invoices"), orders.project.file("away"));
    std::fs::rename(&file, &away).unwrap();
    told.push(said(&orders).await);
    std::fs::rename(&away, &file).unwrap();
    let service = orders.service("invoices").name;
    docker(&["stop", "--time", "1", &service]);
    let refused = orders.rotate(&[]).await;
    docker(&["start", &service]);
    told.push(orders.summary(&refused));
    insta::assert_snapshot!(told.join("\n"), @"
    failed: step `rotate` failed: sso: the secret of the client `orders` is not rotated: it is disabled, so nobody can log in by it Nothing was changed.
    failed: step `rotate` failed: sso: the secret of the client `orders` is not rotated: it shows who it is by `client-jwt`, and not by a secret Nothing was changed.
    failed: step `rotate` failed: sso: the secret of the client `orders` is not rotated: invoices cannot be given another: /srv/x/invoices is no file that is there Nothing was changed.
    failed: step `rotate` failed: sso: the secret of the client `orders` is not rotated: invoices cannot be given another: no container of x/invoices runs: start it first Nothing was changed.
    ");
    patience::until("the secret counts", async || {
        orders.realm.logs_in(CLIENT, &orders.old).await
    })
    .await;
    orders.all_use(&orders.old).await;
    orders.close().await;
}

#[tokio::test]
async fn who_may_not_set_a_secret_is_told_the_role_before_anything_is_done() {
    let realm = Realm::create().await;
    let old = realm.client(CLIENT).await;
    let looks = ["view-clients", "view-events", "view-realm"];
    let sso = Sso::of(&realm, &looks, "").await;
    let input = json!({ "client": CLIENT });
    let refused = sso.run("keycloak.rotate_client_secret", input).await;
    insta::assert_snapshot!(refused.unwrap_err(), @"sso: the secret of the client `orders` is not rotated: the service account of `purser` lacks the role `manage-clients` of the client `realm-management`; give it that in the admin console, under `Service account roles` of `purser`");
    assert_eq!(realm.secret(CLIENT).await, old);
    realm.remove().await;
}
