//! Rotation is set up for some clients, beside what others have set up, and taken back.

use std::sync::Arc;

use purser::action::{Registry, Undone};
use purser::domain::names::RunId;
use purser::integrations;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::hands::Sso;
use crate::support::journal::{MemoryJournal, read_context};
use crate::support::keycloak::Realm;

const ACTION: &str = "keycloak.set_up_rotation";
const MAY: &[&str] = &["manage-clients", "manage-realm"];

/// Both lists, as a person sees them.
async fn lists(realm: &Realm) -> [Value; 2] {
    let get = async |list: &str| {
        let path = format!("/client-policies/{list}");
        let (status, body) = realm.ask_here(Method::GET, &path, None).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body[list].clone()
    };
    [get("profiles").await, get("policies").await]
}

/// The client's own roles, and whether a time is set at which it is refused.
async fn marks(realm: &Realm, client: &str) -> (Vec<String>, bool) {
    let path = format!("/clients/{}/roles", realm.uuid(client).await);
    let (_, roles) = realm.ask_here(Method::GET, &path, None).await;
    let roles = roles.as_array().unwrap().iter();
    let attributes = &realm.representation(client).await["attributes"];
    let roles = roles.map(|role| role["name"].as_str().unwrap().to_owned());
    (
        roles.collect(),
        attributes["client.secret.expiration.time"].is_string(),
    )
}

/// A plan as people read it.
async fn plan(sso: &Sso, input: &Value) -> Result<String, String> {
    let registry = Registry::new(integrations::all());
    let action = registry.action(ACTION).unwrap();
    let plan = action
        .plan(&read_context("sso", &sso.systems), input.clone())
        .await;
    let plan = plan.map_err(|error| error.message)?;
    let changes = plan.changes.iter();
    let changes = changes.map(|one| format!("{}: {:?} -> {:?}", one.subject, one.from, one.to));
    let lines = [plan.summary.clone()]
        .into_iter()
        .chain(changes)
        .chain(plan.notes.clone());
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn two_secrets_are_taken_of_the_marked_clients_and_everything_can_be_put_back() {
    let realm = Realm::create().await;
    realm.keeps_two_secrets().await;
    for client in ["shop-web", "shop-jobs"] {
        realm.client(client).await;
    }
    let before = lists(&realm).await;
    let sso = Sso::of(&realm, MAY, "").await;
    let input = json!({ "clients": ["shop-web"], "lock_out_after": "400d" });
    let planned = plan(&sso, &input)
        .await
        .unwrap()
        .replace(&realm.name, "REALM");
    let planned: Vec<_> = planned
        .lines()
        .filter(|line| !line.starts_with("Keycloak refuses"))
        .collect();
    insta::assert_snapshot!(planned.join("\n"), @r#"
    have Keycloak take two secrets of 1 client of `REALM` while one is replaced
    `purser-rotation` among the client profiles: None -> Some("a secret is refused after 400 days, one that was replaced is taken for 24 h")
    `purser-rotation` among the client policies: None -> Some("for clients with the role `purser-rotates`")
    role `purser-rotates` of `shop-web`: None -> Some("is there")
    can be undone: lists and clients are as they were then, if nobody has changed them since
    "#);

    let registry = Registry::new(integrations::all());
    let action = registry.action(ACTION).unwrap();
    let (run, journal) = (
        RunId::new(uuid::Uuid::now_v7()),
        Arc::new(MemoryJournal::default()),
    );
    let ctx = journal.context(run, action.spec(), "sso", &sso.systems);
    let output = action.run(&ctx, input.clone()).await.unwrap();
    assert_eq!(
        (&output["changed"], &output["clients"]),
        (&json!(true), &json!(["shop-web"]))
    );
    assert_eq!(
        marks(&realm, "shop-web").await,
        (vec!["purser-rotates".to_owned()], true)
    );
    assert_eq!(marks(&realm, "shop-jobs").await, (vec![], false));
    let set_up = lists(&realm).await;
    for (now, before) in set_up.iter().zip(&before) {
        assert_eq!(now.as_array().unwrap()[..1], before.as_array().unwrap()[..]);
    }
    // A person saves the client in the admin console, and has a new secret made.
    let old = realm.secret("shop-web").await;
    realm.set_secret("shop-web", &old).await;
    let new = realm.rotate("shop-web").await;
    assert!(realm.logs_in("shop-web", &old).await && realm.logs_in("shop-web", &new).await);

    let again = plan(&sso, &input)
        .await
        .unwrap()
        .replace(&realm.name, "REALM");
    insta::assert_snapshot!(again.lines().next().unwrap(), @"nothing: two secrets are taken in `REALM` already");
    assert_eq!(
        sso.run(ACTION, input.clone()).await.unwrap()["changed"],
        false
    );

    assert_eq!(action.undo(&ctx, input).await.unwrap(), Undone::Fully);
    assert_eq!(lists(&realm).await, before);
    assert_eq!(marks(&realm, "shop-web").await, (vec![], false));
    assert!(realm.logs_in("shop-web", &new).await);
    realm.remove().await;
}

#[tokio::test]
async fn what_cannot_be_set_up_is_said_before_anything_is_changed() {
    let realm = Realm::create().await;
    realm.public_client("shop-app").await;
    realm.client("shop-web").await;
    let before = lists(&realm).await;
    let sso = Sso::of(&realm, MAY, "").await;
    let said = async |sso: &Sso, input: Value| {
        plan(sso, &input)
            .await
            .unwrap_err()
            .replace(&realm.name, "REALM")
    };
    let secret = realm
        .administrator("less", &["manage-clients", "view-realm"])
        .await;
    let less = Sso::at(
        &crate::support::keycloak::url(),
        &realm.name,
        "less",
        &secret,
        "",
    );
    let all = [
        said(&sso, json!({ "clients": [] })).await,
        said(&sso, json!({ "clients": ["shop-wbe"] })).await,
        said(&sso, json!({ "clients": ["shop-app"] })).await,
        said(
            &sso,
            json!({ "clients": ["shop-web"], "overlap": "2d", "lock_out_after": "1d" }),
        )
        .await,
        said(&less, json!({ "clients": ["shop-web"] })).await,
    ];
    insta::assert_snapshot!(all.join("\n"), @"
    sso: `clients` names none; nothing was changed
    sso: in the realm `REALM`: unknown client `shop-wbe`; did you mean `shop-web`?
    sso: the client `shop-app` is public, so it has no secret; nothing was changed: take it out of `clients`
    sso: `overlap` must be at least a second, and shorter than `lock_out_after`; nothing was changed
    sso: the service account of `less` lacks the role `manage-realm` of the client `realm-management`; give it that in the admin console, under `Service account roles` of `less`; nothing was changed
    ");
    assert_eq!(lists(&realm).await, before);
    realm.remove().await;
}
