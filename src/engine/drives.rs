//! Sees that every unfinished run is being driven, one task each.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::drive::{self, Kept};
use super::{Shared, holds, sealer};
use crate::domain::names::RunId;
use crate::store::Begun;

/// How often it is looked whether there is a run of which nobody was told: whoever asked for it went
/// away before the answer, or the answer to its commit was lost.
const LOOK: Duration = Duration::from_secs(5);

/// The pause before what failed is tried again: first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// Drives every unfinished run, and each new one as it is created, until the engine stops.
pub(super) async fn supervise(shared: Arc<Shared>) {
    let mut changes = shared.parts.store.changes();
    let mut drives = Drives::default();
    drives.take_up_begun(&shared).await;
    let sealer = tokio::spawn(sealer::seal_all(Arc::clone(&shared)));
    let expiry = tokio::spawn(holds::remove_expired(Arc::clone(&shared)));
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = shared.shutdown.cancelled() => break,
            changed = changes.recv() => match changed {
                Ok(run) => drives.take_up(&shared, run, Kept::default()),
                Err(RecvError::Lagged(_)) => drives.take_up_all(&shared).await,
                Err(RecvError::Closed) => break,
            },
            _ = looks.tick() => drives.take_up_all(&shared).await,
            Some(ended) = drives.tasks.join_next_with_id(), if !drives.tasks.is_empty() => {
                let task = ended.map_or_else(|error| error.id(), |(task, ())| task);
                drives.runs.retain(|_, driven_by| *driven_by != task);
            }
        }
    }
    while drives.tasks.join_next().await.is_some() {}
    for (what, task) in [("sealer", sealer), ("expiry of locks", expiry)] {
        if let Err(error) = task.await {
            tracing::error!(%error, "the {what} ended badly");
        }
    }
}

/// The driving tasks by run.
#[derive(Default)]
struct Drives {
    tasks: JoinSet<()>,
    runs: HashMap<RunId, tokio::task::Id>,
}

impl Drives {
    /// Takes up every run that had begun before this process did. All have their places inside
    /// before any other can be let in: the next of a key would else begin beside the one before it.
    async fn take_up_begun(&mut self, shared: &Arc<Shared>) {
        let mut pause = Pause::default();
        loop {
            match shared.parts.store.begun().await {
                Ok(begun) => {
                    let inside: Vec<_> = begun
                        .into_iter()
                        .map(|Begun { run, concurrency }| {
                            (run, Kept::inside(shared.gate.readmit(concurrency)))
                        })
                        .collect();
                    for (run, kept) in inside {
                        self.take_up(shared, run, kept);
                    }
                    return;
                }
                Err(error) => tracing::error!(%error, "the runs that had begun cannot be read"),
            }
            if pause.is_cut_short(&shared.shutdown).await {
                return;
            }
        }
    }

    async fn take_up_all(&mut self, shared: &Arc<Shared>) {
        match shared.parts.store.unfinished().await {
            Ok(runs) => {
                for run in runs {
                    self.take_up(shared, run, Kept::default());
                }
            }
            Err(error) => tracing::error!(%error, "unfinished runs cannot be read"),
        }
    }

    fn take_up(&mut self, shared: &Arc<Shared>, run: RunId, kept: Kept) {
        if self.runs.contains_key(&run) || shared.shutdown.is_cancelled() {
            return;
        }
        let task = self.tasks.spawn(see_through(Arc::clone(shared), run, kept));
        self.runs.insert(run, task.id());
    }
}

/// Drives a run until it has ended or the engine stops. A drive that fails is begun again: the log
/// says where it was, and the run keeps its place inside meanwhile.
async fn see_through(shared: Arc<Shared>, run: RunId, mut kept: Kept) {
    let mut pause = Pause::default();
    loop {
        let drive = AssertUnwindSafe(drive::drive(&shared, run, &mut kept));
        let driven = drive.catch_unwind().await;
        shared.progress.clear(run);
        match driven {
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                tracing::error!(%run, %error, "the run cannot be carried forward; trying again");
            }
            Err(panic) => {
                // Its steps may be what it failed at: too often, and a person is asked.
                kept.are_steps_taken_up = false;
                let panic = in_words(panic.as_ref());
                tracing::error!(%run, panic, "driving the run failed; trying again");
            }
        }
        if pause.is_cut_short(&shared.shutdown).await {
            return;
        }
    }
}

fn in_words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words")
}

/// Pauses that grow.
#[derive(Default)]
struct Pause {
    last: Option<Duration>,
}

impl Pause {
    /// Waits for the next pause to be over; `true` when the engine stops meanwhile.
    async fn is_cut_short(&mut self, shutdown: &CancellationToken) -> bool {
        let (first, most) = PAUSES;
        let pause = self.last.map_or(first, |last| most.min(last * 2));
        self.last = Some(pause);
        let stopped = tokio::time::timeout(pause, shutdown.cancelled()).await;
        stopped.is_ok()
    }
}
