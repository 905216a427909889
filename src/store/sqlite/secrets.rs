//! Secrets in SQLite.

use std::path::Path;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions as _, Row as _};

use super::{SqliteStore, database_file, receipts, unreadable};
use crate::domain::names::{PersonName, SecretName};
use crate::domain::receipt::Draft;
use crate::domain::time::Timestamp;
use crate::store::{Result, SecretRow, Secrets, StoreError};

const ALL: &str = "SELECT * FROM secrets ORDER BY name";

impl Secrets for SqliteStore {
    fn secrets(&self) -> BoxFuture<'_, Result<Vec<SecretRow>>> {
        async move {
            let rows = sqlx::query(ALL)
                .fetch_all(&self.readers)
                .await
                .map_err(|error| self.broken(&error))?;
            rows.iter().map(|row| secret(&self.place, row)).collect()
        }
        .boxed()
    }

    fn secret<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<Option<SecretRow>>> {
        async move {
            let row = sqlx::query("SELECT * FROM secrets WHERE name = ?")
                .bind(name.as_str())
                .fetch_optional(&self.readers)
                .await
                .map_err(|error| self.broken(&error))?;
            row.map(|row| secret(&self.place, &row)).transpose()
        }
        .boxed()
    }

    fn set_secret(&self, row: SecretRow, receipt: Draft) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    receipts::add_all(connection, Some(receipt)).await?;
                    sqlx::query(
                        "INSERT INTO secrets (name, sealed, set_at, set_by) VALUES (?, ?, ?, ?) \
                         ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, \
                         set_at = excluded.set_at, set_by = excluded.set_by",
                    )
                    .bind(row.name.as_str())
                    .bind(row.sealed)
                    .bind(row.set_at.micros())
                    .bind(row.set_by.as_str())
                    .execute(connection)
                    .await
                    .map(drop)
                }
                .boxed()
            }))
            .boxed()
    }

    fn remove_secret(&self, name: SecretName, receipt: Draft) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    receipts::add_all(connection, Some(receipt)).await?;
                    sqlx::query("DELETE FROM secrets WHERE name = ?")
                        .bind(name.as_str())
                        .execute(connection)
                        .await
                        .map(drop)
                }
                .boxed()
            }))
            .boxed()
    }

    fn reseal_secrets(
        &self,
        sealed: Vec<(SecretName, Vec<u8>)>,
        receipt: Draft,
    ) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    receipts::add_all(connection, Some(receipt)).await?;
                    for (name, sealed) in sealed {
                        sqlx::query("UPDATE secrets SET sealed = ? WHERE name = ?")
                            .bind(sealed)
                            .bind(name.as_str())
                            .execute(&mut *connection)
                            .await?;
                    }
                    Ok(())
                }
                .boxed()
            }))
            .boxed()
    }
}

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

fn secret(place: &str, row: &SqliteRow) -> Result<SecretRow> {
    let name: String = row.get("name");
    let unreadable = |error| unreadable(place, "the name of a secret", error);
    Ok(SecretRow {
        name: name.try_into().map_err(unreadable)?,
        sealed: row.get("sealed"),
        set_at: Timestamp::from_micros(row.get("set_at")),
        set_by: PersonName::from(row.get::<String, _>("set_by")),
    })
}
