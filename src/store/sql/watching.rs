//! Changes on systems, in a database.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::Row as _;

use super::{Connection, SqlStore, text};
use crate::domain::change::{Change, Watched};
use crate::domain::names::{RunId, SystemName};
use crate::domain::time::Timestamp;
use crate::store::{Heard, Result, Watching};

/// Changes that are forgotten in one transaction at the most.
const ROWS: i64 = 5000;

impl Watching for SqlStore {
    fn hear(&self, heard: Heard) -> BoxFuture<'_, Result<()>> {
        let rows = heard.changes.iter().map(|change| {
            let body = self.redactor.json(serde_json::json!(change));
            (change.at, change.key.clone(), body.to_string())
        });
        let rows: Vec<_> = rows.collect();
        self.writer
            .write(Box::new(move |connection| {
                async move { hear(connection, &heard, &rows).await }.boxed()
            }))
            .boxed()
    }

    fn watched<'a>(&'a self, system: &'a SystemName) -> BoxFuture<'a, Result<Vec<Watched>>> {
        async move {
            let rows = sqlx::query(
                "SELECT since, until, goes_on FROM watched WHERE system = $1 ORDER BY since",
            )
            .bind(system.as_str())
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            let watched = rows.iter().map(|row| Watched {
                from: Timestamp::from_micros(row.get("since")),
                until: Timestamp::from_micros(row.get("until")),
                goes_on: row.get::<i32, _>("goes_on") != 0,
            });
            Ok(watched.collect())
        }
        .boxed()
    }

    fn changes_on<'a>(
        &'a self,
        system: &'a SystemName,
        since: Timestamp,
        most: u32,
    ) -> BoxFuture<'a, Result<Vec<Change>>> {
        async move {
            let bodies: Vec<String> = sqlx::query_scalar(
                "SELECT body FROM stack_changes WHERE system = $1 AND at >= $2 \
                 ORDER BY at DESC, key DESC LIMIT $3",
            )
            .bind(system.as_str())
            .bind(since.micros())
            .bind(i64::from(most))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            let changes = bodies.iter().rev().map(|body| {
                serde_json::from_str(body)
                    .map_err(|error| self.unreadable(&format!("a change on {system}"), error))
            });
            changes.collect()
        }
        .boxed()
    }

    fn runs_since(&self, since: Timestamp, most: u32) -> BoxFuture<'_, Result<Vec<RunId>>> {
        async move {
            let ids: Vec<String> = sqlx::query_scalar(
                "SELECT id FROM runs WHERE ended = 0 OR updated_at >= $1 \
                 ORDER BY ended, updated_at DESC, id DESC LIMIT $2",
            )
            .bind(since.micros())
            .bind(i64::from(most))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            ids.iter().map(|id| self.run_id(id)).collect()
        }
        .boxed()
    }

    fn forget_changes(&self, before: Timestamp, most: u32) -> BoxFuture<'_, Result<bool>> {
        self.writer
            .write(Box::new(move |connection| {
                forget(connection, before, i64::from(most)).boxed()
            }))
            .boxed()
    }
}

async fn hear(
    connection: &mut Connection,
    heard: &Heard,
    rows: &[(Timestamp, String, String)],
) -> sqlx::Result<()> {
    let system = heard.system.as_str();
    for (at, key, body) in rows {
        sqlx::query(
            "INSERT INTO stack_changes (system, at, key, body) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
        )
        .bind(system)
        .bind(at.micros())
        .bind(text(key))
        .bind(text(body))
        .execute(&mut *connection)
        .await?;
    }
    if let Some(anew) = heard.anew {
        sqlx::query(
            "INSERT INTO watched (system, since, until, goes_on) VALUES ($1, $2, $2, 1) \
             ON CONFLICT DO NOTHING",
        )
        .bind(system)
        .bind(anew.micros())
        .execute(&mut *connection)
        .await?;
    }
    // The last one is the one that goes on: those before it have ended.
    sqlx::query(
        "UPDATE watched SET goes_on = $1, until = CASE WHEN until < $2 THEN $2 ELSE until END \
         WHERE system = $3 AND since = (SELECT MAX(since) FROM watched WHERE system = $3)",
    )
    .bind(i32::from(heard.goes_on))
    .bind(heard.until.micros())
    .bind(system)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE watched SET goes_on = 0 WHERE goes_on = 1 AND system = $1 \
         AND since < (SELECT MAX(since) FROM watched WHERE system = $1)",
    )
    .bind(system)
    .execute(connection)
    .await
    .map(drop)
}

async fn forget(connection: &mut Connection, before: Timestamp, most: i64) -> sqlx::Result<bool> {
    let systems: Vec<String> = sqlx::query_scalar("SELECT DISTINCT system FROM watched")
        .fetch_all(&mut *connection)
        .await?;
    let mut more = false;
    for system in systems {
        // What is forgotten is known no more: the time of it counts as not watched from then on.
        let crowded: Option<i64> = sqlx::query_scalar(
            "SELECT at FROM stack_changes WHERE system = $1 ORDER BY at DESC, key DESC \
             LIMIT 1 OFFSET $2",
        )
        .bind(&system)
        .bind(most)
        .fetch_optional(&mut *connection)
        .await?;
        let end = crowded.map_or(before.micros(), |at| {
            before.micros().max(at.saturating_add(1))
        });
        for statement in [
            "DELETE FROM watched WHERE system = $1 AND since < $2 AND since <> \
             (SELECT since FROM watched WHERE system = $1 AND since < $2 \
             ORDER BY until DESC, since DESC LIMIT 1)",
            "DELETE FROM watched WHERE system = $1 AND until < $2 AND goes_on = 0",
            "UPDATE watched SET since = $2 WHERE system = $1 AND since < $2 AND until >= $2 \
             AND NOT EXISTS (SELECT 1 FROM watched later \
             WHERE later.system = $1 AND later.since = $2)",
        ] {
            sqlx::query(statement)
                .bind(&system)
                .bind(end)
                .execute(&mut *connection)
                .await?;
        }
        let old =
            "SELECT at, key FROM stack_changes WHERE system = $1 AND at < $2 ORDER BY at LIMIT $3";
        let old: Vec<(i64, String)> = sqlx::query_as(old)
            .bind(&system)
            .bind(end)
            .bind(ROWS)
            .fetch_all(&mut *connection)
            .await?;
        more |= i64::try_from(old.len()) == Ok(ROWS);
        if let Some((last, _)) = old.last() {
            // Those of the same instant as the last go with it.
            sqlx::query("DELETE FROM stack_changes WHERE system = $1 AND at <= $2")
                .bind(&system)
                .bind(last)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(more)
}
