//! Keeps what Discord shows of runs as the runs are: level-triggered, one message for each run and
//! part (decision 23). What is sent is made of the run as it is at that moment, so nothing that was missed
//! matters, and whatever waits is sent once.

mod make;
mod queue;
mod send;

use std::collections::{BTreeMap, HashMap, HashSet};
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
use crate::service::{MessageNews, RunMessage, Service};
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

/// Runs of which it is known that they are shown nowhere here; more are asked for again.
const MOST_ELSEWHERE: usize = 10_000;

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
    messages: BTreeMap<Key, RunMessage>,
    answers: BTreeMap<Key, PrivateAnswer>,
    /// How many answers there were.
    answered: u64,
    elsewhere: HashSet<RunId>,
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
        messages: BTreeMap::new(),
        answers: BTreeMap::new(),
        answered: 0,
        is_behind: false,
        elsewhere: HashSet::new(),
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
            let (api, messages, answers, us) = (&self.api, &self.messages, &self.answers, &self.us);
            let now = Instant::now();
            let ready_at = |key: &Key| {
                let route = send::route(*key, messages, answers, us);
                route.map_or(now, |route| api.ready_at(&route, now))
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
        let mut next = None;
        for (key, answer) in &mut self.answers {
            let last = answer.until.checked_sub(FAREWELL).unwrap_or(now);
            if last > now {
                next = Some(next.map_or(last, |known: Instant| known.min(last)));
            } else if !answer.is_last {
                answer.is_last = true;
                self.queue.mark(*key, Urgency::Ended, now);
            }
        }
        next
    }

    fn sending(&self, key: Key) -> Option<Sending> {
        let target = match key {
            Key::Message(run, part) => {
                let message = self.messages.get(&key)?.clone();
                let headline = Key::Message(run, MessagePart::Headline);
                let headline = self.messages.get(&headline);
                let thread = headline.and_then(|headline| headline.remote.clone());
                send::Target::Message {
                    message,
                    thread,
                    part,
                }
            }
            Key::Private(..) => send::Target::Answer(self.answers.get(&key)?.clone()),
        };
        Some(Sending {
            api: Arc::clone(&self.api),
            service: Arc::clone(&self.service),
            us: self.us.clone(),
            target,
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
                    self.know(message);
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

    /// What is known of a message already is newer.
    fn know(&mut self, message: RunMessage) {
        let key = Key::Message(message.run, message.part);
        self.messages.entry(key).or_insert(message);
    }

    async fn run_has_moved(&mut self, run: RunId) {
        if self.elsewhere.contains(&run) {
            return;
        }
        if !self.is_shown(run) {
            match self.service.open_messages(PLATFORM, Some(run)).await {
                Ok(messages) if messages.is_empty() => {
                    if self.elsewhere.len() >= MOST_ELSEWHERE {
                        self.elsewhere.clear();
                    }
                    self.elsewhere.insert(run);
                    return;
                }
                Ok(messages) => {
                    for message in messages {
                        self.know(message);
                    }
                }
                Err(error) => {
                    tracing::error!(%run, %error, "where a run is shown cannot be read; trying again");
                    self.is_behind = true;
                    return;
                }
            }
        }
        self.mark(run, Urgency::Moved).await;
    }

    fn is_shown(&self, run: RunId) -> bool {
        self.keys_of(run).next().is_some()
    }

    fn is_open(&self, key: Key) -> bool {
        self.messages
            .get(&key)
            .is_some_and(|message| !message.settled)
    }

    fn keys_of(&self, run: RunId) -> impl Iterator<Item = Key> {
        let parts = [MessagePart::Headline, MessagePart::Whole];
        let keys = parts.map(|part| Key::Message(run, part));
        let open = keys.into_iter().filter(|key| self.is_open(*key));
        let private = Key::Private(run, 0)..=Key::Private(run, u64::MAX);
        open.chain(self.answers.range(private).map(|(key, _)| *key))
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
        let (now, keys) = (Instant::now(), self.keys_of(run).collect::<Vec<_>>());
        for key in keys {
            let is_new = match key {
                Key::Message(..) => self.messages[&key].remote.is_none(),
                Key::Private(..) => false,
            };
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
            for key in self
                .keys_of(*run)
                .filter(|key| *key != headline)
                .collect::<Vec<_>>()
            {
                self.queue.mark(key, Urgency::Progress, now);
            }
        }
        self.progress = said;
    }

    async fn show_in(&mut self, answer: PrivateAnswer) {
        let run = answer.run;
        self.elsewhere.remove(&run);
        self.answered += 1;
        self.answers
            .insert(Key::Private(run, self.answered), answer);
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
                if let Some(message) = self.messages.get_mut(&key) {
                    message.remote = None;
                    message.tried_at = None;
                    message.remade += 1;
                }
                self.shown.remove(&key);
                self.queue.again(key, Urgency::Asks, now, now);
            }
            Sent::Later {
                why,
                pause,
                tried_at,
            } => {
                if let (Some(message), Some(at)) = (self.messages.get_mut(&key), tried_at) {
                    message.tried_at = Some(at);
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
                if self.is_open(whole)
                    && self
                        .messages
                        .get(&key)
                        .is_some_and(|one| one.remote.is_none())
                {
                    self.settled(whole).await;
                }
            }
        }
    }

    fn has_been_made(&mut self, key: Key, made: Made) {
        if let Some(message) = self.messages.get_mut(&key) {
            message.remote = Some(made.message.clone());
            message.tried_at = None;
        }
        let whole = Key::Message(key.run(), MessagePart::Whole);
        if self
            .keys_of(key.run())
            .any(|other| other == whole && other != key)
        {
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

    /// A run is known until all that shows it is settled: its thread hangs from its headline.
    fn forget(&mut self, key: Key) {
        self.queue.forget(&key);
        self.shown.remove(&key);
        self.failures.remove(&key);
        let run = key.run();
        match self.messages.get_mut(&key) {
            Some(message) => message.settled = true,
            None => {
                self.answers.remove(&key);
            }
        }
        let parts = [MessagePart::Headline, MessagePart::Whole];
        let keys = parts.map(|part| Key::Message(run, part));
        if !keys.iter().any(|key| self.is_open(*key)) {
            for key in keys {
                self.messages.remove(&key);
            }
        }
    }
}

fn backoff(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << failures.saturating_sub(1).min(7))
        .min(LONGEST_PAUSE)
}
