//! What is forgotten, in a database.

use std::collections::BTreeSet;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::Row as _;

use super::{Connection, SqlStore, reruns};
use crate::domain::digest::Digest;
use crate::domain::names::RunId;
use crate::domain::receipt::{Content, Subject};
use crate::domain::run::RunStatus;
use crate::domain::time::Timestamp;
use crate::store::{Forgotten, GoneRun, Housekeeping, Result};

/// Runs that go in one transaction at the most: whoever writes waits no longer than for these.
const RUNS: usize = 100;

/// So many rows of what runs left, or a little more, go in one transaction.
const ROWS: u64 = 20_000;

/// Fires of one schedule that go in one transaction at the most.
const FIRES: i64 = 1000;

/// Runs that have ended before $1. Those are left alone whose receipt has not been told of, because
/// what is told goes by their definition, and those of the newest fire of a schedule, or of one that
/// the schedule has not come by.
const OLD_RUNS: &str = "SELECT id, definition FROM runs WHERE ended = 1 AND updated_at < $1 \
     AND EXISTS (SELECT 1 FROM receipts WHERE receipts.run = runs.id \
     AND receipts.seq <= (SELECT receipt FROM telling)) \
     AND NOT EXISTS (SELECT 1 FROM fires JOIN schedules ON schedules.name = fires.schedule \
     WHERE fires.run = runs.id AND (fires.at > schedules.seen OR fires.at = \
     (SELECT MAX(newest.at) FROM fires newest WHERE newest.schedule = fires.schedule))) \
     ORDER BY updated_at, id LIMIT $2";

impl Housekeeping for SqlStore {
    fn forget_runs(
        &self,
        ended_before: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Forgotten>> {
        async move {
            let (runs, more) = self
                .writer
                .write(Box::new(move |connection| {
                    forget_some(connection, ended_before, now).boxed()
                }))
                .await?;
            let runs: Result<_> = runs.iter().map(|id| self.run_id(id)).collect();
            Ok(Forgotten { runs: runs?, more })
        }
        .boxed()
    }

    fn forget_fires(&self, before: Timestamp) -> BoxFuture<'_, Result<bool>> {
        self.writer
            .write(Box::new(move |connection| {
                forget_passed_over(connection, before).boxed()
            }))
            .boxed()
    }

    fn find_gone<'a>(&'a self, part: &'a str) -> BoxFuture<'a, Result<Vec<GoneRun>>> {
        async move {
            let Some(part) = super::runs::part_of_id(part) else {
                return Ok(Vec::new());
            };
            let rows = sqlx::query(
                "SELECT run, log_gone_at FROM receipts WHERE log_gone_at IS NOT NULL \
                 AND (run LIKE $1 OR run LIKE $2) ORDER BY run DESC LIMIT 3",
            )
            .bind(format!("{part}%"))
            .bind(format!("%{part}"))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            rows.iter()
                .map(|row| {
                    Ok(GoneRun {
                        run: self.run_id(row.get("run"))?,
                        at: Timestamp::from_micros(row.get("log_gone_at")),
                    })
                })
                .collect()
        }
        .boxed()
    }

    fn wanted_artifacts<'a>(
        &'a self,
        beginning: &'a Digest,
        ended_before: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<BTreeSet<Digest>>> {
        async move {
            let digests: Vec<String> = sqlx::query_scalar(
                "SELECT DISTINCT digest FROM artifact_refs JOIN runs ON runs.id = artifact_refs.run \
                 WHERE digest >= $1 AND digest < $2 AND (ended = 0 OR updated_at >= $3)",
            )
            .bind(beginning.as_str())
            // Behind every digit that may follow.
            .bind(format!("{}g", beginning.as_str()))
            .bind(ended_before.map_or(i64::MIN, Timestamp::micros))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            Ok(digests.into_iter().map(Digest::from).collect())
        }
        .boxed()
    }

    fn status_of(&self, run: RunId) -> BoxFuture<'_, Result<Option<RunStatus>>> {
        async move {
            let status: Option<String> =
                sqlx::query_scalar("SELECT status FROM runs WHERE id = $1")
                    .bind(run.to_string())
                    .fetch_optional(&self.readers)
                    .await
                    .map_err(|error| self.broken(&error))?;
            if let Some(status) = status {
                return serde_json::from_str(&status).map(Some).map_err(|error| {
                    self.unreadable(&format!("the status of the run {run}"), error)
                });
            }
            let content: Option<String> =
                sqlx::query_scalar("SELECT content FROM receipts WHERE run = $1")
                    .bind(run.to_string())
                    .fetch_optional(&self.readers)
                    .await
                    .map_err(|error| self.broken(&error))?;
            let Some(content) = content else {
                return Ok(None);
            };
            let content: Content = serde_json::from_str(&content).map_err(|error| {
                self.unreadable(&format!("the receipt of the run {run}"), error)
            })?;
            Ok(match content.subject {
                Subject::Run(facts) => Some(RunStatus::Ended(facts.state)),
                _ => None,
            })
        }
        .boxed()
    }
}

/// The ids of the runs that went, and whether there may be more.
async fn forget_some(
    connection: &mut Connection,
    ended_before: Timestamp,
    now: Timestamp,
) -> sqlx::Result<(Vec<String>, bool)> {
    let spared = reruns::gone_on_from(connection).await?;
    let most = RUNS + spared.len() + 1;
    let old: Vec<(String, String)> = sqlx::query_as(OLD_RUNS)
        .bind(ended_before.micros())
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
    let (mut gone, mut definitions, mut more) = (Vec::new(), BTreeSet::new(), false);
    let mut room = ROWS;
    for (run, definition) in old {
        if spared.contains(&run) {
            continue;
        }
        if gone.len() == RUNS || !forget_lines(connection, &run, &mut room).await? {
            more = true;
            break;
        }
        forget(connection, &run, now, &mut room).await?;
        gone.push(run);
        definitions.insert(definition);
    }
    for definition in definitions {
        sqlx::query(
            "DELETE FROM definitions WHERE digest = $1 \
             AND NOT EXISTS (SELECT 1 FROM runs WHERE definition = $1)",
        )
        .bind(definition)
        .execute(&mut *connection)
        .await?;
    }
    Ok((gone, more))
}

/// Forgets what the steps of a run said, a step at a time; `false` when there is no room for more.
async fn forget_lines(
    connection: &mut Connection,
    run: &str,
    room: &mut u64,
) -> sqlx::Result<bool> {
    loop {
        if *room == 0 {
            return Ok(false);
        }
        let step: Option<String> =
            sqlx::query_scalar("SELECT step FROM step_lines WHERE run = $1 LIMIT 1")
                .bind(run)
                .fetch_optional(&mut *connection)
                .await?;
        let Some(step) = step else {
            return Ok(true);
        };
        let lines = sqlx::query("DELETE FROM step_lines WHERE run = $1 AND step = $2")
            .bind(run)
            .bind(step)
            .execute(&mut *connection)
            .await?;
        *room = room.saturating_sub(lines.rows_affected());
    }
}

/// Forgets the rest of a run. Its receipt says from now on that there is no more.
async fn forget(
    connection: &mut Connection,
    run: &str,
    now: Timestamp,
    room: &mut u64,
) -> sqlx::Result<()> {
    let fires: Vec<(String, i64)> = sqlx::query_as("SELECT schedule, at FROM fires WHERE run = $1")
        .bind(run)
        .fetch_all(&mut *connection)
        .await?;
    for (schedule, at) in fires {
        never_again(connection, &schedule, at).await?;
    }
    for delete in [
        "DELETE FROM fires WHERE run = $1",
        "DELETE FROM artifact_refs WHERE run = $1",
        "DELETE FROM run_messages WHERE run = $1",
        "DELETE FROM given_secrets WHERE run = $1",
        "DELETE FROM events WHERE run = $1",
        "DELETE FROM runs WHERE id = $1",
    ] {
        let rows = sqlx::query(delete)
            .bind(run)
            .execute(&mut *connection)
            .await?;
        *room = room.saturating_sub(rows.rows_affected());
    }
    sqlx::query("UPDATE receipts SET log_gone_at = $1 WHERE run = $2")
        .bind(now.micros())
        .bind(run)
        .execute(connection)
        .await
        .map(drop)
}

/// Fires of a schedule up to this one do not happen again, though their rows go.
async fn never_again(connection: &mut Connection, schedule: &str, at: i64) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE schedules SET forgotten = $1 WHERE name = $2 \
         AND (forgotten IS NULL OR forgotten < $1)",
    )
    .bind(at)
    .bind(schedule)
    .execute(connection)
    .await
    .map(drop)
}

async fn forget_passed_over(connection: &mut Connection, before: Timestamp) -> sqlx::Result<bool> {
    let newest: Vec<(String, i64)> = sqlx::query_as(
        "SELECT name, (SELECT MAX(at) FROM fires WHERE schedule = name) FROM schedules \
         WHERE EXISTS (SELECT 1 FROM fires WHERE schedule = name AND run IS NULL AND at < $1 \
         AND at <= seen AND at < (SELECT MAX(at) FROM fires WHERE schedule = name))",
    )
    .bind(before.micros())
    .fetch_all(&mut *connection)
    .await?;
    let mut more = false;
    for (schedule, newest) in newest {
        let old: Vec<i64> = sqlx::query_scalar(
            "SELECT at FROM fires JOIN schedules ON name = schedule WHERE schedule = $1 \
             AND run IS NULL AND at < $2 AND at <= seen ORDER BY at LIMIT $3",
        )
        .bind(&schedule)
        .bind(before.micros().min(newest))
        .bind(FIRES)
        .fetch_all(&mut *connection)
        .await?;
        let Some(last) = old.last() else { continue };
        more |= i64::try_from(old.len()) == Ok(FIRES);
        never_again(connection, &schedule, *last).await?;
        sqlx::query("DELETE FROM fires WHERE schedule = $1 AND run IS NULL AND at <= $2")
            .bind(&schedule)
            .bind(last)
            .execute(&mut *connection)
            .await?;
    }
    Ok(more)
}
