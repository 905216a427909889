//! Secrets in a database.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::Row as _;

use super::{Row, SqlStore, receipts, unreadable};
use crate::domain::names::{PersonName, SecretName};
use crate::domain::receipt::Draft;
use crate::domain::time::Timestamp;
use crate::store::{Result, SecretRow, Secrets};

pub(super) const ALL: &str = "SELECT * FROM secrets ORDER BY name";

impl Secrets for SqlStore {
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
            let row = sqlx::query("SELECT * FROM secrets WHERE name = $1")
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
                        "INSERT INTO secrets (name, sealed, set_at, set_by) VALUES ($1, $2, $3, $4) \
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
                    sqlx::query("DELETE FROM secrets WHERE name = $1")
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
                        sqlx::query("UPDATE secrets SET sealed = $1 WHERE name = $2")
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

/// The secret in a row of the store at `place`.
pub(super) fn secret(place: &str, row: &Row) -> Result<SecretRow> {
    let name: String = row.get("name");
    let unreadable = |error| unreadable(place, "the name of a secret", error);
    Ok(SecretRow {
        name: name.try_into().map_err(unreadable)?,
        sealed: row.get("sealed"),
        set_at: Timestamp::from_micros(row.get("set_at")),
        set_by: PersonName::from(row.get::<String, _>("set_by")),
    })
}
