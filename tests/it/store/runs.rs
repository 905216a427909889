//! Runs and their logs.

use std::sync::Arc;

use purser::domain::ending::FinalState;
use purser::domain::event::{Event, Rerun};
use purser::domain::names::RunId;
use purser::domain::run::RunStatus;
use purser::domain::undo::Undo;
use purser::store::{Append, Begun, NewRun, Store, StoreError};
use uuid::Uuid;

use super::on_both;
use super::place::{Place, SECRET, append, at, finish, new_run, recorded};

async fn names_in_log(store: &dyn Store, run: RunId) -> Vec<String> {
    let log = store.log(run, 0).await.unwrap();
    let places: Vec<_> = log.iter().map(|logged| logged.seq).collect();
    assert_eq!(
        places,
        (1..=log.len() as u64).collect::<Vec<_>>(),
        "no gaps"
    );
    let name = |event: &Event| match event {
        Event::Recorded { name, .. } => name.clone(),
        other => serde_json::json!(other)["type"]
            .as_str()
            .unwrap()
            .to_owned(),
    };
    log.iter().map(|logged| name(&logged.event)).collect()
}

async fn a_run_is_what_its_log_says(place: &Place) {
    let store = place.open().await;
    let wanted = new_run();
    let run = store.create(wanted.clone()).await.unwrap();
    let told = store.append(append(run, 1, Event::Started)).await.unwrap();
    assert_eq!((told.run, told.seq, told.at), (run, 2, at(1)));
    store.append(append(run, 2, recorded("a"))).await.unwrap();
    store.append(finish(run, 3, "all done")).await.unwrap();
    let store = place.reopen(store).await;
    assert_eq!(
        names_in_log(&*store, run).await,
        ["requested", "started", "a", "finished"]
    );
    let log = store.log(run, 2).await.unwrap();
    assert_eq!((log.len(), &log[0].event), (2, &recorded("a")));
    let definition = store.definition(&wanted.request.definition).await.unwrap();
    assert_eq!(definition, Some(wanted.definition));
    let row = &store.list(9).await.unwrap()[0];
    assert!(matches!(row.status, RunStatus::Ended(_)));
    assert_eq!(row.summary.as_deref(), Some("all done"));
    assert_eq!((row.requested_at, row.updated_at), (at(0), at(1)));
    assert_eq!(
        (row.workflow.as_str(), row.requested_by.as_str()),
        ("play", "ann")
    );
}

async fn whoever_is_late_is_told_and_nothing_of_theirs_is_kept(place: &Place) {
    let store = place.open().await;
    let run = store.create(new_run()).await.unwrap();
    store
        .append(append(run, 1, recorded("first")))
        .await
        .unwrap();
    let late = finish(run, 1, "late");
    assert_eq!(store.append(late).await, Err(StoreError::Conflict));
    let gap = finish(run, 7, "from the future");
    assert_eq!(store.append(gap).await, Err(StoreError::Conflict));
    assert_eq!(names_in_log(&*store, run).await, ["requested", "first"]);
    assert_eq!(store.unfinished().await.unwrap(), [run]);
    assert_eq!(store.unsealed_receipts().await.unwrap(), []);
    let unknown = append(RunId::new(Uuid::now_v7()), 1, Event::Started);
    assert_eq!(store.append(unknown.clone()).await.ok(), None);
    assert_eq!(store.log(unknown.run, 0).await.unwrap(), []);
}

async fn a_long_log_is_read_in_pages(place: &Place) {
    let store = place.open().await;
    let run = store.create(new_run()).await.unwrap();
    for seq in 1..=4 {
        let event = Event::Recorded {
            step: "one".into(),
            name: seq.to_string(),
            value: "x".repeat(3 << 20).into(),
        };
        store.append(append(run, seq, event)).await.unwrap();
    }
    let page = async |after, most| {
        let page = store.log_page(run, after, most).await.unwrap();
        page.iter().map(|logged| logged.seq).collect::<Vec<_>>()
    };
    assert_eq!(page(0, 9).await, [1, 2, 3], "the third is behind 4 MiB");
    assert_eq!(page(3, 9).await, [4, 5]);
    assert_eq!(page(0, 2).await, [1, 2]);
    assert_eq!(page(5, 9).await, [0; 0]);
}

async fn who_has_begun_is_known_with_its_key_until_it_has_ended(place: &Place) {
    let store = place.open().await;
    let keyed = |key: Option<&str>| {
        let mut run = new_run();
        run.request.concurrency = key.map(str::to_owned);
        run
    };
    store.create(keyed(Some("web"))).await.unwrap();
    let mut begun = vec![];
    for key in [Some("web"), None] {
        let run = store.create(keyed(key)).await.unwrap();
        store.append(append(run, 1, Event::Started)).await.unwrap();
        let concurrency = key.map(str::to_owned);
        begun.push(Begun { run, concurrency });
    }
    assert_eq!(store.begun().await.unwrap(), begun);
    store.append(finish(begun[0].run, 2, "done")).await.unwrap();
    assert_eq!(store.begun().await.unwrap(), begun[1..]);
}

async fn of_many_who_want_the_same_place_one_has_it(place: &Place) {
    let store = place.open().await;
    let run = store.create(new_run()).await.unwrap();
    let asks = (0..50).map(|n| store.append(append(run, 1, recorded(&n.to_string()))));
    let asked = futures_util::future::join_all(asks).await;
    let (had, late): (Vec<_>, Vec<_>) = asked.into_iter().partition(Result::is_ok);
    assert_eq!((had.len(), late.len()), (1, 49));
    assert!(
        late.iter()
            .all(|refused| *refused == Err(StoreError::Conflict))
    );
    assert_eq!(store.log(run, 0).await.unwrap().len(), 2);
}

async fn many_runs_grow_at_the_same_time_each_in_its_own_order(place: &Place) {
    let store = place.open().await;
    let grow = |store: Arc<dyn Store>| async move {
        let run = store.create(new_run()).await.unwrap();
        for seq in 1..=10 {
            let event = recorded(&seq.to_string());
            store.append(append(run, seq, event)).await.unwrap();
        }
        run
    };
    let runs: Vec<_> = (0..30)
        .map(|_| tokio::spawn(grow(Arc::clone(&store))))
        .collect();
    for run in runs {
        let names = names_in_log(&*store, run.await.unwrap()).await;
        let wanted: Vec<_> = (1..=10).map(|n: u32| n.to_string()).collect();
        assert_eq!(names[1..], wanted);
    }
}

async fn the_same_key_by_the_same_person_is_the_same_run(place: &Place) {
    let store = place.open().await;
    let keyed = |key: &str, by: &str| {
        let mut run = new_run();
        run.request.by.person = by.into();
        NewRun {
            idempotency_key: Some(key.to_owned()),
            ..run
        }
    };
    let first = store.create(keyed("k", "ann")).await.unwrap();
    let again: Vec<_> = (0..20).map(|_| store.create(keyed("k", "ann"))).collect();
    let again = futures_util::future::join_all(again).await;
    assert!(again.iter().all(|id| *id == Ok(first)), "{again:?}");
    let by_another = store.create(keyed("k", "bo")).await.unwrap();
    let by_another_key = store.create(keyed("k2", "ann")).await.unwrap();
    let strange = store.create(keyed("k\0", "ann")).await.unwrap();
    assert_eq!(store.create(keyed("k\0", "ann")).await, Ok(strange));
    let mut all = vec![first, by_another, by_another_key, strange];
    all.sort();
    assert_eq!(store.unfinished().await.unwrap(), all, "oldest first");
}

async fn what_is_secret_is_masked_wherever_it_stands(place: &Place) {
    let store = place.open().await;
    let mut run = new_run();
    run.request.inputs = serde_json::json!({ "with": SECRET });
    run.request.concurrency = Some(format!("db {SECRET}"));
    let run = store.create(run).await.unwrap();
    let event = Event::Recorded {
        step: "one".into(),
        name: "url".to_owned(),
        value: serde_json::json!({ "password": [SECRET] }),
    };
    let told = store.append(append(run, 1, event)).await.unwrap();
    assert!(!format!("{told:?}").contains(SECRET));
    assert!(!format!("{:?}", store.log(run, 0).await.unwrap()).contains(SECRET));
    let by_key = store.unfinished_of(&format!("db {SECRET}")).await.unwrap();
    assert_eq!(by_key, [run], "and is found by what it was");
}

async fn a_text_may_hold_any_character(place: &Place) {
    let store = place.open().await;
    let run = store.create(new_run()).await.unwrap();
    let strange = "a\0b \u{1F40C} 'quoted' \\ %s $1 ?";
    store
        .append(append(run, 1, recorded(strange)))
        .await
        .unwrap();
    store.append(finish(run, 2, strange)).await.unwrap();
    assert_eq!(
        store.log(run, 1).await.unwrap()[0].event,
        recorded(strange),
        "the log keeps it as it is"
    );
    let summary = store.list(1).await.unwrap()[0].summary.clone().unwrap();
    assert_eq!(summary.replace('\u{2400}', "\0"), strange);
}

async fn runs_are_found_by_either_end_of_their_ids(place: &Place) {
    let store = place.open().await;
    let mut runs = vec![];
    for _ in 0..5 {
        runs.push(store.create(new_run()).await.unwrap());
    }
    runs.reverse();
    let id = runs[0].to_string();
    let tail = &id[id.len() - 9..];
    assert_eq!(store.find(tail).await.unwrap(), [runs[0]]);
    assert_eq!(store.find(&tail.to_uppercase()).await.unwrap(), [runs[0]]);
    assert_eq!(
        store.find(&id[..6]).await.unwrap(),
        runs[..3],
        "at most three"
    );
    for nothing in ["", "%", "_", "zz"] {
        assert_eq!(store.find(nothing).await.unwrap(), []);
    }
    let ids = |rows: Vec<purser::store::RunRow>| rows.iter().map(|r| r.id).collect::<Vec<_>>();
    assert_eq!(ids(store.list(2).await.unwrap()), runs[..2], "newest first");
}

async fn a_key_is_free_when_its_runs_have_ended(place: &Place) {
    let store = place.open().await;
    let keyed = || {
        let mut run = new_run();
        run.request.concurrency = Some("web".to_owned());
        run
    };
    let first = store.create(keyed()).await.unwrap();
    let second = store.create(keyed()).await.unwrap();
    store.create(new_run()).await.unwrap();
    assert_eq!(store.unfinished_of("web").await.unwrap(), [first, second]);
    store.append(finish(first, 1, "done")).await.unwrap();
    assert_eq!(store.unfinished_of("web").await.unwrap(), [second]);
}

/// A run that goes on from that one, and has all of it still to do.
fn rerun_of(of: RunId) -> NewRun {
    let mut run = new_run();
    run.request.rerun = Some(Rerun { of, done: vec![] });
    run
}

/// The end of a run that has failed.
fn fail(run: RunId) -> Append {
    let status = RunStatus::Ended(FinalState::Failed);
    let end = finish(run, 1, "failed");
    Append { status, ..end }
}

async fn of_many_who_go_on_from_a_run_at_once_one_does(place: &Place) {
    let store = place.open().await;
    let of = store.create(new_run()).await.unwrap();
    store.append(fail(of)).await.unwrap();
    let asks = (0..20).map(|_| store.create(rerun_of(of)));
    let asked = futures_util::future::join_all(asks).await;
    let (had, late): (Vec<_>, Vec<_>) = asked.into_iter().partition(Result::is_ok);
    let [Ok(by)] = had[..] else { panic!("{had:?}") };
    let told = StoreError::GoesOn { of, by };
    assert_eq!(late, vec![Err(told); 19]);
    assert_eq!(store.unfinished().await.unwrap(), [by]);
    let keyed = |run: NewRun| NewRun {
        idempotency_key: Some("k".to_owned()),
        ..run
    };
    store.append(fail(by)).await.unwrap();
    let told = StoreError::HasGoneOn { of, by };
    assert_eq!(store.create(rerun_of(of)).await, Err(told));
    let again = store.create(keyed(rerun_of(by))).await.unwrap();
    let same = store.create(keyed(rerun_of(by))).await;
    assert_eq!(same, Ok(again), "the same request is the same run");
}

/// A run that takes that one back.
fn undo_of(of: RunId) -> NewRun {
    let mut run = new_run();
    run.request.undo = Some(Undo {
        of,
        reason: None,
        steps: vec![],
    });
    run
}

/// The end of a run that had begun.
fn ended(run: RunId, state: FinalState) -> Append {
    let status = RunStatus::Ended(state);
    let end = finish(run, 2, "over");
    Append { status, ..end }
}

async fn of_many_who_take_a_run_back_at_once_one_does(place: &Place) {
    let store = place.open().await;
    let begun = |run: NewRun| async {
        let run = store.create(run).await.unwrap();
        store.append(append(run, 1, Event::Started)).await.unwrap();
        run
    };
    let of = begun(new_run()).await;
    store
        .append(ended(of, FinalState::Succeeded))
        .await
        .unwrap();
    let asks = (0..20).map(|_| store.create(undo_of(of)));
    let asked = futures_util::future::join_all(asks).await;
    let (had, late): (Vec<_>, Vec<_>) = asked.into_iter().partition(Result::is_ok);
    let [Ok(by)] = had[..] else { panic!("{had:?}") };
    let told = StoreError::BeingUndone { of, by };
    assert_eq!(late, vec![Err(told.clone()); 19]);
    assert_eq!(store.create(rerun_of(of)).await, Err(told));
    assert_eq!(store.undone_by(of).await.unwrap(), Some(by));
    // One that never began has taken nothing back.
    let never = Append {
        status: RunStatus::Ended(FinalState::Cancelled),
        ..finish(by, 1, "cancelled")
    };
    store.append(never).await.unwrap();
    assert_eq!(store.undone_by(of).await.unwrap(), None);
    for state in [FinalState::Failed, FinalState::Succeeded] {
        let of = begun(new_run()).await;
        let by = begun(undo_of(of)).await;
        store.append(ended(by, state)).await.unwrap();
        let told = match state {
            FinalState::Succeeded => StoreError::Undone { of, by },
            _ => StoreError::UndoneInPart { of, by },
        };
        assert_eq!(store.create(undo_of(of)).await, Err(told));
    }
}

async fn what_has_begun_since_a_run_did_is_known(place: &Place) {
    let store = place.open().await;
    let (mut first, mut others) = (new_run(), Vec::new());
    first.request.concurrency = Some("web".to_owned());
    let first = store.create(first).await.unwrap();
    for key in ["web", "db", "web"] {
        let mut run = new_run();
        run.request.concurrency = Some(key.to_owned());
        others.push(store.create(run).await.unwrap());
    }
    store
        .append(append(first, 1, Event::Started))
        .await
        .unwrap();
    assert_eq!(store.begun_since(first).await.unwrap(), []);
    for run in &others {
        store.append(append(*run, 1, Event::Started)).await.unwrap();
    }
    let [one, _, two] = others[..] else {
        unreachable!()
    };
    assert_eq!(store.begun_since(first).await.unwrap(), [two, one]);
    store
        .append(ended(two, FinalState::RolledBack))
        .await
        .unwrap();
    assert_eq!(store.begun_since(first).await.unwrap(), [one]);
    store
        .append(ended(one, FinalState::Succeeded))
        .await
        .unwrap();
    assert_eq!(store.begun_since(first).await.unwrap(), [one]);
    let mut undo = undo_of(one);
    undo.request.concurrency = Some("web".to_owned());
    let undo = store.create(undo).await.unwrap();
    store.append(append(undo, 1, Event::Started)).await.unwrap();
    assert_eq!(store.begun_since(first).await.unwrap(), [undo, one]);
    store
        .append(ended(undo, FinalState::Succeeded))
        .await
        .unwrap();
    assert_eq!(store.begun_since(first).await.unwrap(), []);
}

async fn who_goes_on_goes_on_from_the_last_of_those_who_did(place: &Place) {
    let store = place.open().await;
    let failed = |run: NewRun| async {
        let run = store.create(run).await.unwrap();
        store.append(fail(run)).await.unwrap();
        run
    };
    let first = failed(new_run()).await;
    let second = failed(rerun_of(first)).await;
    let third = store.create(rerun_of(second)).await.unwrap();
    for of in [first, second] {
        let told = StoreError::GoesOn { of, by: third };
        assert_eq!(store.create(rerun_of(of)).await, Err(told));
    }
    store.append(finish(third, 1, "done")).await.unwrap();
    for of in [first, second] {
        let told = StoreError::HasGoneOn { of, by: third };
        assert_eq!(store.create(rerun_of(of)).await, Err(told));
    }
    failed(rerun_of(third)).await;
    assert_eq!(store.unfinished().await.unwrap(), []);
}

async fn whoever_listens_hears_of_each_change_after_its_commit(place: &Place) {
    let store = place.open().await;
    let mut changes = store.changes();
    let mut commits = store.commits();
    commits.mark_unchanged();
    let run = store.create(new_run()).await.unwrap();
    assert_eq!(changes.recv().await, Ok(run));
    store.append(append(run, 1, Event::Started)).await.unwrap();
    assert_eq!(changes.recv().await, Ok(run));
    assert_eq!(store.log(run, 1).await.unwrap().len(), 1);
    assert_eq!(
        store.append(append(run, 1, Event::Started)).await,
        Err(StoreError::Conflict)
    );
    assert!(changes.try_recv().is_err(), "nothing has changed");
    commits.changed().await.unwrap();
    let refused = store.append(append(RunId::new(Uuid::now_v7()), 1, Event::Started));
    assert!(refused.await.is_err());
}

on_both![
    a_run_is_what_its_log_says,
    whoever_is_late_is_told_and_nothing_of_theirs_is_kept,
    of_many_who_want_the_same_place_one_has_it,
    many_runs_grow_at_the_same_time_each_in_its_own_order,
    the_same_key_by_the_same_person_is_the_same_run,
    what_is_secret_is_masked_wherever_it_stands,
    a_text_may_hold_any_character,
    runs_are_found_by_either_end_of_their_ids,
    a_long_log_is_read_in_pages,
    who_has_begun_is_known_with_its_key_until_it_has_ended,
    a_key_is_free_when_its_runs_have_ended,
    of_many_who_go_on_from_a_run_at_once_one_does,
    of_many_who_take_a_run_back_at_once_one_does,
    what_has_begun_since_a_run_did_is_known,
    who_goes_on_goes_on_from_the_last_of_those_who_did,
    whoever_listens_hears_of_each_change_after_its_commit,
];
