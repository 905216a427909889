//! A scheduler that does not do its work: nobody but the clock and the store can tell.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use purser::action::{Clock, SecretUrl};
use purser::domain::event::Requested;
use purser::domain::person::Actor;
use purser::domain::redact::Redactor;
use purser::domain::schedule::{Misfire, Overlap, ScheduleName, Scheduled, Timing};
use purser::domain::time::Timestamp;
use purser::domain::workflow::Workflow;
use purser::engine::{Alarm, Timetable};
use purser::store::sqlite::SqliteStore;
use purser::store::{Schedules as _, Store};
use purser::vitals::{Beat, Heartbeat, HeartbeatParts, Parts, Vitals};

use tokio::sync::watch;
use tokio::time::timeout;

use super::receiver::Receiver;

/// 2026-11-25T12:00:00Z.
const NOON: i64 = 1_795_608_000;
const MINUTE: i64 = 60;

/// A clock that is moved by hand, once whoever waits for it sleeps.
#[derive(Clone)]
struct HandClock {
    now: watch::Sender<Timestamp>,
    asleep: watch::Sender<bool>,
}

impl HandClock {
    fn at(seconds: i64) -> Self {
        Self {
            now: watch::Sender::new(at(seconds)),
            asleep: watch::Sender::new(false),
        }
    }

    async fn move_to(&self, seconds: i64) {
        let mut asleep = self.asleep.subscribe();
        let falls_asleep = asleep.wait_for(|asleep| *asleep);
        let in_time = timeout(Duration::from_secs(30), falls_asleep).await.is_ok();
        assert!(in_time, "nobody waits for the clock");
        self.asleep.send_replace(false);
        self.now.send_replace(at(seconds));
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }
}

impl Alarm for HandClock {
    fn wait(&self, until: Timestamp) -> BoxFuture<'_, ()> {
        async move {
            self.asleep.send_replace(true);
            let mut moves = self.now.subscribe();
            let _ = moves.wait_for(|now| *now >= until).await;
        }
        .boxed()
    }
}

struct Hourly;

impl Timetable for Hourly {
    fn scheduled(&self) -> Vec<Scheduled> {
        vec![Scheduled {
            name: name(),
            timing: Timing::new("@hourly".parse().unwrap(), "UTC".parse().unwrap()),
            misfire: Misfire::Once,
            overlap: Overlap::Skip,
            jitter: None,
        }]
    }

    fn request(
        &self,
        _: &ScheduleName,
        _: Option<Timestamp>,
        _: Actor,
    ) -> Result<(Requested, Workflow), String> {
        Err("nobody asks".to_owned())
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((NOON + seconds) * 1_000_000)
}

fn name() -> ScheduleName {
    ScheduleName::new("backup".into(), "hourly".to_owned())
}

/// A store that has met the schedule at half past eleven, and a clock.
async fn parts(folder: &Path, clock: &HandClock) -> Parts {
    let store = SqliteStore::open(folder, Arc::new(Redactor::new())).await;
    let store = Arc::new(store.unwrap());
    let timing = Hourly.scheduled()[0].timing.to_string();
    store
        .meet_schedule(name(), timing, at(-30 * MINUTE))
        .await
        .unwrap();
    Parts {
        store: store as Arc<dyn Store>,
        timetable: Arc::new(Hourly),
        workflows: Arc::new(Vec::new),
        places: vec!["ops".into()],
        secrets: Arc::default(),
        clock: Arc::new(clock.clone()),
        alarm: Arc::new(clock.clone()),
    }
}

/// What the beats say that begin at the first of these instants.
async fn beats_at(instants: &[i64]) -> Vec<String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let (address, receiver) = Receiver::listen().await;
    let clock = HandClock::at(instants[0]);
    let url = |path: &str| Some(SecretUrl::parse(&format!("{address}/{path}")).unwrap());
    let heartbeat = Heartbeat::start(HeartbeatParts {
        vitals: parts(folder.path(), &clock).await,
        beat: Beat {
            url: url("well"),
            trouble_url: url("trouble"),
            every: Duration::from_mins(1),
            schedules: [].into(),
        },
        successes: None,
    });
    let heartbeat = heartbeat.unwrap();
    for instant in &instants[1..] {
        clock.move_to(*instant).await;
    }
    let came = receiver.comes(instants.len()).await;
    heartbeat.stop().await;
    came
}

const WELL: &str = "GET /well";
const TROUBLE: &str =
    "POST /trouble backup.hourly was due at 2026-11-25T12:00:00Z and has not fired";

#[tokio::test]
async fn a_fire_that_nobody_deals_with_is_told() {
    // The scheduler has a moment to deal with it.
    let minutes = [-1, 0, 1, 2, 3].map(|minute| minute * MINUTE);
    assert_eq!(beats_at(&minutes).await, [WELL, WELL, WELL, WELL, TROUBLE]);
}

#[tokio::test]
async fn a_fire_that_was_missed_is_told_when_nobody_deals_with_it_from_then_on() {
    let minutes = [60, 61, 62, 63].map(|minute| minute * MINUTE - 1);
    assert_eq!(beats_at(&minutes).await, [WELL, WELL, WELL, TROUBLE]);
    // The machine slept.
    let minutes = [-1, 30, 31, 32, 33].map(|minute| minute * MINUTE);
    assert_eq!(beats_at(&minutes).await, [WELL, WELL, WELL, WELL, TROUBLE]);
}

#[tokio::test]
async fn how_long_it_has_been_due_is_a_figure() {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(folder.path(), &HandClock::at(5 * MINUTE)).await;
    let vitals = Vitals::start(Arc::clone(&parts.store)).await.unwrap();
    let text = vitals.text(&parts).await.unwrap();
    let overdue = r#"purser_schedule_overdue_seconds{schedule="backup.hourly"} 300.0"#;
    assert!(text.lines().any(|line| line == overdue), "{text}");
    let outbox = r#"purser_outbox_waiting{place="ops"} 0.0"#;
    assert!(text.lines().any(|line| line == outbox), "{text}");
}
