//! The outbox in a database.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::Row as _;

use super::{Connection, FORGET_ANSWERED, Row, SqlStore, text};
use crate::domain::names::{PlaceName, RunId};
use crate::domain::notice::{Notice, NoticeId};
use crate::domain::run::{RunStatus, WaitingFor};
use crate::domain::time::Timestamp;
use crate::store::written::{place, status_text};
use crate::store::{Backlog, Outbox, Reached, Result, Settled, Telling, WaitingNotice};

impl Outbox for SqlStore {
    fn begin_telling(&self) -> BoxFuture<'_, Result<Reached>> {
        self.writer
            .write(Box::new(move |connection| begin(connection).boxed()))
            .boxed()
    }

    fn tell(&self, telling: Telling) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    for (place, notice) in &telling.notices {
                        put(connection, place, notice, telling.at).await?;
                    }
                    reach(connection, telling.reached).await
                }
                .boxed()
            }))
            .boxed()
    }

    fn waiting_notices<'a>(
        &'a self,
        place: &'a PlaceName,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<WaitingNotice>>> {
        async move {
            let rows = sqlx::query(
                "SELECT n, notice, put_at, attempts, next_at FROM outbox \
                 WHERE place = $1 AND told = 0 ORDER BY n LIMIT $2",
            )
            .bind(place.as_str())
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            rows.iter()
                .map(|row| {
                    let notice = read(row).map_err(|error| self.unreadable("a notice", error))?;
                    Ok(WaitingNotice {
                        row: row.get("n"),
                        notice,
                        put_at: Timestamp::from_micros(row.get("put_at")),
                        attempts: u32::try_from(row.get::<i64, _>("attempts")).unwrap_or(u32::MAX),
                        next_at: Timestamp::from_micros(row.get("next_at")),
                    })
                })
                .collect()
        }
        .boxed()
    }

    fn settle_notice(&self, row: i64, settled: Settled) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                settle(connection, row, settled).boxed()
            }))
            .boxed()
    }

    fn fold_notices(&self, rows: Vec<i64>, into: Notice) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    let Some((first, others)) = rows.split_first() else {
                        return Ok(());
                    };
                    for row in others {
                        sqlx::query("DELETE FROM outbox WHERE n = $1")
                            .bind(row)
                            .execute(&mut *connection)
                            .await?;
                    }
                    sqlx::query("UPDATE outbox SET id = $1, notice = $2 WHERE n = $3")
                        .bind(into.id.as_str())
                        .bind(serde_json::json!(into).to_string())
                        .bind(first)
                        .execute(connection)
                        .await
                        .map(drop)
                }
                .boxed()
            }))
            .boxed()
    }

    fn asking_runs(&self) -> BoxFuture<'_, Result<Vec<(RunId, u64)>>> {
        async move {
            let rows = sqlx::query(
                "SELECT id, (SELECT MAX(seq) FROM events WHERE run = runs.id) AS seq FROM runs \
                 WHERE ended = 0 AND status IN ($1, $2) ORDER BY id",
            )
            .bind(status_text(RunStatus::Waiting(WaitingFor::Approval)))
            .bind(status_text(RunStatus::Waiting(WaitingFor::Decision)))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            rows.iter()
                .map(|row| {
                    let seq = u64::try_from(row.get::<i64, _>("seq")).unwrap_or(0);
                    Ok((self.run_id(row.get("id"))?, seq))
                })
                .collect()
        }
        .boxed()
    }

    fn forget_answered(&self, asking: Vec<NoticeId>) -> BoxFuture<'_, Result<()>> {
        let asking = serde_json::json!(asking).to_string();
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    sqlx::query(FORGET_ANSWERED)
                        .bind(asking)
                        .execute(connection)
                        .await
                        .map(drop)
                }
                .boxed()
            }))
            .boxed()
    }

    fn backlog(&self) -> BoxFuture<'_, Result<Vec<Backlog>>> {
        async move {
            let rows = sqlx::query(
                "SELECT place, COUNT(*) AS waiting, MIN(put_at) AS oldest, \
                 (SELECT problem FROM outbox first WHERE first.place = outbox.place \
                  AND told = 0 ORDER BY n LIMIT 1) AS problem \
                 FROM outbox WHERE told = 0 GROUP BY place ORDER BY place",
            )
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            let backlog = |row: &Row| Backlog {
                place: row.get::<String, _>("place").into(),
                waiting: u64::try_from(row.get::<i64, _>("waiting")).unwrap_or(0),
                oldest: Timestamp::from_micros(row.get("oldest")),
                problem: row.get("problem"),
            };
            Ok(rows.iter().map(backlog).collect())
        }
        .boxed()
    }
}

fn read(row: &Row) -> std::result::Result<Notice, serde_json::Error> {
    serde_json::from_str(row.get("notice"))
}

/// A receipt that waits for its seal will get the next place: it counts too.
async fn begin(connection: &mut Connection) -> sqlx::Result<Reached> {
    sqlx::query(
        "INSERT INTO telling (\"only\", receipt, digest_receipt) \
         SELECT 1, place, place FROM (SELECT COALESCE(MAX(seq), 0) + \
         COUNT(*) FILTER (WHERE seq IS NULL) AS place FROM receipts) AS counted WHERE true \
         ON CONFLICT DO NOTHING",
    )
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query("SELECT receipt, digest_at, digest_receipt FROM telling")
        .fetch_one(connection)
        .await?;
    let place = |column| u64::try_from(row.get::<i64, _>(column)).unwrap_or(0);
    Ok(Reached {
        receipt: place("receipt"),
        digest_at: row
            .get::<Option<i64>, _>("digest_at")
            .map(Timestamp::from_micros),
        digest_receipt: place("digest_receipt"),
    })
}

async fn reach(connection: &mut Connection, reached: Reached) -> sqlx::Result<()> {
    sqlx::query("UPDATE telling SET receipt = $1, digest_at = $2, digest_receipt = $3")
        .bind(place(reached.receipt))
        .bind(reached.digest_at.map(Timestamp::micros))
        .bind(place(reached.digest_receipt))
        .execute(connection)
        .await
        .map(drop)
}

async fn put(
    connection: &mut Connection,
    place: &PlaceName,
    notice: &Notice,
    at: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO outbox (place, id, notice, asks, put_at, next_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (place, id) DO NOTHING",
    )
    .bind(place.as_str())
    .bind(notice.id.as_str())
    .bind(serde_json::json!(notice).to_string())
    .bind(i64::from(notice.asks()))
    .bind(at.micros())
    .bind(at.micros())
    .execute(connection)
    .await
    .map(drop)
}

async fn settle(connection: &mut Connection, row: i64, settled: Settled) -> sqlx::Result<()> {
    match settled {
        Settled::Over => over(connection, row).await,
        Settled::Again { at, why } => sqlx::query(
            "UPDATE outbox SET attempts = attempts + 1, next_at = $1, problem = $2 WHERE n = $3",
        )
        .bind(at.micros())
        .bind(text(&why).into_owned())
        .bind(row)
        .execute(connection)
        .await
        .map(drop),
        Settled::Elsewhere { to, why, older, at } => {
            let rows = sqlx::query(
                "SELECT n, place, notice FROM outbox WHERE told = 0 AND (n = $1 OR put_at <= $2) \
                 AND place = (SELECT place FROM outbox WHERE n = $1) ORDER BY n",
            )
            .bind(row)
            .bind(older.micros())
            .fetch_all(&mut *connection)
            .await?;
            for row in rows {
                let place = PlaceName::from(row.get::<String, _>("place"));
                let notice = read(&row).map_err(|error| sqlx::Error::Decode(error.into()))?;
                put(connection, &to, &notice.instead_of(place, why.clone()), at).await?;
                over(connection, row.get("n")).await?;
            }
            Ok(())
        }
    }
}

/// What asks people for something is remembered as long as it asks; anything else is behind the
/// cursor, and does not come again.
async fn over(connection: &mut Connection, row: i64) -> sqlx::Result<()> {
    sqlx::query("UPDATE outbox SET told = 1 WHERE n = $1 AND asks = 1")
        .bind(row)
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM outbox WHERE n = $1 AND asks = 0")
        .bind(row)
        .execute(connection)
        .await
        .map(drop)
}
