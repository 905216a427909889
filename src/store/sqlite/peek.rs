//! What is in a store that nobody opens.

use std::path::Path;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};

use super::secrets::{ALL, secret};
use super::{database_file, identities};
use crate::domain::link::Link;
use crate::store::{Result, SecretRow, StoreError};

/// The secrets of the store in this folder, without its lock and without a change: for whoever only
/// checks. None when there is no store yet.
///
/// # Errors
/// It is there and cannot be read.
pub async fn peek_at_secrets(folder: &Path) -> Result<Vec<SecretRow>> {
    let rows = peek(folder, "secrets", ALL).await?;
    let place = folder.display().to_string();
    rows.iter().map(|row| secret(&place, row)).collect()
}

/// The same of the identities that were linked.
///
/// # Errors
/// The store is there and cannot be read.
pub async fn peek_at_identities(folder: &Path) -> Result<Vec<Link>> {
    let rows = peek(folder, "identities", identities::ALL).await?;
    Ok(rows.iter().map(identities::link).collect())
}

/// The rows of a table; none where there is no store, or one from before there was this table.
async fn peek(folder: &Path, table: &str, all: &'static str) -> Result<Vec<SqliteRow>> {
    let failed = |error: &dyn std::fmt::Display| StoreError::Unavailable {
        place: folder.display().to_string(),
        message: format!("it cannot be read ({error}): do this as the user who owns it"),
    };
    let file = database_file(folder);
    if !file.try_exists().map_err(|error| failed(&error))? {
        return Ok(vec![]);
    }
    let options = SqliteConnectOptions::new().filename(&file).read_only(true);
    let mut connection = options.connect().await.map_err(|error| failed(&error))?;
    let has_table =
        sqlx::query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1").bind(table);
    let has_table = has_table.fetch_optional(&mut connection).await;
    if has_table.map_err(|error| failed(&error))?.is_none() {
        return Ok(vec![]);
    }
    let rows = sqlx::query(all).fetch_all(&mut connection).await;
    rows.map_err(|error| failed(&error))
}
