//! Beats: requests to somebody who raises the alarm when they stop (a dead man's switch), as
//! healthchecks.io and the push monitors of Uptime Kuma do.
//!
//! A beat says that the store answers and that no schedule is overdue: that, and no more. A beat of
//! a schedule says that a run of it has just succeeded. It is sent once, with a few tries: one that is lost
//! raises a false alarm, which is better than one that is sent again after a restart and hides a
//! true one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::gauges::overdue_since;
use super::{Parts, ScheduledSuccess};
use crate::action::SecretUrl;
use crate::domain::cause::innermost;
use crate::domain::schedule::ScheduleName;
use crate::domain::time::{Span, Timestamp};

/// Whoever takes beats answers sooner.
const PATIENCE: Duration = Duration::from_secs(10);

/// A schedule that is this late, while this process was there, is not running as it should: the
/// scheduler takes a fire within seconds.
const OVERDUE: Duration = Duration::from_mins(2);

/// So long before each further try to tell that a schedule's run has succeeded.
const TRIES: [Duration; 3] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
];

/// Where beats go.
#[derive(Clone, Debug)]
pub struct Beat {
    /// While all is well.
    pub url: Option<SecretUrl>,
    /// With what is wrong as its body, while something is.
    pub trouble_url: Option<SecretUrl>,
    /// How often.
    pub every: Duration,
    /// After each run of a schedule that succeeded.
    pub schedules: BTreeMap<ScheduleName, SecretUrl>,
}

/// What beats are made from.
pub struct HeartbeatParts {
    /// Store, schedules, clock.
    pub vitals: Parts,
    /// Where they go.
    pub beat: Beat,
    /// The runs of schedules that end well; `None` where nobody is to be told of them.
    pub successes: Option<Receiver<ScheduledSuccess>>,
}

/// Beats until it is stopped.
pub struct Heartbeat {
    shutdown: CancellationToken,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Heartbeat {
    /// Begins with a beat at once, where beats are wanted.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn start(parts: HeartbeatParts) -> reqwest::Result<Self> {
        let http = Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let sender = Arc::new(Sender {
            http,
            parts: parts.vitals,
            beat: parts.beat,
        });
        let shutdown = CancellationToken::new();
        let mut tasks = vec![];
        if sender.beat.url.is_some() || sender.beat.trouble_url.is_some() {
            tasks.push(tokio::spawn(beats(Arc::clone(&sender), shutdown.clone())));
        }
        if let Some(successes) = parts.successes {
            let of_schedules = of_schedules(sender, successes, shutdown.clone());
            tasks.push(tokio::spawn(of_schedules));
        }
        Ok(Self { shutdown, tasks })
    }

    /// Lets the beats stop, as somebody who takes the machine down wants it.
    pub async fn stop(self) {
        self.shutdown.cancel();
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "the heartbeat ended badly");
            }
        }
    }
}

struct Sender {
    http: Client,
    parts: Parts,
    beat: Beat,
}

async fn beats(sender: Arc<Sender>, shutdown: CancellationToken) {
    let mut last = State::default();
    let mut there = There::from(sender.parts.clock.now());
    loop {
        let every = async {
            let since = there.since(sender.parts.clock.now());
            last = sender.beat(&last, since).await;
            let next = sender.parts.clock.now().plus(sender.beat.every);
            there.next = next;
            while sender.parts.clock.now() < next {
                sender.parts.alarm.wait(next).await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = every => {}
        }
    }
}

/// Since when this process has been there without a gap. A fire that was missed before is dealt
/// with now, and no reason to call anybody.
struct There {
    since: Timestamp,
    /// When it is looked again.
    next: Timestamp,
}

impl There {
    fn from(now: Timestamp) -> Self {
        Self {
            since: now,
            next: now,
        }
    }

    /// As it is now. A machine that slept, and a clock that was set, begin anew.
    fn since(&mut self, now: Timestamp) -> Timestamp {
        if now < self.since || now > self.next.plus(OVERDUE) {
            self.since = now;
        }
        self.since
    }
}

/// What was last said, so that the log gets a line when it changes and not at each beat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    trouble: Option<String>,
    refused: Option<String>,
}

impl Sender {
    async fn beat(&self, last: &State, there_since: Timestamp) -> State {
        let trouble = self.trouble(there_since).await;
        let sent = match (&trouble, &self.beat.url, &self.beat.trouble_url) {
            (None, Some(url), _) => self.send(url, None).await,
            (Some(what), _, Some(url)) => self.send(url, Some(what.clone())).await,
            // Silence is what raises the alarm.
            _ => Ok(()),
        };
        let state = State {
            trouble,
            refused: sent.err(),
        };
        if state.trouble != last.trouble {
            if let Some(what) = &state.trouble {
                tracing::error!(%what, "no heartbeat is sent");
            } else {
                tracing::info!("all is well again: heartbeats are sent");
            }
        }
        if state.refused != last.refused {
            if let Some(why) = &state.refused {
                tracing::warn!(%why, "a heartbeat did not arrive");
            } else {
                tracing::info!("heartbeats arrive again");
            }
        }
        state
    }

    /// What is wrong with Purser itself; `None` when nothing is known to be.
    async fn trouble(&self, there_since: Timestamp) -> Option<String> {
        let now = self.parts.clock.now();
        let rows = match self.parts.store.schedules().await {
            Ok(rows) => rows,
            Err(error) => return Some(error.to_string()),
        };
        let scheduled = self.parts.timetable.scheduled();
        let overdue = scheduled.iter().filter_map(|one| {
            let row = rows.iter().find(|row| row.name == one.name);
            let due = overdue_since(one, row, now)?;
            let patience = OVERDUE + one.jitter.map_or(Duration::ZERO, Span::duration);
            let is_overdue = due.max(there_since).plus(patience) < now;
            is_overdue.then(|| format!("{} was due at {due} and has not fired", one.name))
        });
        let overdue: Vec<_> = overdue.collect();
        (!overdue.is_empty()).then(|| overdue.join("; "))
    }

    async fn send(&self, url: &SecretUrl, body: Option<String>) -> Result<(), String> {
        let host = url.host();
        let method = if body.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let request = self.http.request(method, url.expose().clone());
        let request = match body {
            Some(body) => request.body(body),
            None => request,
        };
        let answer = request.send().await.map_err(|error| {
            let why = innermost(&error.without_url());
            format!("{host} cannot be reached: {why}")
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        Err(format!("{host} answered {status}"))
    }

    async fn tell(&self, success: ScheduledSuccess) {
        let Some(url) = self.beat.schedules.get(&success.schedule) else {
            return;
        };
        let mut sent = self.send(url, None).await;
        for pause in TRIES {
            if sent.is_ok() {
                break;
            }
            self.parts
                .alarm
                .wait(self.parts.clock.now().plus(pause))
                .await;
            sent = self.send(url, None).await;
        }
        if let Err(why) = sent {
            let (schedule, run) = (success.schedule, success.run);
            tracing::warn!(%schedule, %run, %why, "the beat of a run that succeeded was lost");
        }
    }
}

async fn of_schedules(
    sender: Arc<Sender>,
    mut successes: Receiver<ScheduledSuccess>,
    shutdown: CancellationToken,
) {
    let mut telling = tokio::task::JoinSet::new();
    loop {
        let success = tokio::select! {
            () = shutdown.cancelled() => return,
            Some(_) = telling.join_next() => continue,
            success = successes.recv() => success,
        };
        match success {
            Ok(success) => {
                let sender = Arc::clone(&sender);
                telling.spawn(async move { sender.tell(success).await });
            }
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "beats of schedules were lost");
            }
            Err(RecvError::Closed) => return,
        }
    }
}
