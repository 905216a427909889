//! A run that takes back what another one did that succeeded.

use std::sync::Arc;

use purser::action::Registry;
use purser::domain::approval::ApprovalPolicy;
use purser::domain::ending::FinalState;
use purser::domain::event::{Event, Requested};
use purser::domain::names::{RunId, StepId};
use purser::domain::receipt::{Chain, Subject};
use purser::domain::run::{RunState, RunStatus, StepStatus, WaitingFor};
use purser::domain::undo;
use purser::store::{NewRun, Runs as _, StoreError};

use super::{ONE, TWO, ending, world};
use crate::support::toy::{self, Toy};
use crate::support::world::{World, actor, key, new_run};

const SHOUT: &str = "  - { id: shout, uses: toy.shout, with: { system: box } }\n";
const SWAP: &str = "  - { id: swap, uses: toy.swap, with: { system: box } }\n";

/// Bo asks for this run to be taken back, after a change of what is asked.
async fn ask(
    world: &World,
    of: RunId,
    change: impl FnOnce(&mut Requested),
) -> Result<RunId, StoreError> {
    let earlier = world.log(of).await.state().await.unwrap();
    let digest = &earlier.request.definition;
    let definition = world.store.definition(digest).await.unwrap().unwrap();
    let registry = Registry::new(vec![toy::integration()]);
    let way_back = |step: &_| registry.way_back(step);
    let undo = undo::of(&earlier, &definition, None, way_back).unwrap();
    let NewRun { id, at, .. } = new_run(ONE, |_| {});
    let mut request = Requested {
        undo: Some(undo),
        rerun: None,
        by: actor("bo"),
        ..earlier.request
    };
    change(&mut request);
    let new = NewRun {
        id,
        at,
        request,
        definition,
        idempotency_key: None,
        secrets: vec![],
    };
    world.store.create(new).await
}

async fn done(world: &World, steps: &str) -> RunId {
    let run = world.ask(steps, vec![]).await;
    assert_eq!(ending(&world.end(run).await).0, FinalState::Succeeded);
    run
}

#[tokio::test]
async fn what_a_run_has_made_is_taken_back_and_the_receipt_says_so() {
    let (world, _folder) = world().await;
    let run = done(&world, &format!("{ONE}{SHOUT}{TWO}")).await;
    assert_eq!(world.toy.things(), [1, 1, 1]);
    let back = ask(&world, run, |_| {}).await.unwrap();
    let state = world.end(back).await;
    let short = run.short();
    let told = format!(
        "what run {short} had done is taken back: `one`, `two`; left as it is: `shout`: toy.shout has no \
         undo"
    );
    assert_eq!(ending(&state), (FinalState::Succeeded, told));
    assert_eq!(world.toy.things(), [1], "what was shouted stays");

    let (first, second) = (world.receipt(run).await, world.receipt(back).await);
    let mut chain = Chain::default();
    for receipt in [&first, &second] {
        chain.next(receipt, &key().verifying_key()).unwrap();
    }
    let facts = |receipt: &purser::domain::receipt::Receipt| match &receipt.content.subject {
        Subject::Run(facts) => facts.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(facts(&first).state, FinalState::Succeeded);
    let facts = facts(&second);
    assert_eq!(facts.undo_of, Some(run));
    let effects: Vec<_> = (facts.steps.iter())
        .map(|step| {
            let effects = step.effects.iter().map(|effect| effect.status.as_str());
            (step.step.as_str(), effects.collect::<Vec<_>>())
        })
        .collect();
    let expected = [
        ("one", vec!["undone"]),
        ("shout", vec![]),
        ("two", vec!["undone"]),
    ];
    assert_eq!(effects, expected);
    let log = world.store.log(back, 0).await.unwrap();
    let undone: Vec<_> = (log.iter())
        .filter(|logged| matches!(logged.event, Event::EffectUndone { .. }))
        .filter_map(|logged| logged.event.step())
        .map(StepId::as_str)
        .collect();
    assert_eq!(undone, ["two", "one"], "the last one first");
}

#[tokio::test]
async fn what_is_taken_back_by_another_action_is_a_step_of_the_run() {
    let (world, _folder) = world().await;
    let run = done(&world, SWAP).await;
    let back = ask(&world, run, |_| {}).await.unwrap();
    let state = world.end(back).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
    let step = state.step(&"swap/undo".into()).into_owned();
    assert_eq!(step.status, StepStatus::Succeeded);
    let part = serde_json::json!({ "part": "{{ it is not evaluated }}" });
    assert_eq!(step.input, part);
    assert_eq!(world.toy.things(), [1, 1], "by a thing of its own");
}

#[tokio::test]
async fn where_taking_back_fails_nothing_more_is_touched() {
    let (world, _folder) = world().await;
    let run = done(&world, &format!("{ONE}{TWO}")).await;
    world.toy.break_undo();
    let back = ask(&world, run, |_| {}).await.unwrap();
    let state = world.end(back).await;
    let short = run.short();
    let told = format!(
        "taking back step `two` of run {short} failed: the toy cannot be put away. Nothing was taken \
         back. A human is needed; Purser touches nothing more."
    );
    assert_eq!(ending(&state), (FinalState::Stuck, told));
    let again = ask(&world, run, |_| {}).await;
    let (of, by) = (run, back);
    assert_eq!(again, Err(StoreError::UndoneInPart { of, by }));
}

#[tokio::test]
async fn a_run_is_taken_back_once_and_not_gone_on_from_then() {
    let (world, _folder) = world().await;
    let run = done(&world, ONE).await;
    let both = futures_util::join!(ask(&world, run, |_| {}), ask(&world, run, |_| {}));
    // Either may be first.
    let ((Ok(by), Err(refused)) | (Err(refused), Ok(by))) = both else {
        panic!("{both:?}")
    };
    let of = run;
    assert_eq!(refused, StoreError::BeingUndone { of, by });
    assert_eq!(ending(&world.end(by).await).0, FinalState::Succeeded);
    let undone = Err(StoreError::Undone { of, by });
    assert_eq!(ask(&world, run, |_| {}).await, undone);
    let rerun = new_run(ONE, |request| {
        request.rerun = Some(purser::domain::event::Rerun { of, done: vec![] });
    });
    assert_eq!(world.store.create(rerun).await, undone);
}

#[tokio::test]
async fn what_was_gone_on_from_is_not_taken_back_before_that() {
    let (world, _folder) = world().await;
    let run = done(&world, ONE).await;
    let rerun = new_run(ONE, |request| {
        let of = run;
        request.rerun = Some(purser::domain::event::Rerun { of, done: vec![] });
    });
    let heir = world.store.create(rerun).await.unwrap();
    world.end(heir).await;
    let (of, by) = (run, heir);
    let refused = ask(&world, run, |_| {}).await;
    assert_eq!(refused, Err(StoreError::GoneOnFrom { of, by }));
    let back = ask(&world, heir, |_| {}).await.unwrap();
    world.end(back).await;
    let back = ask(&world, run, |_| {}).await.unwrap();
    assert_eq!(ending(&world.end(back).await).0, FinalState::Succeeded);
    assert_eq!(world.toy.things(), [0; 0]);
}

fn by_an_operator(request: &mut Requested) {
    let policy: ApprovalPolicy = serde_json::from_str(r#"{ "by": ["operator"] }"#).unwrap();
    request.approval = vec![policy];
}

async fn asked(world: &World, run: RunId, voided: usize) -> RunState {
    let waits = RunStatus::Waiting(WaitingFor::Approval);
    let is_asked = |state: &RunState| state.status() == waits && state.voided.len() == voided;
    world.until(run, is_asked).await
}

async fn approve(world: &World, state: &RunState) {
    let yes = Event::Approved {
        by: actor("cy"),
        digest: state.open_approval().unwrap().digest.clone(),
    };
    world.say(state.id, yes).await;
}

#[tokio::test]
async fn an_approval_is_of_what_would_be_taken_back_and_void_when_that_is_another_by_now() {
    let (world, _folder) = world().await;
    world.toy.set_version("1");
    let run = done(&world, &format!("{ONE}{SWAP}{SHOUT}")).await;
    let back = ask(&world, run, by_an_operator).await.unwrap();
    let state = asked(&world, back, 0).await;
    let plan = state.plan.clone().unwrap();
    let steps: Vec<_> = plan.steps.iter().map(|step| step.step.as_str()).collect();
    assert_eq!(steps, ["swap/undo", "one"]);
    assert_eq!(
        plan.notes,
        ["`shout` stays as it is: toy.shout has no undo"]
    );
    assert_eq!(world.toy.calls(), 3, "a plan changes nothing");
    world.toy.set_version("2");
    approve(&world, &state).await;
    let state = asked(&world, back, 1).await;
    assert_eq!(
        state.voided,
        ["the toy's version was 1 when it was approved and is 2 now"]
    );
    assert_eq!(world.toy.calls(), 3);
    approve(&world, &state).await;
    assert_eq!(ending(&world.end(back).await).0, FinalState::Succeeded);
}

#[tokio::test]
async fn one_that_nobody_lets_begin_has_touched_nothing_and_can_be_asked_for_again() {
    let (world, _folder) = world().await;
    let run = done(&world, ONE).await;
    let back = ask(&world, run, by_an_operator).await.unwrap();
    asked(&world, back, 0).await;
    world.cancel(back).await;
    let state = world.end(back).await;
    let told = "cancelled by bo. Nothing was taken back.";
    assert_eq!(ending(&state), (FinalState::Cancelled, told.to_owned()));
    assert_eq!(world.toy.things(), [1]);
    let back = ask(&world, run, |_| {}).await.unwrap();
    assert_eq!(ending(&world.end(back).await).0, FinalState::Succeeded);
}

#[tokio::test]
async fn a_run_that_begins_while_people_are_asked_keeps_what_it_builds_on() {
    let (world, _folder) = world().await;
    let run = done(&world, ONE).await;
    let back = ask(&world, run, by_an_operator).await.unwrap();
    let state = asked(&world, back, 0).await;
    let later = done(&world, ONE).await;
    approve(&world, &state).await;
    let state = world.end(back).await;
    assert_eq!(ending(&state).0, FinalState::Cancelled);
    let told = format!("run {} has begun since it was asked for", later.short());
    assert!(ending(&state).1.starts_with(&told), "{:?}", ending(&state));
    assert_eq!(world.toy.things(), [1, 1]);
    assert_eq!(world.store.begun_since(run).await.unwrap(), [later]);
    // That one first, and then this one.
    for run in [later, run] {
        let back = ask(&world, run, |_| {}).await.unwrap();
        assert_eq!(ending(&world.end(back).await).0, FinalState::Succeeded);
    }
    assert_eq!(world.toy.things(), [0; 0]);
}

#[tokio::test]
async fn a_system_that_is_not_where_it_was_holds_it_while_it_can_still_be_cancelled() {
    let (world, _folder) = world().await;
    let run = done(&world, ONE).await;
    let mut said = world.said();
    let moved = |request: &mut Requested| {
        let was = "elsewhere".to_owned();
        request.systems.insert("box".into(), was);
    };
    let back = ask(&world, run, moved).await.unwrap();
    let told = format!(
        "`one` waits: the system `box` was at elsewhere when run {} began and is at memory now. Put the \
         address back in the configuration and restart, or cancel the run",
        run.short()
    );
    let is_told = async {
        // What was seen is let go of at once: else the engine could say nothing more.
        said.wait_for(|said| said.get(&back) == Some(&told))
            .await
            .is_ok()
    };
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(20), is_told).await;
    assert_eq!(in_time, Ok(true), "{:?}", world.progress(back));
    world.cancel(back).await;
    assert_eq!(ending(&world.end(back).await).0, FinalState::Cancelled);
    assert_eq!(world.toy.things(), [1]);
}

#[tokio::test]
async fn only_runs_of_the_same_key_are_in_the_way() {
    let (world, _folder) = world().await;
    let of_key = async |key: &str| {
        let run = world.ask_as(ONE, vec![], Some(key.to_owned())).await;
        world.end(run).await;
        run
    };
    let (web, _db) = (of_key("web").await, of_key("db").await);
    assert_eq!(world.store.begun_since(web).await.unwrap(), []);
    let later = of_key("web").await;
    assert_eq!(world.store.begun_since(web).await.unwrap(), [later]);
}

#[tokio::test]
async fn stopped_with_its_server_it_is_gone_on_with_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let toy = Arc::new(Toy::default());
    let before = World::open(folder.path(), Arc::clone(&toy)).await;
    let run = done(&before, &format!("{ONE}{SWAP}")).await;
    toy.hang(true);
    let back = ask(&before, run, |_| {}).await.unwrap();
    let step = StepId::from("swap/undo");
    let has_begun = |state: &RunState| state.step(&step).has_live_effects();
    before.until(back, has_begun).await;
    before.close().await;
    toy.hang(false);
    let after = World::open(folder.path(), Arc::clone(&toy)).await;
    assert_eq!(ending(&after.end(back).await).0, FinalState::Succeeded);
    assert_eq!(
        toy.things(),
        [1, 1],
        "done once, and the first one taken back"
    );
}
