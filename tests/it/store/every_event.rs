//! One event of every kind.

use purser::domain::event::Event;
use serde_json::{Value, json};

/// All that may happen to a run, in an order in which it might.
pub fn every_event() -> Vec<Event> {
    let by = json!({ "person": "bo", "roles": ["operator"], "through": "uid 7" });
    let plan = json!({
        "summary": "make a thing",
        "preconditions": [{ "subject": "the version", "is": "1" }],
        "changes": [{ "subject": "things", "from": "0", "to": "1" }],
        "notes": ["it takes a minute"],
    });
    let failure = json!({ "kind": "retryable", "message": "the thing broke" });
    let digest = "sha256:11";
    let events = json!([
        { "type": "found_busy", "other": "0197a4d2-0000-7000-8000-000000000001" },
        { "type": "planned", "plan": { "definition": digest, "inputs": { "n": 1 }, "steps": [
            { "step": "one", "action": "toy.make", "system": "box", "outlook": { "changes": plan } },
            { "step": "two", "action": "toy.look", "outlook": "reads" },
            { "step": "three", "action": "toy.make", "outlook": { "known_later": "needs `one`" } },
        ] } },
        { "type": "plan_failed", "failure": failure },
        { "type": "approval_requested", "digest": digest, "expires_at": 9, "remind_at": 8 },
        { "type": "approval_reminded", "digest": digest },
        { "type": "approval_delegated", "digest": digest, "by": by, "to": "cy" },
        { "type": "approved", "by": by, "digest": digest },
        { "type": "rejected", "by": by, "reason": "not today" },
        { "type": "approval_expired" },
        { "type": "approval_voided", "step": "one", "why": "the version was 1 and is 2" },
        { "type": "started" },
        { "type": "step_approval_requested", "step": "one", "plan": plan, "digest": digest,
          "policy": { "by": ["operator"], "not_requester": true }, "expires_at": 9,
          "remind_at": null },
        { "type": "step_started", "step": "one", "attempt": 1, "action": "toy.make",
          "system": "box", "input": { "n": 1 } },
        { "type": "step_planned", "step": "one", "plan": plan },
        { "type": "recorded", "step": "one", "name": "before", "value": [1, null, "\u{0}"] },
        { "type": "effect_started", "step": "one", "effect": { "name": "make" }, "generation": 0 },
        { "type": "effect_failed", "step": "one", "effect": { "name": "make" }, "error": "no" },
        { "type": "effect_done", "step": "one", "effect": { "name": "make", "item": "a" },
          "result": { "id": 1 }, "told_by": by },
        { "type": "effect_undone", "step": "one", "effect": { "name": "make", "item": "a" } },
        { "type": "parked", "step": "one", "question": { "effect": "make", "known": "nothing" } },
        { "type": "artifact_kept", "step": "one", "artifact": { "name": "chart.png",
          "media_type": "image/png", "digest": digest, "bytes": 7 } },
        { "type": "attempt_failed", "step": "one", "failure": failure, "retry_at": 9 },
        { "type": "retry_due", "step": "one" },
        { "type": "step_timed_out", "step": "one" },
        { "type": "step_handed_back", "step": "one" },
        { "type": "step_taken_up", "step": "one" },
        { "type": "step_let_on", "step": "one", "by": by },
        { "type": "step_succeeded", "step": "one", "output": { "made": 1 }, "left_out": [
            { "bytes": 1_048_577, "kept": "as_artifact" },
            { "item": 3, "bytes": 16_777_217, "kept": { "nowhere": "it is too long" } },
        ] },
        { "type": "step_skipped", "step": "two" },
        { "type": "step_fanned_out", "step": "three", "items": ["a", { "b": 1 }] },
        { "type": "step_entered", "step": "four", "workflow": "other", "inputs": { "n": 2 } },
        { "type": "wait_began", "step": "five", "wait": { "until": 9 } },
        { "type": "signalled", "step": "five", "message": "m1", "data": { "ok": true } },
        { "type": "step_cancelled", "step": "five" },
        { "type": "step_undone", "step": "one", "left": "a thing" },
        { "type": "step_undo_failed", "step": "one", "failure": failure },
        { "type": "cancel_requested", "by": by, "reason": null },
        { "type": "overtaken", "by": "0197a4d2-0000-7000-8000-000000000001" },
        { "type": "run_timed_out" },
        { "type": "recovered", "backup": "purser-1.age", "made_at": 5 },
        { "type": "finished", "state": "cancelled", "output": { "n": 1 },
          "summary": { "cause": "it was cancelled", "now": "Nothing is left." } },
    ]);
    let read = |event: &Value| {
        serde_json::from_value(event.clone()).unwrap_or_else(|error| panic!("{error}: {event}"))
    };
    events.as_array().unwrap().iter().map(read).collect()
}

fn kind(event: &Event) -> String {
    json!(event)["type"].as_str().unwrap().to_owned()
}

#[test]
fn no_kind_is_forgotten() {
    let schema = schemars::schema_for!(Event).to_value();
    let all = schema["oneOf"].as_array().unwrap().iter();
    let all = all.map(|one| {
        one["properties"]["type"]["const"]
            .as_str()
            .unwrap()
            .to_owned()
    });
    let known: Vec<_> = every_event().iter().map(kind).collect();
    let forgotten: Vec<_> = all
        .filter(|kind| kind != "requested" && !known.contains(kind))
        .collect();
    assert_eq!(forgotten, [""; 0]);
}
