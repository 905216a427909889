//! Tells people what happened while nobody watched.
//!
//! One task turns receipts, in their order, and runs that wait into notices and puts them into the
//! outbox together with the place that it has reached. One task for each place sends what waits
//! there, in order. Neither needs anything but the store to go on after a restart, and no run
//! waits for either.

mod look;
mod send;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Alarm;
use crate::action::{Clock, Places};
use crate::domain::names::PlaceName;
use crate::domain::notice::Rules;
use crate::domain::redact::Redactor;
use crate::domain::schedule::Timing;
use crate::store::{Result, Settled, Store};
use look::Look;
use send::Sender;

/// What the notifier is built from.
#[derive(Clone)]
pub struct NotifierParts {
    /// Receipts, runs and the outbox.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Waits.
    pub alarm: Arc<dyn Alarm>,
    /// Masks secrets in everything that is told.
    pub redactor: Arc<Redactor>,
    /// Where people are told.
    pub places: Arc<Places>,
    /// Who is told of what.
    pub rules: Rules,
    /// Where the digest goes, and when.
    pub digest: Option<(PlaceName, Timing)>,
    /// Who gets what a place does not take, and for how long it is tried before.
    pub fallback: Option<(PlaceName, Duration)>,
    /// Tells the notices of one store from those of another at the same place.
    pub sender: String,
}

/// The running notifier.
pub struct Notifier {
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl Notifier {
    /// Begins behind what has been told. What has a receipt before the very first start is not
    /// told.
    ///
    /// # Errors
    /// The store fails.
    pub async fn start(parts: NotifierParts) -> Result<Self> {
        let reached = parts.store.begin_telling().await?;
        abandon_lost_places(&parts).await?;
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for (name, place) in parts.places.iter() {
            let sender = Sender::of(&parts, name, place);
            tasks.spawn(sender.send_all(shutdown.clone()));
        }
        tasks.spawn(Look::behind(reached, parts).look_again(shutdown.clone()));
        Ok(Self { shutdown, tasks })
    }

    /// Puts nothing more into the outbox, gives what is being sent a moment to come to its end, and
    /// leaves the rest for the next start.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the notifier ended badly");
            }
        }
    }
}

/// What waits for places that are configured no more, most often because they were given another
/// name, goes to the fallback; without one it goes where runs report that nobody watches.
async fn abandon_lost_places(parts: &NotifierParts) -> Result<()> {
    let now = parts.clock.now();
    for backlog in parts.store.backlog().await? {
        let (place, waiting) = (&backlog.place, backlog.waiting);
        if parts.places.contains_key(place) {
            continue;
        }
        let fallback = parts.fallback.as_ref().map(|(to, _)| to);
        let to = fallback.or(parts.rules.scheduled.as_ref());
        let to = to.filter(|to| parts.places.contains_key(*to));
        if let Some(to) = to {
            tracing::warn!(%place, waiting, %to, "this place is configured no more; another gets what waits for it");
        }
        for waiting in parts.store.waiting_notices(place, u32::MAX).await? {
            let settled = if let Some(to) = to {
                Settled::Elsewhere {
                    to: to.clone(),
                    why: "it is configured no more".to_owned(),
                    older: now,
                    at: now,
                }
            } else {
                let (id, headline) = (waiting.notice.id.as_str(), &waiting.notice.headline);
                tracing::error!(%place, id, headline, "a message is given up: its place is configured no more, and nobody has been told");
                Settled::Over
            };
            parts.store.settle_notice(waiting.row, settled).await?;
        }
    }
    Ok(())
}
