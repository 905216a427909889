//! Sends what waits for one place, in order.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::NotifierParts;
use crate::action::{Place, failpoint};
use crate::domain::names::PlaceName;
use crate::domain::notice::delivery::{self, Outcome, Then, Tried};
use crate::domain::notice::{Untried, fold};
use crate::domain::time::Timestamp;
use crate::engine::pause;
use crate::store::{Result, Settled, WaitingNotice};

/// No place holds its sender up for longer.
const DELIVER_WITHIN: Duration = Duration::from_secs(30);

/// How long a sender that is told to stop may go on with what it is sending.
const GRACE: Duration = Duration::from_secs(2);

/// So many notices are folded in one go.
const FOLD: u32 = 500;

pub(super) struct Sender {
    parts: NotifierParts,
    name: PlaceName,
    place: Arc<dyn Place>,
    /// `None` for the fallback itself.
    fallback: Option<(PlaceName, Duration)>,
    /// What has become of a row, and could not be written down yet.
    unsettled: Option<(i64, Settled)>,
    /// Since when the place has taken nothing.
    failing_since: Option<Timestamp>,
}

impl Sender {
    pub(super) fn of(parts: &NotifierParts, name: &PlaceName, place: &Arc<dyn Place>) -> Self {
        let fallback = parts.fallback.clone().filter(|(to, _)| to != name);
        Self {
            parts: parts.clone(),
            name: name.clone(),
            place: Arc::clone(place),
            fallback,
            unsettled: None,
            failing_since: None,
        }
    }

    pub(super) async fn send_all(mut self, shutdown: CancellationToken) {
        let mut commits = self.parts.store.commits();
        while !shutdown.is_cancelled() {
            commits.borrow_and_update();
            let step = tokio::select! {
                step = self.step() => step,
                () = out_of_time(&shutdown) => return,
            };
            let next = match &step {
                Ok(Step::Done) => continue,
                Ok(Step::NotBefore(at)) => Some(*at),
                Ok(Step::Nothing) => None,
                Err(error) => {
                    tracing::error!(place = %self.name, %error, "what waits for a place cannot be sent; trying again");
                    None
                }
            };
            let due = pause::instant(self.parts.alarm.as_ref(), next);
            pause::until_next_look(&step, pause::commit(&mut commits), due, &shutdown).await;
        }
    }

    async fn step(&mut self) -> Result<Step> {
        self.settle().await?;
        let store = &self.parts.store;
        let Some(first) = store.waiting_notices(&self.name, 1).await?.pop() else {
            return Ok(Step::Nothing);
        };
        if first.next_at > self.parts.clock.now() {
            return Ok(Step::NotBefore(first.next_at));
        }
        if first.attempts == 0 && self.place.is_for_people() && self.fold().await? {
            return Ok(Step::Done);
        }
        self.send(first).await?;
        Ok(Step::Done)
    }

    async fn fold(&self) -> Result<bool> {
        let store = &self.parts.store;
        let waiting = store.waiting_notices(&self.name, FOLD).await?;
        let untried: Vec<_> = waiting
            .into_iter()
            .map(|waiting| Untried {
                row: waiting.row,
                notice: waiting.notice,
            })
            .collect();
        match fold(&untried) {
            Some((rows, notice)) => {
                store.fold_notices(rows, notice).await?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    async fn send(&mut self, waiting: WaitingNotice) -> Result<()> {
        // Secrets may have been learned since it was put into the outbox.
        let notice = waiting.notice.masked(&self.parts.redactor);
        failpoint("notice/sending");
        let sending = self.place.deliver(&notice, self.parts.clock.now());
        let outcome = tokio::time::timeout(DELIVER_WITHIN, sending).await;
        failpoint("notice/sent");
        let outcome = outcome.unwrap_or_else(|_| Outcome::Later {
            why: "it gave no answer in time".to_owned(),
            pause: None,
        });
        let tried = Tried {
            id: &notice.id,
            put_at: waiting.put_at,
            attempts: waiting.attempts.saturating_add(1),
            failing_since: self.failing_since(&outcome),
        };
        let patience = self.fallback.as_ref().map(|(_, patience)| *patience);
        let then = delivery::then(tried, outcome, patience, self.parts.clock.now());
        let settled = self.settled(tried, then, &notice.headline);
        self.unsettled = Some((waiting.row, settled));
        self.settle().await
    }

    /// Since when the place takes nothing, with this answer.
    fn failing_since(&mut self, outcome: &Outcome) -> Timestamp {
        let now = self.parts.clock.now();
        match outcome {
            Outcome::Later { .. } | Outcome::PlaceRefuses { .. } => {
                *self.failing_since.get_or_insert(now)
            }
            Outcome::Taken { .. } | Outcome::Refused { .. } => {
                self.failing_since = None;
                now
            }
        }
    }

    /// Writes down what has become of a message. Until that has gone well nothing else is sent: a
    /// place would get the same message again for as long as the disk is full.
    async fn settle(&mut self) -> Result<()> {
        if let Some((row, settled)) = &self.unsettled {
            let (row, settled) = (*row, settled.clone());
            self.parts.store.settle_notice(row, settled).await?;
            self.unsettled = None;
        }
        Ok(())
    }

    /// What is written down, which is said in the log too.
    fn settled(&self, tried: Tried<'_>, then: Then, headline: &str) -> Settled {
        let (place, id) = (&self.name, tried.id.as_str());
        let masked = |why: &str| self.parts.redactor.text(why);
        match (then, &self.fallback) {
            (Then::Done, _) => Settled::Over,
            (Then::Again { at, why }, _) => {
                let why = masked(&why);
                tracing::warn!(%place, id, attempt = tried.attempts, next = %at, %why, "a place has not taken a message");
                Settled::Again { at, why }
            }
            (Then::Fallback { why }, Some((to, patience))) => {
                let (why, now) = (masked(&why), self.parts.clock.now());
                tracing::warn!(%place, id, fallback = %to, %why, "the fallback gets what a place has not taken");
                Settled::Elsewhere {
                    to: to.clone(),
                    why,
                    older: now.minus(*patience),
                    at: now,
                }
            }
            (Then::GivenUp { why } | Then::Fallback { why }, _) => {
                let why = masked(&why);
                tracing::error!(%place, id, headline, %why, "a message is given up: nobody has been told");
                Settled::Over
            }
        }
    }
}

/// Returns when a place has held the end of the process up for long enough. What was being sent is
/// sent again at the next start.
async fn out_of_time(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// What a look at the outbox came to.
enum Step {
    /// Something was done: there may be more.
    Done,
    /// Nothing waits.
    Nothing,
    /// The first waits until then, and so do those behind it.
    NotBefore(Timestamp),
}
