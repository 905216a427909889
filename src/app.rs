//! The composition root: the only file that knows everyone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::action::{Clock, Connect, Registry, Systems};
use crate::catalog::{Catalog, CatalogFolders, Problem, Severity, Surroundings, SystemFacts};
use crate::cli::{Failure, Preview, counted};
use crate::config::{Config, LogFormat};
use crate::domain::names::HookName;
use crate::domain::person::People;
use crate::domain::redact::Redactor;
use crate::domain::schedule::Zone;
use crate::domain::time::Timestamp;
use crate::domain::webhook::Hook;
use crate::engine::{self, Alarm, Engine, Entropy, Scheduler, SchedulerParts, Timetable};
use crate::http;
use crate::integrations;
use crate::service::{self, Service};
use crate::store::sqlite::SqliteStore;
use crate::store::{ArtifactFolder, Artifacts, Store};
use crate::telemetry;

/// Starts the server and returns when it has been told to stop and has handed back its work.
///
/// # Errors
/// What is wrong with the configuration, the store or the socket.
pub async fn up(config_path: &Path, socket: Option<PathBuf>) -> Result<(), Failure> {
    // Dumps, logs and the store are for the user who runs Purser alone.
    nix::sys::stat::umask(nix::sys::stat::Mode::S_IRWXG | nix::sys::stat::Mode::S_IRWXO);
    let redactor = Arc::new(Redactor::new());
    let world = Arc::new(World::load(config_path, &redactor)?);
    let config = &world.config;
    let format = match config.log.format {
        LogFormat::Text => telemetry::Format::Text,
        LogFormat::Json => telemetry::Format::Json,
    };
    telemetry::start(format, config.log.level.as_str(), Arc::clone(&redactor))
        .map_err(Failure::usage)?;
    let catalog = world.catalog()?;
    let store = SqliteStore::open(&config.store.path, Arc::clone(&redactor)).await;
    let store: Arc<dyn Store> =
        Arc::new(store.map_err(|error| Failure::failed(error.to_string()))?);
    let key = receipts_key(&config.store.path.join("receipts.key"))?;
    let socket = socket.unwrap_or_else(|| config.server.socket.clone());
    // Before the socket is there: whoever sees it may signal, and is not to end the process.
    let signals = Signals::catch()?;
    let doors = Doors {
        public: listen_in_public(config.server.listen).await?,
        socket: http::listen(&socket, config.server.group.as_deref().or(Some("purser")))
            .map_err(|error| Failure::failed(error.to_string()))?,
    };

    let clock: Arc<dyn Clock> = Arc::new(MachineClock);
    let entropy: Arc<dyn Entropy> = Arc::new(MachineEntropy);
    let artifacts: Arc<dyn Artifacts> = Arc::new(ArtifactFolder::new(&config.artifacts.path));
    let engine = Engine::start(engine::Parts {
        store: Arc::clone(&store),
        artifacts: Arc::clone(&artifacts),
        registry: Arc::clone(&world.registry),
        systems: Arc::clone(&world.systems),
        clock: Arc::clone(&clock),
        redactor: Arc::clone(&redactor),
        entropy: Arc::clone(&entropy),
        key: key.clone(),
        concurrent_runs: config.engine.concurrent_runs.get(),
        grace: config.engine.cancel_grace.duration(),
    });
    let schedules_changed = Arc::new(Notify::new());
    let service = Arc::new(Service::new(
        service::Parts {
            store: Arc::clone(&store),
            artifacts,
            registry: Arc::clone(&world.registry),
            systems: Arc::clone(&world.systems),
            people: People::new(config.people.clone()),
            hooks: world.hooks.clone(),
            redactor,
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            progress: engine.progress(),
            zone: config.schedules.timezone,
            schedules_changed: Arc::clone(&schedules_changed),
            receipts_key: key.verifying_key(),
            read_catalog: {
                let world = Arc::clone(&world);
                Box::new(move || world.catalog().map_err(|failure| failure.message))
            },
        },
        catalog,
    ));
    let scheduler = Scheduler::start(SchedulerParts {
        store,
        registry: Arc::clone(&world.registry),
        alarm: Arc::new(MachineAlarm(Arc::clone(&clock))),
        clock,
        entropy,
        timetable: Arc::clone(&service) as Arc<dyn Timetable>,
        changed: schedules_changed,
    });
    tracing::info!(socket = %socket.display(), "purser is up");
    let served = serve(doors, service, signals).await;
    scheduler.stop().await;
    engine.stop().await;
    // The store's lock is still held: nobody else can have made a socket here meanwhile.
    let _ = std::fs::remove_file(&socket);
    tracing::info!("purser is down; unfinished runs go on at the next start");
    served
}

/// Checks configuration, workflows and commands, and says all that is wrong.
///
/// # Errors
/// Something is wrong.
pub fn lint(config_path: &Path, json: bool) -> Result<(), Failure> {
    let world = World::load(config_path, &Redactor::new())?;
    let read = world.read_catalog();
    let problems = match &read {
        Ok(catalog) => catalog.warnings(),
        Err(problems) => problems,
    };
    if json {
        println!("{}", serde_json::json!(problems));
    } else {
        for problem in problems {
            println!("{problem}");
        }
    }
    let Ok(catalog) = read else {
        return Err(Failure::usage(""));
    };
    if !json {
        println!(
            "{}, {}, {}: no errors",
            counted(world.config.systems.len(), "system"),
            counted(catalog.workflows().count(), "workflow"),
            counted(catalog.commands().count(), "command")
        );
    }
    Ok(())
}

/// Shows when an expression fires; needs no server.
///
/// # Errors
/// It is no expression, or the configuration, which says by which clock, does not do.
pub fn preview(config_path: &Path, preview: &Preview, json: bool) -> Result<(), Failure> {
    let zone = match preview.timezone {
        Some(zone) => zone,
        None if config_path.exists() => load_config(config_path)?.schedules.timezone,
        None => Zone::UTC,
    };
    preview.show(zone, MachineClock.now(), json)
}

/// The socket that the configuration names, for the clients on this machine.
///
/// # Errors
/// The configuration does not do.
pub fn socket(config_path: &Path) -> Result<PathBuf, Failure> {
    if config_path.exists() {
        Ok(load_config(config_path)?.server.socket)
    } else {
        let runtime_dir = std::env::var("XDG_RUNTIME_DIR").ok();
        Ok(crate::config::default_socket(runtime_dir.as_deref()))
    }
}

/// What is read once, at the start.
struct World {
    config: Config,
    hooks: BTreeMap<HookName, Hook>,
    registry: Arc<Registry>,
    systems: Arc<Systems>,
}

impl World {
    fn load(config_path: &Path, redactor: &Redactor) -> Result<Self, Failure> {
        let config = load_config(config_path)?;
        let registry = Registry::new(integrations::all());
        let mut systems = Systems::new();
        systems.set_folders(Arc::new(integrations::folders::LocalFolders));
        for (name, system) in &config.systems {
            let integration = registry.integration(&system.kind).map_err(|unknown| {
                Failure::usage(config.system_error(name, Some("kind"), unknown).to_string())
            })?;
            let connect = Connect {
                name,
                settings: system.settings.clone(),
                redactor,
                base: config.base(),
            };
            let connected = (integration.connect)(&connect)
                .map_err(|error| Failure::usage(config.explain(&error).to_string()))?;
            systems.insert(
                name.clone(),
                integration.kind,
                system.environment.clone(),
                connected,
            );
        }
        let mut hooks = BTreeMap::new();
        for (name, hook) in &config.hooks {
            let hook = hook.open(redactor).map_err(|why| {
                let why = format!("[hooks.{name}]: {why}");
                Failure::usage(config.hook_error(name, why).to_string())
            })?;
            hooks.insert(name.clone(), hook);
        }
        Ok(Self {
            config,
            hooks,
            registry: Arc::new(registry),
            systems: Arc::new(systems),
        })
    }

    fn read_catalog(&self) -> Result<Catalog, Vec<Problem>> {
        let config = &self.config;
        let folders = CatalogFolders {
            workflows: config.catalog.workflows.clone(),
            commands: config.catalog.commands.clone(),
        };
        let facts = |system: &crate::config::SystemConfig| SystemFacts {
            kind: system.kind.clone(),
            environment: system.environment.clone(),
        };
        let surroundings = Surroundings {
            systems: config
                .systems
                .iter()
                .map(|(name, s)| (name.clone(), facts(s)))
                .collect(),
            people: config.people.clone(),
            hooks: config
                .hooks
                .iter()
                .map(|(name, hook)| (name.clone(), hook.roles.clone()))
                .collect(),
        };
        Catalog::load(&folders, &self.registry, &surroundings)
    }

    /// The catalog without errors; warnings go to the log.
    fn catalog(&self) -> Result<Catalog, Failure> {
        match self.read_catalog() {
            Ok(catalog) => {
                catalog
                    .warnings()
                    .iter()
                    .for_each(|warning| tracing::warn!("{warning}"));
                Ok(catalog)
            }
            Err(problems) => {
                let errors = problems.iter().filter(|p| p.severity == Severity::Error);
                let lines: Vec<_> = errors.map(ToString::to_string).collect();
                Err(Failure::usage(lines.join("\n")))
            }
        }
    }
}

fn load_config(path: &Path) -> Result<Config, Failure> {
    // A variable that is no text cannot be one of ours.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Config::load(path, variables).map_err(|error| Failure::usage(error.to_string()))
}

/// What the process is told by others.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn catch() -> Result<Self, Failure> {
        let catch = |kind| signal(kind).map_err(|error| Failure::failed(error.to_string()));
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            hangup: catch(SignalKind::hangup())?,
        })
    }
}

/// Where requests come in.
struct Doors {
    /// For people of this machine.
    socket: UnixListener,
    /// For other programs, where that is wanted.
    public: Option<TcpListener>,
}

async fn listen_in_public(address: Option<SocketAddr>) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = address else {
        return Ok(None);
    };
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::failed(format!(
            "[server] listen: {address} cannot be listened at: {error}"
        ))
    })?;
    // Port 0 is one that the machine has chosen.
    let address = listener.local_addr().unwrap_or(address);
    tracing::info!(%address, "hooks and health are served here");
    Ok(Some(listener))
}

/// Answers until SIGTERM or SIGINT; SIGHUP re-reads the catalog.
async fn serve(doors: Doors, service: Arc<Service>, mut signals: Signals) -> Result<(), Failure> {
    let shutdown = CancellationToken::new();
    let server = http::serve(doors.socket, Arc::clone(&service), shutdown.clone());
    let public = async {
        if let Some(listener) = doors.public {
            http::serve_public(listener, Arc::clone(&service), shutdown.clone()).await;
        }
    };
    let stop = async {
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => break,
                _ = signals.interrupt.recv() => break,
                _ = signals.hangup.recv() => reload_by_signal(&service).await,
            }
        }
        shutdown.cancel();
    };
    let (served, (), ()) = tokio::join!(server, public, stop);
    served.map_err(|error| Failure::failed(error.to_string()))
}

async fn reload_by_signal(service: &Service) {
    let by = service.people().by_uid(nix::unistd::getuid().as_raw());
    match service.reload(&by).await {
        Ok(()) => tracing::info!("the catalog was reloaded"),
        Err(error) => tracing::error!(%error, "the catalog was not reloaded"),
    }
}

/// The key that signs receipts: read, or made at the first start, for the owner only.
fn receipts_key(path: &Path) -> Result<SigningKey, Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let failed = |what: &str| Failure::failed(format!("{}: {what}", path.display()));
    match std::fs::read_to_string(path) {
        Ok(text) => hex::decode(text.trim())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(|bytes| SigningKey::from_bytes(&bytes))
            .ok_or_else(|| {
                failed(
                    "this is no key of 64 hexadecimal digits; restore it from a backup: without \
                        it new receipts cannot follow the old ones",
                )
            }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let seed = MachineEntropy.bytes();
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .map_err(|error| failed(&error.to_string()))?;
            file.write_all(hex::encode(seed).as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(|error| failed(&error.to_string()))?;
            Ok(SigningKey::from_bytes(&seed))
        }
        Err(error) => Err(failed(&error.to_string())),
    }
}

struct MachineClock;

impl Clock for MachineClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the clock that is injected everywhere"
    )]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let micros = since.map_or(0, |since| since.as_micros());
        Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// The machine's clock may be set at any time: it is looked at again after this.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

struct MachineAlarm(Arc<dyn Clock>);

impl Alarm for MachineAlarm {
    fn wait(&self, until: Timestamp) -> BoxFuture<'_, ()> {
        let pause = until.since(self.0.now()).min(LONGEST_PAUSE);
        tokio::time::sleep(pause).boxed()
    }
}

struct MachineEntropy;

impl Entropy for MachineEntropy {
    fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        if let Err(error) = getrandom::fill(&mut bytes) {
            // Ids and salts that repeat would be worse than no Purser.
            tracing::error!(%error, "this machine gives no randomness");
            std::process::abort();
        }
        bytes
    }
}
