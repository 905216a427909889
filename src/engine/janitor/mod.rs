//! Clears away what nobody needs any more (decision 14): what steps have left on systems, the logs of
//! runs that ended long ago, and the bytes of what they had kept.
//!
//! It keeps nothing in memory but what it has said: each round looks at the store, the folder and the
//! systems, and does what is due. So a round may be cut short at any place.

mod artifacts;
mod changes;
mod leftovers;
mod runs;
mod told;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Alarm;
use crate::action::{Clock, Systems};
use crate::domain::retention::Keep;
use crate::domain::time::Timestamp;
use crate::store::{Artifacts, Store};
use told::Told;

/// From one round to the next.
const EVERY: Duration = Duration::from_mins(10);

/// What the janitor is built from.
#[derive(Clone)]
pub struct JanitorParts {
    /// Runs, and what is known of those that are gone.
    pub store: Arc<dyn Store>,
    /// The bytes of what runs have kept.
    pub artifacts: Arc<dyn Artifacts>,
    /// Where steps may have left something.
    pub systems: Arc<Systems>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Waits.
    pub alarm: Arc<dyn Alarm>,
    /// For how long runs are kept after their end.
    pub keep_runs: Keep,
    /// The same of what they have kept.
    pub keep_artifacts: Keep,
}

/// The running janitor.
pub struct Janitor {
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Janitor {
    /// Makes a round at once, and one every ten minutes from then on.
    pub fn start(parts: JanitorParts) -> Self {
        let shutdown = CancellationToken::new();
        let rounds = Rounds {
            parts,
            told: Told::default(),
        };
        let task = tokio::spawn(rounds.make(shutdown.clone()));
        Self { shutdown, task }
    }

    /// Removes nothing more. What it was about is taken up at the next start.
    pub async fn stop(self) {
        self.shutdown.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the janitor ended badly");
        }
    }
}

struct Rounds {
    parts: JanitorParts,
    told: Told,
}

impl Rounds {
    async fn make(mut self, shutdown: CancellationToken) {
        let rounds = async {
            loop {
                let begun = self.parts.clock.now();
                self.round(begun).await;
                self.wait_for_next(begun).await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = rounds => {}
        }
    }

    async fn round(&mut self, now: Timestamp) {
        self.sweep_systems(now).await;
        let forgotten = self.forget_runs(now).await;
        self.tell("runs that ended long ago cannot be forgotten", forgotten);
        let windows = self.parts.store.forget_windows(now).await;
        self.tell("windows that nobody filled in cannot be forgotten", windows);
        let changes = self.forget_changes(now).await;
        self.tell("old changes on systems cannot be forgotten", changes);
        let swept = self.sweep_artifacts(now).await;
        self.tell("artifacts that are kept no more cannot be removed", swept);
        self.told.next_round();
    }

    /// An alarm may ring too soon, and a clock may be set back behind the last round.
    async fn wait_for_next(&self, last: Timestamp) {
        let next = last.plus(EVERY);
        loop {
            self.parts.alarm.wait(next).await;
            let now = self.parts.clock.now();
            if now >= next || now < last {
                return;
            }
        }
    }

    /// Says once what is wrong; it is tried again in the next round.
    fn tell<E: std::fmt::Display>(&mut self, what: &str, done: Result<(), E>) {
        if let Err(error) = done
            && self.told.is_new(format!("{what}: {error}"))
        {
            tracing::warn!(%error, "{what}; it is tried again every ten minutes");
        }
    }
}
