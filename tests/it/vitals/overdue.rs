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

use super::receiver::Receiver;

/// 2026-11-25T12:00:00Z.
const NOON: i64 = 1_795_608_000;
const MINUTE: i64 = 60;

/// A clock that stands, so many seconds behind noon.
struct Stands(i64);

impl Clock for Stands {
    fn now(&self) -> Timestamp {
        at(self.0)
    }
}

impl Alarm for Stands {
    fn wait(&self, _: Timestamp) -> BoxFuture<'_, ()> {
        futures_util::future::pending().boxed()
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
async fn parts(folder: &Path, now: i64) -> Parts {
    let store = SqliteStore::open(folder, Arc::new(Redactor::new())).await;
    let store = Arc::new(store.unwrap());
    let timing = "@hourly".to_owned();
    store
        .meet_schedule(name(), timing, at(-30 * MINUTE))
        .await
        .unwrap();
    Parts {
        store: store as Arc<dyn Store>,
        timetable: Arc::new(Hourly),
        places: vec!["ops".into()],
        clock: Arc::new(Stands(now)),
        alarm: Arc::new(Stands(now)),
    }
}

/// What the first beat says.
async fn first_beat(now: i64) -> Vec<String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let (address, receiver) = Receiver::listen().await;
    let vitals = parts(folder.path(), now).await;
    let figures = Vitals::start(vitals.clone()).await.unwrap();
    let heartbeat = Heartbeat::start(HeartbeatParts {
        vitals,
        beat: Beat {
            url: Some(SecretUrl::parse(&format!("{address}/well")).unwrap()),
            trouble_url: Some(SecretUrl::parse(&format!("{address}/trouble")).unwrap()),
            every: Duration::from_mins(1),
            schedules: [].into(),
        },
        successes: figures.successes(),
    });
    let heartbeat = heartbeat.unwrap();
    let came = receiver.comes(1).await;
    heartbeat.stop().await;
    came
}

#[tokio::test]
async fn a_fire_that_nobody_deals_with_is_told() {
    assert_eq!(first_beat(-MINUTE).await, ["GET /well"]);
    assert_eq!(
        first_beat(2 * MINUTE).await,
        ["GET /well"],
        "the scheduler has a moment to deal with it"
    );
    assert_eq!(
        first_beat(3 * MINUTE).await,
        ["POST /trouble backup.hourly was due at 2026-11-25T12:00:00Z and has not fired"]
    );
}

#[tokio::test]
async fn how_long_it_has_been_due_is_a_figure() {
    let folder = tempfile::tempdir().unwrap();
    let figures = Vitals::start(parts(folder.path(), 5 * MINUTE).await);
    let text = figures.await.unwrap().text().await.unwrap();
    let overdue = r#"purser_schedule_overdue_seconds{schedule="backup.hourly"} 300.0"#;
    assert!(text.lines().any(|line| line == overdue), "{text}");
    let outbox = r#"purser_outbox_waiting{place="ops"} 0.0"#;
    assert!(text.lines().any(|line| line == outbox), "{text}");
}
