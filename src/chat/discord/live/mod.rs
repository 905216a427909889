//! Keeps what Discord shows of runs as the runs are: level-triggered, one message for each run and
//! part (decision 23). What is sent is made of the run as it is at that moment, so nothing that was missed
//! matters, and whatever waits is sent once.

mod known;
mod make;
mod queue;
mod send;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Us;
use super::api::Api;
use crate::domain::chat::MessagePart;
use crate::domain::names::RunId;
use crate::domain::run::{RunStatus, WaitingFor};
use crate::service::{MessageNews, Service};
use known::Known;
use queue::{Next, Queue, Urgency};
use send::{Sending, Sent};

/// What is shown here, by the name that the store has for it.
pub(super) const PLATFORM: &str = "discord";

/// So many messages are sent at the same time.
const AT_ONCE: usize = 8;

/// How soon a store that failed is asked again.
const STORE_AGAIN: Duration = Duration::from_secs(1);

/// After something went wrong the same message is tried again after this, then after twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);

/// The answer to an interaction is edited for the last time so long before it cannot be any more.
const FAREWELL: Duration = Duration::from_secs(45);

/// A message was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Made {
    /// Of this run.
    pub(super) run: RunId,
    /// The channel or thread.
    pub(super) channel: String,
    /// The message.
    pub(super) message: String,
}

/// The answer to an interaction, in which a run is shown to who asked alone. It can be edited as long as
/// its token is good, which is known to this process only.
#[derive(Clone, Debug)]
pub(super) struct PrivateAnswer {
    /// The run.
    pub(super) run: RunId,
    /// What lets us edit it.
    pub(super) token: SecretString,
    /// Until then.
    pub(super) until: Instant,
    /// Whether it is edited for the last time.
    pub(super) is_last: bool,
}

/// What others tell of and hear from it.
#[derive(Clone)]
pub(super) struct Handle {
    private: mpsc::UnboundedSender<PrivateAnswer>,
    made: broadcast::Sender<Made>,
}

impl Handle {
    /// From now on this answer shows its run.
    pub(super) fn show_in(&self, answer: PrivateAnswer) {
        // Nobody takes it when the process ends.
        let _ = self.private.send(answer);
    }

    /// Tells of each message that is made.
    pub(super) fn made(&self) -> broadcast::Receiver<Made> {
        self.made.subscribe()
    }
}

/// What is sent: a message that the store knows, or the answer to an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    Message(RunId, MessagePart),
    /// The number tells answers apart that show the same run.
    Private(RunId, u64),
}

impl Key {
    fn run(self) -> RunId {
        let (Self::Message(run, _) | Self::Private(run, _)) = self;
        run
    }
}

/// Keeps messages as their runs are, until it is told to stop.
pub(super) struct Live {
    api: Arc<Api>,
    service: Arc<Service>,
    us: Us,
    queue: Queue<Key>,
    known: Known,
    /// Whether runs may have moved of which nothing was heard, because the store could not be read.
    is_behind: bool,
    /// What each message shows, as far as this process has sent it.
    shown: HashMap<Key, u64>,
    failures: HashMap<Key, u32>,
    progress: HashMap<RunId, String>,
    private: mpsc::UnboundedReceiver<PrivateAnswer>,
    made: broadcast::Sender<Made>,
}

/// Starts it beside the handle by which others reach it.
pub(super) fn live(api: Arc<Api>, service: Arc<Service>, us: Us) -> (Live, Handle) {
    let (sender, private) = mpsc::unbounded_channel();
    let (made, _) = broadcast::channel(256);
    let handle = Handle {
        private: sender,
        made: made.clone(),
    };
    let live = Live {
        api,
        service,
        us,
        queue: Queue::default(),
        known: Known::default(),
        is_behind: false,
        shown: HashMap::new(),
        failures: HashMap::new(),
        progress: HashMap::new(),
        private,
        made,
    };
    (live, handle)
}

impl Live {
    /// Sends until it is told to stop. What is under way then is not waited for: whoever is active next
    /// finds out what has become of it.
    pub(super) async fn send_all(mut self, shutdown: CancellationToken) {
        let mut changes = self.service.changes();
        let mut progress = self.service.progress();
        let mut sending: JoinSet<(Key, Sent)> = JoinSet::new();
        self.look_at_all().await;
        loop {
            let next = self.next(&mut sending);
            let due = async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let is_behind = self.is_behind;
            tokio::select! {
                () = shutdown.cancelled() => return,
                changed = changes.recv() => match changed {
                    Ok(run) => self.run_has_moved(run).await,
                    Err(broadcast::error::RecvError::Lagged(_)) => self.look_at_all().await,
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                Ok(()) = progress.changed() => {
                    let said = progress.borrow_and_update().clone();
                    self.runs_have_said(said);
                }
                Some(answer) = self.private.recv() => self.show_in(answer).await,
                Some(sent) = sending.join_next() => match sent {
                    Ok((_, Sent::Unknown(error))) => {
                        tracing::error!(%error, "Discord shows no more how runs are; they go on");
                        return;
                    }
                    Ok((key, sent)) => self.sent(key, sent).await,
                    Err(error) => tracing::error!(%error, "a message to Discord ended badly"),
                },
                () = due => {}
                () = sleep(STORE_AGAIN), if is_behind => self.look_at_all().await,
            }
        }
    }

    /// Begins whatever can be sent now, and says when there may be more.
    fn next(&mut self, sending: &mut JoinSet<(Key, Sent)>) -> Option<Instant> {
        let over = self.say_farewell();
        while sending.len() < AT_ONCE {
            let (api, known, us) = (&self.api, &self.known, &self.us);
            let now = Instant::now();
            let route = |key: &Key| known.route(*key, us);
            // How many more a channel takes is known when the last answer has told: until then nothing
            // else is sent there, or it would keep a place while it waits for its turn.
            let under_way: Vec<_> = self.queue.under_way().filter_map(route).collect();
            let ready_at = |key: &Key| match route(key) {
                Some(route)
                    if under_way
                        .iter()
                        .any(|other| other.bucket() == route.bucket()) =>
                {
                    None
                }
                Some(route) => Some(api.ready_at(&route, now)),
                None => Some(now),
            };
            match self.queue.next(now, ready_at) {
                Next::Send(key) => {
                    let Some(one) = self.sending(key) else {
                        self.queue.forget(&key);
                        continue;
                    };
                    sending.spawn(async move { (key, one.send().await) });
                }
                Next::NotBefore(at) => return Some(over.map_or(at, |over| over.min(at))),
                Next::Nothing => return over,
            }
        }
        over
    }

    /// Has the answers sent for the last time that cannot be edited for much longer; says when the next
    /// ones are so far.
    fn say_farewell(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let (leaving, next) = self.known.take_leave(now);
        for key in leaving {
            self.queue.mark(key, Urgency::Ended, now);
        }
        next
    }

    fn sending(&self, key: Key) -> Option<Sending> {
        Some(Sending {
            api: Arc::clone(&self.api),
            service: Arc::clone(&self.service),
            us: self.us.clone(),
            target: self.known.target(key)?,
            shown: self.shown.get(&key).copied(),
        })
    }

    /// Takes every message that is not settled into account.
    async fn look_at_all(&mut self) {
        self.is_behind = false;
        match self.service.open_messages(PLATFORM, None).await {
            Ok(messages) => {
                let runs: HashSet<_> = messages.iter().map(|message| message.run).collect();
                for message in messages {
                    self.known.message(message);
                }
                for run in runs {
                    self.mark(run, Urgency::Moved).await;
                }
            }
            Err(error) => {
                tracing::error!(%error, "what Discord shows of runs cannot be kept up; trying again");
                self.is_behind = true;
            }
        }
    }

    async fn run_has_moved(&mut self, run: RunId) {
        let is_shown = match self.known.shows(run) {
            Some(is_shown) => is_shown,
            None => self.is_shown_by_the_store(run).await,
        };
        if is_shown {
            self.mark(run, Urgency::Moved).await;
        }
    }

    /// Reads which messages show a run. Where that fails, all are looked at again later.
    async fn is_shown_by_the_store(&mut self, run: RunId) -> bool {
        match self.service.open_messages(PLATFORM, Some(run)).await {
            Ok(messages) if messages.is_empty() => {
                // What was shown to its end can be shown once more: when it is undone.
                let status = self.service.status(run).await;
                if !matches!(status, Ok(Some(RunStatus::Ended(_)))) {
                    self.known.is_elsewhere(run);
                }
            }
            Ok(messages) => {
                for message in messages {
                    self.known.message(message);
                }
                return true;
            }
            Err(error) => {
                tracing::error!(%run, %error, "where a run is shown cannot be read; trying again");
                self.is_behind = true;
            }
        }
        false
    }

    async fn mark(&mut self, run: RunId, urgency: Urgency) {
        let status = self.service.status(run).await;
        let urgency = match status {
            Ok(Some(RunStatus::Ended(_))) => Urgency::Ended,
            Ok(Some(RunStatus::Waiting(WaitingFor::Approval | WaitingFor::Decision))) => {
                Urgency::Asks
            }
            _ => urgency,
        };
        let (now, keys) = (Instant::now(), self.known.keys_of(run).collect::<Vec<_>>());
        for key in keys {
            let is_new = self.known.is_unmade(key);
            let urgency = if is_new {
                urgency.min(Urgency::Asks)
            } else {
                urgency
            };
            self.queue.mark(key, urgency, now);
        }
    }

    /// Of those that are shown whole, what they have said is news.
    fn runs_have_said(&mut self, said: HashMap<RunId, String>) {
        let now = Instant::now();
        for (run, text) in &said {
            if self.progress.get(run) == Some(text) {
                continue;
            }
            let headline = Key::Message(*run, MessagePart::Headline);
            let keys = self.known.keys_of(*run);
            for key in keys.filter(|key| *key != headline) {
                self.queue.mark(key, Urgency::Progress, now);
            }
        }
        self.progress = said;
    }

    async fn show_in(&mut self, answer: PrivateAnswer) {
        let run = answer.run;
        self.known.answer(answer);
        self.mark(run, Urgency::Moved).await;
    }

    async fn sent(&mut self, key: Key, sent: Sent) {
        let now = Instant::now();
        match sent {
            Sent::Shown {
                shown,
                made,
                is_end,
            } => {
                self.failures.remove(&key);
                self.shown.insert(key, shown);
                self.queue.done(&key, now);
                if let Some(made) = made {
                    self.has_been_made(key, made);
                }
                if is_end {
                    self.settled(key).await;
                }
            }
            Sent::Found(message) => {
                self.has_been_made(key, message);
                self.queue.again(key, Urgency::Asks, now, now);
            }
            // Whoever hears of it first sends nothing more.
            Sent::WaitsForHeadline | Sent::Unknown(_) => self.queue.done(&key, now),
            Sent::Removed => {
                self.known.removed(key);
                self.shown.remove(&key);
                self.queue.again(key, Urgency::Asks, now, now);
            }
            Sent::Later {
                why,
                pause,
                tried_at,
            } => {
                if let Some(at) = tried_at {
                    self.known.may_be_made(key, at);
                }
                let failures = self.failures.entry(key).or_default();
                *failures = failures.saturating_add(1);
                let pause = pause.unwrap_or_else(|| backoff(*failures));
                tracing::warn!(run = %key.run(), failures, ?pause, %why, "Discord does not show how a run is; trying again");
                self.queue.again(key, Urgency::Moved, now, now + pause);
                // An end that could not be shown is still the end.
                self.mark(key.run(), Urgency::Moved).await;
            }
            Sent::Nowhere { why } => {
                tracing::warn!(run = %key.run(), %why, "a run is shown in Discord no more; it goes on");
                self.settled(key).await;
                let whole = Key::Message(key.run(), MessagePart::Whole);
                // Without a headline there is no thread for it.
                if self.known.is_open(whole) && self.known.is_unmade(key) {
                    self.settled(whole).await;
                }
            }
        }
    }

    fn has_been_made(&mut self, key: Key, made: Made) {
        self.known.made(key, &made);
        let whole = Key::Message(key.run(), MessagePart::Whole);
        // Its thread is there now.
        if key != whole && self.known.is_open(whole) {
            self.queue.mark(whole, Urgency::Asks, Instant::now());
        }
        // Nobody may be waiting to hear of it.
        let _ = self.made.send(made);
    }

    /// Nothing more is sent of it. If the store does not take that, it is sent once more after the next
    /// start: the same end again.
    async fn settled(&mut self, key: Key) {
        if let Key::Message(run, part) = key {
            let news = self.service.message_news(run, part, MessageNews::Settled);
            if let Err(error) = news.await {
                tracing::warn!(%run, %error, "that the end of a run is shown cannot be written down");
            }
        }
        self.forget(key);
    }

    fn forget(&mut self, key: Key) {
        self.queue.forget(&key);
        self.shown.remove(&key);
        self.failures.remove(&key);
        self.known.settled(key);
    }
}

fn backoff(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << failures.saturating_sub(1).min(7))
        .min(LONGEST_PAUSE)
}
