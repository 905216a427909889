//! An engine over a store in a folder of its own, with a toy to act on.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use purser::action::{Clock, Registry, Systems};
use purser::domain::approval::ApprovalPolicy;
use purser::domain::event::{DIALECT, Event, Requested, Trigger};
use purser::domain::hold::Freeze;
use purser::domain::names::{Environment, RunId, SystemName};
use purser::domain::person::Actor;
use purser::domain::receipt::Receipt;
use purser::domain::redact::Redactor;
use purser::domain::run::RunState;
use purser::domain::time::Timestamp;
use purser::domain::workflow::{WhenBusy, Workflow};
use purser::engine::{Alarm, Engine, Entropy, Holds, HoldsParts, Parts, RunLog};
use purser::store::sqlite::SqliteStore;
use purser::store::{ArtifactFolder, NewRun, Receipts as _, Runs as _, Store};
use tokio::sync::watch;
use uuid::Uuid;

use super::journal::{NoSecrets, WallClock};
use super::patience;
use super::toy::{self, Toy};

/// Randomness of the machine.
pub struct Dice;

impl Entropy for Dice {
    fn bytes(&self) -> [u8; 32] {
        let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(one.as_bytes());
        bytes[16..].copy_from_slice(two.as_bytes());
        bytes
    }
}

/// Waits by the machine's clock.
pub struct WallAlarm;

impl Alarm for WallAlarm {
    fn wait(&self, until: Timestamp) -> BoxFuture<'_, ()> {
        let pause = until.since(WallClock.now()).min(Duration::from_secs(10));
        tokio::time::sleep(pause).boxed()
    }
}

/// A running engine and what it acts on.
pub struct World {
    pub store: Arc<SqliteStore>,
    pub toy: Arc<Toy>,
    pub holds: Arc<Holds>,
    engine: Engine,
}

impl World {
    /// Opens the store in this folder and takes up what is unfinished there.
    pub async fn open(folder: &Path, toy: Arc<Toy>) -> Self {
        Self::open_by(folder, toy, Arc::new(WallClock)).await
    }

    /// The same, by this clock.
    pub async fn open_by(folder: &Path, toy: Arc<Toy>, clock: Arc<dyn Clock>) -> Self {
        Self::open_with(folder, toy, (clock, Arc::new(WallAlarm)), vec![]).await
    }

    /// The same, with these freezes; the alarm is that of the clock.
    pub async fn open_with(
        folder: &Path,
        toy: Arc<Toy>,
        time: (Arc<dyn Clock>, Arc<dyn Alarm>),
        freezes: Vec<Freeze>,
    ) -> Self {
        let store = Arc::new(
            SqliteStore::open(folder, Arc::new(Redactor::new()))
                .await
                .unwrap(),
        );
        let kept = Arc::clone(&store) as Arc<dyn Store>;
        let (engine, holds) = start_with(kept, &toy, time, freezes, folder);
        Self {
            store,
            toy,
            holds,
            engine,
        }
    }

    /// Stops the engine, as SIGTERM would, and closes the store.
    pub async fn close(self) {
        self.engine.stop().await;
    }

    /// Asks for a run of these steps, given as YAML.
    pub async fn ask(&self, steps: &str, approval: Vec<ApprovalPolicy>) -> RunId {
        self.ask_as(steps, approval, None).await
    }

    /// The same, with a concurrency key.
    pub async fn ask_as(
        &self,
        steps: &str,
        approval: Vec<ApprovalPolicy>,
        concurrency: Option<String>,
    ) -> RunId {
        self.ask_with(steps, |request| {
            request.approval = approval;
            request.concurrency = concurrency;
        })
        .await
    }

    /// Asks for a run of these steps, after a change of what is asked.
    pub async fn ask_with(&self, steps: &str, change: impl FnOnce(&mut Requested)) -> RunId {
        self.store.create(new_run(steps, change)).await.unwrap()
    }

    /// The run's state once it is as wanted.
    pub async fn until(&self, run: RunId, wanted: impl Fn(&RunState) -> bool) -> RunState {
        let mut changes = self.store.changes();
        let look = async {
            loop {
                let log = self.store.log(run, 0).await.unwrap();
                let state = RunState::replay(&log).unwrap();
                if wanted(&state) {
                    return state;
                }
                let _ = changes.recv().await;
            }
        };
        if let Ok(state) = tokio::time::timeout(Duration::from_secs(20), look).await {
            return state;
        }
        panic!("not in time: {:#?}", self.store.log(run, 0).await)
    }

    /// The run's state at its end.
    pub async fn end(&self, run: RunId) -> RunState {
        self.until(run, |state| state.ended.is_some()).await
    }

    /// The run's receipt, once it is sealed.
    pub async fn receipt(&self, run: RunId) -> Receipt {
        let sealed = async || self.store.receipt_of(run).await.unwrap();
        patience::found("the receipt of a run is sealed", sealed).await
    }

    /// What the run says of itself that is not in its log.
    pub fn progress(&self, run: RunId) -> Option<String> {
        self.engine.progress().of(run)
    }

    /// What runs say of themselves, as it changes.
    pub fn said(&self) -> watch::Receiver<HashMap<RunId, String>> {
        self.engine.progress().changed()
    }

    /// Puts an event into the run's log, whatever else comes into it meanwhile.
    pub async fn say(&self, run: RunId, event: Event) {
        let log = self.log(run).await;
        loop {
            let seq = log.state().await.unwrap().seq;
            if log.append_if_at(seq, event.clone()).await.unwrap() {
                return;
            }
        }
    }

    /// Somebody wants the run to stop.
    pub async fn cancel(&self, run: RunId) {
        let by = actor("bo");
        let reason = None;
        self.say(run, Event::CancelRequested { by, reason }).await;
    }

    /// The run's log, to answer in.
    pub async fn log(&self, run: RunId) -> RunLog {
        let store = Arc::clone(&self.store) as Arc<dyn Store>;
        RunLog::open(run, store, Arc::new(WallClock), Arc::new(Dice))
            .await
            .unwrap()
            .0
    }
}

/// An engine over any store, with this toy to act on; artifacts are kept in the folder.
pub fn start(
    store: Arc<dyn Store>,
    toy: &Arc<Toy>,
    clock: Arc<dyn Clock>,
    folder: &Path,
) -> Engine {
    start_with(store, toy, (clock, Arc::new(WallAlarm)), vec![], folder).0
}

fn start_with(
    store: Arc<dyn Store>,
    toy: &Arc<Toy>,
    (clock, alarm): (Arc<dyn Clock>, Arc<dyn Alarm>),
    freezes: Vec<Freeze>,
    folder: &Path,
) -> (Engine, Arc<Holds>) {
    let mut systems = Systems::new();
    let system = Arc::clone(toy) as Arc<dyn purser::action::System>;
    systems.insert(
        SystemName::from("box"),
        "toy",
        Environment::production(),
        system,
    );
    let registry = Arc::new(Registry::new(vec![toy::integration()]));
    let systems = Arc::new(systems);
    let holds = Arc::new(Holds::new(HoldsParts {
        freezes,
        store: Arc::clone(&store),
        registry: Arc::clone(&registry),
        systems: Arc::clone(&systems),
        entropy: Arc::new(Dice),
    }));
    let engine = Engine::start(Parts {
        store,
        artifacts: Arc::new(ArtifactFolder::new(folder.join("artifacts"))),
        registry,
        systems,
        secrets: Arc::new(NoSecrets),
        clock,
        alarm,
        holds: Arc::clone(&holds),
        redactor: Arc::new(Redactor::new()),
        entropy: Arc::new(Dice),
        key: key(),
        concurrent_runs: 4,
        steps_per_system: 4,
        grace: Duration::from_millis(100),
    });
    (engine, holds)
}

/// A request for a run of this definition, on the toy.
pub fn requested(definition: &Workflow, by: Actor, trigger: Trigger) -> Requested {
    Requested {
        workflow: definition.name.clone(),
        definition: definition.digest(),
        dialect: DIALECT,
        inputs: serde_json::json!({}),
        by,
        trigger,
        environments: vec![Environment::production()],
        approval: vec![],
        systems: [(SystemName::from("box"), "memory".to_owned())].into(),
        concurrency: None,
        when_busy: WhenBusy::Queue,
        rerun: None,
        undo: None,
        break_glass: None,
        shown_in: None,
        timeout: None,
    }
}

/// The key that signs receipts in tests.
pub fn key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

/// An operator of this name.
pub fn actor(name: &str) -> Actor {
    Actor {
        person: name.into(),
        roles: vec!["operator".into()],
        through: "test".into(),
    }
}

/// A run of these steps that Ann asks for, after a change of what is asked.
pub fn new_run(steps: &str, change: impl FnOnce(&mut Requested)) -> NewRun {
    let definition: Workflow =
        serde_saphyr::from_str(&format!("name: play\nsummary: Play\nsteps:\n{steps}")).unwrap();
    let id = RunId::new(Uuid::now_v7());
    let mut request = requested(&definition, actor("ann"), Trigger::Api);
    change(&mut request);
    let at = purser::action::Clock::now(&WallClock);
    NewRun {
        id,
        at,
        request,
        definition,
        idempotency_key: None,
        secrets: vec![],
    }
}
