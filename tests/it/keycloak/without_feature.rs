//! A Keycloak that was started without the feature by which it keeps two secrets of a client.

use serde_json::json;

use super::hands::{PURSER, Sso};
use crate::support::keycloak::Realm;
use crate::support::own_keycloak::OwnKeycloak;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_needs_two_secrets_is_told_how_to_start_it() {
    let keycloak = OwnKeycloak::start().await;
    let realm = Realm::create_at(&keycloak.url()).await;
    let roles = ["manage-clients", "manage-realm", "view-events"];
    let key = realm.administrator(PURSER, &roles).await;
    let old = realm.client("orders").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, &old).unwrap();
    let consumer = format!(
        "[[clients.orders.consumers]]\nname = 'orders'\nfile = '{}'\nreads_again = '1s'\n\
         addresses = ['127.0.0.1']",
        file.path().display()
    );
    let sso = Sso::at(&keycloak.url(), &realm.name, PURSER, &key, &consumer);
    let rotate = "keycloak.rotate_client_secret";
    let rotated = sso.run(rotate, json!({ "client": "orders" })).await;
    let set_up = "keycloak.set_up_rotation";
    let set = sso.run(set_up, json!({ "clients": ["orders"] })).await;
    let (examined, _) = sso.examined(&[rotate]).await;
    let said = [rotated.unwrap_err(), set.unwrap_err(), examined].join("\n");
    let said = said
        .replace(&realm.name, "REALM")
        .replace(&keycloak.url(), "URL");
    insta::assert_snapshot!(said, @"
    sso: the secret of the client `orders` is not rotated: this Keycloak keeps only one secret: start it with `--features=client-secret-rotation`, or rotate with a gap, in which nobody is let in (`allow_gap: true`)
    sso: this Keycloak keeps one secret of a client only; nothing was changed: start it with `--features=client-secret-rotation`
    Ok: the realm `REALM` of Keycloak 26.7.3 at URL; clients with a secret: 2; it cannot keep two of one client (client-secret-rotation is off)
    Warning: the realm `REALM` does not record every login of a client
        add REFRESH_TOKEN, REFRESH_TOKEN_ERROR to the event types that are saved, under `Realm settings`, `Events`, `User events settings`
    ");
    assert_eq!(realm.secret("orders").await, old);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), old);
}
