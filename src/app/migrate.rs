//! `purser store migrate`: the whole store from SQLite into PostgreSQL.

use std::path::Path;
use std::sync::Arc;

use super::keys::read_key;
use super::store::access_by;
use super::world::load_config;
use crate::cli::{Failure, Migrate, Migration};
use crate::domain::keys::RECEIPTS_KEY;
use crate::domain::redact::Redactor;
use crate::store::StoreError;
use crate::store::postgres::move_in;
use crate::store::sqlite::{SqliteStore, database_file};

/// Moves it, under the lock of the SQLite store, which is only read.
///
/// # Errors
/// A server holds the store, or it could not be moved: then the database is left empty.
pub async fn migrate(config_path: &Path, to: Migrate, json: bool) -> Result<(), Failure> {
    let config = load_config(config_path)?;
    let folder = &config.store.path;
    let from = database_file(folder);
    if !from.exists() {
        let message = format!(
            "there is no store to be moved: {} is not there",
            from.display()
        );
        return Err(Failure::usage(message));
    }
    let failed = |error: StoreError| Failure::failed(error.to_string());
    let redactor = Arc::new(Redactor::new());
    let access = access_by(&to.to_url_file, &redactor).map_err(failed)?;
    let key = read_key(&folder.join(RECEIPTS_KEY))?.verifying_key();
    let store = SqliteStore::open(folder, redactor).await.map_err(failed)?;
    let moved = move_in(&store, &access, &key).await;
    store.close().await;
    let moved = moved.map_err(failed)?;
    let migration = Migration {
        from,
        to: moved.place,
        rows: moved.rows,
        receipts: moved.receipts,
        url_file: to.to_url_file,
    };
    migration.tell(json)
}
