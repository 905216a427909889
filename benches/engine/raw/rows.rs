//! The rows of runs, read from one store and written into another.

use std::time::{Duration, Instant};

use super::{Connection, begin, connect};
use crate::place::Place;

#[derive(sqlx::FromRow)]
struct Run {
    id: String,
    workflow: String,
    definition: String,
    status: String,
    requested_by: String,
    requested_at: i64,
    updated_at: i64,
    summary: Option<String>,
    idempotency_key: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Event {
    seq: i64,
    at: i64,
    v: i64,
    body: String,
}

#[derive(sqlx::FromRow)]
struct Receipt {
    content: String,
    texts: String,
    seq: i64,
    prev: String,
    hash: String,
    signature: String,
}

/// Writes what the runs in the one place have left, but for the first, into the other: how long it
/// takes.
pub async fn copies(from: &Place, to: &Place) -> Duration {
    let mut source = connect(from).await;
    let runs: Vec<Run> = sqlx::query_as("SELECT * FROM runs ORDER BY id")
        .fetch_all(&mut source)
        .await
        .unwrap();
    let mut all = vec![];
    for run in runs {
        let events: Vec<Event> = sqlx::query_as("SELECT * FROM events WHERE run = $1 ORDER BY seq")
            .bind(&run.id)
            .fetch_all(&mut source)
            .await
            .unwrap();
        let receipt: Receipt = sqlx::query_as("SELECT * FROM receipts WHERE run = $1")
            .bind(&run.id)
            .fetch_one(&mut source)
            .await
            .unwrap();
        all.push((run, events, receipt));
    }
    let definition: (String, String) = sqlx::query_as("SELECT digest, body FROM definitions")
        .fetch_one(&mut source)
        .await
        .unwrap();
    let mut target = connect(to).await;
    sqlx::query("INSERT INTO definitions (digest, body) VALUES ($1, $2)")
        .bind(definition.0)
        .bind(definition.1)
        .execute(&mut target)
        .await
        .unwrap();
    let begun = Instant::now();
    for (run, events, receipt) in all.iter().skip(1) {
        write(&mut target, run, events, receipt).await.unwrap();
    }
    begun.elapsed()
}

async fn write(
    connection: &mut Connection,
    run: &Run,
    events: &[Event],
    receipt: &Receipt,
) -> sqlx::Result<()> {
    for event in events {
        let mut piece = begin(connection).await?;
        if event.seq == 1 {
            sqlx::query(
                "INSERT INTO runs (id, workflow, definition, status, requested_by, requested_at, \
                 updated_at, idempotency_key) VALUES ($1, $2, $3, '\"queued\"', $4, $5, $6, $7)",
            )
            .bind(&run.id)
            .bind(&run.workflow)
            .bind(&run.definition)
            .bind(&run.requested_by)
            .bind(run.requested_at)
            .bind(event.at)
            .bind(&run.idempotency_key)
            .execute(&mut *piece)
            .await?;
        }
        sqlx::query("INSERT INTO events (run, seq, at, v, body) VALUES ($1, $2, $3, $4, $5)")
            .bind(&run.id)
            .bind(event.seq)
            .bind(event.at)
            .bind(event.v)
            .bind(&event.body)
            .execute(&mut *piece)
            .await?;
        let is_last = Some(event.seq) == events.last().map(|last| last.seq);
        if event.seq > 1 {
            sqlx::query(
                "UPDATE runs SET status = $1, ended = $2, updated_at = $3, summary = $4 WHERE id = $5",
            )
            .bind(if is_last { &run.status } else { "\"running\"" })
            .bind(i32::from(is_last))
            .bind(if is_last { run.updated_at } else { event.at })
            .bind(run.summary.as_ref().filter(|_| is_last))
            .bind(&run.id)
            .execute(&mut *piece)
            .await?;
        }
        if is_last {
            sqlx::query("INSERT INTO receipts (run, content, texts) VALUES ($1, $2, $3)")
                .bind(&run.id)
                .bind(&receipt.content)
                .bind(&receipt.texts)
                .execute(&mut *piece)
                .await?;
        }
        piece.commit().await?;
    }
    sqlx::query(
        "UPDATE receipts SET seq = $1, prev = $2, hash = $3, signature = $4 WHERE run = $5",
    )
    .bind(receipt.seq)
    .bind(&receipt.prev)
    .bind(&receipt.hash)
    .bind(&receipt.signature)
    .bind(&run.id)
    .execute(connection)
    .await?;
    Ok(())
}
