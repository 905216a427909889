use serde_json::json;

use super::*;
use crate::domain::ending::{FinalState, Summary};
use crate::domain::run::{Ended, StepState};

/// Goes on while all systems are where they were.
fn go_on(
    earlier: &RunState,
    then: &Workflow,
    now: &Workflow,
    from: Option<&StepId>,
) -> Result<Rerun, NoRerun> {
    let now = Present {
        workflow: now,
        systems: &earlier.request.systems,
    };
    super::go_on(earlier, then, now, from)
}

fn workflow(steps: &Value) -> Workflow {
    let file = json!({ "name": "ship", "summary": "Ship", "steps": steps });
    serde_json::from_value(file).unwrap()
}

/// `build` and `test` side by side, `deploy` behind both, `tell` behind that.
fn ship() -> Workflow {
    workflow(&json!([
        { "id": "build", "uses": "toy.make", "needs": [] },
        { "id": "test", "uses": "toy.make", "needs": [] },
        { "id": "deploy", "uses": "toy.make", "needs": ["build", "test"] },
        { "id": "tell", "uses": "toy.make" },
    ]))
}

fn run(fates: &[(&str, StepStatus)]) -> RunState {
    let request = json!({
        "workflow": "ship", "definition": format!("sha256:{:064}", 0), "dialect": 1, "inputs": {},
        "by": { "person": "ann", "roles": [], "through": "uid 0" }, "trigger": "api",
        "environments": [], "approval": [], "systems": { "shop": "one" }, "concurrency": null, "timeout": null,
    });
    let at = crate::domain::time::Timestamp::from_micros(0);
    let id = RunId::new(uuid::Uuid::from_u128(7));
    let mut run = RunState::asked_for(id, serde_json::from_value(request).unwrap(), at);
    for (step, status) in fates {
        let state = StepState {
            status: *status,
            output: Some(json!({ "of": step })),
            ..StepState::default()
        };
        run.steps.insert(StepId::from(*step), state);
    }
    run.ended = Some(Ended {
        state: FinalState::Failed,
        summary: Summary {
            cause: None,
            now: String::new(),
        },
        output: Value::Null,
        at,
    });
    run
}

const DEPLOY_FAILED: [(&str, StepStatus); 3] = [
    ("build", StepStatus::Succeeded),
    ("test", StepStatus::Skipped),
    ("deploy", StepStatus::Failed),
];

fn done(rerun: &Rerun) -> Vec<&str> {
    rerun.done.iter().map(|done| done.step.as_str()).collect()
}

#[test]
fn what_is_done_and_stands_is_not_done_again() {
    let earlier = run(&DEPLOY_FAILED);
    let rerun = go_on(&earlier, &ship(), &ship(), None).unwrap();
    assert_eq!(rerun.of, earlier.id);
    assert_eq!(
        json!(rerun.done),
        json!([
            { "step": "build", "skipped": false, "output": { "of": "build" } },
            { "step": "test", "skipped": true, "output": { "of": "test" } },
        ])
    );
}

#[test]
fn what_was_taken_back_is_done_again_and_so_is_all_that_needs_it() {
    let earlier = run(&[
        ("build", StepStatus::Undone),
        ("test", StepStatus::Succeeded),
        ("deploy", StepStatus::Succeeded),
        ("tell", StepStatus::Failed),
    ]);
    let rerun = go_on(&earlier, &ship(), &ship(), None).unwrap();
    assert_eq!(done(&rerun), ["test"]);
    let told = go_on(&earlier, &ship(), &ship(), Some(&"tell".into())).unwrap_err();
    assert_eq!(
        told.to_string(),
        "step `build` comes before `tell` and was taken back: begin there, with --from build"
    );
}

#[test]
fn an_item_that_was_taken_back_has_all_items_done_again() {
    let earlier = run(&[
        ("build", StepStatus::Succeeded),
        ("build[0]", StepStatus::Succeeded),
        ("build[1]", StepStatus::Undone),
        ("build[1]/undo", StepStatus::Succeeded),
        ("test", StepStatus::Succeeded),
    ]);
    let rerun = go_on(&earlier, &ship(), &ship(), None).unwrap();
    assert_eq!(done(&rerun), ["test"]);
}

#[test]
fn a_step_that_is_named_is_done_again_with_all_that_needs_it_and_nothing_beside_it() {
    let earlier = run(&["build", "test", "deploy", "tell"].map(|s| (s, StepStatus::Succeeded)));
    let told = go_on(&earlier, &ship(), &ship(), None).unwrap_err();
    assert_eq!(told, NoRerun::NothingLeft { run: earlier.id });
    let from = |step: &str| go_on(&earlier, &ship(), &ship(), Some(&step.into()));
    assert_eq!(done(&from("deploy").unwrap()), ["build", "test"]);
    assert_eq!(done(&from("build").unwrap()), ["test"]);
    assert_eq!(
        from("deplo").unwrap_err().to_string(),
        "unknown step `deplo`; did you mean `deploy`?"
    );
}

#[test]
fn of_what_is_left_in_part_somebody_has_to_say_whether_it_counts() {
    let mut earlier = run(&DEPLOY_FAILED);
    let build = earlier.steps.get_mut(&StepId::from("build")).unwrap();
    build.left = Some("what the job did".into());
    let go = |from: Option<&str>| {
        let from = from.map(StepId::from);
        go_on(&earlier, &ship(), &ship(), from.as_ref())
    };
    assert_eq!(
        go(None).unwrap_err().to_string(),
        "step `build` is neither done nor taken back (left as it is: what the job did): --from \
         build does it again, and --from with a step behind it goes on as if it were done"
    );
    assert_eq!(done(&go(Some("deploy")).unwrap()), ["build", "test"]);
    assert_eq!(done(&go(Some("build")).unwrap()), ["test"]);
    assert!(matches!(
        go(Some("test")),
        Err(NoRerun::Unclear { step, .. }) if step.as_str() == "build"
    ));
}

#[test]
fn a_step_that_could_not_be_taken_back_is_no_step_that_stands() {
    let mut earlier = run(&DEPLOY_FAILED);
    let deploy = earlier.steps.get_mut(&StepId::from("deploy")).unwrap();
    deploy.undo_failure = Some(crate::domain::event::Failure::fatal("the engine is gone"));
    let told = go_on(&earlier, &ship(), &ship(), None).unwrap_err();
    assert!(matches!(told, NoRerun::Unclear { step, .. } if step.as_str() == "deploy"));
    let rerun = go_on(&earlier, &ship(), &ship(), Some(&"deploy".into())).unwrap();
    assert_eq!(done(&rerun), ["build", "test"]);
}

#[test]
fn a_step_that_is_written_otherwise_by_now_is_done_again() {
    let earlier = run(&DEPLOY_FAILED);
    let mut now = ship();
    let Work::Action(work) = &mut now.steps[0].work else {
        unreachable!()
    };
    work.with.insert("version".into(), json!(2));
    let rerun = go_on(&earlier, &ship(), &now, None).unwrap();
    assert_eq!(done(&rerun), ["test"]);

    let calls = |summary: &str| -> Workflow {
        let other = json!({ "name": "other", "summary": summary, "steps": [] });
        serde_json::from_value(json!({
            "name": "ship", "summary": "Ship", "includes": { "other": other },
            "steps": [{ "id": "build", "runs": "other" }, { "id": "test", "uses": "toy.make" }],
        }))
        .unwrap()
    };
    let earlier = run(&[
        ("build", StepStatus::Succeeded),
        ("test", StepStatus::Failed),
    ]);
    let rerun = |now: &Workflow| go_on(&earlier, &calls("one"), now, None).unwrap();
    assert_eq!(done(&rerun(&calls("one"))), ["build"]);
    assert_eq!(done(&rerun(&calls("two"))), [] as [&str; 0]);
}

#[test]
fn whose_step_it_was_is_known_however_many_runs_have_gone_on_since() {
    let first = run(&DEPLOY_FAILED);
    let next = |id: u128, earlier: &RunState| {
        let rerun = go_on(earlier, &ship(), &ship(), None).unwrap();
        let request = crate::domain::event::Requested {
            rerun: Some(rerun),
            ..earlier.request.clone()
        };
        let id = RunId::new(uuid::Uuid::from_u128(id));
        RunState::asked_for(id, request, earlier.requested_at)
    };
    let mut second = next(8, &first);
    second.ended.clone_from(&first.ended);
    let deploy = StepState {
        status: StepStatus::Succeeded,
        ..StepState::default()
    };
    second.steps.insert("deploy".into(), deploy);
    let third = next(9, &second);
    let done_in = |step: &str| third.step(&step.into()).done_in;
    assert_eq!(done_in("build"), Some(first.id));
    assert_eq!(done_in("test"), Some(first.id));
    assert_eq!(done_in("deploy"), Some(second.id));
    assert_eq!(done_in("tell"), None);
}

#[test]
fn what_steps_have_left_is_taken_over_up_to_a_bound() {
    let ids: Vec<_> = (0..10).map(|n| format!("step{n}")).collect();
    let steps: Vec<_> = ids
        .iter()
        .map(|id| json!({ "id": id, "uses": "toy.make", "needs": [] }))
        .collect();
    let definition = workflow(&json!(steps));
    let fates = ids.iter().map(|id| (id.as_str(), StepStatus::Succeeded));
    let mut earlier = run(&fates.collect::<Vec<_>>());
    earlier.steps[9].status = StepStatus::Failed;
    for (place, (_, state)) in earlier.steps.iter_mut().enumerate() {
        // Two quotation marks are the rest of it.
        let bytes = if place == 3 { 1024 * 1024 } else { 900_000 };
        state.output = Some("x".repeat(bytes - 2).into());
    }
    let go = |earlier: &RunState, from: Option<&str>| {
        let from = from.map(StepId::from);
        let rerun = go_on(earlier, &definition, &definition, from.as_ref());
        rerun.map(|rerun| rerun.done.len())
    };
    assert_eq!(go(&earlier, None).unwrap(), 9, "8.2 million bytes");
    earlier.steps[4].output = earlier.steps[3].output.clone();
    assert_eq!(
        go(&earlier, None).unwrap_err().to_string(),
        "what the steps of run 00000007 that count as done have left is 8397152 bytes long, and \
         another run takes over 8388608 at most: --from step4 does the step again that has left \
         most of it, and all that needs it"
    );
    assert_eq!(go(&earlier, Some("step4")).unwrap(), 8);
}

#[test]
fn what_was_done_on_a_system_that_has_moved_is_done_again_in_a_later_run_too() {
    let mut earlier = run(&[
        ("build", StepStatus::Succeeded),
        ("build[0]", StepStatus::Succeeded),
        ("test", StepStatus::Succeeded),
        ("deploy", StepStatus::Failed),
    ]);
    earlier.steps[1].system = Some("shop".into());
    let again = |earlier: &RunState, address: &str, from: Option<&str>| {
        let systems = [("shop".into(), address.to_owned())].into();
        let now = Present {
            workflow: &ship(),
            systems: &systems,
        };
        super::go_on(earlier, &ship(), now, from.map(StepId::from).as_ref())
    };
    assert_eq!(done(&again(&earlier, "other", None).unwrap()), ["test"]);
    assert_eq!(
        again(&earlier, "other", Some("deploy"))
            .unwrap_err()
            .to_string(),
        "step `build` comes before `deploy` and was done on a system that has another address by \
         now: begin there, with --from build"
    );
    let rerun = again(&earlier, "one", None).unwrap();
    assert_eq!(done(&rerun), ["build", "test"]);
    let mut half = earlier.clone();
    half.steps[1].left = Some("what the job did".into());
    let told = again(&half, "other", None).unwrap_err().to_string();
    assert!(
        told.contains("what the job did; its system has another address by now)"),
        "{told}"
    );

    let request = crate::domain::event::Requested {
        rerun: Some(rerun),
        ..earlier.request.clone()
    };
    let mut later = RunState::asked_for(earlier.id, request, earlier.requested_at);
    later.ended.clone_from(&earlier.ended);
    assert_eq!(
        done(&again(&later, "one", None).unwrap()),
        ["build", "test"]
    );
    assert_eq!(done(&again(&later, "other", None).unwrap()), ["test"]);
}

#[test]
fn a_run_that_has_not_ended_or_of_which_the_log_is_not_whole_is_not_gone_on_from() {
    let mut earlier = run(&DEPLOY_FAILED);
    earlier.stop = Some(Stop::Recovered {
        backup: "b".into(),
        made_at: earlier.requested_at,
    });
    let from = Some(StepId::from("deploy"));
    let told = go_on(&earlier, &ship(), &ship(), from.as_ref()).unwrap_err();
    assert_eq!(told, NoRerun::Recovered { run: earlier.id });
    earlier.ended = None;
    let told = go_on(&earlier, &ship(), &ship(), None).unwrap_err();
    assert_eq!(told, NoRerun::NotEnded { run: earlier.id });
}
