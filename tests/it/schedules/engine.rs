//! What becomes of fires: on time, missed, one upon the other, and when the clock jumps.

use std::sync::Arc;

use purser::domain::ending::FinalState;
use purser::domain::event::Event;
use purser::domain::names::{PersonName, RunId};
use purser::domain::person::Actor;
use purser::domain::receipt::{Draft, Subject};
use purser::domain::schedule::{Misfire, Overlap, Scheduled};
use purser::store::sqlite::SqliteStore;
use purser::store::{Runs as _, Schedules as _};
use tempfile::TempDir;

use super::hands::{Hands, at, name, scheduled};
use crate::engine::recovered::recovered;
use crate::support::toy::Toy;
use crate::support::world::actor;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

/// At noon, with this in the file.
async fn at_noon(files: Scheduled) -> (Hands, TempDir, Arc<Toy>) {
    let folder = tempfile::tempdir().unwrap();
    let toy = Arc::new(Toy::default());
    let hands = Hands::open(folder.path(), &toy, 0, files).await;
    (hands, folder, toy)
}

fn hourly(misfire: Misfire) -> Scheduled {
    Scheduled {
        misfire,
        ..scheduled("@hourly")
    }
}

/// Each minute, in a workflow whose runs take longer than that.
fn crowded(overlap: Overlap) -> Scheduled {
    Scheduled {
        overlap,
        ..scheduled("* * * * *")
    }
}

#[tokio::test]
async fn a_schedule_fires_at_its_time_and_once() {
    let (hands, _folder, _) = at_noon(scheduled("@hourly")).await;
    assert_eq!(hands.fired().await, [0; 0], "noon was before it was met");
    hands.move_to(HOUR - 1).await;
    assert_eq!(hands.fired().await, [0; 0]);
    hands.move_to(HOUR).await;
    hands.move_to(HOUR + 1).await;
    assert_eq!(hands.done().await, [HOUR]);
    assert_eq!(hands.row().await.seen, at(HOUR));
}

#[tokio::test]
async fn when_nobody_was_there_one_run_makes_up_for_all() {
    let (hands, folder, toy) = at_noon(hourly(Misfire::Once)).await;
    hands.close().await;
    let hands = Hands::open(folder.path(), &toy, 3 * HOUR + 600, hourly(Misfire::Once)).await;
    assert_eq!(hands.done().await, [3 * HOUR]);
    assert_eq!(hands.passed_over().await, [""; 0]);
}

#[tokio::test]
async fn when_nobody_was_there_and_nothing_is_made_up_for_a_receipt_says_so() {
    let (hands, folder, toy) = at_noon(hourly(Misfire::Skip)).await;
    hands.close().await;
    let hands = Hands::open(folder.path(), &toy, 3 * HOUR + 600, hourly(Misfire::Skip)).await;
    hands.move_to(3 * HOUR + 1200).await;
    assert_eq!(hands.done().await, [0; 0]);
    assert_eq!(
        hands.passed_over().await,
        [
            "nobody was there for 3 of its fires, the last at 2026-11-25T15:00:00Z: they get no \
             run (misfire: skip)"
        ]
    );
    hands.move_to(4 * HOUR).await;
    assert_eq!(hands.done().await, [4 * HOUR], "and it goes on");
}

#[tokio::test]
async fn when_nobody_was_there_each_fire_can_have_its_run_one_after_the_other() {
    let (hands, folder, toy) = at_noon(hourly(Misfire::All)).await;
    hands.close().await;
    let hands = Hands::open(folder.path(), &toy, 3 * HOUR + 600, hourly(Misfire::All)).await;
    assert_eq!(hands.done().await, [HOUR, 2 * HOUR, 3 * HOUR]);
}

#[tokio::test]
async fn after_a_recovery_nothing_is_made_up_for_however_late_the_server_starts() {
    let (hands, folder, toy) = at_noon(hourly(Misfire::All)).await;
    hands.close().await;
    let store = Arc::new(
        SqliteStore::open(folder.path(), Arc::default())
            .await
            .unwrap(),
    );
    recovered(&store).forget_schedules().await.unwrap();
    Arc::into_inner(store).unwrap().close().await;
    let hands = Hands::open(folder.path(), &toy, 3 * HOUR + 600, hourly(Misfire::All)).await;
    assert_eq!(hands.done().await, [0; 0]);
    assert_eq!(hands.passed_over().await, [""; 0]);
    hands.move_to(4 * HOUR).await;
    assert_eq!(hands.done().await, [4 * HOUR], "and it goes on");
}

#[tokio::test]
async fn a_restart_at_the_very_moment_of_a_fire_neither_repeats_nor_drops_it() {
    let (hands, folder, toy) = at_noon(scheduled("* * * * *")).await;
    hands.move_to(MINUTE).await;
    hands.done().await;
    hands.close().await;
    let hands = Hands::open(folder.path(), &toy, MINUTE, scheduled("* * * * *")).await;
    assert_eq!(hands.done().await, [MINUTE]);
    hands.close().await;
    let hands = Hands::open(folder.path(), &toy, 2 * MINUTE, scheduled("* * * * *")).await;
    assert_eq!(hands.done().await, [MINUTE, 2 * MINUTE]);
}

#[tokio::test]
async fn while_a_run_has_not_ended_fires_are_passed_over_and_the_first_leaves_a_receipt() {
    let (hands, _folder, toy) = at_noon(crowded(Overlap::Skip)).await;
    toy.hang(true);
    for minute in 1..=4 {
        hands.move_to(minute * MINUTE).await;
    }
    assert_eq!(hands.fired().await, [MINUTE]);
    let run = hands.world.store.unfinished().await.unwrap()[0];
    let why = format!("its run {} has not ended (overlap: skip)", run.short());
    let last = hands.row().await.last.unwrap();
    assert_eq!(
        (last.at, last.run, last.note),
        (at(4 * MINUTE), None, Some(why.clone()))
    );
    assert_eq!(
        hands.passed_over().await,
        [format!(
            "its fire at 2026-11-25T12:02:00Z was passed over: {why}"
        )]
    );
    toy.hang(false);
    cancel(&hands, run).await;
    hands.move_to(5 * MINUTE).await;
    assert_eq!(hands.done().await, [MINUTE, 5 * MINUTE]);
}

#[tokio::test]
async fn a_fire_can_wait_for_the_run_before_it() {
    let (hands, _folder, toy) = at_noon(crowded(Overlap::Queue)).await;
    toy.hang(true);
    for minute in 1..=3 {
        hands.move_to(minute * MINUTE).await;
    }
    assert_eq!(hands.fired().await, [MINUTE, 2 * MINUTE, 3 * MINUTE]);
    let runs = hands.world.store.unfinished().await.unwrap();
    hands.world.until(runs[0], |_| toy.calls() == 1).await;
    assert_eq!(toy.calls(), 1, "the others have not begun");
    toy.hang(false);
    cancel(&hands, runs[0]).await;
    for run in &runs[1..] {
        assert_eq!(
            hands.world.end(*run).await.ended.unwrap().state,
            FinalState::Succeeded
        );
    }
}

#[tokio::test]
async fn not_without_end_do_fires_wait_for_a_run_that_does_not_end() {
    let (hands, _folder, toy) = at_noon(crowded(Overlap::Queue)).await;
    toy.hang(true);
    for minute in 1..=210 {
        hands.move_to(minute * MINUTE).await;
    }
    // The one that has begun may have been given up meanwhile, and made room for another.
    assert!(hands.world.store.unfinished().await.unwrap().len() <= 200);
    let passed_over = hands.passed_over().await;
    assert!(!passed_over.is_empty());
    for why in passed_over {
        assert!(
            why.ends_with(" was passed over: 200 of its runs have not ended"),
            "{why}"
        );
    }
    hands.close().await;
}

#[tokio::test]
async fn a_fire_can_take_the_place_of_the_run_before_it() {
    let (hands, _folder, toy) = at_noon(crowded(Overlap::Replace)).await;
    toy.hang(true);
    hands.move_to(MINUTE).await;
    let first = hands.world.store.unfinished().await.unwrap()[0];
    hands.world.until(first, |_| toy.calls() == 1).await;
    toy.hang(false);
    hands.move_to(2 * MINUTE).await;
    assert_eq!(hands.done().await, [MINUTE, 2 * MINUTE]);
    let ended = hands.world.end(first).await.ended.unwrap();
    assert_eq!(ended.state, FinalState::Cancelled);
    let last = hands.row().await.last.unwrap();
    assert_ne!(last.run.unwrap().0, first);
    assert_eq!(toy.things(), [1], "what the first had made was taken back");
}

#[tokio::test]
async fn a_clock_that_goes_back_repeats_nothing_and_drops_nothing() {
    let (hands, _folder, _) = at_noon(scheduled("*/10 * * * *")).await;
    hands.walk(MINUTE, 30 * MINUTE).await;
    assert_eq!(hands.done().await, [600, 1200, 1800]);
    hands.move_to(15 * MINUTE).await;
    hands.walk(15 * MINUTE, 50 * MINUTE).await;
    assert_eq!(hands.done().await, [600, 1200, 1800, 2400, 3000]);
}

#[tokio::test]
async fn a_clock_that_runs_ahead_and_is_set_right_again_drops_nothing_of_the_time_between() {
    let (hands, _folder, _) = at_noon(scheduled("*/10 * * * *")).await;
    hands.move_to(24 * HOUR + 300).await;
    assert_eq!(
        hands.done().await,
        [24 * HOUR],
        "as if nobody had been there"
    );
    hands.move_to(MINUTE).await;
    hands.walk(MINUTE, 30 * MINUTE).await;
    assert_eq!(hands.done().await, [24 * HOUR, 600, 1200, 1800]);
    hands.move_to(24 * HOUR - 600).await;
    hands.move_to(24 * HOUR).await;
    let fired = hands.done().await;
    let repeated = fired.iter().filter(|fire| **fire == 24 * HOUR).count();
    assert_eq!(repeated, 1, "{fired:?}");
}

#[tokio::test]
async fn a_clock_that_went_back_while_nobody_was_there_drops_nothing() {
    let (hands, folder, toy) = at_noon(scheduled("*/10 * * * *")).await;
    hands.walk(MINUTE, 30 * MINUTE).await;
    hands.done().await;
    hands.close().await;
    let hands = Hands::open(folder.path(), &toy, -HOUR, scheduled("*/10 * * * *")).await;
    hands.walk(-HOUR, -40 * MINUTE).await;
    let mut fired = hands.done().await;
    fired.sort_unstable();
    assert_eq!(fired, [-3000, -2400, 600, 1200, 1800]);
}

#[tokio::test]
async fn a_fire_that_was_passed_over_has_its_chance_when_the_clock_comes_to_it_again() {
    let (hands, _folder, toy) = at_noon(crowded(Overlap::Skip)).await;
    toy.hang(true);
    hands.move_to(MINUTE).await;
    hands.move_to(2 * MINUTE).await;
    assert_eq!(hands.fired().await, [MINUTE]);
    hands.move_to(90).await;
    let run = hands.world.store.unfinished().await.unwrap()[0];
    toy.hang(false);
    cancel(&hands, run).await;
    hands.move_to(2 * MINUTE).await;
    assert_eq!(hands.done().await, [MINUTE, 2 * MINUTE]);
}

#[tokio::test]
async fn what_was_due_while_it_was_paused_is_not_made_up_for() {
    let (hands, _folder, _) = at_noon(hourly(Misfire::All)).await;
    pause(&hands, Some("ann")).await;
    hands.move_to(3 * HOUR + 600).await;
    assert_eq!(hands.fired().await, [0; 0]);
    pause(&hands, None).await;
    hands.move_to(4 * HOUR).await;
    assert_eq!(hands.done().await, [4 * HOUR]);
}

#[tokio::test]
async fn a_schedule_in_no_file_fires_no_more_and_one_that_comes_back_has_missed_nothing() {
    let (hands, _folder, _) = at_noon(hourly(Misfire::All)).await;
    hands.write(None).await;
    assert_eq!(hands.row().await.gone_at, Some(at(0)));
    hands.move_to(2 * HOUR).await;
    assert_eq!(hands.fired().await, [0; 0]);
    hands.write(Some(hourly(Misfire::All))).await;
    assert_eq!(hands.row().await.gone_at, None);
    hands.move_to(3 * HOUR).await;
    assert_eq!(hands.done().await, [3 * HOUR]);
}

#[tokio::test]
async fn a_schedule_with_another_time_has_missed_nothing_and_stays_paused() {
    let (hands, folder, toy) = at_noon(hourly(Misfire::All)).await;
    hands.close().await;
    let daily = Scheduled {
        misfire: Misfire::All,
        ..scheduled("30 * * * *")
    };
    let hands = Hands::open(folder.path(), &toy, 2 * HOUR, daily).await;
    hands.move_to(2 * HOUR + 1800).await;
    assert_eq!(hands.done().await, [2 * HOUR + 1800]);
    pause(&hands, Some("ann")).await;
    hands.write(Some(scheduled("* * * * *"))).await;
    hands.move_to(3 * HOUR).await;
    assert_eq!(hands.done().await, [2 * HOUR + 1800]);
    assert!(hands.row().await.paused.is_some());
}

#[tokio::test]
async fn a_workflow_that_may_not_be_started_says_so_in_a_receipt() {
    let (hands, _folder, _) = at_noon(scheduled("@hourly")).await;
    hands.refuse("nobody may");
    hands.move_to(HOUR).await;
    hands.move_to(2 * HOUR).await;
    assert_eq!(hands.fired().await, [0; 0]);
    assert_eq!(
        hands.passed_over().await,
        ["its fire at 2026-11-25T13:00:00Z was passed over: nobody may"]
    );
}

/// Has a run stop, and waits for its end.
async fn cancel(hands: &Hands, run: RunId) {
    let log = hands.world.log(run).await;
    loop {
        let event = Event::CancelRequested {
            by: actor("ann"),
            reason: None,
        };
        let seq = log.state().await.unwrap().seq;
        if log.append_if_at(seq, event).await.unwrap() {
            break;
        }
    }
    hands.world.end(run).await;
}

async fn pause(hands: &Hands, by: Option<&str>) {
    let now = hands.row().await.seen;
    let what = "schedule play.often".to_owned();
    let subject = Subject::Changed { what };
    let receipt = Draft::without_run(subject, Actor::schedule(&name()), now, "paused", [1; 32]);
    let now = hands.now();
    let by = by.map(PersonName::from);
    let paused = hands.world.store.pause_schedule(name(), by, now, receipt);
    paused.await.unwrap();
}
