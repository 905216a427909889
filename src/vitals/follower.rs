//! Follows the logs of runs, each event once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::{Receiver, Sender, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::ScheduledSuccess;
use super::tally::{Open, Tally};
use crate::domain::ending::FinalState;
use crate::domain::event::{Event, Logged, Trigger};
use crate::domain::names::RunId;
use crate::domain::run::RunStatus;
use crate::store::{Result, Store};

/// So many runs that have ended are remembered: news of a run may come after its last event was
/// read, and there are no more news than these on their way.
const ENDED: usize = 4096;

/// So many runs are looked at when news were missed.
const MISSED: u32 = 1024;

/// How soon a store that failed is asked again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Follower {
    store: Arc<dyn Store>,
    tally: Arc<Tally>,
    news: Receiver<RunId>,
    ended: VecDeque<RunId>,
    successes: Sender<ScheduledSuccess>,
}

impl Follower {
    /// Knows the runs that have not ended, and has counted nothing.
    pub(super) async fn new(
        store: Arc<dyn Store>,
        tally: Arc<Tally>,
        successes: Sender<ScheduledSuccess>,
    ) -> Result<Self> {
        let news = store.changes();
        let mut open = BTreeMap::new();
        for run in store.unfinished().await? {
            let log = store.log(run, 0).await?;
            let mut log = log.iter();
            if let Some(mut known) = log.next().and_then(Open::begin) {
                log.for_each(|logged| known.apply(logged));
                // It may have ended since it was listed: nothing more would be heard of it.
                if !matches!(known.run.status(), RunStatus::Ended(_)) {
                    open.insert(run, known);
                }
            }
        }
        *tally.open() = open;
        // Those that had ended before are not counted, whatever is missed.
        let ended = store.list(MISSED).await?.into_iter();
        let ended = ended.map(|row| row.id);
        let ended = ended.filter(|run| !tally.open().contains_key(run));
        let ended = ended.collect();
        Ok(Self {
            store,
            tally,
            news,
            ended,
            successes,
        })
    }

    pub(super) async fn follow(mut self, shutdown: CancellationToken) {
        loop {
            let news = tokio::select! {
                () = shutdown.cancelled() => return,
                news = self.news.recv() => news,
            };
            let mut looked = match news {
                Ok(run) => self.look_at(run).await,
                Err(RecvError::Lagged(_)) => self.look_at_all().await,
                Err(RecvError::Closed) => return,
            };
            while let Err(error) = looked {
                tracing::error!(%error, "runs cannot be followed for the figures; trying again");
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(TRY_AGAIN) => {}
                }
                looked = self.look_at_all().await;
            }
        }
    }

    async fn look_at_all(&mut self) -> Result<()> {
        let mut runs = self.store.unfinished().await?;
        runs.extend(self.tally.open().keys());
        runs.extend(self.store.list(MISSED).await?.iter().map(|row| row.id));
        for run in runs {
            self.look_at(run).await?;
        }
        Ok(())
    }

    async fn look_at(&mut self, run: RunId) -> Result<()> {
        if self.ended.contains(&run) {
            return Ok(());
        }
        let seq = self.tally.open().get(&run).map_or(0, |open| open.run.seq);
        for logged in self.store.log(run, seq).await? {
            self.take(&logged);
        }
        Ok(())
    }

    fn take(&mut self, logged: &Logged) {
        let mut all = self.tally.open();
        let first = || Open::begin(logged);
        let Some(mut open) = all.remove(&logged.run).or_else(first) else {
            return;
        };
        self.tally.count(&open, logged);
        let Event::Finished { state, .. } = &logged.event else {
            open.apply(logged);
            all.insert(logged.run, open);
            return;
        };
        if let (FinalState::Succeeded, Trigger::Schedule { name, .. }) =
            (state, &open.run.request.trigger)
        {
            let (schedule, run) = (name.clone(), logged.run);
            // Nobody listening is nobody to be told.
            let _ = self.successes.send(ScheduledSuccess { schedule, run });
        }
        self.ended.push_back(logged.run);
        if self.ended.len() > ENDED {
            self.ended.pop_front();
        }
    }
}
