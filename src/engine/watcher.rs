//! Listens to what changes on systems, and keeps it: what happened while nobody listened is asked for
//! as far as the system remembers it, and what it does not is kept as a time that nothing is known of.
//!
//! It listens for a minute at a time. That a system says nothing is no proof that nothing happened: its
//! line may be dead. What counts as heard is what came, and each minute that the system itself has
//! brought to its end. So a process that is killed at any instant asks again from the last of these on,
//! and what comes twice is kept once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::action::ports::Watches;
use crate::action::{ActionError, Clock, Systems};
use crate::domain::change::{Change, resume};
use crate::domain::names::SystemName;
use crate::domain::time::Timestamp;
use crate::store::{Heard, Store, StoreError};

/// It is listened for so long at a time.
const STRETCH: Duration = Duration::from_mins(1);

/// A system may bring a stretch to its end so much too late: its clock is another one.
const PATIENCE: Duration = Duration::from_secs(30);

/// So much of what was heard already is asked for again: clocks differ, and what comes twice is kept
/// once.
const OVERLAP: Duration = Duration::from_secs(10);

/// Changes that are kept in one transaction at the most.
const TOGETHER: usize = 200;

/// The first pause after a failure, which doubles with each that follows.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What the watcher is built from.
#[derive(Clone)]
pub struct WatcherParts {
    /// Where it is kept.
    pub store: Arc<dyn Store>,
    /// What is listened to.
    pub systems: Arc<Systems>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The running watcher.
pub struct Watcher {
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl Watcher {
    /// Listens to every system that tells what changes on it.
    pub fn start(parts: &WatcherParts) -> Self {
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for (name, entry) in parts.systems.iter() {
            if let Some(watches) = &entry.ports.watches {
                let ear = Ear {
                    store: Arc::clone(&parts.store),
                    clock: Arc::clone(&parts.clock),
                    system: name.clone(),
                    watches: Arc::clone(watches),
                };
                let shutdown = shutdown.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        () = shutdown.cancelled() => {}
                        () = ear.listen() => {}
                    }
                });
            }
        }
        Self { shutdown, tasks }
    }

    /// Listens no more. What happens from now on is asked for at the next start.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "what listened to a system ended badly");
            }
        }
    }
}

/// Why listening has ended.
#[derive(Debug, thiserror::Error)]
enum Deaf {
    #[error(transparent)]
    System(#[from] ActionError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("it stopped telling what happens before its time was over")]
    BrokeOff,
    #[error("it brought no minute of listening to its end")]
    Silent,
}

/// What listens to one system.
struct Ear {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    system: SystemName,
    watches: Arc<dyn Watches>,
}

impl Ear {
    async fn listen(self) {
        let mut pause = FIRST_PAUSE;
        let mut told = String::new();
        loop {
            let Err(error) = self.stretch().await else {
                pause = FIRST_PAUSE;
                told.clear();
                continue;
            };
            let why = error.to_string();
            if why != told {
                let system = &self.system;
                tracing::warn!(%system, %error, "what changes on it is not heard; it is tried again and again");
                told = why;
            }
            self.says_that_it_is_deaf().await;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Listens for a while, from where it ended before.
    async fn stretch(&self) -> Result<(), Deaf> {
        let begun = self.clock.now();
        let remembers = self.watches.remembers(begun).await?;
        let heard = self.heard().await?;
        let resumed = resume(heard, remembers, begun);
        if !resumed.is_whole {
            self.keep(Some(resumed.from), resumed.from, true, vec![])
                .await?;
        }

        // What it remembers comes at once; only then is it known that nothing is missing up to now.
        self.hear(resumed.from, begun).await?;
        self.hear(begun, begun.plus(STRETCH)).await
    }

    async fn hear(&self, from: Timestamp, until: Timestamp) -> Result<(), Deaf> {
        let limit = until.since(self.clock.now()) + PATIENCE;
        let listened = tokio::time::timeout(limit, self.keep_all(from, until)).await;
        listened.unwrap_or(Err(Deaf::Silent))?;
        // Its clock may be a little before ours.
        if self.clock.now().plus(PATIENCE) < until {
            return Err(Deaf::BrokeOff);
        }
        self.keep(None, until, true, vec![]).await?;
        Ok(())
    }

    async fn keep_all(&self, from: Timestamp, until: Timestamp) -> Result<(), Deaf> {
        let changes = self.watches.changes(from.minus(OVERLAP), until);
        let mut changes = changes.ready_chunks(TOGETHER);
        while let Some(chunk) = changes.next().await {
            let (mut good, mut failed) = (vec![], Ok(()));
            for change in chunk {
                match change {
                    Ok(change) => good.push(change),
                    Err(error) => failed = Err(error),
                }
            }
            if let Some(last) = good.iter().map(|change| change.at).max() {
                self.keep(None, last, true, good).await?;
            }
            failed?;
        }
        Ok(())
    }

    async fn heard(&self) -> Result<Option<Timestamp>, StoreError> {
        let watched = self.store.watched(&self.system).await?;
        Ok(watched.last().map(|last| last.until))
    }

    async fn keep(
        &self,
        anew: Option<Timestamp>,
        until: Timestamp,
        goes_on: bool,
        changes: Vec<Change>,
    ) -> Result<(), StoreError> {
        let system = self.system.clone();
        self.store
            .hear(Heard {
                system,
                anew,
                until,
                goes_on,
                changes,
            })
            .await
    }

    /// Where that cannot be written either, it shows by itself after some minutes.
    async fn says_that_it_is_deaf(&self) {
        let heard = self.heard().await;
        let kept = match heard {
            Ok(Some(until)) => self.keep(None, until, false, vec![]).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::debug!(system = %self.system, %error, "a gap cannot be written down yet");
        }
    }
}
