//! Places that are configured no more, and clocks that were wrong.

use std::sync::Arc;
use std::time::Duration;

use purser::places::Format;
use purser::store::Outbox as _;
use tempfile::TempDir;
use tokio::time::timeout;

use super::hands::{HandClock, Hands, Settings, at};
use super::receiver::{Mood, Receiver};
use crate::support::toy::Toy;

const HOUR: i64 = 3600;

async fn open(folder: &TempDir, clock: &HandClock, settings: Settings) -> Hands {
    Hands::open(folder.path(), &Arc::<Toy>::default(), clock, settings).await
}

#[tokio::test]
async fn without_a_fallback_what_waits_for_a_place_that_is_no_more_is_told_where_such_runs_report()
{
    let (folder, clock) = (tempfile::tempdir().unwrap(), HandClock::at(0));
    let (ops, oncall) = (Receiver::start().await, Receiver::start().await);
    ops.is(Mood::Answers(500));
    let settings = Settings::default().with("ops", &ops, Format::Event);
    let hands = open(&folder, &clock, settings).await;
    hands.is_passed_over(1).await;
    ops.is_sent(1).await;
    hands.close().await;

    // It was given another name.
    let settings = Settings {
        scheduled: Some("oncall"),
        ..Settings::default().with("oncall", &oncall, Format::Event)
    };
    let hands = open(&folder, &clock, settings).await;
    let taken = oncall.takes(1).await;
    let data = &taken[0].json()["data"];
    assert_eq!(data["by"], "schedule play.1");
    assert_eq!(data["instead_of"]["place"], "ops");
    let left = hands.world.store.backlog().await.unwrap();
    assert!(left.iter().all(|place| place.place.as_str() != "ops"));
    hands.close().await;
}

#[tokio::test]
async fn a_clock_that_once_was_far_ahead_does_not_silence_digests() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), HandClock::at(0));
    let ops = Receiver::start().await;
    let settings = Settings {
        digest: Some("0 9 * * *"),
        ..Settings::default().with("ops", &ops, Format::Text)
    };
    let hands = open(&folder, &clock, settings.clone()).await;
    digests_are_told_up_to(&hands, 0).await;
    clock.move_to(100 * 24 * HOUR);
    ops.takes(1).await;
    hands.close().await;

    clock.move_to(HOUR);
    let hands = open(&folder, &clock, settings).await;
    digests_are_told_up_to(&hands, HOUR).await;
    hands.is_passed_over(1).await;
    ops.takes(2).await;
    clock.move_to(21 * HOUR);
    let digest = ops.takes(3).await.pop().unwrap();
    insta::assert_snapshot!(digest.text(), @"
    Since 2026-11-25T13:00:00+00:00, nothing ran; 1 passed over. Now nothing waits for a person.
    Went wrong:
    • `play.1` was passed over
    ");
    hands.close().await;
}

async fn digests_are_told_up_to(hands: &Hands, seconds: i64) {
    let told = async {
        while hands.world.store.begin_telling().await.unwrap().digest_at != Some(at(seconds)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = timeout(Duration::from_secs(30), told).await;
    assert!(in_time.is_ok(), "digests are not told from then on");
}
