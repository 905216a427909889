//! `keycloak.set_up_rotation`, killed: it comes to its end, or everything is as it was.

use reqwest::Method;
use serde_json::{Value, json};

use super::{MOMENTS, each, effects, expect_one_run, killed_at, points};
use crate::keycloak::hands::Sso;
use crate::support::keycloak::Realm;
use crate::support::program::Home;
use crate::support::systems::of_kind;

const ACTION: &str = "keycloak.set_up_rotation";
const CLIENT: &str = "shop-web";

const SET_UP: &str = "
steps:
  - id: rotation
    uses: keycloak.set_up_rotation
    with: { clients: [shop-web] }
    retry: { attempts: 2, first: 1s }
";

/// It fails because of what the first step has done.
const THEN_FAIL: &str = "
  - id: check
    uses: keycloak.check_secrets
    with: { within: 4000d }
";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_at_every_failpoint_it_comes_to_its_end() {
    each(
        points(ACTION, &effects(ACTION), &MOMENTS),
        |point| async move {
            let realm = Realm::create().await;
            let (mut home, _sso) = home_of(&realm, SET_UP.to_owned()).await;
            let run = killed_at(&point, &mut home).await;
            expect_one_run(&home, &run, "succeeded").await;
            let (names, role, time) = state(&realm).await;
            assert_eq!(names, json!([["purser-rotation"], ["purser-rotation"]]));
            assert_eq!((role, time), (1, true));
            realm.remove().await;
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_while_it_is_taken_back_it_leaves_nothing() {
    let moments = ["undoing", "undone"];
    each(
        points(ACTION, &effects(ACTION), &moments),
        |point| async move {
            let realm = Realm::create().await;
            let (mut home, _sso) = home_of(&realm, format!("{SET_UP}{THEN_FAIL}")).await;
            let run = killed_at(&point, &mut home).await;
            expect_one_run(&home, &run, "rolled_back").await;
            assert_eq!(state(&realm).await, (json!([[], []]), 0, false));
            realm.remove().await;
        },
    )
    .await;
}

/// A server that knows the realm, with a client in it.
async fn home_of(realm: &Realm, workflow: String) -> (Home, Sso) {
    realm.client(CLIENT).await;
    let sso = Sso::of(realm, &["manage-clients", "manage-realm"], "").await;
    let home = Home::new(&[("sso", of_kind("keycloak", sso.settings.clone()))]);
    home.workflow("go", &workflow);
    (home, sso)
}

/// The names in both lists, how many roles the client has, and whether it is refused some day.
async fn state(realm: &Realm) -> (Value, usize, bool) {
    let get = async |path: String| realm.ask_here(Method::GET, &path, None).await.1;
    let mut names = vec![];
    for list in ["profiles", "policies"] {
        let entries = get(format!("/client-policies/{list}")).await;
        let entries = entries[list].as_array().unwrap().iter();
        names.push(
            entries
                .map(|entry| entry["name"].clone())
                .collect::<Vec<_>>(),
        );
    }
    let roles = get(format!("/clients/{}/roles", realm.uuid(CLIENT).await)).await;
    let attributes = &realm.representation(CLIENT).await["attributes"];
    let time = attributes["client.secret.expiration.time"].is_string();
    (json!(names), roles.as_array().unwrap().len(), time)
}
