//! Carries runs forward: asks the interpreter what should be happening, sees that it does, and
//! appends what happened to the log.
//!
//! It knows no integration by name and keeps nothing that is not in the log: killed at any
//! instant and started again, it reads the logs and asks the interpreter the same questions.

mod account;
mod asking;
mod busy;
mod drive;
mod drives;
mod gate;
mod holds;
mod janitor;
mod journal;
mod lines;
mod notifier;
mod output;
mod overtaken;
mod pause;
pub mod planner;
mod recovered;
mod rooms;
mod run_log;
mod scheduler;
mod sealer;
mod secrets;
mod step;
mod watcher;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::action::{Clock, OpenSecrets, Registry, Systems};
use crate::domain::names::{RunId, StepId};
use crate::domain::redact::Redactor;
use crate::domain::run::{RunState, StepState, StepStatus};
use crate::store::{Artifacts, Store};
use gate::Gate;
use rooms::Rooms;

pub use account::account;
pub use holds::{Holds, HoldsParts};
pub use janitor::{Janitor, JanitorParts};
pub use notifier::{Notifier, NotifierParts};
pub use overtaken::first_to_undo;
pub use recovered::Recovered;
pub use run_log::RunLog;
pub use scheduler::{Alarm, Scheduler, SchedulerParts, Timetable, waits_in_line};
pub use sealer::seal_waiting;
pub use watcher::{Watcher, WatcherParts};

/// The only source of randomness; tests hand in one that repeats itself.
pub trait Entropy: Send + Sync {
    /// Fresh random bytes.
    fn bytes(&self) -> [u8; 32];
}

/// A run's id: a UUID of version 7 of these milliseconds since the epoch.
pub fn run_id(millis: u64, entropy: &dyn Entropy) -> RunId {
    let mut random = [0; 10];
    random.copy_from_slice(&entropy.bytes()[..10]);
    RunId::new(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

/// A step that has begun an effect behind the last one that can be taken back, and that effect.
pub fn past_undo(registry: &Registry, state: &RunState) -> Option<(StepId, String)> {
    state
        .steps
        .iter()
        .find_map(|(id, step)| Some((id.clone(), is_past_undo(registry, step)?)))
}

/// The effect that a running step has begun behind the last one that can be taken back.
fn is_past_undo(registry: &Registry, step: &StepState) -> Option<String> {
    if step.status != StepStatus::Running {
        return None;
    }
    let action = registry.action(step.action.as_ref()?.as_str()).ok()?;
    let spec = action.spec();
    let last = spec
        .effects
        .iter()
        .position(|e| Some(e.name) == spec.last_undoable)?;
    let past = &spec.effects[last + 1..];
    let begun = step
        .effects
        .iter()
        .find(|record| record.is_live() && past.iter().any(|e| e.name == record.effect.name))?;
    Some(begun.effect.to_string())
}

/// What the engine is built from.
#[derive(Clone)]
pub struct Parts {
    /// Where the logs are.
    pub store: Arc<dyn Store>,
    /// Where steps keep what is for people.
    pub artifacts: Arc<dyn Artifacts>,
    /// What can be done.
    pub registry: Arc<Registry>,
    /// On what.
    pub systems: Arc<Systems>,
    /// Opens the secrets that steps name.
    pub secrets: Arc<dyn OpenSecrets>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Waits for the end of what holds a step.
    pub alarm: Arc<dyn Alarm>,
    /// What holds steps.
    pub holds: Arc<Holds>,
    /// Masks secrets in plans.
    pub redactor: Arc<Redactor>,
    /// Salts of receipts.
    pub entropy: Arc<dyn Entropy>,
    /// Signs receipts.
    pub key: SigningKey,
    /// Runs that are carried forward at once; more wait in the queue.
    pub concurrent_runs: usize,
    /// Steps that act on one system at once; more wait.
    pub steps_per_system: usize,
    /// How long a stopped action may take to come to its end before it is dropped.
    pub grace: Duration,
}

/// The running engine.
pub struct Engine {
    progress: Arc<Progress>,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Engine {
    /// Takes up every unfinished run, then each new one as it is created.
    pub fn start(parts: Parts) -> Self {
        let progress = Arc::new(Progress::default());
        let shutdown = CancellationToken::new();
        let shared = Arc::new(Shared {
            gate: Gate::new(parts.concurrent_runs),
            rooms: Rooms::new(parts.steps_per_system),
            parts,
            progress: Arc::clone(&progress),
            shutdown: shutdown.clone(),
        });
        let task = tokio::spawn(drives::supervise(shared));
        Self {
            progress,
            shutdown,
            task,
        }
    }

    /// What running steps say of themselves.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Claims nothing more, lets running actions come to the end of their present effect within
    /// the grace time, and hands the rest back: they go on at the next start.
    pub async fn stop(self) {
        self.shutdown.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the engine ended badly");
        }
    }
}

/// What all runs share.
struct Shared {
    parts: Parts,
    gate: Gate,
    rooms: Rooms,
    progress: Arc<Progress>,
    shutdown: CancellationToken,
}

/// How far running steps have come, and why runs stand still: in memory only (decision 13).
#[derive(Default)]
pub struct Progress {
    texts: watch::Sender<HashMap<RunId, String>>,
}

impl Progress {
    /// What the run last said.
    pub fn of(&self, run: RunId) -> Option<String> {
        self.texts.borrow().get(&run).cloned()
    }

    /// Tells whenever a run has said something, or has nothing more to say.
    pub fn changed(&self) -> watch::Receiver<HashMap<RunId, String>> {
        self.texts.subscribe()
    }

    fn set(&self, run: RunId, text: String) {
        self.texts.send_if_modified(|texts| {
            let is_news = texts.get(&run) != Some(&text);
            if is_news {
                texts.insert(run, text);
            }
            is_news
        });
    }

    fn clear(&self, run: RunId) {
        self.texts
            .send_if_modified(|texts| texts.remove(&run).is_some());
    }

    /// Clears it if it is what was said last.
    fn take_back(&self, run: RunId, text: &str) {
        self.texts.send_if_modified(|texts| {
            let is_said = texts.get(&run).is_some_and(|said| said == text);
            is_said && texts.remove(&run).is_some()
        });
    }
}
