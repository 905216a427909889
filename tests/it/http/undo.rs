//! Taking back.

use purser::action::{ErrorKind, Undone};
use serde_json::{Value, json};
use xtask::effect_server::{Mood, Reply};

use super::Billing;
use crate::support::journal::Moment;

fn booking() -> Value {
    json!({ "path": "/askable/rooms", "ask": "/askable?key={key}",
            "undo": { "path": "/askable?key={key}" } })
}

#[tokio::test]
async fn what_was_done_is_taken_back_once_however_often_it_is_tried() {
    let billing = Billing::new();
    billing.sends(&booking()).await.unwrap();
    assert_eq!(billing.undoes(&booking()).await.unwrap(), Undone::Fully);
    assert_eq!(billing.undoes(&booking()).await.unwrap(), Undone::Fully);
    let deed = billing.server.books().deeds[&billing.key("send_askable")].clone();
    assert_eq!((deed.done, deed.undone, deed.live), (1, 1, false));
}

#[tokio::test]
async fn a_retry_after_that_has_a_key_of_its_own() {
    let billing = Billing::new();
    billing.sends(&booking()).await.unwrap();
    billing.undoes(&booking()).await.unwrap();
    let again = billing.sends(&booking()).await.unwrap();
    assert_eq!(again["body"]["number"], 2);
    let next = format!("{}/step/1/send_askable", billing.run);
    assert!(billing.server.books().is_live(&next));
}

/// Nobody knows whether it was done: it is gone in either case.
#[tokio::test]
async fn what_may_have_been_done_is_taken_back_too() {
    for moment in [Moment::Started, Moment::Acted] {
        let billing = Billing::new();
        billing.journal.die_at("send_askable", moment);
        billing.sends(&booking()).await.unwrap_err();
        assert_eq!(billing.undoes(&booking()).await.unwrap(), Undone::Fully);
        assert!(!billing.server.books().is_live(&billing.key("send_askable")));
    }
}

#[tokio::test]
async fn where_it_is_not_taken_back_that_is_no_success() {
    let billing = Billing::new();
    billing.sends(&booking()).await.unwrap();
    billing.server.is(Mood::not_done(Reply::Status(503)));
    let error = billing.undoes(&booking()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Retryable);
    billing.server.is(Mood::not_done(Reply::Status(403)));
    let error = billing.undoes(&booking()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fatal);
    let told = billing.told(&error.message);
    insta::assert_snapshot!(told, @"billing: DELETE http://billing/askable?key=RUN%2Fstep%2F0%2Fsend_askable was refused (403 Forbidden: {}): set `token_file` in [systems.billing]. What it should take back is still there, or may be");
    billing.server.is(Mood::CALM);
    assert_eq!(billing.undoes(&booking()).await.unwrap(), Undone::Fully);
}

#[tokio::test]
async fn without_an_undo_it_says_what_stays() {
    let billing = Billing::new();
    let input = json!({ "path": "/once/rooms" });
    billing.sends(&input).await.unwrap();
    let left = "`send_once` cannot be undone and stays".to_owned();
    assert_eq!(
        billing.undoes(&input).await.unwrap(),
        Undone::ExceptFor(left)
    );
}
