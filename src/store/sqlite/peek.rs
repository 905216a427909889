//! The secrets of a store that nobody opens.

use std::path::Path;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::database_file;
use super::secrets::{ALL, secret};
use crate::store::{Result, SecretRow, StoreError};

/// The secrets of the store in this folder, without its lock and without a change: for whoever only
/// checks. None when there is no store yet.
///
/// # Errors
/// It is there and cannot be read.
pub async fn peek_at_secrets(folder: &Path) -> Result<Vec<SecretRow>> {
    let place = folder.display().to_string();
    let failed = |error: &dyn std::fmt::Display| StoreError::Unavailable {
        place: place.clone(),
        message: format!("it cannot be read ({error}): do this as the user who owns it"),
    };
    let file = database_file(folder);
    if !file.try_exists().map_err(|error| failed(&error))? {
        return Ok(vec![]);
    }
    let options = SqliteConnectOptions::new().filename(&file).read_only(true);
    let mut connection = options.connect().await.map_err(|error| failed(&error))?;
    let has_table =
        sqlx::query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'secrets'");
    let has_table = has_table.fetch_optional(&mut connection).await;
    if has_table.map_err(|error| failed(&error))?.is_none() {
        return Ok(vec![]);
    }
    let rows = sqlx::query(ALL)
        .fetch_all(&mut connection)
        .await
        .map_err(|error| failed(&error))?;
    rows.iter().map(|row| secret(&place, row)).collect()
}
