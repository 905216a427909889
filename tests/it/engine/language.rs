//! The workflow language as the engine carries it out.

use std::collections::HashMap;

use purser::domain::approval::ApprovalPolicy;
use purser::domain::ending::FinalState;
use purser::domain::event::{Event, Rerun};
use purser::domain::names::{RunId, StepId};
use purser::domain::run::{RunState, RunStatus, StepStatus, WaitingFor};
use purser::domain::workflow::WhenBusy;
use purser::store::Runs as _;

use super::{BROKEN, ONE, ending, world};
use crate::support::world::{World, actor};

fn status(state: &RunState, step: &str) -> StepStatus {
    state.step(&StepId::from(step)).status
}

fn has_begun_its_effect(state: &RunState, step: &str) -> bool {
    state.step(&StepId::from(step)).has_live_effects()
}

#[tokio::test]
async fn branches_run_side_by_side_and_meet_again() {
    let (world, _folder) = world().await;
    let steps = "  - { id: start, uses: toy.make, with: { system: box } }
  - { id: left, needs: [start], uses: toy.make, with: { system: box } }
  - { id: right, needs: [start], uses: toy.make, with: { system: box } }
  - { id: end, needs: [left, right], uses: toy.make, with: { system: box } }
";
    let state = world.end(world.ask(steps, vec![]).await).await;
    assert_eq!(
        ending(&state),
        (FinalState::Succeeded, "4 steps done".into())
    );
    let at = |step: &str| state.step(&StepId::from(step)).into_owned();
    assert!(
        at("right").started_at < at("left").ended_at,
        "both were under way"
    );
    assert!(at("end").started_at > at("left").ended_at.max(at("right").ended_at));
    assert_eq!(world.toy.things(), [1, 1, 1, 1]);
}

#[tokio::test]
async fn when_one_branch_breaks_the_other_is_stopped_and_taken_back() {
    let (world, _folder) = world().await;
    let steps = "  - { id: left, needs: [], uses: toy.make, with: { system: box, hang: true } }
  - { id: pause, needs: [], wait: { for: 200ms } }
  - { id: right, uses: toy.make, with: { system: box, break_down: true } }
";
    let run = world.ask(steps, vec![]).await;
    let state = world.end(run).await;
    assert_eq!(
        ending(&state),
        (
            FinalState::RolledBack,
            "step `right` failed: the thing broke. Everything that it had done was taken back."
                .into()
        )
    );
    assert_eq!(status(&state, "left"), StepStatus::Failed);
    assert_eq!(world.toy.things(), [0; 0]);
}

#[tokio::test]
async fn a_branch_that_cannot_be_taken_back_any_more_finishes_forward() {
    let (world, _folder) = world().await;
    world.toy.hang(true);
    let steps = "  - { id: pour, needs: [], uses: toy.pour, with: { system: box } }
  - { id: pause, needs: [], wait: { hook: bell }, timeout: 300ms }
";
    let run = world.ask(steps, vec![]).await;
    let poured = |state: &RunState| {
        let pour = state.step(&"pour".into()).into_owned();
        pour.effects.len() == 2 && status(state, "pause") == StepStatus::Failed
    };
    let state = world.until(run, poured).await;
    assert_eq!(status(&state, "pour"), StepStatus::Running);
    world.toy.hang(false);
    let state = world.end(run).await;
    assert_eq!(
        ending(&state),
        (
            FinalState::Failed,
            "step `pause` failed: nothing came by the hook `bell` within 300ms. Left as it is: \
             `pour`: what was poured out."
                .into()
        )
    );
    assert_eq!(status(&state, "pour"), StepStatus::Succeeded);
}

#[tokio::test]
async fn a_step_is_done_for_each_item_two_at_a_time() {
    let (world, _folder) = world().await;
    let steps = "  - id: each
    uses: toy.make
    with: { system: box, hang: '{{ item == \"slow\" }}' }
    foreach: [quick, slow, slow, quick]
    parallel: 2
";
    let run = world.ask(steps, vec![]).await;
    let two_hang = |state: &RunState| {
        has_begun_its_effect(state, "each[1]") && has_begun_its_effect(state, "each[2]")
    };
    let state = world.until(run, two_hang).await;
    assert_eq!(status(&state, "each[0]"), StepStatus::Succeeded);
    assert!(
        !state.steps.contains_key("each[3]"),
        "the last one waits for its turn"
    );
    world.cancel(run).await;
    let state = world.end(run).await;
    assert_eq!(ending(&state).0, FinalState::Cancelled);
    assert_eq!(world.toy.things(), [0; 0], "every item is taken back");
}

#[tokio::test]
async fn items_leave_a_list_and_no_items_an_empty_one() {
    let (world, _folder) = world().await;
    let steps = "  - { id: some, uses: toy.make, with: { system: box }, foreach: [a, b] }
  - { id: none, uses: toy.make, with: { system: box }, foreach: [] }
outputs: { keys: '{{ steps.some.output | map(attribute=\"key\") | list }}', none: '{{ steps.none.output }}' }
";
    let state = world.end(world.ask(steps, vec![]).await).await;
    let key = |n| format!("{}/some[{n}]/0/make_thing", state.id);
    assert_eq!(
        state.ended.unwrap().output,
        serde_json::json!({ "keys": [key(0), key(1)], "none": [] })
    );
}

#[tokio::test]
async fn a_step_does_what_another_workflow_does() {
    let (world, _folder) = world().await;
    let steps = "  - { id: inner, runs: other, with: { name: Bo } }
  - { id: after, if: 'steps.inner.output.greeting == \"hello Bo\"', uses: toy.make, with: { system: box } }
includes:
  other:
    name: other
    summary: Other
    inputs: { name: { type: string, required: true } }
    steps: [{ id: make, uses: toy.make, with: { system: box } }]
    outputs: { greeting: 'hello {{ inputs.name }}' }
";
    let state = world.end(world.ask(steps, vec![]).await).await;
    assert_eq!(
        ending(&state),
        (FinalState::Succeeded, "2 steps done".into())
    );
    assert_eq!(status(&state, "inner/make"), StepStatus::Succeeded);
    let broken = steps.replace(
        "  - { id: after, if: 'steps.inner.output.greeting == \"hello Bo\"',",
        "  - { id: after,",
    );
    let broken = broken.replacen(
        "with: { system: box } }\nincludes",
        "with: { system: box, break_down: true } }\nincludes",
        1,
    );
    let state = world.end(world.ask(&broken, vec![]).await).await;
    assert_eq!(ending(&state).0, FinalState::RolledBack);
    assert_eq!(status(&state, "inner/make"), StepStatus::Undone);
}

#[tokio::test]
async fn a_step_of_the_file_takes_back_what_the_action_cannot() {
    let (world, _folder) = world().await;
    let steps = format!(
        "  - {{ id: shout, uses: toy.shout, with: {{ system: box }}, \
         undo: {{ uses: toy.tell, with: {{ system: box }} }} }}\n{BROKEN}"
    );
    let state = world.end(world.ask(&steps, vec![]).await).await;
    assert_eq!(
        ending(&state),
        (
            FinalState::RolledBack,
            "step `three` failed: the thing broke. Everything that it had done was taken back."
                .into()
        )
    );
    assert_eq!(status(&state, "shout"), StepStatus::Undone);
    assert_eq!(status(&state, "shout/undo"), StepStatus::Succeeded);
}

#[tokio::test]
async fn when_the_step_that_takes_back_fails_the_run_is_stuck() {
    let (world, _folder) = world().await;
    let steps = format!(
        "  - {{ id: shout, uses: toy.shout, with: {{ system: box }}, \
         undo: {{ uses: toy.make, with: {{ system: box, break_down: true }} }} }}\n{BROKEN}"
    );
    let state = world.end(world.ask(&steps, vec![]).await).await;
    let (ended, summary) = ending(&state);
    assert_eq!(ended, FinalState::Stuck);
    insta::assert_snapshot!(summary, @"step `three` failed: the thing broke; then taking back step `shout` failed too: the thing broke. Left as it is: `shout`: what it did was not taken back. A human is needed; Purser touches nothing more.");
}

#[tokio::test]
async fn on_failure_has_its_turn_after_everything_was_taken_back() {
    let (world, _folder) = world().await;
    let steps = format!(
        "{ONE}{BROKEN}on_failure:\n  - id: tell\n    uses: toy.make\n    with: {{ system: box }}\n    \
         if: 'failure.step == \"three\" and failure.message == \"the thing broke\"'\n"
    );
    let state = world.end(world.ask(&steps, vec![]).await).await;
    assert_eq!(ending(&state).0, FinalState::RolledBack);
    let told = state.step(&"on_failure/tell".into()).into_owned();
    assert_eq!(told.status, StepStatus::Succeeded);
    assert!(told.started_at > state.step(&"one".into()).ended_at);
    assert_eq!(world.toy.things(), [1], "what on_failure did stays");
}

#[tokio::test]
async fn a_run_that_waits_for_a_message_says_so_and_goes_on_with_it() {
    let (world, _folder) = world().await;
    let steps = "  - { id: bell, wait: { hook: bell }, timeout: 1h }
  - { id: open, if: 'steps.bell.output.open', uses: toy.make, with: { system: box } }
";
    let run = world.ask(steps, vec![]).await;
    let waits = |state: &RunState| state.status() == RunStatus::Waiting(WaitingFor::Signal);
    world.until(run, waits).await;
    let signal = Event::Signalled {
        step: "bell".into(),
        message: "m1".into(),
        data: serde_json::json!({ "open": true }),
    };
    world.say(run, signal).await;
    assert_eq!(ending(&world.end(run).await).1, "2 steps done");
}

#[tokio::test]
async fn one_step_is_asked_about_with_its_own_plan_and_asked_again_when_the_world_moves() {
    let (world, _folder) = world().await;
    let steps = format!(
        "{ONE}  - {{ id: two, uses: toy.make, with: {{ system: box }}, approval: {{ by: [operator] }} }}\n"
    );
    let run = world.ask(&steps, vec![]).await;
    let waits = |state: &RunState| state.status() == RunStatus::Waiting(WaitingFor::Approval);
    let state = world.until(run, waits).await;
    assert_eq!(world.toy.calls(), 1, "nothing of the second step is done");
    let asked = state.open_approval().unwrap().digest.clone();
    world.toy.set_version("2");
    let yes = |digest| Event::Approved {
        by: actor("bo"),
        digest,
    };
    world.say(run, yes(asked)).await;
    let state = world
        .until(run, |state| waits(state) && state.voided.len() == 1)
        .await;
    assert_eq!(
        state.voided,
        ["the toy's version was  when it was approved and is 2 now"]
    );
    let again = state.open_approval().unwrap().digest.clone();
    world.say(run, yes(again)).await;
    assert_eq!(ending(&world.end(run).await).0, FinalState::Succeeded);
}

#[tokio::test]
async fn of_two_runs_with_a_key_the_second_waits_skips_or_replaces() {
    let (world, _folder) = world().await;
    let ask = async |steps: &str, when_busy| {
        let key = Some("web".to_owned());
        world
            .ask_with(steps, |request| {
                request.concurrency = key;
                request.when_busy = when_busy;
            })
            .await
    };
    let hangs = ONE.replace("system: box", "system: box, hang: true");
    let first = ask(&hangs, WhenBusy::Queue).await;
    world
        .until(first, |state| has_begun_its_effect(state, "one"))
        .await;
    let skips = ask(ONE, WhenBusy::Skip).await;
    assert_eq!(
        ending(&world.end(skips).await),
        (
            FinalState::Cancelled,
            format!(
                "run {} with the same key was under way, and this one does not wait for it. \
                 Nothing was changed.",
                first.short()
            )
        )
    );
    let replaces = ask(ONE, WhenBusy::Replace).await;
    assert_eq!(ending(&world.end(replaces).await).0, FinalState::Succeeded);
    assert_eq!(
        ending(&world.end(first).await).1,
        format!(
            "cancelled by ann (replaced by run {}). Everything that it had done was taken back.",
            replaces.short()
        )
    );
    assert_eq!(world.toy.things(), [1]);
}

#[tokio::test]
async fn a_run_goes_on_from_what_an_earlier_one_has_done() {
    let (world, _folder) = world().await;
    let steps = "  - { id: shout, uses: toy.shout, with: { system: box } }
  - { id: two, uses: toy.make, with: { system: box } }
";
    let run = world
        .ask_with(steps, |request| {
            let done = serde_json::json!([{ "step": "shout", "output": { "key": "k" } }]);
            request.rerun = Some(Rerun {
                of: RunId::new(uuid::Uuid::nil()),
                done: serde_json::from_value(done).unwrap(),
            });
        })
        .await;
    assert_eq!(
        ending(&world.end(run).await).1,
        "1 step done, 1 done before"
    );
    assert_eq!(world.toy.calls(), 1, "only the second step was done");
}

#[tokio::test]
async fn a_step_that_outlives_no_process_is_not_taken_up_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let toy = std::sync::Arc::<crate::support::toy::Toy>::default();
    let first = World::open(folder.path(), toy.clone()).await;
    let hangs = ONE.replace("system: box", "system: box, hang: true");
    let run = first.ask(&hangs, vec![]).await;
    first
        .until(run, |state| has_begun_its_effect(state, "one"))
        .await;
    first.close().await;
    let second = World::open(folder.path(), toy.clone()).await;
    let taken_up = |times: usize| {
        move |log: &[purser::domain::event::Logged]| {
            let taken =
                |l: &&purser::domain::event::Logged| matches!(l.event, Event::StepTakenUp { .. });
            log.iter().filter(taken).count() == times
        }
    };
    let state = second
        .until(run, |state| status(state, "one") == StepStatus::Running)
        .await;
    assert_eq!(
        state.step(&"one".into()).takeovers,
        0,
        "handed back in good order"
    );
    for _ in 0..6 {
        let step = "one".into();
        second.say(run, Event::StepTakenUp { step }).await;
    }
    assert!(taken_up(7)(&second.store.log(run, 0).await.unwrap()));
    let waits = |state: &RunState| state.status() == RunStatus::Waiting(WaitingFor::Decision);
    let state = second.until(run, waits).await;
    let asked = state.step(&"one".into()).question.clone().unwrap();
    insta::assert_snapshot!(asked.known, @"6 processes have taken this step up, and each ended before it did");
    second.close().await;
}

#[tokio::test]
async fn people_are_reminded_before_a_question_lapses() {
    let (world, _folder) = world().await;
    let policy = r#"{ "by": ["operator"], "expires": "400ms", "remind": "300ms" }"#;
    let policy: ApprovalPolicy = serde_json::from_str(policy).unwrap();
    let run = world.ask(ONE, vec![policy]).await;
    let reminded = |state: &RunState| state.approval.as_ref().is_some_and(|open| open.reminded);
    world.until(run, reminded).await;
    assert_eq!(ending(&world.end(run).await).0, FinalState::Cancelled);
}

#[tokio::test]
async fn so_many_steps_act_on_one_system_and_the_others_wait_and_say_for_what() {
    let (world, _folder) = world().await;
    let steps = "  - { id: each, uses: toy.tell, with: { system: box }, foreach: [1, 2, 3, 4, 5, 6], \
                 parallel: 6 }\n";
    world.toy.hang(true);
    let run = world.ask(steps, vec![]).await;
    let told = |state: &RunState| {
        let at_work = state.steps.values().filter(|step| !step.records.is_empty());
        at_work.count()
    };
    let state = world.until(run, |state| told(state) == 4).await;
    assert!(!state.steps.contains_key("each[4]"), "four at a time");
    let mut said = world.said();
    let waits = |said: &HashMap<_, String>| said.get(&run).is_some_and(|it| it.contains("act on"));
    said.wait_for(waits).await.unwrap();
    insta::assert_snapshot!(world.progress(run).unwrap(), @"`each[4]` waits: 4 steps act on `box` already");
    world.cancel(run).await;
    world.end(run).await;
    world.toy.hang(false);
    let next = world.ask(ONE, vec![]).await;
    assert_eq!(
        ending(&world.end(next).await).0,
        FinalState::Succeeded,
        "they have left"
    );
}
