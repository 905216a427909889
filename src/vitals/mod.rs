//! What Purser tells other programs about itself: figures for Prometheus, and beats to whoever
//! raises the alarm when they stop.
//!
//! Counters and histograms are made of the events of runs as they are committed, and begin at zero
//! with the process, as Prometheus expects. Everything that says how things stand is looked up when
//! it is asked for.

mod ages;
mod follower;
mod gauges;
mod heartbeat;
mod tally;

use std::sync::Arc;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::action::Clock;
use crate::domain::names::{PlaceName, RunId, WorkflowName};
use crate::domain::schedule::ScheduleName;
use crate::engine::{Alarm, Timetable};
use crate::store::{Result, Store};
pub use ages::SecretAges;
use follower::Follower;
pub use heartbeat::{Beat, Heartbeat, HeartbeatParts};
use tally::Tally;

/// Names the workflows that there are now.
pub type Workflows = Arc<dyn Fn() -> Vec<WorkflowName> + Send + Sync>;

/// What the figures are made from.
#[derive(Clone)]
pub struct Parts {
    /// Runs, schedules and receipts.
    pub store: Arc<dyn Store>,
    /// The schedules of the files.
    pub timetable: Arc<dyn Timetable>,
    /// The workflows of the files.
    pub workflows: Workflows,
    /// The places that are told of things.
    pub places: Vec<PlaceName>,
    /// How old the secrets are that systems keep.
    pub secrets: Arc<SecretAges>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Waits.
    pub alarm: Arc<dyn Alarm>,
}

/// A run of a schedule that has ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledSuccess {
    /// Of which schedule.
    pub schedule: ScheduleName,
    /// Which run.
    pub run: RunId,
}

/// The figures, which follow all runs from the start on.
pub struct Vitals {
    tally: Arc<Tally>,
    registry: Registry,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    successes: tokio::sync::broadcast::Sender<ScheduledSuccess>,
}

/// So many successes are kept for whoever listens and is late.
const SUCCESSES: usize = 256;

impl Vitals {
    /// Follows every run. Start it before the engine: what was committed earlier is not counted.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn start(store: Arc<dyn Store>) -> Result<Self> {
        let mut registry = Registry::with_prefix("purser");
        let tally = Arc::new(Tally::register(&mut registry));
        let (successes, _) = tokio::sync::broadcast::channel(SUCCESSES);
        let shutdown = CancellationToken::new();
        let follower = Follower::new(store, Arc::clone(&tally), successes.clone()).await?;
        let task = tokio::spawn(follower.follow(shutdown.clone()));
        Ok(Self {
            tally,
            registry,
            shutdown,
            task,
            successes,
        })
    }

    /// Everything as text, in the format of `OpenMetrics`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn text(&self, parts: &Parts) -> Result<String> {
        let now = gauges::look(parts, &self.tally).await?;
        for workflow in (parts.workflows)() {
            self.tally.expect(&workflow);
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &now))
            .and_then(|()| encode_eof(&mut text));
        Ok(text)
    }

    /// Tells each run of a schedule that ends well from now on.
    pub fn successes(&self) -> tokio::sync::broadcast::Receiver<ScheduledSuccess> {
        self.successes.subscribe()
    }

    /// Follows no more.
    pub async fn stop(self: Arc<Self>) {
        self.shutdown.cancel();
        if let Ok(vitals) = Arc::try_unwrap(self).map_err(drop)
            && let Err(error) = vitals.task.await
        {
            tracing::error!(%error, "the figures ended badly");
        }
    }
}
