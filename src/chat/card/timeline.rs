//! A run's log as lines for people: what happened when, how long it took, and why.

use super::span::duration;
use super::step::action_phrase;
use crate::domain::effect::EffectName;
use crate::domain::event::{Awaited, Event, Failure, Logged, Requested};
use crate::domain::names::StepId;
use crate::domain::person::{Actor, one_of};
use crate::domain::time::Timestamp;
use crate::domain::words::counted;

/// One line an event that people can make something of, with the time since the run was asked for.
/// An effect is one line, at its beginning. How the run ended is said elsewhere.
pub fn timeline(log: &[Logged]) -> Vec<String> {
    let Some(first) = log.first() else {
        return Vec::new();
    };
    let line = |(place, logged): (usize, &Logged)| {
        let (mark, text) = told(&log[..place], logged, &log[place + 1..])?;
        let since = duration(logged.at.since(first.at));
        Some(format!("{mark} {since:>9}  {text}"))
    };
    log.iter().enumerate().filter_map(line).collect()
}

/// The sign that a line begins with, and the line; `None` of what says nothing to people.
fn told(before: &[Logged], logged: &Logged, after: &[Logged]) -> Option<(char, String)> {
    let at = logged.at;
    Some(match &logged.event {
        Event::Requested(request) => (' ', asked(request)),
        Event::Started => (' ', "begun".to_owned()),
        Event::PlanFailed { failure } => ('✗', format!("no plan can be made: {}", failure.message)),
        Event::FoundBusy { other } => ('!', format!("run {} has the key", other.short())),
        Event::Overtaken { by } => ('!', format!("run {} has begun since", by.short())),
        Event::CancelRequested { by, reason } => (
            '!',
            format!("to be stopped, says {by}{}", because(reason.as_deref())),
        ),
        Event::RunTimedOut => ('!', "the run is out of time, and is stopped".to_owned()),
        Event::Recovered { backup, .. } => ('!', format!("the store was recovered from {backup}")),
        Event::EffectStarted { step, effect, .. } => effect_line(step, effect, at, after),
        Event::EffectUndone { step, effect } => ('↶', format!("{step} · {effect}: taken back")),
        Event::Parked { step, question } if question.effect.is_empty() => {
            ('?', format!("{step}: {}", question.known))
        }
        Event::Parked { step, question } => (
            '?',
            format!(
                "{step}: did `{}` happen? {}",
                question.effect, question.known
            ),
        ),
        Event::Planned { .. }
        | Event::StepPlanned { .. }
        | Event::Recorded { .. }
        | Event::EffectDone { .. }
        | Event::EffectFailed { .. }
        | Event::ArtifactKept { .. }
        | Event::RetryDue { .. }
        | Event::Finished { .. } => return None,
        of_step => return of_approval(of_step).or_else(|| of_step_line(before, of_step, at)),
    })
}

fn asked(request: &Requested) -> String {
    let by = &request.by;
    match (&request.rerun, &request.undo) {
        (Some(rerun), _) => format!("asked for by {by}, to go on from run {}", rerun.of.short()),
        (None, Some(undo)) => format!(
            "asked for by {by}, to take back what run {} did{}",
            undo.of.short(),
            because(undo.reason.as_deref())
        ),
        (None, None) => format!("asked for by {by}"),
    }
}

fn of_approval(event: &Event) -> Option<(char, String)> {
    Some(match event {
        Event::ApprovalRequested {
            digest, expires_at, ..
        } => {
            let digest = digest.short();
            (
                '?',
                format!("plan {digest} waits for approval until {expires_at}"),
            )
        }
        Event::StepApprovalRequested(asked) => {
            let (step, digest) = (&asked.step, asked.digest.short());
            let (by, until) = (one_of(&asked.policy.by), asked.expires_at);
            let text = format!("{step}: plan {digest} waits for approval by {by} until {until}");
            ('?', text)
        }
        Event::ApprovalReminded { digest } => (
            ' ',
            format!("people are reminded of plan {}", digest.short()),
        ),
        Event::ApprovalDelegated { by, to, .. } => {
            (' ', format!("{by} lets {to} approve in their stead"))
        }
        Event::Approved { by, digest } => {
            ('✓', format!("plan {} approved by {by}", digest.short()))
        }
        Event::Rejected { by, reason } => (
            '✗',
            format!("rejected by {by}{}", because(reason.as_deref())),
        ),
        Event::ApprovalExpired => ('✗', "nobody approved it in time".to_owned()),
        Event::ApprovalVoided { why, .. } => ('!', format!("the approval is void: {why}")),
        _ => return None,
    })
}

fn of_step_line(before: &[Logged], event: &Event, at: Timestamp) -> Option<(char, String)> {
    let step = event.step()?;
    let took = || took(before, step, at);
    let (mark, text) = match event {
        Event::StepStarted {
            attempt,
            action,
            system,
            ..
        } => {
            let what = action_phrase(Some(action), system.as_ref());
            let attempt = match attempt {
                1 => String::new(),
                attempt => format!(", attempt {attempt}"),
            };
            (' ', format!("{what}{attempt}"))
        }
        Event::StepFannedOut { items, .. } => (' ', counted(items.len(), "item")),
        Event::StepEntered { workflow, .. } => (' ', format!("the steps of {workflow}")),
        Event::WaitBegan { wait, .. } => ('…', waits(wait)),
        Event::Signalled { .. } => ('✓', format!("the message came{}", took())),
        Event::StepHandedBack { .. } => (' ', "left to the next server, this one ends".to_owned()),
        Event::StepTakenUp { .. } => ('!', "taken up by another server".to_owned()),
        Event::StepLetOn { by, .. } => (' ', format!("tried further, says {by}")),
        Event::StepCancelled { .. } => ('-', "not gone on with".to_owned()),
        Event::StepSucceeded { .. } => ('✓', format!("done{}", took())),
        Event::StepSkipped { .. } => ('-', "skipped".to_owned()),
        Event::AttemptFailed {
            failure, retry_at, ..
        } => failed(failure, *retry_at, &took()),
        Event::StepTimedOut { .. } => ('!', "out of time, and is stopped".to_owned()),
        Event::StepUndone { left: None, .. } => ('↶', "taken back".to_owned()),
        Event::StepUndone {
            left: Some(left), ..
        } => ('↶', format!("left as it is: {left}")),
        Event::StepUndoFailed { failure, .. } => {
            ('✗', format!("taking it back failed: {}", failure.message))
        }
        _ => return None,
    };
    Some((mark, format!("{step}: {text}")))
}

fn failed(failure: &Failure, retry_at: Option<Timestamp>, took: &str) -> (char, String) {
    let message = &failure.message;
    match retry_at {
        Some(again) => ('!', format!("failed{took}, again at {again}: {message}")),
        None => ('✗', format!("failed{took}: {message}")),
    }
}

fn waits(wait: &Awaited) -> String {
    match wait {
        Awaited::For(span) => format!("waits for {span}"),
        Awaited::Until(until) => format!("waits until {until}"),
        Awaited::Hook(hook) => format!("waits for a message by the hook `{hook}`"),
    }
}

/// Since the step's present attempt began; nothing for one that had not.
fn took(before: &[Logged], step: &StepId, at: Timestamp) -> String {
    let begins = |event: &Event| {
        matches!(
            event,
            Event::StepStarted { .. }
                | Event::StepFannedOut { .. }
                | Event::StepEntered { .. }
                | Event::WaitBegan { .. }
        )
    };
    let begun = (before.iter().rev())
        .find(|logged| begins(&logged.event) && logged.event.step() == Some(step));
    begun.map_or_else(String::new, |begun| {
        format!(" after {}", duration(at.since(begun.at)))
    })
}

/// What came of it stands further down in the log.
fn effect_line(
    step: &StepId,
    effect: &EffectName,
    at: Timestamp,
    after: &[Logged],
) -> (char, String) {
    let end = after.iter().find_map(|logged| {
        let took = duration(logged.at.since(at));
        Some(match &logged.event {
            Event::EffectDone {
                step: of,
                effect: name,
                told_by,
                ..
            } if of == step && name == effect => (
                ' ',
                format!("done after {took}{}", as_told(told_by.as_ref())),
            ),
            Event::EffectFailed {
                step: of,
                effect: name,
                error,
                told_by,
            } if of == step && name == effect => {
                let told = as_told(told_by.as_ref());
                ('!', format!("not done after {took}{told}: {error}"))
            }
            Event::EffectUndone {
                step: of,
                effect: name,
            } if of == step && name == effect => (' ', "begun; its end is not known".to_owned()),
            _ => return None,
        })
    });
    let (mark, end) = end.unwrap_or_else(|| ('…', "begun; its end is not known".to_owned()));
    (mark, format!("{step} · {effect}: {end}"))
}

fn as_told(by: Option<&Actor>) -> String {
    by.map_or_else(String::new, |by| format!(", says {by}"))
}

fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(" ({reason})"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::names::RunId;

    /// What stands in the log, a tenth of a second apart.
    fn log(events: &[serde_json::Value]) -> Vec<Logged> {
        let read = |(place, event): (usize, &serde_json::Value)| {
            let tenths = i64::try_from(place).unwrap();
            Logged {
                run: RunId::new(Uuid::nil()),
                seq: place as u64 + 1,
                at: Timestamp::from_micros(tenths * 100_000),
                event: serde_json::from_value(event.clone()).unwrap(),
            }
        };
        events.iter().enumerate().map(read).collect()
    }

    #[test]
    fn attempts_effects_and_causes_stand_in_the_order_of_the_log() {
        let ann = json!({ "person": "ann", "roles": [], "through": "uid 0" });
        let start = |attempt: u32| json!({ "type": "step_started", "step": "send", "attempt": attempt, "action": "http.send", "system": "api", "input": {} });
        let begun = json!({ "type": "effect_started", "step": "send", "effect": { "name": "send_once" }, "generation": 0 });
        let events = [
            json!({
                "type": "requested", "workflow": "tell", "definition": format!("sha256:{:064}", 0),
                "dialect": 1, "inputs": {}, "by": ann, "trigger": "api", "environments": [],
                "approval": [], "systems": {}, "concurrency": null, "timeout": null,
                "rerun": { "of": Uuid::nil(), "done": [] },
            }),
            json!({ "type": "started" }),
            start(1),
            begun.clone(),
            json!({ "type": "effect_failed", "step": "send", "effect": { "name": "send_once" }, "error": "refused" }),
            json!({ "type": "attempt_failed", "step": "send", "failure": { "kind": "retryable", "message": "refused" }, "retry_at": 1_000_000 }),
            json!({ "type": "retry_due", "step": "send" }),
            start(2),
            begun,
            json!({ "type": "step_taken_up", "step": "send" }),
            json!({ "type": "parked", "step": "send", "question": { "effect": "send_once", "known": "the answer was lost" } }),
            json!({ "type": "effect_done", "step": "send", "effect": { "name": "send_once" }, "result": null, "told_by": ann }),
            json!({ "type": "step_succeeded", "step": "send", "output": {} }),
            json!({ "type": "finished", "state": "succeeded", "summary": { "now": "1 step done" } }),
        ];
        insta::assert_snapshot!(timeline(&log(&events)).join("\n"), @"
              0.0 s  asked for by ann, to go on from run 00000000
              0.1 s  begun
              0.2 s  send: http.send on api
        !     0.3 s  send · send_once: not done after 0.1 s: refused
        !     0.5 s  send: failed after 0.3 s, again at 1970-01-01T00:00:01Z: refused
              0.7 s  send: http.send on api, attempt 2
              0.8 s  send · send_once: done after 0.3 s, says ann
        !     0.9 s  send: taken up by another server
        ?     1.0 s  send: did `send_once` happen? the answer was lost
        ✓     1.2 s  send: done after 0.5 s
        ");
        let broken_off = &events[..9];
        insta::assert_snapshot!(timeline(&log(broken_off)).last().unwrap(), @"
        …     0.8 s  send · send_once: begun; its end is not known
        ");
    }
}
