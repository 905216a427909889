//! Secrets that come to their end by themselves, or by a person, before a rotation is through with them.

use futures_util::future::join_all;
use serde_json::Value;

use super::orders::{CLIENT, Different, Orders};
use crate::support::consumer::Logins;
use crate::support::keycloak::Expires;
use crate::support::patience;

async fn one_service(invoices: Vec<(&'static str, &'static str)>) -> Orders {
    Orders::with(Different {
        invoices,
        ..Different::only("invoices")
    })
    .await
}

fn output(run: &Value) -> &Value {
    &run["run"]["steps"]["rotate"]["output"]
}

/// From the first to the last time that Keycloak has turned somebody away, in seconds.
async fn turned_away_for(orders: &Orders) -> f64 {
    let events = orders.realm.events(CLIENT, "CLIENT_LOGIN_ERROR").await;
    let times = events.iter().map(|event| event["time"].as_i64().unwrap());
    let (first, last) = (times.clone().min().unwrap(), times.max().unwrap());
    std::time::Duration::from_millis((last - first).cast_unsigned()).as_secs_f64()
}

async fn refused(orders: &Orders, client: &str, secret: &str) {
    patience::until("the secret is refused", async || {
        !orders.realm.logs_in(client, secret).await
    })
    .await;
}

/// The process is dead for longer than the policy takes an old secret.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_ends_old_secrets_after_a_second_turns_nobody_away() {
    let mut orders = one_service(vec![]).await;
    let realm = &orders.realm;
    realm.keeps_two_secrets_for(30 * 86_400, 1).await;
    let by_hand = realm.client("by-hand").await;
    realm.mark("by-hand").await;
    realm.rotate("by-hand").await;
    refused(&orders, "by-hand", &by_hand).await;

    let run = orders.dies_at("write_secret/started").await;
    orders.service("invoices").logs_in(6).await;
    assert!(orders.realm.logs_in(CLIENT, &orders.old).await);
    orders.home.up().await;
    let ended = orders.home.ends(&run).await;
    orders.expect(&ended, "succeeded").await;
    assert_eq!(output(&ended)["gap_seconds"], 0.0);
    let new = orders.realm.secret(CLIENT).await;
    orders.all_use(&new).await;
    assert_eq!(orders.turned_away_of("invoices").await, 0);
    orders.close().await;
}

/// The process dies when the new secret counts and no service has it, and the old one is ended. By whom and
/// when makes no difference to what the services see.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_secret_that_is_ended_in_the_middle_is_made_good_and_the_gap_is_told() {
    let told = [
        ("issue_secret/acted", true),
        ("issue_secret/done", true),
        ("write_secret/started", false),
    ]
    .map(|(point, by_a_person)| ended_at(point, by_a_person));
    join_all(told).await;
}

async fn ended_at(point: &str, by_a_person: bool) {
    let mut orders = one_service(vec![]).await;
    let run = orders.dies_at(point).await;
    if by_a_person {
        orders.realm.revoke_rotated(CLIENT).await;
    } else {
        orders.realm.expires(CLIENT, Expires::Rotated, 1).await;
    }
    let fails = |logins: &Logins| logins.failed > 1;
    let service = orders.service("invoices");
    service.logins_when("it is turned away", fails).await;
    let already = turned_away_for(&orders).await;

    orders.home.up().await;
    let ended = orders.home.ends(&run).await;
    orders.expect(&ended, "succeeded").await;
    let gap = output(&ended)["gap_seconds"].as_f64().unwrap();
    let message = output(&ended)["message"].as_str().unwrap();
    let message = message.replace(&format!("{gap:.1} s"), "GAP");
    insta::allow_duplicates! { insta::assert_snapshot!(message, @"orders has a new secret, proven by invoices (logged in): the old one had come to its end before all had the new one (somebody has ended it, or its time was over), with a gap of GAP"); }
    let new = orders.realm.secret(CLIENT).await;
    orders.all_use(&new).await;
    assert!(gap >= already && already > 0.0, "{point}: {gap} {already}");
    orders.close().await;
}

/// Keycloak refuses the client, by whatever secret: a policy has said so.
async fn locked_out(invoices: Vec<(&'static str, &'static str)>) -> Orders {
    let mut orders = one_service(invoices).await;
    orders.realm.expires(CLIENT, Expires::Current, 1).await;
    refused(&orders, CLIENT, &orders.old).await;
    orders.home.up().await;
    orders
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_locked_out_is_let_in_again_by_a_rotation() {
    let orders = locked_out(vec![]).await;
    let plan = orders.says(&["plan", "go"]).await;
    let note = plan
        .lines()
        .find(|line| line.contains("refuses the client"));
    insta::assert_snapshot!(note.unwrap().trim(), @"· Keycloak refuses the client since TIME, with any secret, because a policy says so: it lets in everybody again, by the old secret too, when the new one is issued");
    let run = orders.rotate(&[]).await;
    orders.expect(&run, "succeeded").await;
    let new = orders.realm.secret(CLIENT).await;
    assert_ne!(new, orders.old);
    orders.all_use(&new).await;
    let output = output(&run);
    assert!(output["refused_since"].is_string(), "{output}");
    let message = orders.plain(&output["message"]);
    let (_, before) = message.split_once("; ").unwrap();
    insta::assert_snapshot!(before.trim_end_matches('"'), @"before it was issued, Keycloak had let in nobody since TIME");
    orders.close().await;
}

/// Nobody is helped by a secret of before that is refused again.
#[tokio::test(flavor = "multi_thread")]
async fn where_that_has_to_go_back_the_secret_that_was_refused_is_taken_for_a_day() {
    let orders = locked_out(vec![("LIE", "1")]).await;
    let run = orders.rotate(&[]).await;
    insta::assert_snapshot!(orders.summary(&run), @"failed: step `rotate` failed: invoices was turned away by the client orders of `sso` after it had been given its secret: invalid_client_credentials Left as it is: `rotate`: the old secret of the client orders of `sso`, which had been refused since TIME, is taken until TIME: rotate it again before then.");
    assert_eq!(orders.realm.secret(CLIENT).await, orders.old);
    orders.all_use(&orders.old).await;
    orders.close().await;
}
