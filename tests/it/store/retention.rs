//! What has ended long ago is forgotten, in small pieces, and receipts never are.

use std::collections::BTreeSet;

use purser::domain::artifact::Artifact;
use purser::domain::digest::Digest;
use purser::domain::ending::FinalState;
use purser::domain::event::{DoneStep, Event, Rerun};
use purser::domain::names::{RunId, StepId};
use purser::domain::receipt::{Chain, Draft};
use purser::domain::run::{RunState, RunStatus};
use purser::domain::schedule::ScheduleName;
use purser::domain::time::Timestamp;
use purser::domain::workflow::Workflow;
use purser::engine::seal_waiting;
use purser::store::{Append, Forgotten, GoneRun, NewFire, NewRun, Store, Telling};

use super::on_both;
use super::place::{Place, append, at, finish, new_run};
use crate::support::world::{actor, key, requested};

const DAY: i64 = 24 * 60 * 60;

/// Ends a run at this instant, with the receipt that is its own.
async fn end(store: &dyn Store, run: RunId, when: Timestamp) {
    let mut state = RunState::replay(&store.log(run, 0).await.unwrap()).unwrap();
    let last = finish(run, state.seq, "done");
    state.apply(&purser::domain::event::Logged {
        run,
        seq: state.seq + 1,
        at: when,
        event: last.event.clone(),
    });
    let receipt = Draft::of_run(&state, [7; 32]);
    assert!(receipt.is_some());
    let last = Append {
        at: when,
        receipt,
        ..last
    };
    store.append(last).await.unwrap();
}

/// Seals all receipts and has everybody told of them.
pub(super) async fn tell_all(store: &dyn Store) {
    seal_waiting(store, &key()).await.unwrap();
    let mut reached = store.begin_telling().await.unwrap();
    reached.receipt = store
        .last_receipt()
        .await
        .unwrap()
        .map_or(0, |(seq, _)| seq);
    let telling = Telling {
        notices: vec![],
        reached,
        at: at(0),
    };
    store.tell(telling).await.unwrap();
}

async fn ended(store: &dyn Store, run: NewRun, when: Timestamp) -> RunId {
    let run = store.create(run).await.unwrap();
    end(store, run, when).await;
    run
}

/// Forgets all that had ended before this instant.
async fn forget(store: &dyn Store, before: Timestamp) -> Vec<RunId> {
    let mut all = vec![];
    loop {
        let Forgotten { runs, more } = store.forget_runs(before, at(99 * DAY)).await.unwrap();
        all.extend(runs);
        if !more {
            return all;
        }
    }
}

fn definition_of(yaml_name: &str) -> Workflow {
    let yaml =
        format!("name: {yaml_name}\nsummary: S\nsteps:\n  - {{ id: one, uses: toy.make }}\n");
    serde_saphyr::from_str(&yaml).unwrap()
}

fn run_of(definition: Workflow) -> NewRun {
    let trigger = purser::domain::event::Trigger::Api;
    NewRun {
        request: requested(&definition, actor("ann"), trigger),
        definition,
        ..new_run()
    }
}

async fn what_has_ended_long_ago_goes_and_its_receipt_stays(place: &Place) {
    let store = place.open().await;
    let (short, long) = (definition_of("short"), definition_of("long"));
    let mut keyed = run_of(short.clone());
    keyed.idempotency_key = Some("once".to_owned());
    let old = ended(&*store, keyed.clone(), at(DAY)).await;
    let said = vec!["a line".to_owned()];
    store
        .add_lines(old, StepId::from("one"), said)
        .await
        .unwrap();
    let also_old = ended(&*store, run_of(long.clone()), at(2 * DAY)).await;
    let young = ended(&*store, run_of(long.clone()), at(50 * DAY)).await;
    let open = store.create(run_of(long.clone())).await.unwrap();
    tell_all(&*store).await;

    assert_eq!(forget(&*store, at(10 * DAY)).await, [old, also_old]);
    let left: BTreeSet<_> = store
        .list(99)
        .await
        .unwrap()
        .iter()
        .map(|row| row.id)
        .collect();
    assert_eq!(left, BTreeSet::from([young, open]));
    assert_eq!(store.log(old, 0).await.unwrap(), []);
    assert_eq!(
        store.last_lines(old, &"one".into(), 9).await.unwrap(),
        [""; 0]
    );
    assert_eq!(
        store.definition(&short.digest()).await.unwrap(),
        None,
        "nobody goes by it"
    );
    assert!(store.definition(&long.digest()).await.unwrap().is_some());

    let gone = GoneRun {
        run: old,
        at: at(99 * DAY),
    };
    assert_eq!(store.find_gone(&old.to_string()).await.unwrap(), [gone]);
    assert_eq!(store.find_gone(&young.to_string()).await.unwrap(), []);
    let succeeded = Some(RunStatus::Ended(FinalState::Succeeded));
    assert_eq!(store.status_of(old).await.unwrap(), succeeded);
    assert_eq!(
        store.status_of(open).await.unwrap(),
        Some(RunStatus::Queued)
    );
    assert_eq!(store.status_of(new_run().id).await.unwrap(), None);
    let mut chain = Chain::default();
    for receipt in store.receipts_after(0, 99).await.unwrap() {
        chain.next(&receipt, &key().verifying_key()).unwrap();
    }
    assert_eq!(chain.head().unwrap().0, 3);

    keyed.id = new_run().id;
    let again = store.create(keyed.clone()).await.unwrap();
    assert_eq!(again, keyed.id, "its key is forgotten with it");
    assert_eq!(forget(&*store, at(10 * DAY)).await, []);
}

async fn what_is_not_over_stays(place: &Place) {
    let store = place.open().await;
    let gone_on_from = ended(&*store, new_run(), at(DAY)).await;
    let mut rerun = new_run();
    let done = DoneStep {
        step: "one".into(),
        done_in: None,
        skipped: false,
        systems: BTreeSet::new(),
        output: serde_json::json!({ "said": "a\0b" }),
        left_out: vec![],
    };
    rerun.request.rerun = Some(Rerun {
        of: gone_on_from,
        done: vec![done],
    });
    let rerun = store.create(rerun).await.unwrap();
    tell_all(&*store).await;
    let untold = ended(&*store, new_run(), at(DAY)).await;
    seal_waiting(&*store, &key()).await.unwrap();
    let unsealed = ended(&*store, new_run(), at(DAY)).await;

    assert_eq!(
        forget(&*store, at(10 * DAY)).await,
        [],
        "it is not told, not sealed, or gone on from"
    );
    tell_all(&*store).await;
    assert_eq!(forget(&*store, at(10 * DAY)).await, [untold, unsealed]);
    end(&*store, rerun, at(DAY)).await;
    tell_all(&*store).await;
    assert_eq!(forget(&*store, at(10 * DAY)).await, [gone_on_from, rerun]);
}

async fn a_hundred_runs_go_at_a_time_and_of_many_lines_those_of_a_step(place: &Place) {
    let store = place.open().await;
    let talker = ended(&*store, new_run(), at(1)).await;
    for step in ["one", "two"] {
        let lines = (0..25_000).map(|n| n.to_string()).collect();
        store.add_lines(talker, step.into(), lines).await.unwrap();
    }
    for _ in 0..120 {
        ended(&*store, new_run(), at(2)).await;
    }
    for _ in 0..2 {
        seal_waiting(&*store, &key()).await.unwrap();
    }
    tell_all(&*store).await;
    let mut sizes = vec![];
    loop {
        let Forgotten { runs, more } = store.forget_runs(at(DAY), at(DAY)).await.unwrap();
        sizes.push(runs.len());
        if !more {
            break;
        }
    }
    assert_eq!(
        sizes,
        [0, 0, 100, 21],
        "each step's lines, and then the runs"
    );
}

fn schedule() -> ScheduleName {
    "play.nightly".to_owned().try_into().unwrap()
}

fn fire(when: Timestamp, run: Option<NewRun>) -> NewFire {
    NewFire {
        schedule: schedule(),
        at: when,
        moves_on: true,
        run,
        note: None,
        receipt: None,
    }
}

async fn a_fire_that_is_forgotten_never_happens_again(place: &Place) {
    let store = place.open().await;
    store
        .meet_schedule(schedule(), "daily".into(), at(0))
        .await
        .unwrap();
    let mut fired = vec![];
    for day in 1..4 {
        let run = new_run();
        fired.push(run.id);
        assert_eq!(
            store.fire(fire(at(day * DAY), Some(run.clone()))).await,
            Ok(true)
        );
        end(&*store, run.id, at(day * DAY + 1)).await;
    }
    tell_all(&*store).await;
    assert_eq!(
        forget(&*store, at(9 * DAY)).await,
        fired[..2],
        "the newest stays: it says when the schedule has last run"
    );
    let last = store.schedules().await.unwrap()[0].last.clone().unwrap();
    assert_eq!((last.at, last.run.unwrap().0), (at(3 * DAY), fired[2]));

    // The clock is set back behind all of them.
    store.look_from(schedule(), at(0), None).await.unwrap();
    for day in 1..4 {
        assert_eq!(
            store.fire(fire(at(day * DAY), Some(new_run()))).await,
            Ok(false),
            "{day}"
        );
    }
    assert_eq!(store.schedules().await.unwrap()[0].seen, at(3 * DAY));
    assert_eq!(store.unfinished().await.unwrap(), []);
    assert_eq!(
        store.fire(fire(at(4 * DAY), Some(new_run()))).await,
        Ok(true)
    );
}

async fn a_fire_that_the_schedule_has_not_come_by_keeps_its_run(place: &Place) {
    let store = place.open().await;
    store
        .meet_schedule(schedule(), "daily".into(), at(0))
        .await
        .unwrap();
    let mut runs = vec![];
    for second in [5, 6] {
        let run = new_run();
        runs.push(run.id);
        let by_hand = NewFire {
            moves_on: false,
            ..fire(at(second), Some(run.clone()))
        };
        assert_eq!(store.fire(by_hand).await, Ok(true));
        end(&*store, run.id, at(7)).await;
    }
    tell_all(&*store).await;
    assert_eq!(
        forget(&*store, at(DAY)).await,
        [],
        "the fire at 4 is still to come"
    );
    store.look_from(schedule(), at(5), None).await.unwrap();
    assert_eq!(forget(&*store, at(DAY)).await, runs[..1]);
}

async fn fires_that_were_passed_over_go_too_but_for_the_newest(place: &Place) {
    let store = place.open().await;
    store
        .meet_schedule(schedule(), "daily".into(), at(0))
        .await
        .unwrap();
    for second in 0..1500 {
        assert_eq!(store.fire(fire(at(second), None)).await, Ok(true));
    }
    assert_eq!(store.forget_fires(at(1000)).await, Ok(true));
    assert_eq!(store.forget_fires(at(9000)).await, Ok(false));
    assert_eq!(store.forget_fires(at(9000)).await, Ok(false));
    let last = store.schedules().await.unwrap()[0].last.clone().unwrap();
    assert_eq!(last.at, at(1499));
    let is_new = |second| store.fire(fire(at(second), Some(new_run())));
    assert_eq!(is_new(0).await, Ok(false));
    assert_eq!(is_new(1498).await, Ok(false));
    assert_eq!(
        is_new(1499).await,
        Ok(true),
        "it was passed over and is not forgotten"
    );
}

async fn artifacts_are_wanted_as_long_as_a_run_that_is_young_enough_names_them(place: &Place) {
    let store = place.open().await;
    let digest = |n: &str| Digest::from(format!("sha256:{}", n.repeat(32)));
    let kept = |n: &str| Event::ArtifactKept {
        step: "one".into(),
        artifact: Artifact {
            name: "chart.png".to_owned(),
            media_type: "image/png".to_owned(),
            digest: digest(n),
            bytes: 1,
        },
    };
    let mut runs = vec![];
    for (one, other, when) in [("aa", "ab", 1), ("aa", "ac", 20)] {
        let run = store.create(new_run()).await.unwrap();
        store.append(append(run, 1, kept(one))).await.unwrap();
        store.append(append(run, 2, kept(other))).await.unwrap();
        store.append(append(run, 3, kept(one))).await.unwrap();
        end(&*store, run, at(when * DAY)).await;
        runs.push(run);
    }
    let open = store.create(new_run()).await.unwrap();
    store.append(append(open, 1, kept("ad"))).await.unwrap();
    let wanted = async |beginning: &str, ended_before| {
        let beginning = Digest::from(format!("sha256:{beginning}"));
        store
            .wanted_artifacts(&beginning, ended_before)
            .await
            .unwrap()
    };
    let all = BTreeSet::from(["aa", "ab", "ac", "ad"].map(digest));
    assert_eq!(wanted("a", None).await, all);
    assert_eq!(wanted("ab", None).await, BTreeSet::from([digest("ab")]));
    assert_eq!(wanted("b", None).await, BTreeSet::new());
    let young = BTreeSet::from(["aa", "ac", "ad"].map(digest));
    assert_eq!(wanted("a", Some(at(10 * DAY))).await, young);
    let unfinished = BTreeSet::from([digest("ad")]);
    assert_eq!(wanted("a", Some(at(30 * DAY))).await, unfinished);

    tell_all(&*store).await;
    assert_eq!(forget(&*store, at(10 * DAY)).await, runs[..1]);
    assert_eq!(
        wanted("a", None).await,
        young,
        "nothing else names the other"
    );
}

on_both![
    what_has_ended_long_ago_goes_and_its_receipt_stays,
    what_is_not_over_stays,
    a_hundred_runs_go_at_a_time_and_of_many_lines_those_of_a_step,
    a_fire_that_is_forgotten_never_happens_again,
    a_fire_that_the_schedule_has_not_come_by_keeps_its_run,
    fires_that_were_passed_over_go_too_but_for_the_newest,
    artifacts_are_wanted_as_long_as_a_run_that_is_young_enough_names_them,
];
