//! Receipts in a database.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::Row as _;
use tokio::sync::watch;

use super::{Connection, Row, SqlStore, unreadable};
use crate::domain::digest::Digest;
use crate::domain::names::RunId;
use crate::domain::receipt::{Draft, Receipt};
use crate::store::written::place;
use crate::store::{Receipts, Result};

/// Drafts that are sealed in one go.
const BATCH: u32 = 256;

impl Receipts for SqlStore {
    fn add_receipt(&self, draft: Draft) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move { add_all(connection, Some(draft)).await }.boxed()
            }))
            .boxed()
    }

    fn commits(&self) -> watch::Receiver<()> {
        self.writer.commits()
    }

    fn unsealed_receipts(&self) -> BoxFuture<'_, Result<Vec<(i64, Draft)>>> {
        async move {
            let rows = sqlx::query(
                "SELECT id, content, texts FROM receipts WHERE seq IS NULL ORDER BY id LIMIT $1",
            )
            .bind(i64::from(BATCH))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            rows.iter()
                .map(|row| {
                    let draft = Draft {
                        content: self.part(row, "content")?,
                        texts: self.part(row, "texts")?,
                    };
                    Ok((row.get("id"), draft))
                })
                .collect()
        }
        .boxed()
    }

    fn seal_receipt(&self, id: i64, receipt: Receipt) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    sqlx::query(
                        "UPDATE receipts SET seq = $1, prev = $2, hash = $3, signature = $4 \
                         WHERE id = $5 AND seq IS NULL",
                    )
                    .bind(place(receipt.seq))
                    .bind(receipt.prev.as_str())
                    .bind(receipt.hash.as_str())
                    .bind(&receipt.signature)
                    .bind(id)
                    .execute(connection)
                    .await
                    .map(drop)
                }
                .boxed()
            }))
            .boxed()
    }

    fn last_receipt(&self) -> BoxFuture<'_, Result<Option<(u64, Digest)>>> {
        async move {
            let row = sqlx::query(
                "SELECT seq, hash FROM receipts WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1",
            )
            .fetch_optional(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            Ok(row.map(|row| {
                let seq = u64::try_from(row.get::<i64, _>("seq")).unwrap_or(0);
                (seq, Digest::from(row.get::<String, _>("hash")))
            }))
        }
        .boxed()
    }

    fn receipts_after(&self, seq: u64, limit: u32) -> BoxFuture<'_, Result<Vec<Receipt>>> {
        async move {
            let rows = sqlx::query("SELECT * FROM receipts WHERE seq > $1 ORDER BY seq LIMIT $2")
                .bind(place(seq))
                .bind(i64::from(limit))
                .fetch_all(&self.readers)
                .await;
            self.receipts(rows)
        }
        .boxed()
    }

    fn latest_receipts(&self, limit: u32) -> BoxFuture<'_, Result<Vec<Receipt>>> {
        async move {
            let rows = sqlx::query(
                "SELECT * FROM receipts WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT $1",
            )
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await;
            self.receipts(rows)
        }
        .boxed()
    }

    fn receipt_at(&self, seq: u64) -> BoxFuture<'_, Result<Option<Receipt>>> {
        async move {
            let rows = sqlx::query("SELECT * FROM receipts WHERE seq = $1")
                .bind(place(seq))
                .fetch_all(&self.readers)
                .await;
            Ok(self.receipts(rows)?.pop())
        }
        .boxed()
    }

    fn receipt_of(&self, run: RunId) -> BoxFuture<'_, Result<Option<Receipt>>> {
        async move {
            let rows = sqlx::query("SELECT * FROM receipts WHERE run = $1 AND seq IS NOT NULL")
                .bind(run.to_string())
                .fetch_all(&self.readers)
                .await;
            Ok(self.receipts(rows)?.pop())
        }
        .boxed()
    }
}

impl SqlStore {
    fn part<T: serde::de::DeserializeOwned>(&self, row: &Row, column: &str) -> Result<T> {
        part(&self.place, row, column)
    }

    fn receipts(&self, rows: sqlx::Result<Vec<Row>>) -> Result<Vec<Receipt>> {
        rows.map_err(|error| self.broken(&error))?
            .iter()
            .map(|row| read(&self.place, row))
            .collect()
    }
}

/// The sealed receipt in a row of the store at `place`.
pub(super) fn read(place: &str, row: &Row) -> Result<Receipt> {
    Ok(Receipt {
        seq: u64::try_from(row.get::<i64, _>("seq")).unwrap_or(0),
        prev: Digest::from(row.get::<String, _>("prev")),
        content: part(place, row, "content")?,
        hash: Digest::from(row.get::<String, _>("hash")),
        signature: row.get("signature"),
        texts: part(place, row, "texts")?,
    })
}

fn part<T: serde::de::DeserializeOwned>(place: &str, row: &Row, column: &str) -> Result<T> {
    serde_json::from_str(row.get(column))
        .map_err(|error| unreadable(place, &format!("a receipt's {column}"), error))
}

/// Writes receipts of what happened without a run, unsealed.
pub(super) async fn add_all(
    connection: &mut Connection,
    drafts: impl IntoIterator<Item = Draft>,
) -> sqlx::Result<()> {
    for draft in drafts {
        sqlx::query("INSERT INTO receipts (content, texts) VALUES ($1, $2)")
            .bind(serde_json::json!(draft.content).to_string())
            .bind(serde_json::json!(draft.texts).to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
