//! What the server works with: its configuration, its store, and the keys beside it.

use std::path::Path;
use std::sync::Arc;

use ed25519_dalek::SigningKey;

use super::keys::receipts_key;
use super::own::OwnFiles;
use super::secrets;
use super::world::{World, load_config};
use crate::catalog::Catalog;
use crate::cli::Failure;
use crate::config::LogFormat;
use crate::domain::keys::RECEIPTS_KEY;
use crate::domain::redact::Redactor;
use crate::store::sqlite::SqliteStore;
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
    /// Opens the store under its lock, then what its secrets open.
    ///
    /// # Errors
    /// What is wrong with the configuration or the store.
    pub(super) async fn open(config_path: &Path) -> Result<Self, Failure> {
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
        let catalog = world.catalog(opened.names())?;
        let own = OwnFiles::new(Arc::clone(&store), &world.config);
        world.systems.set_own(Arc::new(own));
        let key = receipts_key(&world.config.store.path.join(RECEIPTS_KEY))?;
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

/// Dumps, logs, keys and the store are for the user who runs Purser alone.
pub(super) fn keep_files_private() {
    nix::sys::stat::umask(nix::sys::stat::Mode::S_IRWXG | nix::sys::stat::Mode::S_IRWXO);
}
