//! Schedules in a database.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::Row as _;

use super::{Connection, Row, SqlStore, receipts, runs, text};
use crate::domain::names::{PersonName, RunId};
use crate::domain::receipt::Draft;
use crate::domain::schedule::ScheduleName;
use crate::domain::time::Timestamp;
use crate::store::written::Written;
use crate::store::{FireRow, NewFire, Result, ScheduleRow, Schedules};

impl Schedules for SqlStore {
    fn schedules(&self) -> BoxFuture<'_, Result<Vec<ScheduleRow>>> {
        async move {
            let rows = sqlx::query(
                "SELECT s.name, s.timing, s.seen, s.paused_by, s.paused_at, s.gone_at, \
                 f.at, f.note, f.run, r.status FROM schedules s \
                 LEFT JOIN fires f ON f.schedule = s.name \
                 AND f.at = (SELECT MAX(at) FROM fires WHERE schedule = s.name) \
                 LEFT JOIN runs r ON r.id = f.run ORDER BY s.name",
            )
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            rows.iter().map(|row| self.schedule_row(row)).collect()
        }
        .boxed()
    }

    fn meet_schedule(
        &self,
        name: ScheduleName,
        timing: String,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    sqlx::query(
                        "INSERT INTO schedules (name, timing, seen) VALUES ($1, $2, $3) \
                         ON CONFLICT (name) DO UPDATE SET timing = excluded.timing, \
                         seen = excluded.seen, gone_at = NULL",
                    )
                    .bind(name.to_string())
                    .bind(text(&timing).into_owned())
                    .bind(at.micros())
                    .execute(connection)
                    .await
                    .map(drop)
                }
                .boxed()
            }))
            .boxed()
    }

    fn lose_schedule(&self, name: ScheduleName, at: Timestamp) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    sqlx::query("UPDATE schedules SET gone_at = $1 WHERE name = $2")
                        .bind(at.micros())
                        .bind(name.to_string())
                        .execute(connection)
                        .await
                        .map(drop)
                }
                .boxed()
            }))
            .boxed()
    }

    fn look_from(
        &self,
        name: ScheduleName,
        seen: Timestamp,
        receipt: Option<Draft>,
    ) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    receipts::add_all(connection, receipt).await?;
                    see(connection, &name, seen).await
                }
                .boxed()
            }))
            .boxed()
    }

    fn fire(&self, mut fire: NewFire) -> BoxFuture<'_, Result<bool>> {
        async move {
            let run = fire.run.take().map(|run| Written::of(run, &self.redactor));
            let created = run.as_ref().map(|written| written.run.id);
            let is_new = self
                .writer
                .write(Box::new(move |connection| {
                    async move { keep(connection, fire, run).await }.boxed()
                }))
                .await?;
            if let Some(run) = created.filter(|_| is_new) {
                // Nobody listening is no error: a run is found by `unfinished` at the start.
                let _ = self.changes.send(run);
            }
            Ok(is_new)
        }
        .boxed()
    }

    fn open_runs<'a>(&'a self, name: &'a ScheduleName) -> BoxFuture<'a, Result<Vec<RunId>>> {
        async move {
            let ids: Vec<String> = sqlx::query_scalar(
                "SELECT r.id FROM runs r JOIN fires f ON f.run = r.id \
                 WHERE r.ended = 0 AND f.schedule = $1 ORDER BY r.id",
            )
            .bind(name.to_string())
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            ids.iter().map(|id| self.run_id(id)).collect()
        }
        .boxed()
    }

    fn pause_schedule(
        &self,
        name: ScheduleName,
        by: Option<PersonName>,
        at: Timestamp,
        receipt: Draft,
    ) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    receipts::add_all(connection, Some(receipt)).await?;
                    sqlx::query(
                        "UPDATE schedules SET paused_by = $1, paused_at = $2 WHERE name = $3",
                    )
                    .bind(by.as_ref().map(PersonName::as_str))
                    .bind(by.as_ref().map(|_| at.micros()))
                    .bind(name.to_string())
                    .execute(&mut *connection)
                    .await?;
                    see(connection, &name, at).await
                }
                .boxed()
            }))
            .boxed()
    }
}

impl SqlStore {
    fn schedule_row(&self, row: &Row) -> Result<ScheduleRow> {
        let name: String = row.get("name");
        let unreadable =
            |error: &dyn std::fmt::Display| self.unreadable(&format!("the schedule {name}"), error);
        let instant = |column| {
            row.get::<Option<i64>, _>(column)
                .map(Timestamp::from_micros)
        };
        let run = match (
            row.get::<Option<String>, _>("run"),
            row.get::<Option<String>, _>("status"),
        ) {
            (Some(run), Some(status)) => {
                let status = serde_json::from_str(&status).map_err(|error| unreadable(&error))?;
                Some((self.run_id(&run)?, status))
            }
            _ => None,
        };
        let paused_by: Option<String> = row.get("paused_by");
        Ok(ScheduleRow {
            name: name
                .clone()
                .try_into()
                .map_err(|error: String| unreadable(&error))?,
            timing: row.get("timing"),
            seen: Timestamp::from_micros(row.get("seen")),
            paused: paused_by.map(PersonName::from).zip(instant("paused_at")),
            gone_at: instant("gone_at"),
            last: instant("at").map(|at| FireRow {
                at,
                run,
                note: row.get("note"),
            }),
        })
    }
}

async fn see(
    connection: &mut Connection,
    name: &ScheduleName,
    seen: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE schedules SET seen = $1 WHERE name = $2")
        .bind(seen.micros())
        .bind(name.to_string())
        .execute(connection)
        .await
        .map(drop)
}

/// The insert decides: whoever gets the place of the fire starts its run, in one transaction.
async fn keep(
    connection: &mut Connection,
    fire: NewFire,
    run: Option<Written>,
) -> sqlx::Result<bool> {
    if fire.moves_on {
        see(connection, &fire.schedule, fire.at).await?;
    }
    if fire.moves_on && is_forgotten(connection, &fire).await? {
        return Ok(false);
    }
    if let Some(written) = &run
        && !has_run(connection, &fire).await?
    {
        runs::insert(connection, written).await?;
    }
    let kept = sqlx::query(
        "INSERT INTO fires (schedule, at, run, note) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (schedule, at) DO UPDATE SET run = excluded.run, note = excluded.note \
         WHERE fires.run IS NULL AND excluded.run IS NOT NULL",
    )
    .bind(fire.schedule.to_string())
    .bind(fire.at.micros())
    .bind(run.map(|written| written.run.id.to_string()))
    .bind(fire.note.as_deref().map(text))
    .execute(&mut *connection)
    .await?
    .rows_affected()
        > 0;
    if kept {
        receipts::add_all(connection, fire.receipt).await?;
    }
    Ok(kept)
}

/// Whether it was dealt with so long ago that its row is gone. A person may have any fire.
async fn is_forgotten(connection: &mut Connection, fire: &NewFire) -> sqlx::Result<bool> {
    let row: Option<i64> =
        sqlx::query_scalar("SELECT seen FROM schedules WHERE name = $1 AND forgotten >= $2")
            .bind(fire.schedule.to_string())
            .bind(fire.at.micros())
            .fetch_optional(connection)
            .await?;
    Ok(row.is_some())
}

async fn has_run(connection: &mut Connection, fire: &NewFire) -> sqlx::Result<bool> {
    let run: Option<Option<String>> =
        sqlx::query_scalar("SELECT run FROM fires WHERE schedule = $1 AND at = $2")
            .bind(fire.schedule.to_string())
            .bind(fire.at.micros())
            .fetch_optional(connection)
            .await?;
    Ok(run.flatten().is_some())
}
