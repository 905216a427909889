//! The composition root: the only file that knows everyone.

mod docker_proxy;
mod doctor;
mod doors;
mod init;
mod keys;
mod machine;
mod notify;
mod offline;
mod own;
mod recover;
mod secrets;
mod telling;
mod vitals;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Notify;

use crate::action::Clock;
use crate::cli::Failure;
use crate::config::LogFormat;
use crate::domain::person::People;
use crate::domain::redact::Redactor;
use crate::engine::{self, Alarm, Engine, Entropy, Notifier, Scheduler, SchedulerParts, Timetable};
use crate::http;
use crate::service::{self, Service};
use crate::store::sqlite::SqliteStore;
use crate::store::{ArtifactFolder, Artifacts, Store, StoreError};
use crate::telemetry;
use crate::vitals::Parts as VitalsParts;
pub use docker_proxy::docker_proxy;
pub use doctor::doctor;
use doors::{Doors, Signals, listen, serve};
pub use init::init;
use keys::receipts_key;
use machine::{MachineAlarm, MachineClock, MachineEntropy};
pub use offline::{lint, now, preview, schemas, socket};
use own::OwnFiles;
pub use recover::recover;
pub use secrets::secret;
use vitals::RunningVitals;
use world::{World, load_config};

/// Starts the server and returns when it has been told to stop and has handed back its work.
///
/// # Errors
/// What is wrong with the configuration, the store or the socket.
pub async fn up(config_path: &Path, socket: Option<PathBuf>) -> Result<(), Failure> {
    keep_files_private();
    let redactor = Arc::new(Redactor::new());
    let config = load_config(config_path)?;
    let format = match config.log.format {
        LogFormat::Text => telemetry::Format::Text,
        LogFormat::Json => telemetry::Format::Json,
    };
    telemetry::start(format, config.log.level.as_str(), Arc::clone(&redactor))
        .map_err(Failure::usage)?;
    let failed = |error: StoreError| Failure::failed(error.to_string());
    let store = SqliteStore::open(&config.store.path, Arc::clone(&redactor)).await;
    let store = Arc::new(store.map_err(failed)?);
    let kept = secrets::keep(Arc::clone(&store) as _, &config.store.path, &redactor).await;
    let (secrets, opened) = kept.map_err(failed)?;
    let world = Arc::new(World::load(config, &redactor, &opened)?);
    let config = &world.config;
    let catalog = world.catalog(opened.names())?;
    drop(opened);
    let own = Arc::new(OwnFiles::new(Arc::clone(&store), config));
    world.systems.set_own(own);
    let store: Arc<dyn Store> = store;
    let key = receipts_key(&config.store.path.join("receipts.key"))?;
    let socket = socket.unwrap_or_else(|| config.server.socket.clone());
    // Before the socket is there: whoever sees it may signal, and is not to end the process.
    let signals = Signals::catch()?;
    let public = config.server.listen;
    let public = listen("server", public, "hooks and health are").await?;
    let for_metrics = config.metrics.as_ref().map(|metrics| metrics.listen);
    let for_metrics = listen("metrics", for_metrics, "figures are").await?;
    let door = http::listen(&socket, config.server.group.as_deref().or(Some("purser")));
    let door = door.map_err(|error| Failure::failed(error.to_string()))?;

    let clock: Arc<dyn Clock> = Arc::new(MachineClock);
    let entropy: Arc<dyn Entropy> = Arc::new(MachineEntropy);
    // Before the engine: what ends from now on is told.
    let verifying = key.verifying_key();
    let parts =
        telling::notifier_parts(config, &store, &clock, &redactor, &world.places, &verifying);
    let notifier = Notifier::start(parts).await;
    let notifier = notifier.map_err(|error| Failure::failed(error.to_string()))?;
    let artifacts: Arc<dyn Artifacts> = Arc::new(ArtifactFolder::new(&config.artifacts.path));
    let engine = Engine::start(engine::Parts {
        store: Arc::clone(&store),
        artifacts: Arc::clone(&artifacts),
        registry: Arc::clone(&world.registry),
        systems: Arc::clone(&world.systems),
        secrets: Arc::clone(&secrets) as _,
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
            secrets,
            configured_secrets: config.secrets(),
            places: Arc::clone(&world.places),
            redactor,
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            progress: engine.progress(),
            zone: config.schedules.timezone,
            schedules_changed: Arc::clone(&schedules_changed),
            receipts_key: verifying,
            read_catalog: {
                let world = Arc::clone(&world);
                Box::new(move |secrets| {
                    let catalog = world.catalog(Some(secrets));
                    catalog.map_err(|failure| failure.message)
                })
            },
        },
        catalog,
    ));
    let alarm: Arc<dyn Alarm> = Arc::new(MachineAlarm(Arc::clone(&clock)));
    let parts = VitalsParts {
        store: Arc::clone(&store),
        timetable: Arc::clone(&service) as Arc<dyn Timetable>,
        places: world.places.keys().cloned().collect(),
        clock: Arc::clone(&clock),
        alarm: Arc::clone(&alarm),
    };
    let vitals = RunningVitals::start(parts, &world.vitals).await?;
    let scheduler = Scheduler::start(SchedulerParts {
        store,
        registry: Arc::clone(&world.registry),
        alarm,
        clock,
        entropy,
        timetable: Arc::clone(&service) as Arc<dyn Timetable>,
        changed: schedules_changed,
    });
    tracing::info!(socket = %socket.display(), "purser is up");
    let doors = Doors {
        socket: door,
        public,
        metrics: for_metrics.map(|listener| (listener, vitals.scrape(&world.vitals))),
    };
    notify::ready();
    let served = serve(doors, service, signals).await;
    vitals.stop().await;
    scheduler.stop().await;
    engine.stop().await;
    notifier.stop().await;
    // The store's lock is still held: nobody else can have made a socket here meanwhile.
    let _ = std::fs::remove_file(&socket);
    tracing::info!("purser is down; unfinished runs go on at the next start");
    served
}

/// Dumps, logs, keys and the store are for the user who runs Purser alone.
fn keep_files_private() {
    nix::sys::stat::umask(nix::sys::stat::Mode::S_IRWXG | nix::sys::stat::Mode::S_IRWXO);
}
