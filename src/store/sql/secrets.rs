//! Secrets in a database.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::Row as _;

use super::{Connection, Row, SqlStore, receipts, unreadable};
use crate::domain::names::{PersonName, RunId, SecretName};
use crate::domain::receipt::Draft;
use crate::domain::time::Timestamp;
use crate::store::{GivenSecret, Result, SecretRow, Secrets};

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
        given: Vec<GivenSecret>,
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
                    for given in given {
                        sqlx::query(
                            "UPDATE given_secrets SET sealed = $1 WHERE run = $2 AND input = $3",
                        )
                        .bind(given.sealed)
                        .bind(given.run.to_string())
                        .bind(given.input)
                        .execute(&mut *connection)
                        .await?;
                    }
                    Ok(())
                }
                .boxed()
            }))
            .boxed()
    }

    fn given_secret<'a>(
        &'a self,
        run: RunId,
        input: &'a str,
    ) -> BoxFuture<'a, Result<Option<GivenSecret>>> {
        async move {
            let row = sqlx::query("SELECT * FROM given_secrets WHERE run = $1 AND input = $2")
                .bind(run.to_string())
                .bind(input)
                .fetch_optional(&self.readers)
                .await
                .map_err(|error| self.broken(&error))?;
            row.map(|row| given(self, &row)).transpose()
        }
        .boxed()
    }

    fn hold_secret(&self, held: GivenSecret) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    sqlx::query(
                        "INSERT INTO given_secrets (run, input, sealed) VALUES ($1, $2, $3) \
                         ON CONFLICT (run, input) DO NOTHING",
                    )
                    .bind(held.run.to_string())
                    .bind(held.input)
                    .bind(held.sealed)
                    .execute(connection)
                    .await
                    .map(drop)
                }
                .boxed()
            }))
            .boxed()
    }

    fn let_secret_go(&self, run: RunId, name: String) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    sqlx::query("DELETE FROM given_secrets WHERE run = $1 AND input = $2")
                        .bind(run.to_string())
                        .bind(name)
                        .execute(connection)
                        .await
                        .map(drop)
                }
                .boxed()
            }))
            .boxed()
    }

    fn given_secrets(&self) -> BoxFuture<'_, Result<Vec<GivenSecret>>> {
        all_given(self, "SELECT * FROM given_secrets ORDER BY run, input").boxed()
    }

    fn live_given_secrets(&self) -> BoxFuture<'_, Result<Vec<GivenSecret>>> {
        all_given(
            self,
            "SELECT given_secrets.* FROM given_secrets JOIN runs ON id = run WHERE ended = 0 \
             ORDER BY run, input",
        )
        .boxed()
    }
}

/// Writes what a new run was given.
pub(super) async fn give(
    connection: &mut Connection,
    run: RunId,
    secrets: &[(String, Vec<u8>)],
) -> sqlx::Result<()> {
    for (input, sealed) in secrets {
        sqlx::query("INSERT INTO given_secrets (run, input, sealed) VALUES ($1, $2, $3)")
            .bind(run.to_string())
            .bind(input)
            .bind(sealed)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn all_given(store: &SqlStore, select: &'static str) -> Result<Vec<GivenSecret>> {
    let rows = sqlx::query(select)
        .fetch_all(&store.readers)
        .await
        .map_err(|error| store.broken(&error))?;
    rows.iter().map(|row| given(store, row)).collect()
}

fn given(store: &SqlStore, row: &Row) -> Result<GivenSecret> {
    Ok(GivenSecret {
        run: store.run_id(row.get("run"))?,
        input: row.get("input"),
        sealed: row.get("sealed"),
    })
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
