//! What the Docker stories share: a step without an engine of workflows around it, and Docker's
//! own client as the witness.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use purser::action::ports::OwnState;
use purser::action::{ActionError, AnyAction, Connect, Context, Registry, Systems, Undone};
use purser::docker_proxy::Allowances;
use purser::domain::names::{Environment, RunId, SystemName};
use purser::domain::plan::Plan;
use purser::domain::redact::Redactor;
use purser::domain::run::StepState;
use purser::domain::secret::Opened;
use purser::domain::undo::WayBack;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::journal::{MemoryJournal, Moment, read_context};
use crate::support::proxy::Proxy;
use crate::support::stack;

/// How long what must come may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const V1: &str = "purser-test/web:v1";
pub(crate) const V2: &str = "purser-test/web:v2";

/// One step of a run, with the journal that outlives its attempts.
pub(crate) struct Step {
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) cancel: CancellationToken,
    pub(crate) run: RunId,
    action: Arc<dyn AnyAction>,
    systems: Arc<Systems>,
    input: Value,
    /// All that the actions ask of the stack's engine goes through it.
    _proxy: Option<Proxy>,
}

impl Step {
    pub(crate) fn of(action: &str, input: Value) -> Self {
        Self::with(action, "", input)
    }

    /// With these lines more in the table of the system.
    pub(crate) fn with(action: &str, settings: &str, input: Value) -> Self {
        let proxy = Proxy::new(Allowances::default());
        let host = proxy.host();
        Self {
            _proxy: Some(proxy),
            ..Self::on(&host, action, settings, input)
        }
    }

    /// On the engine behind a Traefik, whose API is there.
    pub(crate) fn behind(action: &str, input: Value, api: &str) -> Self {
        Self::behind_with(action, "", input, api)
    }

    /// The same, with these lines more in the table of the engine.
    pub(crate) fn behind_with(action: &str, settings: &str, input: Value, api: &str) -> Self {
        Self::behind_edge(action, settings, input, &format!("url = '{api}'"))
    }

    /// On the engine behind the stack's Traefik, which is led by files.
    pub(crate) fn behind_files(action: &str, input: Value) -> Self {
        let [api, files] =
            ["PURSER_TEST_TRAEFIK_API", "PURSER_TEST_TRAEFIK_FILES"].map(stack::variable);
        let edge = format!("url = '{api}'\nroutes = '{files}'");
        Self::behind_edge(action, "", input, &edge)
    }

    fn behind_edge(action: &str, settings: &str, input: Value, edge: &str) -> Self {
        let entry = stack::variable("PURSER_TEST_TRAEFIK");
        Self::behind_another(action, settings, input, (edge, &entry))
    }

    /// The same with a Traefik that is not the stack's: the first lines of its table, and where its entry
    /// point is.
    pub(crate) fn behind_another(
        action: &str,
        settings: &str,
        input: Value,
        (edge, entry): (&str, &str),
    ) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let edge = format!("{edge}\nentrypoints = {{ web = 'http://{entry}' }}");
        let settings = format!("proxy = 'edge'\n{settings}");
        let mut step = Self::with(action, &settings, input);
        let mut systems = (*step.systems).clone();
        connect(&mut systems, "edge", "traefik", &edge).unwrap();
        step.systems = Arc::new(systems);
        step
    }

    /// On an engine that is none of the stack's.
    pub(crate) fn on(host: &str, action: &str, settings: &str, input: Value) -> Self {
        let registry = Registry::new(purser::integrations::all());
        Self {
            journal: Arc::default(),
            cancel: CancellationToken::new(),
            run: RunId::new(uuid::Uuid::now_v7()),
            action: Arc::clone(registry.action(action).unwrap()),
            systems: systems(&format!("host = '{host}'\n{settings}")).unwrap(),
            input,
            _proxy: None,
        }
    }

    /// What Purser keeps of its own is there.
    pub(crate) fn keeps_its_own(&self, own: Arc<dyn OwnState>) {
        self.systems.set_own(own);
    }

    /// The same step, whose engine is asked here from now on.
    pub(crate) fn moved_to(self, host: &str) -> Self {
        Self {
            systems: systems(&format!("host = '{host}'")).unwrap(),
            ..self
        }
    }

    /// The same step, of which the process will "die" at this moment.
    pub(crate) fn dying_at(self, effect: &str, moment: Moment) -> Self {
        self.journal.die_at(effect, moment);
        self
    }

    fn context(&self) -> Context {
        let mut ctx = self
            .journal
            .context(self.run, self.action.spec(), "shop", &self.systems);
        ctx.cancel = self.cancel.clone();
        self.journal.cancel_by(ctx.cancel.clone());
        ctx
    }

    pub(crate) async fn plan(&self) -> Result<Plan, ActionError> {
        let ctx = read_context("shop", &self.systems);
        self.action.plan(&ctx, self.input.clone()).await
    }

    pub(crate) async fn run(&self) -> Result<Value, ActionError> {
        self.action.run(&self.context(), self.input.clone()).await
    }

    /// As the engine does it: after an attempt that failed or was cancelled.
    pub(crate) async fn undo(&self) -> Result<Undone, ActionError> {
        let mut ctx = self.context();
        ctx.cancel = CancellationToken::new();
        self.journal.cancel_by(ctx.cancel.clone());
        self.action.undo(&ctx, self.input.clone()).await
    }

    /// How it is taken back once it has succeeded.
    pub(crate) fn way_back(&self) -> WayBack {
        self.action.way_back(&StepState {
            input: self.input.clone(),
            records: self.journal.all().1.into_iter().collect(),
            ..StepState::default()
        })
    }

    /// The containers that carry this run's label, by name.
    pub(crate) fn containers(&self) -> Vec<String> {
        names(&format!("label=purser.run={}", self.run))
    }

    /// What happens from now on to the containers of this run.
    pub(crate) fn events(&self) -> Events {
        Events::of(&format!("label=purser.run={}", self.run))
    }
}

/// The systems of a configuration with one table `[systems.shop]`.
pub(crate) fn systems(settings: &str) -> Result<Arc<Systems>, String> {
    let mut systems = Systems::new();
    connect(&mut systems, "shop", "docker", settings)?;
    Ok(Arc::new(systems))
}

fn connect(
    systems: &mut Systems,
    name: &str,
    kind: &'static str,
    settings: &str,
) -> Result<(), String> {
    let registry = Registry::new(purser::integrations::all());
    let name = SystemName::from(name);
    let connect = Connect {
        name: &name,
        settings: settings.parse().unwrap(),
        redactor: &Arc::new(Redactor::new()),
        secrets: &Opened::default(),
        base: std::path::Path::new("."),
    };
    let system = (registry.integration(kind).unwrap().connect)(&connect)
        .map_err(|error| error.to_string())?;
    systems.insert(name, kind, Environment::production(), system);
    Ok(())
}

pub(crate) fn host() -> String {
    stack::variable("PURSER_TEST_DOCKER_HOST")
}

/// Docker's own client. Panics with its complaint when it fails.
pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = try_docker(arguments);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "docker {}: {complaint}",
        arguments.join(" ")
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Docker's own client, whatever comes of it.
pub(crate) fn try_docker(arguments: &[&str]) -> Output {
    Command::new("docker")
        .args(["--host", &host()])
        .args(arguments)
        .output()
        .expect("docker can be run")
}

/// The names of the containers, stopped ones too, that this filter lets through.
pub(crate) fn names(filter: &str) -> Vec<String> {
    let listed = docker(&["ps", "--all", "--filter", filter, "--format", "{{.Names}}"]);
    let mut names: Vec<_> = listed.lines().map(str::to_owned).collect();
    names.sort();
    names
}

/// One value of a container.
pub(crate) fn inspect(container: &str, format: &str) -> String {
    docker(&["inspect", "--format", format, container])
}

/// `create`, `start`, `die` … of the containers that a filter lets through, in order, as the
/// engine tells them. Health checks and what they start are left out: they would flood the few
/// events that the engine remembers.
pub(crate) struct Events {
    client: Child,
    told: Receiver<String>,
    seen: Vec<String>,
}

impl Events {
    pub(crate) fn of(filter: &str) -> Self {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let now = format!("{}.{:09}", now.as_secs(), now.subsec_nanos());
        let mut client = Command::new("docker")
            .args(["--host", &host(), "events", "--since", &now])
            .args(["--filter", "type=container", "--filter", filter])
            .args(["--format", "{{.Action}}"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("docker can be run");
        let lines = BufReader::new(client.stdout.take().unwrap()).lines();
        let (teller, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let is_check = |event: &str| event.starts_with("exec_") || event.starts_with("health_");
            for event in lines.map_while(Result::ok).filter(|event| !is_check(event)) {
                let _ = teller.send(event);
            }
        });
        Self {
            client,
            told,
            seen: Vec::new(),
        }
    }

    /// Waits for the event that the story knows to be the last one, and returns what came before.
    pub(crate) fn until(&mut self, last: &str) -> Vec<String> {
        loop {
            match self.told.recv_timeout(Duration::from_secs(20)) {
                Ok(event) if event == last => return std::mem::take(&mut self.seen),
                Ok(event) => self.seen.push(event),
                Err(error) => panic!("no {last} came after {:?}: {error}", self.seen),
            }
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

/// Asks until it is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never came true: {what}");
        // Each look starts a client: many at once would leave little of the machine to the rest.
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// The text with what differs in each run replaced.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut hex = String::new();
    for c in text.chars().chain(std::iter::once('\0')) {
        if c.is_ascii_hexdigit() && !c.is_ascii_uppercase() {
            hex.push(c);
            continue;
        }
        plain.push_str(if hex.len() >= 8 { "HEX" } else { &hex });
        hex.clear();
        plain.push(c);
    }
    plain.trim_end_matches('\0').to_owned()
}

/// Plan as people see it, with preconditions.
pub(crate) fn shown(plan: &Plan) -> String {
    let mut lines = vec![plan.summary.clone()];
    lines.extend(
        plan.preconditions
            .iter()
            .map(|p| format!("relies on {}: {}", p.subject, p.is)),
    );
    lines.extend(plan.changes.iter().map(|c| {
        let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
        format!("{}: {} → {}", c.subject, side(&c.from), side(&c.to))
    }));
    lines.extend(plan.notes.iter().map(|note| format!("note: {note}")));
    plain(&lines.join("\n"))
}

/// A name that no other test uses.
pub(crate) fn unique(what: &str) -> String {
    let id = uuid::Uuid::now_v7().simple().to_string();
    format!("{what}-{}", &id[id.len() - 10..])
}

/// Removes containers when the test ends, however it ends.
pub(crate) struct Cleanup(pub(crate) String);

impl Drop for Cleanup {
    fn drop(&mut self) {
        for name in names(&self.0) {
            let format = "{{range .Mounts}}{{println .Name}}{{end}}";
            let volumes = try_docker(&["inspect", "--format", format, &name]).stdout;
            try_docker(&["rm", "--force", &name]);
            // A volume that was handed over has got a name by that.
            for volume in String::from_utf8_lossy(&volumes).split_whitespace() {
                try_docker(&["volume", "rm", volume]);
            }
        }
    }
}
