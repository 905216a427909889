//! Schedules and their fires.

use purser::domain::schedule::ScheduleName;
use purser::domain::time::Timestamp;
use purser::store::{FireRow, NewFire, NewRun};

use super::on_both;
use super::place::{Place, at, draft, finish, new_run};

fn name(text: &str) -> ScheduleName {
    text.to_owned().try_into().unwrap()
}

fn fire(at: Timestamp, run: Option<NewRun>) -> NewFire {
    NewFire {
        schedule: name("backup.nightly"),
        at,
        moves_on: true,
        run,
        note: None,
        receipt: None,
    }
}

async fn of_many_who_fire_at_the_same_time_one_starts_a_run(place: &Place) {
    let store = place.open().await;
    let schedule = name("backup.nightly");
    store
        .meet_schedule(schedule.clone(), "daily".into(), at(0))
        .await
        .unwrap();
    let fires = (0..20).map(|_| store.fire(fire(at(60), Some(new_run()))));
    let fired = futures_util::future::join_all(fires).await;
    assert_eq!(fired.iter().filter(|fired| **fired == Ok(true)).count(), 1);
    assert_eq!(
        fired.iter().filter(|fired| **fired == Ok(false)).count(),
        19
    );
    let runs = store.unfinished().await.unwrap();
    assert_eq!(
        (runs.len(), store.open_runs(&schedule).await.unwrap()),
        (1, runs.clone())
    );
    let row = &store.schedules().await.unwrap()[0];
    assert_eq!(row.last.as_ref().unwrap().run.unwrap().0, runs[0]);
    assert_eq!(row.seen, at(60));
    store.append(finish(runs[0], 1, "done")).await.unwrap();
    assert_eq!(store.open_runs(&schedule).await.unwrap(), []);
}

async fn one_that_is_passed_over_may_still_get_its_run(place: &Place) {
    let store = place.open().await;
    store
        .meet_schedule(name("backup.nightly"), "daily".into(), at(0))
        .await
        .unwrap();
    let passed_over = NewFire {
        note: Some("we were down".to_owned()),
        receipt: Some(draft("passed over")),
        ..fire(at(60), None)
    };
    assert_eq!(store.fire(passed_over.clone()).await, Ok(true));
    let last = FireRow {
        at: at(60),
        run: None,
        note: Some("we were down".to_owned()),
    };
    assert_eq!(store.schedules().await.unwrap()[0].last, Some(last));
    assert_eq!(store.fire(passed_over).await, Ok(false), "once is enough");
    assert_eq!(store.unsealed_receipts().await.unwrap().len(), 1);
    assert_eq!(store.fire(fire(at(60), Some(new_run()))).await, Ok(true));
    assert_eq!(store.fire(fire(at(60), Some(new_run()))).await, Ok(false));
    assert_eq!(store.unfinished().await.unwrap().len(), 1);
}

async fn what_becomes_of_a_schedule_is_kept(place: &Place) {
    let store = place.open().await;
    let (one, two) = (name("a.one"), name("b.two"));
    store
        .meet_schedule(two.clone(), "hourly".into(), at(0))
        .await
        .unwrap();
    store
        .meet_schedule(one.clone(), "daily".into(), at(0))
        .await
        .unwrap();
    store
        .pause_schedule(one.clone(), Some("ann".into()), at(5), draft("paused"))
        .await
        .unwrap();
    store.lose_schedule(two.clone(), at(6)).await.unwrap();
    store
        .look_from(two.clone(), at(7), Some(draft("looks")))
        .await
        .unwrap();
    let store = place.reopen(store).await;
    let rows = store.schedules().await.unwrap();
    assert_eq!((&rows[0].name, &rows[1].name), (&one, &two), "by name");
    assert_eq!(rows[0].paused, Some(("ann".into(), at(5))));
    assert_eq!((rows[0].seen, rows[1].seen), (at(5), at(7)));
    assert_eq!(rows[1].gone_at, Some(at(6)));
    store
        .pause_schedule(one, None, at(8), draft("resumed"))
        .await
        .unwrap();
    store
        .meet_schedule(two, "daily".into(), at(9))
        .await
        .unwrap();
    let rows = store.schedules().await.unwrap();
    assert_eq!((rows[0].paused.clone(), rows[0].seen), (None, at(8)));
    assert_eq!(
        (rows[1].gone_at, &*rows[1].timing, rows[1].seen),
        (None, "daily", at(9))
    );
    assert_eq!(store.unsealed_receipts().await.unwrap().len(), 3);
}

on_both![
    of_many_who_fire_at_the_same_time_one_starts_a_run,
    one_that_is_passed_over_may_still_get_its_run,
    what_becomes_of_a_schedule_is_kept,
];
