//! How the secrets of a realm's clients stand, as people are told, beside what a person sees there.

use purser::action::Clock as _;
use purser::domain::time::Timestamp;
use serde_json::{Value, json};

use super::hands::Sso;
use crate::support::journal::WallClock;
use crate::support::keycloak::{MARK, Realm, url};
use crate::support::offers::values;

const LOOKS: &[&str] = &["view-clients", "view-events", "view-realm"];

/// A realm with clients of every kind, and one that has two secrets.
async fn realm() -> Realm {
    let realm = Realm::create().await;
    // How old its secret is nobody knows: Keycloak has not made it.
    let jobs = json!({ "clientId": "shop-jobs", "secret": "given by a person" });
    realm.client_with(jobs).await;
    realm.keeps_two_secrets_for(40 * 86_400, 86_400).await;
    let web = json!({ "clientId": "shop-web", "serviceAccountsEnabled": true,
        "standardFlowEnabled": false, "attributes": { MARK.0: MARK.1 } });
    realm.client_with(web).await;
    realm.public_client("shop-app").await;
    realm.bearer_only_client("shop-api").await;
    realm
        .client_with(json!({ "clientId": "shop-keys", "clientAuthenticatorType": "client-jwt" }))
        .await;
    realm
}

/// The row of a client.
fn row<'a>(output: &'a Value, client: &str) -> &'a Value {
    let rows = output["clients"].as_array().unwrap();
    rows.iter().find(|row| row["client"] == client).unwrap()
}

/// How many whole days are left until then.
fn days_until(at: &Value) -> i64 {
    let at: Timestamp = at.as_str().unwrap().parse().unwrap();
    (at.micros() - WallClock.now().micros()) / 86_400_000_000
}

#[tokio::test]
async fn the_secrets_of_a_realm_are_listed_and_none_of_them_is_shown() {
    let realm = realm().await;
    let sso = Sso::of(
        &realm,
        LOOKS,
        "maximum_age = '1d'\nclients = { shop-web = { maximum_age = '1ms' } }",
    )
    .await;
    let secrets = [
        realm.secret("shop-web").await,
        realm.rotate("shop-web").await,
    ];
    assert!(realm.logs_in("shop-web", &secrets[0]).await);
    assert!(realm.logs_in("shop-web", &secrets[1]).await);
    assert!(!realm.logs_in("shop-web", "wrong").await);

    let output = sso.run("keycloak.list_secrets", json!({})).await.unwrap();
    let names = output["clients"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|row| row["client"].as_str().unwrap()).collect();
    assert_eq!(names, ["shop-web", "purser", "shop-jobs"]);
    let web = row(&output, "shop-web");
    assert_eq!(
        (&web["overdue"], &web["maximum_age"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(
        (
            days_until(&web["locked_out"]),
            days_until(&web["second_until"])
        ),
        (39, 0)
    );
    assert!(
        web["age"].as_u64().unwrap() < 60 && web["last_login"].is_string(),
        "{web}"
    );
    let jobs = row(&output, "shop-jobs");
    assert_eq!(
        (&jobs["made"], &jobs["due"], &jobs["last_login"]),
        (&json!(null), &json!(null), &json!(null))
    );
    let text = output["text"].as_str().unwrap();
    assert!(text.contains("OVERDUE") && text.contains("RS256"), "{text}");
    let keys = output["keys"].as_array().unwrap();
    let signs = keys.iter().find(|key| key["algorithm"] == "RS256").unwrap();
    assert_eq!(
        (&signs["state"], days_until(&signs["since"])),
        (&json!("active"), 0)
    );
    insta::assert_snapshot!(output["missing"][0].as_str().unwrap().replace(&realm.name, "REALM"), @"the realm `REALM` does not record every login, so some are not seen: add REFRESH_TOKEN, REFRESH_TOKEN_ERROR to the event types that are saved, under `Realm settings`, `Events`, `User events settings`");
    let all = output.to_string();
    let own = realm.secret("purser").await;
    assert!(
        [&secrets[0], &secrets[1], &own]
            .iter()
            .all(|secret| !all.contains(*secret))
    );
    assert_eq!(
        values(&sso.systems, "sso", "clients", None).await,
        ["purser", "shop-jobs", "shop-web"]
    );

    let due = sso
        .run("keycloak.check_secrets", json!({ "within": "60d" }))
        .await
        .unwrap_err();
    let day = &web["due"].as_str().unwrap()[..10];
    let refused = &web["locked_out"].as_str().unwrap()[..10];
    let due = due
        .replace(day, "TODAY")
        .replace(refused, "LATER")
        .replace(&realm.name, "REALM");
    insta::assert_snapshot!(due, @"sso: in the realm `REALM` a secret is due: `shop-web` (refused by Keycloak from LATER on, overdue since TODAY); rotate them, the first one first");
    let patient = Sso::at(&url(), &realm.name, "purser", &own, "maximum_age = '90d'");
    let quiet = patient
        .run("keycloak.check_secrets", json!({}))
        .await
        .unwrap();
    insta::assert_snapshot!(quiet["text"].as_str().unwrap(), @"3 clients with a secret, none is due; of 1 Keycloak does not know how old it is");

    let (seen, examined) = sso.examined(&["keycloak.list_secrets"]).await;
    let until = web["second_until"].as_str().unwrap()[..16].replace('T', " ");
    let seen = seen
        .replace(day, "TODAY")
        .replace(refused, "LATER")
        .replace(&until, "UNTIL");
    let seen = seen.replace(&realm.name, "REALM").replace(&url(), "URL");
    insta::assert_snapshot!(seen, @"
    Ok: the realm `REALM` of Keycloak at URL; clients with a secret: 3; it can keep two of one client
    Warning: the realm `REALM` does not record every login of a client
        add REFRESH_TOKEN, REFRESH_TOKEN_ERROR to the event types that are saved, under `Realm settings`, `Events`, `User events settings`
    Warning: a secret is due: `shop-web` (overdue since TODAY)
        rotate them, the first one first
    Ok: an older secret is taken too, of `shop-web` until UNTIL
    Warning: how old the secret is cannot be known of `shop-jobs`, so nothing is said when it becomes older than it may
        rotate it once: from then on Keycloak knows
    ");
    let clock = examined.clock.unwrap();
    assert!(
        clock.theirs.since(clock.after).as_secs() < 5
            && clock.before.since(clock.theirs).as_secs() < 5
    );
    realm.remove().await;
}

#[tokio::test]
async fn what_may_not_be_seen_is_named_with_its_role() {
    let realm = realm().await;
    let sso = Sso::of(&realm, &["view-clients"], "maximum_age = '1d'").await;
    let output = sso.run("keycloak.list_secrets", json!({})).await.unwrap();
    assert_eq!(output["clients"].as_array().unwrap().len(), 3);
    let missing: Vec<_> = output["missing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap())
        .collect();
    insta::assert_snapshot!(missing.join("\n"), @"
        sso: cannot read what it records of logins: the service account of `purser` lacks the role `view-events` of the client `realm-management`; give it that in the admin console, under `Service account roles` of `purser`
        sso: cannot read the realm's keys: the service account of `purser` lacks the role `view-realm` of the client `realm-management`; give it that in the admin console, under `Service account roles` of `purser`
        ");
    let (seen, _) = sso.examined(&["keycloak.list_secrets"]).await;
    let seen = seen.replace(&realm.name, "REALM").replace(&url(), "URL");
    insta::assert_snapshot!(seen, @"
    Ok: the realm `REALM` of Keycloak at URL; clients with a secret: 3; it can keep two of one client
    Problem: the service account of `purser` lacks the role `view-events` of the client `realm-management`
        give it that in the admin console, under `Service account roles` of `purser`
    Problem: the service account of `purser` lacks the role `view-realm` of the client `realm-management`
        give it that in the admin console, under `Service account roles` of `purser`
    Warning: how old the secret is cannot be known of `shop-jobs`, so nothing is said when it becomes older than it may
        rotate it once: from then on Keycloak knows
    ");
    realm.remove().await;
}
