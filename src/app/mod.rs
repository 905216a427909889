//! The composition root: the only file that knows everyone.

mod doors;
mod keys;
mod machine;
mod offline;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Notify;

use crate::action::Clock;
use crate::cli::Failure;
use crate::config::LogFormat;
use crate::domain::person::People;
use crate::domain::redact::Redactor;
use crate::engine::{self, Engine, Entropy, Scheduler, SchedulerParts, Timetable};
use crate::http;
use crate::service::{self, Service};
use crate::store::sqlite::SqliteStore;
use crate::store::{ArtifactFolder, Artifacts, Store};
use crate::telemetry;
use doors::{Doors, Signals, listen_in_public, serve};
use keys::receipts_key;
use machine::{MachineAlarm, MachineClock, MachineEntropy};
pub use offline::{lint, now, preview, schemas, socket};
use world::World;

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
