//! Sending, where nothing goes wrong and where the process dies.

use serde_json::{Value, json};

use super::Billing;
use crate::support::journal::MOMENTS;

fn keyed() -> Value {
    json!({ "path": "/keyed/charges", "body": { "amount": 5, "ref": "purser {key}" }, "keyed": true })
}

fn askable() -> Value {
    json!({ "path": "/askable/charges", "ask": "/askable?key={key}" })
}

fn once() -> Value {
    json!({ "path": "/once/charges" })
}

#[tokio::test]
async fn a_plan_says_what_is_sent_and_what_a_lost_answer_would_mean() {
    let billing = Billing::new();
    let mut input = keyed();
    input["undo"] = json!({ "path": "/keyed?key={key}" });
    input["headers"] = json!({ "X-Shop": "north", "X-Token": { "$secret": "SHOP_TOKEN" } });
    let mut said = vec![];
    for input in [input, askable(), once()] {
        let plan = billing.plans(&input).await.unwrap();
        let change = &plan.changes[0];
        said.push(plan.summary);
        said.push(format!(
            "  + {}: {}",
            change.subject,
            change.to.as_ref().unwrap()
        ));
        said.extend(plan.notes.iter().map(|note| format!("  · {note}")));
    }
    insta::assert_snapshot!(billing.told(&said.join("\n")), @r#"
    POST /keyed/charges on billing
      + POST http://billing/keyed/charges: {"amount":5,"ref":"purser {key}"}
      · with the headers X-Shop, X-Token (secret SHOP_TOKEN)
      · if its answer is lost it is sent again: the service honours its key
      · it is taken back with DELETE /keyed?key={key}
    POST /askable/charges on billing
      + POST http://billing/askable/charges: sent, without a body
      · if its answer is lost the service is asked whether it happened: GET /askable?key={key}
      · it cannot be taken back
    POST /once/charges on billing
      + POST http://billing/once/charges: sent, without a body
      · if its answer is lost the run stops and asks a person whether it happened
      · it cannot be taken back
    "#);
}

#[tokio::test]
async fn what_was_sent_is_done_once_and_its_answer_is_kept() {
    for (input, effect) in [
        (keyed(), "send_keyed"),
        (askable(), "send_askable"),
        (once(), "send_once"),
    ] {
        let billing = Billing::new();
        let sent = billing.sends(&input).await.unwrap();
        let key = billing.key(effect);
        let answer = json!({ "status": 200, "body": { "number": 1 }, "cut": false, "key": key });
        assert_eq!(sent, answer);
        let again = billing.sends(&input).await.unwrap();
        assert_eq!(again, answer, "what is done is not done again");
        let deeds = billing.server.books().deeds;
        assert_eq!(deeds.len(), 1);
        assert_eq!((deeds[&key].done, deeds[&key].deduplicated), (1, 0));
    }
}

/// The process dies at each moment; the next one goes on.
#[tokio::test]
async fn where_the_service_honours_keys_or_can_be_asked_it_is_done_once_whenever_purser_dies() {
    for (input, effect) in [(keyed(), "send_keyed"), (askable(), "send_askable")] {
        for moment in MOMENTS {
            let billing = Billing::new();
            billing.journal.die_at(effect, moment);
            billing.sends(&input).await.unwrap_err();
            billing.journal.die_at("no effect", moment);
            let sent = billing.sends(&input).await.unwrap();
            assert_eq!(sent["body"]["number"], 1, "{effect}, {moment:?}");
            let deed = billing.server.books().deeds[&billing.key(effect)].clone();
            assert_eq!((deed.done, deed.live), (1, true), "{effect}, {moment:?}");
        }
    }
}
