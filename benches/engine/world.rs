//! An engine on a store, with an action that touches nothing but the journal.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use ed25519_dalek::SigningKey;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use purser::action::{
    Action, ActionSpec, AnyAction, Clock, Context, Held, Integration, OpenSecrets, Ports,
    ReadContext, Registry, Result, Risk, System, Systems,
};
use purser::domain::effect::{EffectSort, EffectSpec};
use purser::domain::event::{DIALECT, Requested, Trigger};
use purser::domain::names::{Environment, RunId, SecretName, SystemName};
use purser::domain::person::Actor;
use purser::domain::plan::Plan;
use purser::domain::redact::Redactor;
use purser::domain::secret::not_set;
use purser::domain::time::Timestamp;
use purser::domain::workflow::{WhenBusy, Workflow};
use purser::engine::{Alarm, Engine, Entropy, Holds, HoldsParts, Parts};
use purser::store::{ArtifactFolder, NewRun, Store};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use uuid::Uuid;

use super::place::Place;

/// The steps of a run, each with one effect.
pub const STEPS: usize = 5;

/// A running engine.
pub struct World {
    store: Arc<dyn Store>,
    engine: Engine,
    changes: Receiver<RunId>,
    definition: Workflow,
    touched: Arc<Nothing>,
    /// What the log of each run holds in the end; known after the first one.
    events: Option<usize>,
}

impl World {
    pub async fn open(place: &Place) -> Self {
        let store = place.open().await;
        let touched = Arc::new(Nothing::default());
        let mut systems = Systems::new();
        let system = Arc::clone(&touched) as Arc<dyn System>;
        systems.insert(
            "nothing".into(),
            "nothing",
            Environment::production(),
            system,
        );
        let registry = Arc::new(Registry::new(vec![integration()]));
        let systems = Arc::new(systems);
        let holds = Arc::new(Holds::new(HoldsParts {
            freezes: vec![],
            store: Arc::clone(&store),
            registry: Arc::clone(&registry),
            systems: Arc::clone(&systems),
            entropy: Arc::new(Machine),
        }));
        let engine = Engine::start(Parts {
            store: Arc::clone(&store),
            artifacts: Arc::new(ArtifactFolder::new(place.folder().join("artifacts"))),
            registry,
            systems,
            alarm: Arc::new(Machine),
            holds,
            secrets: Arc::new(NoSecrets),
            clock: Arc::new(Machine),
            redactor: Arc::new(Redactor::new()),
            entropy: Arc::new(Machine),
            key: SigningKey::from_bytes(&[9; 32]),
            concurrent_runs: 16,
            steps_per_system: 64,
            grace: Duration::from_millis(100),
        });
        let changes = store.changes();
        Self {
            store,
            engine,
            changes,
            definition: definition(),
            touched,
            events: None,
        }
    }

    /// One run from its request to its end.
    pub async fn run(&mut self) {
        self.runs(1).await;
    }

    /// So many, asked for at once.
    pub async fn runs(&mut self, count: usize) {
        *self.touched.0.lock().unwrap() = None;
        let asked = (0..count).map(|_| self.store.create(new_run(&self.definition)));
        let ids = futures_util::future::join_all(asked).await;
        if let Some(events) = self.events {
            for _ in 0..events * count {
                self.changes.recv().await.unwrap();
            }
            return;
        }
        while !self.store.unfinished().await.unwrap().is_empty() {
            self.changes.recv().await.unwrap();
        }
        let log = self.store.log(*ids[0].as_ref().unwrap(), 0).await.unwrap();
        self.events = Some(log.len());
        while self.changes.try_recv().is_ok() {}
    }

    /// When the first step of the last run began.
    pub fn first_step_at(&self) -> Instant {
        self.touched.0.lock().unwrap().unwrap()
    }

    /// Waits until every receipt is sealed.
    pub async fn all_sealed(&self) {
        let mut commits = self.store.commits();
        while !self.store.unsealed_receipts().await.unwrap().is_empty() {
            commits.changed().await.unwrap();
        }
    }

    pub async fn close(self) {
        self.engine.stop().await;
        self.store.let_go().await;
    }
}

fn definition() -> Workflow {
    let step =
        |n| format!("  - {{ id: step{n}, uses: nothing.touch, with: {{ system: nothing }} }}\n");
    let steps: String = (1..=STEPS).map(step).collect();
    serde_saphyr::from_str(&format!("name: bench\nsummary: Nothing\nsteps:\n{steps}")).unwrap()
}

fn new_run(definition: &Workflow) -> NewRun {
    let by = Actor {
        person: "bench".into(),
        roles: vec!["operator".into()],
        through: "bench".into(),
    };
    let request = Requested {
        workflow: definition.name.clone(),
        definition: definition.digest(),
        dialect: DIALECT,
        inputs: serde_json::json!({}),
        by,
        trigger: Trigger::Api,
        environments: vec![Environment::production()],
        approval: vec![],
        systems: [(SystemName::from("nothing"), "nowhere".to_owned())].into(),
        concurrency: None,
        when_busy: WhenBusy::Queue,
        rerun: None,
        undo: None,
        break_glass: None,
        shown_in: None,
        timeout: None,
    };
    let id = RunId::new(Uuid::now_v7());
    NewRun {
        id,
        at: Machine.now(),
        request,
        definition: definition.clone(),
        idempotency_key: Some(id.to_string()),
        secrets: vec![],
    }
}

/// The machine's clock and randomness.
struct Machine;

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
    }
}

/// Nothing is held here, so nobody waits for the end of a hold.
impl Alarm for Machine {
    fn wait(&self, _: Timestamp) -> BoxFuture<'_, ()> {
        std::future::pending().boxed()
    }
}

impl Entropy for Machine {
    fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).unwrap();
        bytes
    }
}

struct NoSecrets;

impl OpenSecrets for NoSecrets {
    fn open<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<SecretString>> {
        async move { Err(purser::action::ActionError::fatal(not_set(name, []))) }.boxed()
    }

    fn open_given<'a>(&'a self, _: RunId, _: &'a str) -> BoxFuture<'a, Result<SecretString>> {
        let why = "nothing is given here in secret";
        async move { Err(purser::action::ActionError::fatal(why)) }.boxed()
    }

    fn hold<'a>(&'a self, _: Held<'a>, _: &'a SecretString) -> BoxFuture<'a, Result<()>> {
        let why = "nothing is kept here in secret";
        async move { Err(purser::action::ActionError::fatal(why)) }.boxed()
    }

    fn held<'a>(&'a self, _: Held<'a>) -> BoxFuture<'a, Result<Option<SecretString>>> {
        async { Ok(None) }.boxed()
    }

    fn let_go<'a>(&'a self, _: Held<'a>) -> BoxFuture<'a, Result<()>> {
        async { Ok(()) }.boxed()
    }
}

/// The system: it knows when it was first touched.
#[derive(Default)]
struct Nothing(Mutex<Option<Instant>>);

impl System for Nothing {
    fn address(&self) -> String {
        "nowhere".to_owned()
    }

    fn ports(self: Arc<Self>) -> Ports {
        Ports::default()
    }

    fn check(&self) -> BoxFuture<'_, Result<String>> {
        async { Ok("there".to_owned()) }.boxed()
    }
}

#[derive(Deserialize, JsonSchema)]
struct NoInput {}

struct Touch;

impl Action for Touch {
    type System = Nothing;
    type Input = NoInput;
    type Output = ();

    const SPEC: ActionSpec = ActionSpec {
        name: "nothing.touch",
        summary: "Touch nothing",
        risk: Risk::Change,
        service: None,
        effects: &[EffectSpec {
            name: "touch",
            sort: EffectSort::Repeatable,
            limit: Duration::from_secs(1),
        }],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, _: &Nothing, _: NoInput) -> Result<Plan> {
        Ok(Plan::new("touch nothing"))
    }

    async fn run(&self, ctx: &Context, nothing: &Nothing, _: NoInput) -> Result<()> {
        nothing.0.lock().unwrap().get_or_insert_with(Instant::now);
        ctx.repeatable("touch", async |_| Ok(())).await
    }
}

fn integration() -> Integration {
    Integration {
        kind: "nothing",
        connect: |_| Ok(Arc::new(Nothing::default())),
        settings: |_| schemars::Schema::default(),
        suggests: &[],
        actions: || vec![Arc::new(Touch) as Arc<dyn AnyAction>],
    }
}
