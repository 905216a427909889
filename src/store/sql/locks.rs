//! Locks in a database.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::Row as _;

use super::{Row, SqlStore, receipts, text, unreadable};
use crate::domain::hold::{Lock, Target};
use crate::domain::names::PersonName;
use crate::domain::receipt::Draft;
use crate::domain::time::Timestamp;
use crate::store::{Locks, Result};

impl Locks for SqlStore {
    fn locks(&self) -> BoxFuture<'_, Result<Vec<Lock>>> {
        async move {
            let rows = sqlx::query("SELECT * FROM locks ORDER BY target")
                .fetch_all(&self.readers)
                .await
                .map_err(|error| self.broken(&error))?;
            rows.iter().map(|row| lock(&self.place, row)).collect()
        }
        .boxed()
    }

    fn set_lock(&self, lock: Lock, receipt: Draft) -> BoxFuture<'_, Result<()>> {
        let reason = self.redactor.text(&lock.reason);
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    receipts::add_all(connection, Some(receipt)).await?;
                    sqlx::query(
                        "INSERT INTO locks (target, owner, reason, since, until) \
                         VALUES ($1, $2, $3, $4, $5) \
                         ON CONFLICT (target) DO UPDATE SET owner = excluded.owner, \
                         reason = excluded.reason, since = excluded.since, until = excluded.until",
                    )
                    .bind(lock.target.to_string())
                    .bind(lock.owner.as_str())
                    .bind(text(&reason))
                    .bind(lock.since.micros())
                    .bind(lock.until.micros())
                    .execute(connection)
                    .await
                    .map(drop)
                }
                .boxed()
            }))
            .boxed()
    }

    fn remove_lock(&self, target: Target, receipt: Draft) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    receipts::add_all(connection, Some(receipt)).await?;
                    sqlx::query("DELETE FROM locks WHERE target = $1")
                        .bind(target.to_string())
                        .execute(connection)
                        .await
                        .map(drop)
                }
                .boxed()
            }))
            .boxed()
    }
}

fn lock(place: &str, row: &Row) -> Result<Lock> {
    let target: Target = row
        .get::<String, _>("target")
        .try_into()
        .map_err(|error| unreadable(place, "what a lock is on", error))?;
    Ok(Lock {
        target,
        owner: PersonName::from(row.get::<String, _>("owner")),
        reason: row.get("reason"),
        since: Timestamp::from_micros(row.get("since")),
        until: Timestamp::from_micros(row.get("until")),
    })
}
