//! Answers that were lost, and what each sort makes of them.

use std::time::Duration;

use purser::action::{ActionError, ErrorKind};
use serde_json::{Value, json};
use xtask::effect_server::{Mood, Reply};

use super::Billing;
use crate::support::journal::Moment;

fn keyed() -> Value {
    json!({ "path": "/keyed/charges", "keyed": true })
}

fn askable() -> Value {
    json!({ "path": "/askable/charges", "ask": "/askable?key={key}" })
}

fn once() -> Value {
    json!({ "path": "/once/charges" })
}

/// The service is in these moods, one request after the other, and calm after that.
fn in_turn(billing: &Billing, moods: Vec<Mood>) {
    let mut moods = moods.into_iter();
    billing
        .server
        .follows(move |_| moods.next().unwrap_or(Mood::CALM));
}

/// All the ways in which an answer gets lost although it was done.
const DONE: [Mood; 3] = [
    Mood::done_but(Reply::Cut),
    Mood::done_but(Reply::Status(500)),
    Mood::done_but(Reply::Status(303)),
];
/// The same where it was not done.
const NOT_DONE: [Mood; 2] = [
    Mood::not_done(Reply::Cut),
    Mood::not_done(Reply::Status(502)),
];

#[tokio::test]
async fn one_that_honours_keys_is_sent_the_same_again() {
    for (mood, again) in DONE
        .map(|mood| (mood, 1))
        .into_iter()
        .chain(NOT_DONE.map(|m| (m, 0)))
    {
        let billing = Billing::new();
        in_turn(&billing, vec![mood]);
        let sent = billing.sends(&keyed()).await.unwrap();
        assert_eq!(sent["body"]["number"], 1);
        let deed = billing.server.books().deeds[&billing.key("send_keyed")].clone();
        assert_eq!((deed.done, deed.deduplicated), (1, again), "{mood:?}");
    }
}

#[tokio::test]
async fn one_that_can_be_asked_is_asked_first() {
    for mood in DONE.into_iter().chain(NOT_DONE) {
        let billing = Billing::new();
        in_turn(&billing, vec![mood]);
        let sent = billing.sends(&askable()).await.unwrap();
        assert_eq!(sent["body"]["number"], 1);
        assert_eq!(
            billing.server.books().done(&billing.key("send_askable")),
            1,
            "{mood:?}"
        );
    }
}

#[tokio::test]
async fn of_one_that_does_neither_a_person_is_asked() {
    for mood in DONE.into_iter().chain(NOT_DONE) {
        let billing = Billing::new();
        in_turn(&billing, vec![mood]);
        let question = asked(billing.sends(&once()).await.unwrap_err());
        let done = billing.server.books().done(&billing.key("send_once"));
        assert_eq!(done, u32::from(mood.does), "nothing is sent a second time");
        assert_eq!(
            billing.told(&question),
            "send_once: no answer of billing is known, and it cannot be asked: look there for what came with the Idempotency-Key RUN/step/0/send_once"
        );
    }
}

#[tokio::test]
async fn a_process_that_died_leaves_the_same_question() {
    for moment in [Moment::Started, Moment::Acted] {
        let billing = Billing::new();
        billing.journal.die_at("send_once", moment);
        billing.sends(&once()).await.unwrap_err();
        asked(billing.sends(&once()).await.unwrap_err());
        let done = billing.server.books().done(&billing.key("send_once"));
        let was_sent = u32::from(moment == Moment::Acted);
        assert_eq!(done, was_sent, "{moment:?}: sent before it died, or never");
    }
}

/// Whatever is neither 200 nor 404 is no answer to the question.
#[tokio::test]
async fn one_that_cannot_say_whether_it_happened_leaves_it_to_a_person() {
    let billing = Billing::new();
    billing.server.is(Mood::done_but(Reply::Cut));
    let input = json!({ "path": "/askable/charges", "ask": "/elsewhere?key={key}" });
    let question = asked(billing.sends(&input).await.unwrap_err());
    let question = billing.told(&question);
    assert!(
        question.starts_with("send_askable: billing was asked 3 times whether it happened"),
        "{question}"
    );
    assert!(question.ends_with("gives 302 Found"), "{question}");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_lost() {
    let billing = Billing::with(toml::toml! { timeout = "1s" });
    in_turn(&billing, vec![Mood::slow(Duration::from_millis(800))]);
    let sent = billing.sends(&keyed()).await.unwrap();
    assert_eq!(sent["body"]["number"], 1);
    let deed = billing.server.books().deeds[&billing.key("send_keyed")].clone();
    assert_eq!((deed.done, deed.deduplicated), (1, 1));
}

/// What a person is asked.
fn asked(error: ActionError) -> String {
    let ErrorKind::Waiting(question) = error.kind else {
        panic!("nobody is asked: {error:?}");
    };
    format!("{}: {}", question.effect, question.known)
}
