//! The engine on the embedded store, with a toy to act on: what a run does, and what is left.

mod approvals;
mod artifacts;
mod concurrency;
mod holds;
mod janitor;
mod language;
mod lease;
mod output;
pub mod recovered;
mod undo;

use std::sync::Arc;

use purser::domain::approval::ApprovalPolicy;
use purser::domain::effect::EffectName;
use purser::domain::ending::FinalState;
use purser::domain::event::Event;
use purser::domain::receipt::Chain;
use purser::domain::run::{RunState, RunStatus, WaitingFor};
use purser::store::{Receipts as _, Runs as _, StepLines as _};

use crate::support::toy::Toy;
use crate::support::world::{World, actor, key, new_run};

const ONE: &str = "  - { id: one, uses: toy.make, with: { system: box } }\n";
const TWO: &str = "  - { id: two, uses: toy.make, with: { system: box } }\n";
const BROKEN: &str = "  - { id: three, uses: toy.make, with: { system: box, break_down: true } }\n";

async fn world() -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::open(folder.path(), Arc::default()).await;
    (world, folder)
}

fn ending(state: &RunState) -> (FinalState, String) {
    let ended = state.ended.as_ref().unwrap();
    (ended.state, ended.summary.to_string())
}

#[tokio::test]
async fn a_run_whose_asker_went_away_before_the_answer_is_carried_out() {
    let (world, _folder) = world().await;
    let new = new_run(ONE, |_| {});
    let run = new.id;
    let mut commits = world.store.commits();
    let mut asking = world.store.create(new);
    assert!(futures_util::poll!(&mut asking).is_pending());
    drop(asking);
    while world.store.log(run, 0).await.unwrap().is_empty() {
        commits.changed().await.unwrap();
    }
    assert_eq!(ending(&world.end(run).await).0, FinalState::Succeeded);
}

#[tokio::test]
async fn a_run_goes_through_its_steps_and_leaves_a_receipt_that_verifies() {
    let (world, _folder) = world().await;
    let run = world.ask(&format!("{ONE}{TWO}"), vec![]).await;
    let state = world.end(run).await;
    assert_eq!(
        ending(&state),
        (FinalState::Succeeded, "2 steps done".to_owned())
    );
    assert_eq!(world.toy.things(), [1, 1]);
    assert_eq!(
        world.store.last_lines(run, &"one".into(), 9).await.unwrap(),
        ["made a thing"]
    );
    let receipt = world.receipt(run).await;
    Chain::default()
        .next(&receipt, &key().verifying_key())
        .unwrap();
    assert_eq!(receipt.text(&receipt.content.summary), Some("2 steps done"));
}

#[tokio::test]
async fn when_a_step_breaks_everything_before_it_is_taken_back() {
    let (world, _folder) = world().await;
    let run = world.ask(&format!("{ONE}{TWO}{BROKEN}"), vec![]).await;
    let state = world.end(run).await;
    assert_eq!(
        ending(&state),
        (
            FinalState::RolledBack,
            "step `three` failed: the thing broke. Everything that it had done was taken back."
                .to_owned()
        )
    );
    assert_eq!(world.toy.things(), [0; 0]);
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_named_and_the_run_is_not_called_rolled_back() {
    let (world, _folder) = world().await;
    let shout = "  - { id: shout, uses: toy.shout, with: { system: box } }\n";
    let run = world.ask(&format!("{ONE}{shout}{BROKEN}"), vec![]).await;
    let state = world.end(run).await;
    assert_eq!(
        ending(&state),
        (
            FinalState::Failed,
            "step `three` failed: the thing broke. Left as it is: `shout`: `make_thing` cannot be \
             undone and stays."
                .to_owned()
        )
    );
    assert_eq!(world.toy.things(), [1]);
}

#[tokio::test]
async fn when_taking_back_fails_the_run_is_stuck_and_says_so() {
    let (world, _folder) = world().await;
    world.toy.break_undo();
    let run = world.ask(&format!("{ONE}{BROKEN}"), vec![]).await;
    let state = world.end(run).await;
    let (ended, summary) = ending(&state);
    assert_eq!(ended, FinalState::Stuck);
    insta::assert_snapshot!(summary, @"step `three` failed: the thing broke; then taking back step `three` failed too: the toy cannot be put away. Left as it is: `one`: what it did was not taken back; `three`: what it did was not taken back. A human is needed; Purser touches nothing more.");
    assert_eq!(world.toy.things(), [1, 1], "nothing more is touched");
}

#[tokio::test]
async fn a_run_does_not_end_before_it_is_known_what_taking_back_has_left() {
    let (world, _folder) = world().await;
    let dusty = "  - { id: one, uses: toy.make, with: { system: box, dusty: true } }\n";
    let run = world.ask(&format!("{dusty}{TWO}{BROKEN}"), vec![]).await;
    let told = "step `three` failed: the thing broke. Left as it is: `one`: its dust stays.";
    let state = world.end(run).await;
    assert_eq!(ending(&state), (FinalState::Failed, told.to_owned()));
    let log = world.store.log(run, 0).await.unwrap();
    let last = &log.last().unwrap().event;
    assert!(matches!(last, Event::Finished { .. }), "{last:?}");
}

#[tokio::test]
async fn an_attempt_that_may_pass_is_tried_again() {
    let (world, _folder) = world().await;
    world.toy.fail_next(2);
    let retry = "  - { id: one, uses: toy.make, with: { system: box }, \
                 retry: { attempts: 3, first: 10ms } }\n";
    let run = world.ask(retry, vec![]).await;
    let state = world.end(run).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
    assert_eq!(state.steps[0].attempt, 3);
    assert_eq!(world.toy.things(), [1]);
}

#[tokio::test]
async fn an_effect_whose_answer_was_lost_is_asked_for_and_not_done_twice() {
    let (world, _folder) = world().await;
    world.toy.lose_next_answer();
    let retry = "  - { id: one, uses: toy.shout, with: { system: box }, \
                 retry: { attempts: 2, first: 10ms } }\n";
    let run = world.ask(retry, vec![]).await;
    let state = world
        .until(run, |s| {
            s.status() == RunStatus::Waiting(WaitingFor::Decision)
        })
        .await;
    assert_eq!(
        state.steps[0].question.as_ref().unwrap().known,
        "nobody listened"
    );
    let told = Event::EffectDone {
        step: "one".into(),
        effect: EffectName::from("make_thing"),
        result: serde_json::Value::Null,
        told_by: Some(actor("bo")),
    };
    assert!(
        world
            .log(run)
            .await
            .append_if_at(state.seq, told)
            .await
            .unwrap()
    );
    let state = world.end(run).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
    assert_eq!(world.toy.calls(), 1);
}

#[tokio::test]
async fn a_stopped_engine_hands_back_and_the_next_one_goes_on_without_doing_it_twice() {
    let folder = tempfile::tempdir().unwrap();
    let toy = Arc::new(Toy::default());
    toy.hang(true);
    let before = World::open(folder.path(), Arc::clone(&toy)).await;
    let run = before.ask(&format!("{ONE}{TWO}"), vec![]).await;
    before.until(run, |_| toy.calls() == 1).await;
    before.close().await;
    toy.hang(false);
    let after = World::open(folder.path(), Arc::clone(&toy)).await;
    let state = after.end(run).await;
    assert_eq!(
        ending(&state),
        (FinalState::Succeeded, "2 steps done".to_owned())
    );
    assert_eq!((toy.things(), toy.calls()), (vec![1, 1], 2));
}

#[tokio::test]
async fn what_a_step_has_said_and_does_not_say_again_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let toy = Arc::new(Toy::default());
    toy.hang(true);
    let before = World::open(folder.path(), Arc::clone(&toy)).await;
    let tell = "  - { id: tell, uses: toy.tell, with: { system: box } }\n";
    let run = before.ask(tell, vec![]).await;
    let step = "tell".into();
    let is_told = |state: &RunState| state.step(&step).records.contains_key("told");
    before.until(run, is_told).await;
    before.close().await;
    toy.hang(false);
    let after = World::open(folder.path(), toy).await;
    let state = after.end(run).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
    assert_eq!(
        after.store.last_lines(run, &step, 9).await.unwrap(),
        ["once upon a time", "they lived happily"]
    );
}

#[tokio::test]
async fn an_approval_holds_for_its_plan_only() {
    let (world, _folder) = world().await;
    world.toy.set_version("1");
    let policy: ApprovalPolicy =
        serde_json::from_str(r#"{ "by": ["operator"], "not_requester": true }"#).unwrap();
    let run = world.ask(ONE, vec![policy]).await;
    let waits = |state: &RunState| state.status() == RunStatus::Waiting(WaitingFor::Approval);
    let state = world.until(run, waits).await;
    let approve = |state: &RunState| Event::Approved {
        by: actor("bo"),
        digest: state.approval.as_ref().unwrap().digest.clone(),
    };
    world.toy.set_version("2");
    assert!(
        world
            .log(run)
            .await
            .append_if_at(state.seq, approve(&state))
            .await
            .unwrap()
    );
    let state = world.until(run, |s| waits(s) && !s.voided.is_empty()).await;
    assert_eq!(
        state.voided,
        ["the toy's version was 1 when it was approved and is 2 now"]
    );
    assert_eq!(world.toy.calls(), 0);
    assert!(
        world
            .log(run)
            .await
            .append_if_at(state.seq, approve(&state))
            .await
            .unwrap()
    );
    let state = world.end(run).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
}

#[tokio::test]
async fn a_run_that_waits_for_people_keeps_no_other_of_its_key_waiting() {
    let (world, _folder) = world().await;
    let policy: ApprovalPolicy = serde_json::from_str(r#"{ "by": ["operator"] }"#).unwrap();
    let key = Some("web".to_owned());
    let first = world.ask_as(ONE, vec![policy], key.clone()).await;
    world
        .until(first, |s| {
            s.status() == RunStatus::Waiting(WaitingFor::Approval)
        })
        .await;
    let second = world.ask_as(ONE, vec![], key).await;
    assert_eq!(ending(&world.end(second).await).0, FinalState::Succeeded);
}

#[tokio::test]
async fn a_cancelled_run_takes_back_what_it_did_and_what_it_was_about_to() {
    let (world, _folder) = world().await;
    let hangs = "  - { id: two, uses: toy.make, with: { system: box, hang: true } }\n";
    let run = world.ask(&format!("{ONE}{hangs}"), vec![]).await;
    let state = world
        .until(run, |s| !s.step(&"two".into()).effects.is_empty())
        .await;
    let cancel = Event::CancelRequested {
        by: actor("bo"),
        reason: Some("lunch".into()),
    };
    assert!(
        world
            .log(run)
            .await
            .append_if_at(state.seq, cancel)
            .await
            .unwrap()
    );
    let state = world.end(run).await;
    assert_eq!(
        ending(&state),
        (
            FinalState::Cancelled,
            "cancelled by bo (lunch). Everything that it had done was taken back.".to_owned()
        )
    );
    assert_eq!(world.toy.things(), [0; 0]);
}

#[tokio::test]
async fn a_second_process_is_refused_and_told_who_holds_the_store() {
    let (_world, folder) = world().await;
    let redactor = Arc::new(purser::domain::redact::Redactor::new());
    let refused = purser::store::sqlite::SqliteStore::open(folder.path(), redactor).await;
    let message = refused.err().unwrap().to_string();
    assert!(
        message.contains(&format!("is held by the process {}", std::process::id())),
        "{message}"
    );
}
