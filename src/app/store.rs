//! The store that the configuration names: the one place that opens it, for everybody.

use std::path::Path;
use std::sync::Arc;

use super::machine::MachineEntropy;
use crate::config::StoreFolder;
use crate::domain::link::Link;
use crate::domain::redact::Redactor;
use crate::engine::Entropy as _;
use crate::store::postgres::{self, Access, Holding, PostgresStore};
use crate::store::sqlite::{self, SqliteStore};
use crate::store::{Result, SecretRow, Store, StoreError};

/// A store under its lock or its lease.
pub(super) struct OpenStore {
    pub(super) store: Arc<dyn Store>,
    /// The same, where it is a file of ours that can be copied.
    pub(super) embedded: Option<Arc<SqliteStore>>,
    /// Where the server listens that has it, by host and port.
    pub(super) server: Option<(String, u16)>,
}

/// Opens it, unless another process holds it.
pub(super) async fn open(config: &StoreFolder, redactor: &Arc<Redactor>) -> Result<OpenStore> {
    match access(config, redactor)? {
        None => embedded(config, redactor).await,
        Some(access) => {
            let store = PostgresStore::open(&access, Arc::clone(redactor)).await;
            beside(config, store?, &access)
        }
    }
}

/// The same, but where a standby is possible it becomes one: it waits, and `waiting` is told for
/// whom.
pub(super) async fn open_when_free(
    config: &StoreFolder,
    redactor: &Arc<Redactor>,
    waiting: impl Fn(&Holding) + Send,
) -> Result<OpenStore> {
    match access(config, redactor)? {
        None => embedded(config, redactor).await,
        Some(access) => {
            let redactor = Arc::clone(redactor);
            let store = PostgresStore::open_when_free(&access, redactor, waiting).await;
            beside(config, store?, &access)
        }
    }
}

/// The secrets as they are kept, read without lock or lease, and changed in no way.
pub(super) async fn peek_at_secrets(config: &StoreFolder) -> Result<Vec<SecretRow>> {
    match access(config, &Redactor::new())? {
        None => sqlite::peek_at_secrets(&config.path).await,
        Some(access) => postgres::peek_at_secrets(&access).await,
    }
}

/// The same of the identities that were linked.
pub(super) async fn peek_at_identities(config: &StoreFolder) -> Result<Vec<Link>> {
    match access(config, &Redactor::new())? {
        None => sqlite::peek_at_identities(&config.path).await,
        Some(access) => postgres::peek_at_identities(&access).await,
    }
}

async fn embedded(config: &StoreFolder, redactor: &Arc<Redactor>) -> Result<OpenStore> {
    let store = SqliteStore::open(&config.path, Arc::clone(redactor)).await;
    let store = Arc::new(store?);
    Ok(OpenStore {
        store: Arc::clone(&store) as Arc<dyn Store>,
        embedded: Some(store),
        server: None,
    })
}

/// The folder is there all the same, for the keys.
fn beside(config: &StoreFolder, store: PostgresStore, access: &Access) -> Result<OpenStore> {
    std::fs::create_dir_all(&config.path).map_err(|error| StoreError::File {
        file: config.path.display().to_string(),
        message: format!("cannot be made ({error}): the keys of the store lie there"),
    })?;
    Ok(OpenStore {
        store: Arc::new(store),
        embedded: None,
        server: access.server(),
    })
}

/// How to come to the database, if the tables are in one of PostgreSQL.
fn access(config: &StoreFolder, redactor: &Redactor) -> Result<Option<Access>> {
    let url_file = config.url_file.as_deref();
    url_file.map(|file| access_by(file, redactor)).transpose()
}

/// How to come to the database whose URL is in this file.
pub(super) fn access_by(url_file: &Path, redactor: &Redactor) -> Result<Access> {
    Access::by_file(url_file, holder(), redactor)
}

/// This process, as people find it again.
fn holder() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let [a, b, c, d, ..] = MachineEntropy.bytes();
    postgres::holder(host.trim(), std::process::id(), [a, b, c, d])
}
