//! Lets schedules fire: looks at the clock, at the files and at what has fired, and does what
//! follows from the three.
//!
//! It keeps nothing in memory: after a restart, a reload or a jump of the clock it looks again.
//! Where the clock goes back, fires come up again, and the store refuses those that had a run.

mod look;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Entropy, pause};
use crate::action::{Clock, Registry};
use crate::domain::event::Requested;
use crate::domain::person::Actor;
use crate::domain::schedule::{Overlap, ScheduleName, Scheduled};
use crate::domain::time::Timestamp;
use crate::domain::workflow::Workflow;
use crate::store::Store;
use look::Look;

/// Waits for an instant; tests hand in one that they move themselves.
pub trait Alarm: Send + Sync {
    /// Returns once the clock may show this instant. Sooner does no harm: it is looked again.
    fn wait(&self, until: Timestamp) -> BoxFuture<'_, ()>;
}

/// The schedules as the files have them, and what they ask for.
pub trait Timetable: Send + Sync {
    /// All schedules.
    fn scheduled(&self) -> Vec<Scheduled>;

    /// The run that a fire asks for, and the definition that it goes by.
    ///
    /// # Errors
    /// Why it may not or cannot be started.
    fn request(
        &self,
        schedule: &ScheduleName,
        at: Option<Timestamp>,
        by: Actor,
    ) -> std::result::Result<(Requested, Workflow), String>;
}

/// What the scheduler is built from.
#[derive(Clone)]
pub struct SchedulerParts {
    /// What has fired, and the runs.
    pub store: Arc<dyn Store>,
    /// Tells which effects cannot be taken back.
    pub registry: Arc<Registry>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Waits.
    pub alarm: Arc<dyn Alarm>,
    /// Ids and salts.
    pub entropy: Arc<dyn Entropy>,
    /// What the files say.
    pub timetable: Arc<dyn Timetable>,
    /// Told when a schedule was paused, resumed or changed in its file.
    pub changed: Arc<Notify>,
}

/// The running scheduler.
pub struct Scheduler {
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Scheduler {
    /// Looks at once, and then whenever something is due or was changed.
    pub fn start(parts: SchedulerParts) -> Self {
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(look_again(Look { parts, last_id: 0 }, shutdown.clone()));
        Self { shutdown, task }
    }

    /// Lets nothing more fire.
    pub async fn stop(self) {
        self.shutdown.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the scheduler ended badly");
        }
    }
}

async fn look_again(mut look: Look, shutdown: CancellationToken) {
    let (alarm, changed) = (
        Arc::clone(&look.parts.alarm),
        Arc::clone(&look.parts.changed),
    );
    while !shutdown.is_cancelled() {
        let looked = look.look().await;
        if let Err(error) = &looked {
            tracing::error!(%error, "schedules cannot be looked at; trying again");
        }
        let next = looked.as_ref().ok().copied().flatten();
        let due = pause::instant(alarm.as_ref(), next);
        pause::until_next_look(&looked, changed.notified(), due, &shutdown).await;
    }
}

/// Runs of a schedule that may overlap its fires wait for each other, also where the workflow lets
/// its runs go beside each other.
pub fn waits_in_line(request: Requested, name: &ScheduleName, overlap: Overlap) -> Requested {
    if overlap == Overlap::Skip || request.concurrency.is_some() {
        return request;
    }
    Requested {
        concurrency: Some(format!("schedule {name}")),
        ..request
    }
}
