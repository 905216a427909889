//! What the server works with: its configuration, its store, and the keys beside it.

use std::path::Path;
use std::sync::Arc;

use ed25519_dalek::SigningKey;

use super::keys::receipts_key;
use super::own::OwnFiles;
use super::secrets;
use super::standby::{self, Standby};
use super::store::{self, OpenStore};
use super::world::{World, load_config};
use crate::catalog::Catalog;
use crate::cli::Failure;
use crate::config::{Config, LogFormat};
use crate::domain::redact::Redactor;
use crate::store::postgres::Holding;
use crate::store::{SecretKeeper, Store, StoreError};
use crate::telemetry;

/// Everything that is opened before anything begins to work.
pub(super) struct Home {
    pub(super) redactor: Arc<Redactor>,
    pub(super) store: Arc<dyn Store>,
    pub(super) secrets: Arc<SecretKeeper>,
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
        OpenStore { store, embedded }: OpenStore,
        config: Config,
        redactor: Arc<Redactor>,
    ) -> Result<Self, Failure> {
        let kept = secrets::keep(Arc::clone(&store) as _, &config.store.path, &redactor).await;
        let (secrets, opened) = kept.map_err(failed)?;
        let world = Arc::new(World::load(config, &redactor, &opened)?);
        let catalog = world.catalog(opened.names())?;
        standby::go_by(&store, &catalog).await.map_err(failed)?;
        let own = OwnFiles::new(embedded, &world.config);
        world.systems.set_own(Arc::new(own));
        let key = receipts_key(&world.config.store.path.join("receipts.key"))?;
        Ok(Self {
            redactor,
            store,
            secrets,
            world,
            catalog,
            key,
        })
    }
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
