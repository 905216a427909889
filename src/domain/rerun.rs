//! Going on from a run that has ended: which of its steps count as done.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::event::{DoneStep, Rerun};
use super::names::{RunId, StepId, SystemName};
use super::nearest;
use super::run::{RunState, StepStatus, Stop};
use super::workflow::{Step, Work, Workflow};

/// A run takes no more over from the one that it goes on from, in bytes of JSON: it stands in its first
/// event, and in its state.
pub const MOST_TAKEN_OVER: usize = 8 * 1024 * 1024;

/// Why a run is not gone on from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRerun {
    /// It is still under way, or waits.
    #[error("run {0} has not ended: there is nothing to go on from yet", .run.short())]
    NotEnded {
        /// Which.
        run: RunId,
    },
    /// Its log ends before the run did.
    #[error(
        "nobody knows what run {0} did after the backup that its log comes from: look at the \
         systems that it acts on, then start the workflow anew", .run.short()
    )]
    Recovered {
        /// Which.
        run: RunId,
    },
    /// All of it is done, and stands.
    #[error(
        "everything that run {0} was to do is done: name the step to begin at with --from STEP, or \
         start the workflow anew", .run.short()
    )]
    NothingLeft {
        /// Which.
        run: RunId,
    },
    /// The workflow has no such step.
    #[error("{0}")]
    UnknownStep(String),
    /// A step that comes before the one to begin at would have to be done.
    #[error("step `{step}` comes before `{from}` and {why}: begin there, with --from {step}")]
    DoneTooLittle {
        /// Where to begin.
        from: StepId,
        /// What comes before it.
        step: StepId,
        /// What has become of it.
        why: String,
    },
    /// What its steps have left is too much for one event.
    #[error(
        "what the steps of run {0} that count as done have left is {bytes} bytes long, and another run \
         takes over {MOST_TAKEN_OVER} at most: --from {step} does the step again that has left most of \
         it, and all that needs it", .run.short()
    )]
    LeftTooMuch {
        /// Which.
        run: RunId,
        /// How much they have left, in bytes of JSON.
        bytes: usize,
        /// The step that has left most of it.
        step: StepId,
    },
    /// What a step did is still there in part.
    #[error(
        "step `{step}` is neither done nor taken back ({why}): --from {step} does it again, and \
         --from with a step behind it goes on as if it were done"
    )]
    Unclear {
        /// Which.
        step: StepId,
        /// What is known of it.
        why: String,
    },
}

/// What has become of a step in the earlier run.
enum Fate {
    /// It is done, and stands.
    Stands,
    /// It was begun to be taken back, and something of it is left.
    Half(String),
    /// It has to be done.
    Open(&'static str),
}

/// What a run goes by that is asked for at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Present<'p> {
    /// The workflow as it is written.
    pub workflow: &'p Workflow,
    /// The address of each system that it names.
    pub systems: &'p BTreeMap<SystemName, String>,
}

/// What a run that goes on from an `earlier` one has done already. It goes by things as they are `now`;
/// a step counts as done when it is done and stands, is written as it was `then`, its system is where
/// it was, and all that it needs counts as done. `from` and all that needs it is done again in any case. Items
/// of one step, and steps of a workflow that a step runs, count as done together or not at all.
///
/// # Errors
/// Why there is nothing to go on from, or what somebody has to say first.
pub fn go_on(
    earlier: &RunState,
    then: &Workflow,
    now: Present<'_>,
    from: Option<&StepId>,
) -> Result<Rerun, NoRerun> {
    let run = earlier.id;
    if earlier.ended.is_none() {
        return Err(NoRerun::NotEnded { run });
    }
    if matches!(earlier.stop, Some(Stop::Recovered { .. })) {
        return Err(NoRerun::Recovered { run });
    }
    let steps = &now.workflow.steps;
    let from = from.map(|from| place_of(steps, from)).transpose()?;
    let behind = from.map_or_else(BTreeSet::new, |from| all_behind(steps, from));
    let before = from.map_or_else(BTreeSet::new, |from| all_before(steps, from));
    let mut done = BTreeSet::new();
    for (place, step) in steps.iter().enumerate() {
        let counts = match fate_of(earlier, then, now, step) {
            _ if behind.contains(&place) => false,
            Fate::Stands => true,
            Fate::Half(_) if before.contains(&place) => true,
            Fate::Half(why) => {
                let step = step.id.clone();
                return Err(NoRerun::Unclear { step, why });
            }
            Fate::Open(_) => false,
        };
        if counts {
            done.insert(place);
        }
    }
    keep_what_needs_only_itself(steps, &mut done);
    if let (Some(from), Some(open)) = (from, before.difference(&done).next()) {
        let step = &steps[*open];
        let why = match fate_of(earlier, then, now, step) {
            Fate::Open(why) => why,
            Fate::Stands | Fate::Half(_) => "needs what is to be done again",
        };
        return Err(NoRerun::DoneTooLittle {
            from: steps[from].id.clone(),
            step: step.id.clone(),
            why: why.to_owned(),
        });
    }
    if done.len() == steps.len() {
        return Err(NoRerun::NothingLeft { run });
    }
    let done = done.into_iter().map(|place| {
        let step = &steps[place].id;
        done_step(earlier, step)
    });
    let done: Vec<_> = done.collect();
    within_bounds(run, &done)?;
    Ok(Rerun { of: run, done })
}

fn within_bounds(run: RunId, done: &[DoneStep]) -> Result<(), NoRerun> {
    let sizes = done.iter().map(|done| done.output.to_string().len());
    let sizes: Vec<_> = sizes.collect();
    let bytes = sizes.iter().sum();
    let largest = done.iter().zip(&sizes).max_by_key(|(_, bytes)| **bytes);
    match largest {
        Some((largest, _)) if bytes > MOST_TAKEN_OVER => Err(NoRerun::LeftTooMuch {
            run,
            bytes,
            step: largest.step.clone(),
        }),
        _ => Ok(()),
    }
}

fn done_step(earlier: &RunState, step: &StepId) -> DoneStep {
    let state = earlier.step(step);
    DoneStep {
        step: step.clone(),
        done_in: state.done_in,
        skipped: state.status == StepStatus::Skipped,
        systems: systems_of(earlier, step),
        output: state.output.clone().unwrap_or(Value::Null),
        left_out: state.output_left_out.clone(),
    }
}

/// What a step has acted on, and all below it; there or in a run that had done it before.
fn systems_of(earlier: &RunState, step: &StepId) -> BTreeSet<SystemName> {
    let here = earlier.steps.iter().filter_map(|(id, state)| {
        let system = state.system.as_ref()?;
        (id == step || id.is_below(step)).then_some(system)
    });
    let done = earlier.request.rerun.iter().flat_map(|rerun| &rerun.done);
    let before = done
        .filter(|done| done.step == *step)
        .flat_map(|done| &done.systems);
    here.chain(before).cloned().collect()
}

fn place_of(steps: &[Step], id: &StepId) -> Result<usize, NoRerun> {
    steps.iter().position(|step| step.id == *id).ok_or_else(|| {
        let known: Vec<_> = steps.iter().map(|step| step.id.as_str()).collect();
        NoRerun::UnknownStep(nearest::unknown("step", id.as_str(), known))
    })
}

fn fate_of(earlier: &RunState, then: &Workflow, now: Present<'_>, step: &Step) -> Fate {
    let state = earlier.step(&step.id);
    let below = earlier.steps.iter().filter(|(id, _)| {
        // What takes a step back has said so in the step's own state.
        id.is_below(&step.id) && !id.is_undo()
    });
    let all = || std::iter::once(&*state).chain(below.clone().map(|(_, state)| state));
    if let Some(failure) = all().find_map(|state| state.undo_failure.as_ref()) {
        return Fate::Half(format!("taking it back failed: {}", failure.message));
    }
    if !state.is_over() {
        return Fate::Open(match state.status {
            StepStatus::Undone => "was taken back",
            StepStatus::Pending => "was not done",
            _ => "did not come to its end",
        });
    }
    if all().any(|state| state.status == StepStatus::Undone) {
        return Fate::Open("was taken back");
    }
    if let Some(left) = all().find_map(|state| state.left.as_ref()) {
        let moved = if has_moved(earlier, now, step) {
            "; its system has another address by now"
        } else {
            ""
        };
        return Fate::Half(format!("left as it is: {left}{moved}"));
    }
    if !is_written_as_it_was(then, now.workflow, step) {
        return Fate::Open("is written otherwise by now");
    }
    if has_moved(earlier, now, step) {
        return Fate::Open("was done on a system that has another address by now");
    }
    Fate::Stands
}

/// Whether a system that the step has acted on is not where it was.
fn has_moved(earlier: &RunState, now: Present<'_>, step: &Step) -> bool {
    systems_of(earlier, &step.id).iter().any(|system| {
        let was = earlier.request.systems.get(system);
        was.is_some() && was != now.systems.get(system)
    })
}

/// A step that runs another workflow is what that one is, and all that it runs.
fn is_written_as_it_was(then: &Workflow, now: &Workflow, step: &Step) -> bool {
    let runs_others = matches!(step.work, Work::Workflow(_));
    then.steps.contains(step) && (!runs_others || then.includes == now.includes)
}

/// Takes away what needs something that is not done.
fn keep_what_needs_only_itself(steps: &[Step], done: &mut BTreeSet<usize>) {
    loop {
        let before = done.len();
        let known = done.clone();
        done.retain(|place| needs_of(steps, *place).all(|needed| known.contains(&needed)));
        if done.len() == before {
            return;
        }
    }
}

fn needs_of(steps: &[Step], place: usize) -> impl Iterator<Item = usize> {
    let named = steps[place].needs.iter().flatten();
    let places = named.filter_map(|id| steps.iter().position(|step| step.id == *id));
    let one_before = place
        .checked_sub(1)
        .filter(|_| steps[place].needs.is_none());
    places.chain(one_before)
}

/// Everything that `from` needs, directly or not.
fn all_before(steps: &[Step], from: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut to_see = vec![from];
    while let Some(place) = to_see.pop() {
        to_see.extend(needs_of(steps, place).filter(|needed| found.insert(*needed)));
    }
    found
}

/// `from` and everything that needs it, directly or not.
fn all_behind(steps: &[Step], from: usize) -> BTreeSet<usize> {
    (0..steps.len())
        .filter(|place| *place == from || all_before(steps, *place).contains(&from))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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

    use crate::domain::ending::{FinalState, Summary};
    use crate::domain::run::{Ended, StepState};

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
}
