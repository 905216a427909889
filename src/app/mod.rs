//! The composition root: the only file that knows everyone.

mod chats;
mod discord;
mod docker_proxy;
mod doctor;
mod doors;
mod history;
mod home;
mod init;
mod keys;
mod machine;
mod migrate;
mod offline;
mod own;
mod recover;
mod secrets;
mod service_manager;
mod standby;
mod store;
mod telling;
mod vitals;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Notify;

use crate::action::Clock;
use crate::cli::Failure;
use crate::engine::{
    self, Alarm, Engine, Entropy, Holds, HoldsParts, Janitor, JanitorParts, Notifier, Scheduler,
    SchedulerParts, Timetable, Watcher, WatcherParts,
};
use crate::service::{self, ReadCatalog, Service};
use crate::store::{ArtifactFolder, Artifacts, Store};
use chats::Chats;
pub use discord::discord;
pub use docker_proxy::docker_proxy;
pub use doctor::doctor;
use doors::{Doors, Signals, serve};
use home::Home;
pub use init::init;
use machine::{ActiveClock, MachineAlarm, MachineEntropy};
pub use migrate::migrate;
pub use offline::{lint, now, preview, schemas, socket};
pub use recover::recover;
pub use secrets::secret;
use vitals::RunningVitals;
use world::World;

/// Starts the server and returns when it has been told to stop and has handed back its work.
///
/// # Errors
/// What is wrong with the configuration, the store or the socket.
pub async fn up(config_path: &Path, socket: Option<PathBuf>) -> Result<(), Failure> {
    let home = Home::open(config_path, socket.as_deref()).await?;
    let store = Arc::clone(&home.store);
    let served = tokio::select! {
        served = work(home, socket) => served,
        lost = standby::superseded(&store) => return Err(lost),
    };
    store.let_go().await;
    // Its connections end with the process and no sooner: the last one that is closed removes the WAL,
    // for which a disk that is full by then has no room at the next start.
    std::mem::forget(store);
    served
}

/// Everything that works, from its start to its stop.
async fn work(home: Home, socket: Option<PathBuf>) -> Result<(), Failure> {
    let Home {
        redactor,
        store,
        secrets,
        people,
        world,
        catalog,
        key,
    } = home;
    let config = &world.config;
    let socket = socket.unwrap_or_else(|| config.server.socket.clone());
    // Before the socket is there: whoever sees it may signal, and is not to end the process.
    let signals = Signals::catch()?;
    let doors = Doors::open(config, &socket).await?;

    let clock: Arc<dyn Clock> = Arc::new(ActiveClock::begins());
    let entropy: Arc<dyn Entropy> = Arc::new(MachineEntropy);
    // Before the engine: what ends from now on is told and counted.
    let verifying = key.verifying_key();
    let parts =
        telling::notifier_parts(config, &store, &clock, &redactor, &world.places, &verifying);
    let notifier = Notifier::start(parts).await;
    let notifier = notifier.map_err(|error| Failure::failed(error.to_string()))?;
    let mut vitals = RunningVitals::follow(config, &world.vitals, &store).await?;
    let artifacts: Arc<dyn Artifacts> = Arc::new(ArtifactFolder::new(&config.artifacts.path));
    let alarm: Arc<dyn Alarm> = Arc::new(MachineAlarm(Arc::clone(&clock)));
    let holds = Arc::new(holds(&world, &store, &entropy));
    let engine = Engine::start(engine::Parts {
        store: Arc::clone(&store),
        artifacts: Arc::clone(&artifacts),
        registry: Arc::clone(&world.registry),
        systems: Arc::clone(&world.systems),
        secrets: Arc::clone(&secrets) as _,
        clock: Arc::clone(&clock),
        alarm: Arc::clone(&alarm),
        holds: Arc::clone(&holds),
        redactor: Arc::clone(&redactor),
        entropy: Arc::clone(&entropy),
        key: key.clone(),
        concurrent_runs: config.engine.concurrent_runs.get(),
        steps_per_system: config.engine.steps_per_system.get(),
        grace: config.engine.cancel_grace.duration(),
    });
    let watcher = start_watcher(&world, &store, &clock);
    let janitor = start_janitor(&world, &store, &artifacts, &clock, &alarm);
    let schedules_changed = Arc::new(Notify::new());
    let service = Arc::new(Service::new(
        service::Parts {
            store: Arc::clone(&store),
            unfinished_runs: config.engine.unfinished_runs.get(),
            artifacts,
            registry: Arc::clone(&world.registry),
            systems: Arc::clone(&world.systems),
            people,
            hooks: world.hooks.clone(),
            has_chat: config.discord.is_some(),
            chat_roles: world::chat_roles(config),
            holds,
            break_glass: config.break_glass.clone(),
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
            read_catalog: reading(&world),
        },
        catalog,
    ));
    let parts = vitals::parts(&store, &service, &world, &clock, &alarm);
    vitals.beat(parts.clone(), &world.vitals)?;
    let scheduler = Scheduler::start(SchedulerParts {
        store,
        registry: Arc::clone(&world.registry),
        alarm,
        clock,
        entropy,
        timetable: Arc::clone(&service) as Arc<dyn Timetable>,
        changed: schedules_changed,
    });
    let chats = Chats::start(&world, &service);
    tracing::info!(socket = %socket.display(), "purser is up");
    service_manager::ready();
    let scrape = vitals.scrape(parts, &world.vitals);
    let served = serve(doors, service, chats.posts(), scrape, signals).await;
    chats.stop().await;
    vitals.stop().await;
    watcher.stop().await;
    janitor.stop().await;
    scheduler.stop().await;
    engine.stop().await;
    notifier.stop().await;
    // The store's lock is still held: nobody else can have made a socket here meanwhile.
    let _ = std::fs::remove_file(&socket);
    tracing::info!("purser is down; unfinished runs go on at the next start");
    served
}

/// Reads workflows and commands anew.
fn reading(world: &Arc<World>) -> Box<ReadCatalog> {
    let world = Arc::clone(world);
    Box::new(move |secrets| {
        let catalog = world.catalog(Some(secrets));
        catalog.map_err(|failure| failure.message)
    })
}

fn holds(world: &World, store: &Arc<dyn Store>, entropy: &Arc<dyn Entropy>) -> Holds {
    Holds::new(HoldsParts {
        freezes: world.config.freezes.clone(),
        store: Arc::clone(store),
        registry: Arc::clone(&world.registry),
        systems: Arc::clone(&world.systems),
        entropy: Arc::clone(entropy),
    })
}

/// Listens to what changes on the systems that tell it.
fn start_watcher(world: &World, store: &Arc<dyn Store>, clock: &Arc<dyn Clock>) -> Watcher {
    Watcher::start(&WatcherParts {
        store: Arc::clone(store),
        systems: Arc::clone(&world.systems),
        clock: Arc::clone(clock),
    })
}

/// Clears away what is over, as the configuration wants it.
fn start_janitor(
    world: &World,
    store: &Arc<dyn Store>,
    artifacts: &Arc<dyn Artifacts>,
    clock: &Arc<dyn Clock>,
    alarm: &Arc<dyn Alarm>,
) -> Janitor {
    let retention = world.config.retention;
    Janitor::start(JanitorParts {
        store: Arc::clone(store),
        artifacts: Arc::clone(artifacts),
        systems: Arc::clone(&world.systems),
        clock: Arc::clone(clock),
        alarm: Arc::clone(alarm),
        keep_runs: retention.runs,
        keep_artifacts: retention.artifacts,
    })
}
