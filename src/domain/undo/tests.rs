use serde_json::json;

use super::*;
use crate::domain::ending::{FinalState, Summary};
use crate::domain::event::{Event, Failure, Logged, Requested};
use crate::domain::interpreter::{Command, Given, decide, prospects};
use crate::domain::names::StepId;
use crate::domain::rerun::MOST_TAKEN_OVER;
use crate::domain::run::{Ended, RunState, StepState, Stop};
use crate::domain::time::Timestamp;
use crate::domain::workflow::Workflow;

fn workflow(steps: &Value) -> Workflow {
    let file = json!({ "name": "ship", "summary": "Ship", "steps": steps });
    serde_json::from_value(file).unwrap()
}

/// `dump`, then `deploy`, then `tell`.
fn ship() -> Workflow {
    workflow(&json!([
        { "id": "dump", "uses": "toy.dump" },
        { "id": "deploy", "uses": "toy.deploy" },
        { "id": "tell", "uses": "toy.tell" },
    ]))
}

/// A dump by its own undo, a deploy by a deploy, and nothing else.
fn own(state: &StepState) -> WayBack {
    match state.action.as_ref().map(ActionName::as_str) {
        Some("toy.dump") => WayBack::Undo,
        Some("toy.deploy") => {
            let Value::Object(input) = json!({ "image": "web:{{ not.evaluated }}" }) else {
                unreachable!()
            };
            WayBack::by("toy.deploy", input)
        }
        _ => WayBack::Stays("what was told stays told".to_owned()),
    }
}

fn request(more: &Value) -> Requested {
    let mut request = json!({
        "workflow": "ship", "definition": format!("sha256:{:064}", 0), "dialect": 1, "inputs": {},
        "by": { "person": "ann", "roles": [], "through": "uid 0" }, "trigger": "api",
        "environments": [], "approval": [], "systems": { "shop": "one" }, "concurrency": null, "timeout": null,
    });
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    serde_json::from_value(request).unwrap()
}

/// A run of this number that nothing has happened to.
fn asked(number: u128, request: Requested) -> RunState {
    let id = RunId::new(uuid::Uuid::from_u128(number));
    RunState::asked_for(id, request, Timestamp::from_micros(0))
}

fn ended(run: &mut RunState, state: FinalState) {
    run.ended = Some(Ended {
        state,
        summary: Summary {
            cause: None,
            now: String::new(),
        },
        output: Value::Null,
        at: run.requested_at,
    });
}

/// A run in which these steps have begun and done an effect each, and which has ended so.
fn run(steps: &[(&str, &str)], state: FinalState) -> RunState {
    let mut run = asked(7, request(&json!({})));
    for (step, action) in steps {
        happens(
            &mut run,
            json!({ "type": "step_started", "step": step, "attempt": 1, "action": action, "system": "shop", "input": {} }),
        );
        let effect = json!({ "name": "make" });
        happens(
            &mut run,
            json!({ "type": "effect_started", "step": step, "effect": effect, "generation": 0 }),
        );
        happens(
            &mut run,
            json!({ "type": "effect_done", "step": step, "effect": effect, "result": 1 }),
        );
        happens(
            &mut run,
            json!({ "type": "step_succeeded", "step": step, "output": { "of": step } }),
        );
    }
    ended(&mut run, state);
    run
}

fn happens(run: &mut RunState, event: Value) {
    apply(run, serde_json::from_value(event).unwrap());
}

fn apply(run: &mut RunState, event: Event) {
    run.apply(&Logged {
        run: run.id,
        seq: run.seq + 1,
        at: run.requested_at,
        event,
    });
}

const ALL: [(&str, &str); 3] = [
    ("dump", "toy.dump"),
    ("deploy", "toy.deploy"),
    ("tell", "toy.tell"),
];

fn shipped() -> RunState {
    run(&ALL, FinalState::Succeeded)
}

/// The run that takes this one back, begun.
fn taking_back(earlier: &RunState, definition: &Workflow) -> RunState {
    let undo = of(earlier, definition, None, own).unwrap();
    let mut run = asked(8, request(&json!({ "undo": undo })));
    assert_eq!(decide(definition, &run), [Command::Claim]);
    happens(&mut run, json!({ "type": "started" }));
    run
}

fn refused(earlier: &RunState, definition: &Workflow) -> String {
    of(earlier, definition, None, own).unwrap_err().to_string()
}

#[test]
fn of_each_step_that_is_carried_which_its_way_back_needs() {
    let undo = of(&shipped(), &ship(), Some("too early".to_owned()), own).unwrap();
    let steps: Vec<_> = undo.taken_back().map(StepId::as_str).collect();
    assert_eq!(steps, ["dump", "deploy"]);
    let [dump, deploy, tell] = undo.steps.as_slice() else {
        panic!("{undo:?}")
    };
    assert_eq!(dump.effects.len(), 1);
    assert_eq!(
        json!(deploy),
        json!({
            "step": "deploy", "attempt": 1, "action": "toy.deploy", "system": "shop", "input": {},
            "way_back": { "by": {
                "id": "undo", "uses": "toy.deploy",
                "with": { "image": "web:{{ not.evaluated }}", "system": "shop" },
                "retry": { "attempts": 23, "first": "2s", "factor": 2, "max": "15s", "jitter": false },
            } },
        })
    );
    assert_eq!(tell.effects, []);
    let read: Undo = serde_json::from_value(json!(undo)).unwrap();
    assert_eq!(read, undo);
}

#[test]
fn steps_are_taken_back_the_last_first_and_then_it_has_succeeded() {
    let (definition, earlier) = (ship(), shipped());
    let mut run = taking_back(&earlier, &definition);
    let commands = decide(&definition, &run);
    let [Command::Append(start)] = commands.as_slice() else {
        panic!("{commands:?}")
    };
    assert_eq!(
        json!(start),
        json!({
            "type": "step_started", "step": "deploy/undo", "attempt": 1, "action": "toy.deploy",
            "system": "shop", "input": { "image": "web:{{ not.evaluated }}" },
        })
    );
    apply(&mut run, start.clone());
    let step = StepId::from("deploy/undo");
    assert_eq!(decide(&definition, &run), [Command::RunStep(step)]);
    happens(
        &mut run,
        json!({ "type": "step_succeeded", "step": "deploy/undo", "output": {} }),
    );
    let step = StepId::from("deploy");
    let undone = Event::StepUndone { step, left: None };
    assert_eq!(decide(&definition, &run), [Command::Append(undone.clone())]);
    apply(&mut run, undone);
    let step = StepId::from("dump");
    assert_eq!(decide(&definition, &run), [Command::UndoStep(step)]);
    happens(
        &mut run,
        json!({ "type": "effect_undone", "step": "dump", "effect": { "name": "make" } }),
    );
    happens(
        &mut run,
        json!({ "type": "step_undone", "step": "dump", "left": null }),
    );
    assert_eq!(
        end(&definition, &run),
        (
            FinalState::Succeeded,
            "what run 00000007 had done is taken back: `dump`, `deploy`; left as it is: `tell`: what \
             was told stays told"
                .to_owned()
        )
    );
}

/// How the run ends now.
fn end(definition: &Workflow, run: &RunState) -> (FinalState, String) {
    let commands = decide(definition, run);
    let [Command::Append(Event::Finished { state, summary, .. })] = commands.as_slice() else {
        panic!("{commands:?}")
    };
    (*state, summary.to_string())
}

#[test]
fn what_cannot_be_taken_back_ends_it_as_stuck_and_nothing_more_is_touched() {
    let (definition, earlier) = (ship(), shipped());
    let mut run = taking_back(&earlier, &definition);
    let failure = Failure::fatal("the image is gone");
    let step = StepId::from("deploy");
    apply(&mut run, Event::StepUndoFailed { step, failure });
    assert_eq!(
        end(&definition, &run),
        (
            FinalState::Stuck,
            "taking back step `deploy` of run 00000007 failed: the image is gone. Nothing was taken back. A \
             human is needed; Purser touches nothing more."
                .to_owned()
        )
    );
}

#[test]
fn what_is_left_in_spite_of_its_way_back_is_no_success() {
    let (definition, earlier) = (ship(), run(&ALL[..1], FinalState::Succeeded));
    let mut run = taking_back(&earlier, &definition);
    happens(
        &mut run,
        json!({ "type": "step_undone", "step": "dump", "left": "the second half stays" }),
    );
    assert_eq!(
        end(&definition, &run),
        (
            FinalState::Failed,
            "step `dump` of run 00000007 could not be taken back as a whole. No step was taken back as a \
             whole. Left as it is: `dump`: the second half stays."
                .to_owned()
        )
    );
}

#[test]
fn one_that_is_stopped_before_it_begins_has_taken_nothing_back() {
    let (definition, earlier) = (ship(), shipped());
    let undo = of(&earlier, &definition, None, own).unwrap();
    for (event, told) in [
        (
            json!({ "type": "cancel_requested", "by": request(&json!({})).by, "reason": "no" }),
            "cancelled by ann (no).",
        ),
        (
            json!({ "type": "overtaken", "by": earlier.id }),
            "run 00000007 has begun since it was asked for, and builds on what was to be taken back.",
        ),
    ] {
        let mut run = asked(8, request(&json!({ "undo": undo })));
        happens(&mut run, event);
        let (state, summary) = end(&definition, &run);
        assert_eq!(state, FinalState::Cancelled);
        assert_eq!(summary, format!("{told} Nothing was taken back."));
    }
}

#[test]
fn one_that_is_stopped_half_way_needs_a_human() {
    let (definition, earlier) = (ship(), shipped());
    let mut run = taking_back(&earlier, &definition);
    happens(
        &mut run,
        json!({ "type": "step_undone", "step": "deploy", "left": null }),
    );
    happens(
        &mut run,
        json!({ "type": "rejected", "by": request(&json!({})).by, "reason": null }),
    );
    let (state, summary) = end(&definition, &run);
    assert_eq!(state, FinalState::Stuck);
    assert!(
        summary.starts_with("rejected by ann. Taken back: `deploy`. Left as it is: `dump`"),
        "{summary}"
    );
}

#[test]
fn its_plan_is_made_of_what_would_be_taken_back_in_that_order() {
    let (definition, earlier) = (ship(), shipped());
    let run = taking_back(&earlier, &definition);
    let ahead = prospects(&definition, &run).unwrap();
    let steps: Vec<_> = ahead.iter().map(|one| one.step.as_str()).collect();
    assert_eq!(steps, ["deploy/undo", "dump"]);
    assert!(matches!(&ahead[0].given, Given::Known { .. }), "{ahead:?}");
    let Given::TakenBack { effects, .. } = &ahead[1].given else {
        panic!("{ahead:?}")
    };
    assert_eq!(effects.len(), 1);
}

#[test]
fn the_undo_of_a_file_sees_what_the_steps_have_left() {
    let definition = workflow(&json!([
        { "id": "dump", "uses": "toy.dump" },
        { "id": "deploy", "uses": "toy.deploy", "undo": {
            "uses": "toy.back", "with": { "a": "{{ output.of }}", "b": "{{ steps.dump.output.of }}" },
        } },
    ]));
    let run = taking_back(&run(&ALL[..2], FinalState::Succeeded), &definition);
    let commands = decide(&definition, &run);
    let [Command::Append(Event::StepStarted { action, input, .. })] = commands.as_slice() else {
        panic!("{commands:?}")
    };
    assert_eq!(action.as_str(), "toy.back");
    assert_eq!(*input, json!({ "a": "deploy", "b": "dump" }));
}

#[test]
fn each_item_is_taken_back_and_not_all_of_them_once_more() {
    let definition = workflow(&json!([
        { "id": "each", "uses": "toy.deploy", "foreach": ["a", "b"] },
    ]));
    let mut earlier = run(
        &[("each[0]", "toy.deploy"), ("each[1]", "toy.dump")],
        FinalState::Succeeded,
    );
    happens(
        &mut earlier,
        json!({ "type": "step_fanned_out", "step": "each", "items": ["a", "b"] }),
    );
    earlier.steps.move_index(2, 0);
    happens(
        &mut earlier,
        json!({ "type": "step_succeeded", "step": "each", "output": [] }),
    );
    let mut run = taking_back(&earlier, &definition);
    assert_eq!(
        decide(&definition, &run),
        [Command::UndoStep("each[1]".into())]
    );
    happens(
        &mut run,
        json!({ "type": "step_undone", "step": "each[1]", "left": null }),
    );
    let commands = decide(&definition, &run);
    let [Command::Append(Event::StepStarted { step, .. })] = commands.as_slice() else {
        panic!("{commands:?}")
    };
    assert_eq!(step.as_str(), "each[0]/undo");
}

#[test]
fn what_is_not_to_be_undone_is_said_with_the_way_out() {
    let definition = ship();
    let mut earlier = shipped();
    earlier.ended = None;
    assert_eq!(
        refused(&earlier, &definition),
        "run 00000007 has not ended: `purser cancel 00000007` stops it, and takes back what it has done"
    );
    ended(&mut earlier, FinalState::RolledBack);
    assert_eq!(
        refused(&earlier, &definition),
        "run 00000007 did not succeed (rolled back): what it had done was taken back then, as far as it \
         could be. `purser rerun 00000007` goes on from it"
    );
    earlier.stop = Some(Stop::Recovered {
        backup: "b".to_owned(),
        made_at: earlier.requested_at,
    });
    assert!(refused(&earlier, &definition).starts_with("nobody knows what run 00000007 did"));
    let mut undoing = taking_back(&shipped(), &definition);
    ended(&mut undoing, FinalState::Succeeded);
    assert_eq!(
        refused(&undoing, &definition),
        "run 00000008 has taken back what run 00000007 did, and that is not undone: start the workflow \
         anew, `purser run ship`"
    );
}

#[test]
fn where_there_is_nothing_to_take_back_the_actions_are_named() {
    let definition = ship();
    let told = run(&ALL[2..], FinalState::Succeeded);
    assert_eq!(
        refused(&told, &definition),
        "nothing that run 00000007 did can be taken back (`tell`: what was told stays told): what is not \
         to stay has to be set right by hand"
    );
    assert!(!can_be(&told, &definition, own));
    let nothing = run(&[], FinalState::Succeeded);
    assert_eq!(
        refused(&nothing, &definition),
        "run 00000007 has changed nothing: there is nothing to take back"
    );
    assert!(can_be(&shipped(), &definition, own));
}

#[test]
fn what_an_earlier_run_has_done_stays() {
    let definition = ship();
    let done = json!([{ "step": "dump", "output": {} }]);
    let rerun = json!({ "of": RunId::new(uuid::Uuid::from_u128(1)), "done": done });
    let mut earlier = run(&ALL[1..2], FinalState::Succeeded);
    let before = asked(7, request(&json!({ "rerun": rerun })));
    earlier.steps.extend(before.steps);
    let undo = of(&earlier, &definition, None, own).unwrap();
    let steps: Vec<_> = undo.taken_back().map(StepId::as_str).collect();
    assert_eq!(steps, ["deploy"]);
    let stays: Vec<_> = undo.staying().collect();
    assert_eq!(stays, [(&StepId::from("dump"), "done in run 00000001")]);
}

#[test]
fn what_is_too_much_for_one_event_is_not_taken_over() {
    let mut earlier = shipped();
    let dump = earlier.steps.get_mut(&StepId::from("dump")).unwrap();
    let record = Value::from("x".repeat(MOST_TAKEN_OVER + 1));
    dump.records.insert("all".to_owned(), record);
    let told = refused(&earlier, &ship());
    assert!(told.contains("step `dump` has left most of it"), "{told}");
}

#[test]
fn a_later_run_is_in_the_way_while_anything_of_it_stands() {
    assert!(stands(&shipped()));
    let mut open = shipped();
    open.ended = None;
    assert!(stands(&open));
    let mut taken_back = run(&ALL, FinalState::Failed);
    for step in ["dump", "deploy", "tell"] {
        happens(
            &mut taken_back,
            json!({ "type": "step_undone", "step": step, "left": null }),
        );
    }
    assert!(!stands(&taken_back));
    assert!(!stands(&run(&[], FinalState::Cancelled)));
    let later = overtaken(&shipped(), &shipped());
    assert_eq!(
        later.to_string(),
        "run 00000007 has begun since run 00000007 did, of the same workflow `ship`: undo that one \
         first, `purser undo 00000007`"
    );
}

#[test]
fn taking_back_is_tried_for_as_long_as_a_system_takes_to_be_started_anew() {
    let pauses = (1..).map_while(|attempt| {
        PATIENCE.pause_after(RunId::new(uuid::Uuid::nil()), &"deploy".into(), attempt)
    });
    assert_eq!(pauses.sum::<Duration>(), Duration::from_secs(299));
}
