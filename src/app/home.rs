//! What the server works with: its configuration, its store, and the keys beside it.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use ed25519_dalek::SigningKey;

use super::history::Receipts;
use super::keys::receipts_key;
use super::own::{OwnFiles, StoreLedger};
use super::secrets;
use super::standby::{self, Standby};
use super::store::{self, OpenStore};
use super::world::{World, load_config};
use crate::catalog::Catalog;
use crate::cli::Failure;
use crate::config::{Config, LogFormat};
use crate::domain::keys::RECEIPTS_KEY;
use crate::domain::link::Link;
use crate::domain::person::People;
use crate::domain::redact::Redactor;
use crate::store::postgres::Holding;
use crate::store::{SecretKeeper, Store, StoreError};
use crate::telemetry;

/// Everything that is opened before anything begins to work.
pub(super) struct Home {
    pub(super) redactor: Arc<Redactor>,
    pub(super) store: Arc<dyn Store>,
    pub(super) secrets: Arc<SecretKeeper>,
    pub(super) people: People,
    pub(super) world: Arc<World>,
    pub(super) catalog: Catalog,
    pub(super) key: SigningKey,
}

impl Home {
    /// Opens the store under its lock, then what its secrets open. Where another process is active it
    /// waits as a standby, and answers at `socket`, or that of the configuration.
    ///
    /// # Errors
    /// What is wrong with the configuration or the store.
    pub(super) async fn open(config_path: &Path, socket: Option<&Path>) -> Result<Self, Failure> {
        keep_files_private();
        let redactor = Arc::new(Redactor::new());
        let config = load_config(config_path)?;
        let format = match config.log.format {
            LogFormat::Text => telemetry::Format::Text,
            LogFormat::Json => telemetry::Format::Json,
        };
        telemetry::start(format, config.log.level.as_str(), Arc::clone(&redactor))
            .map_err(Failure::usage)?;
        let socket = socket.unwrap_or(&config.server.socket);
        let standby = Standby::new(&config.server, socket);
        let waiting = |holding: &Holding| standby.waits_for(holding);
        let open = store::open_when_free(&config.store, &redactor, waiting);
        let open = open.await.map_err(failed)?;
        standby.end().await;
        let store = Arc::clone(&open.store);
        let home = Self::around(open, config, redactor).await;
        if home.is_err() {
            // Whoever waits for it need not wait until it runs out.
            store.let_go().await;
        }
        home
    }

    async fn around(
        OpenStore {
            store,
            embedded,
            server,
        }: OpenStore,
        config: Config,
        redactor: Arc<Redactor>,
    ) -> Result<Self, Failure> {
        let kept = secrets::keep(Arc::clone(&store) as _, &config.store.path, &redactor).await;
        let (secrets, opened) = kept.map_err(failed)?;
        let links = store.identities().await.map_err(failed)?;
        let people = known(&config, links);
        let world = Arc::new(World::load(config, &redactor, &opened)?);
        let catalog = world.catalog(opened.names())?;
        standby::go_by(&store, &catalog).await.map_err(failed)?;
        let last = store.latest_receipts(1).await.map_err(failed)?.pop();
        let key = receipts_key(&world.config.store.path.join(RECEIPTS_KEY), last.as_ref())?;
        let own = OwnFiles::new(embedded, server, key.verifying_key(), &world.config);
        world.systems.set_own(Arc::new(own));
        world
            .systems
            .set_history(Arc::new(Receipts(Arc::clone(&store))));
        let ledger = StoreLedger::of(&world, &store);
        world.systems.set_ledger(Arc::new(ledger));
        Ok(Self {
            redactor,
            store,
            secrets,
            people,
            world,
            catalog,
            key,
        })
    }
}

/// Everybody of the configuration, with the identities that they have linked.
fn known(config: &Config, links: Vec<Link>) -> People {
    let people = People::new(config.people.clone()).with_links(links);
    for link in people.links() {
        if people.owner(&link.identity).is_none() {
            tracing::warn!(
                identity = %link.identity,
                person = %link.person,
                "an identity is linked to somebody who is not in the configuration: it has no rights; \
                 `purser unlink ID` forgets it"
            );
        }
    }
    people
}

/// Why a folder is not for whoever runs this: it belongs to somebody else, who could not open what
/// is left there (root too), or it cannot be looked into. One that is not there yet is for everybody.
pub(super) fn not_ours(folder: &Path) -> Option<String> {
    let me = nix::unistd::geteuid().as_raw();
    match std::fs::metadata(folder).map(|found| found.uid()) {
        Ok(owner) if owner == me => None,
        Ok(owner) => Some(format!(
            "{} belongs to uid {owner}, not to yours, {me}: type this as that user",
            folder.display()
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(closed(folder, &error)),
    }
}

/// That a folder cannot be looked into, and who can.
pub(super) fn closed(folder: &Path, error: &io::Error) -> String {
    let why = nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(0)).desc();
    format!(
        "{} cannot be looked into ({why}): type this as the user who owns it",
        folder.display()
    )
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn failed(error: StoreError) -> Failure {
    Failure::failed(error.to_string())
}

/// Dumps, logs, keys and the store are for the user who runs Purser alone.
pub(super) fn keep_files_private() {
    nix::sys::stat::umask(nix::sys::stat::Mode::S_IRWXG | nix::sys::stat::Mode::S_IRWXO);
}
