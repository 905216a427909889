//! What an approval covers, and what becomes of steps that have begun when it is void.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, mpsc};

use purser::domain::approval::ApprovalPolicy;
use purser::domain::ending::FinalState;
use purser::domain::event::Event;
use purser::domain::names::RunId;
use purser::domain::run::{RunState, RunStatus, StepStatus, WaitingFor};

use super::{BROKEN, ONE, ending, world};
use crate::support::world::{World, actor};

fn by_an_operator() -> Vec<ApprovalPolicy> {
    vec![serde_json::from_str(r#"{ "by": ["operator"] }"#).unwrap()]
}

/// Waits until people are asked, its plans having been void so often.
async fn asked(world: &World, run: RunId, voided: usize) -> RunState {
    let waits = RunStatus::Waiting(WaitingFor::Approval);
    let is_asked = |state: &RunState| state.status() == waits && state.voided.len() == voided;
    world.until(run, is_asked).await
}

async fn approve(world: &World, state: &RunState) {
    let yes = Event::Approved {
        by: actor("bo"),
        digest: state.open_approval().unwrap().digest.clone(),
    };
    world.say(state.id, yes).await;
}

#[tokio::test]
async fn what_on_failure_does_leaves_the_approval_of_the_run_as_it_was() {
    let (world, _folder) = world().await;
    let tells = "on_failure:\n  - { id: tell, uses: toy.make, with: { system: box } }\n";
    let run = world
        .ask(&format!("{ONE}{BROKEN}{tells}"), by_an_operator())
        .await;
    approve(&world, &asked(&world, run, 0).await).await;
    let state = world.end(run).await;
    assert_eq!(ending(&state).0, FinalState::RolledBack);
    let told = state.step(&"on_failure/tell".into()).status;
    assert_eq!(told, StepStatus::Succeeded);
    assert!(state.voided.is_empty(), "{:?}", state.voided);
    assert_eq!(state.approval.unwrap().approved_by, [actor("bo")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_had_begun_does_nothing_once_the_approval_is_void() {
    let (world, _folder) = world().await;
    world.toy.set_version("1");
    let steps = "  - { id: left, needs: [], uses: toy.make, with: { system: box } }
  - { id: right, needs: [], uses: toy.make, with: { system: box } }
";
    let run = world.ask(steps, by_an_operator()).await;
    let state = asked(&world, run, 0).await;
    // The plan that is made first differs from what was approved; the second does not, and comes
    // after the approval is void.
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (plans, may_go_on) = (AtomicU32::new(0), Mutex::new(may_go_on));
    world
        .toy
        .when_planning(move || match plans.fetch_add(1, Ordering::SeqCst) {
            0 => Some("2"),
            1 => {
                let may_go_on = || may_go_on.lock().unwrap().recv();
                tokio::task::block_in_place(may_go_on).unwrap();
                None
            }
            _ => None,
        });
    approve(&world, &state).await;
    asked(&world, run, 1).await;
    go_on.send(()).unwrap();
    let state = asked(&world, run, 2).await;
    assert_eq!(world.toy.calls(), 0, "{state:#?}");
    approve(&world, &state).await;
    assert_eq!(ending(&world.end(run).await).0, FinalState::Succeeded);
    assert_eq!(world.toy.things(), [1, 1]);
}
