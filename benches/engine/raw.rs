//! The reference: the rows that the engine has written, written again by hand.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use purser::store::sqlite::{SqliteStore, database_file};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

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

/// Writes what the runs in the one place have left, but for the first, into a new store in the
/// other, one commit where the engine makes one: how long it takes.
pub async fn writes_the_same(from: &Path, to: &Path) -> Duration {
    let mut source = connect(&url_of(from)).await;
    let runs: Vec<Run> = sqlx::query_as("SELECT * FROM runs ORDER BY id")
        .fetch_all(&mut source)
        .await
        .unwrap();
    let mut all = vec![];
    for run in runs {
        let events: Vec<Event> = sqlx::query_as("SELECT * FROM events WHERE run = ? ORDER BY seq")
            .bind(&run.id)
            .fetch_all(&mut source)
            .await
            .unwrap();
        let receipt: Receipt = sqlx::query_as("SELECT * FROM receipts WHERE run = ?")
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
    // Its tables, made by the program itself.
    let store = SqliteStore::open(to, Arc::default()).await.unwrap();
    store.close().await;
    let mut target = connect(&url_of(to)).await;
    sqlx::query("INSERT INTO definitions (digest, body) VALUES (?, ?)")
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
    connection: &mut SqliteConnection,
    run: &Run,
    events: &[Event],
    receipt: &Receipt,
) -> sqlx::Result<()> {
    for event in events {
        let mut piece = connection.begin_with("BEGIN IMMEDIATE").await?;
        if event.seq == 1 {
            sqlx::query(
                "INSERT INTO runs (id, workflow, definition, status, requested_by, requested_at, \
                 updated_at, idempotency_key) VALUES (?, ?, ?, '\"queued\"', ?, ?, ?, ?)",
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
        sqlx::query("INSERT INTO events (run, seq, at, v, body) VALUES (?, ?, ?, ?, ?)")
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
                "UPDATE runs SET status = ?, ended = ?, updated_at = ?, summary = ? WHERE id = ?",
            )
            .bind(if is_last { &run.status } else { "\"running\"" })
            .bind(is_last)
            .bind(if is_last { run.updated_at } else { event.at })
            .bind(run.summary.as_ref().filter(|_| is_last))
            .bind(&run.id)
            .execute(&mut *piece)
            .await?;
        }
        if is_last {
            sqlx::query("INSERT INTO receipts (run, content, texts) VALUES (?, ?, ?)")
                .bind(&run.id)
                .bind(&receipt.content)
                .bind(&receipt.texts)
                .execute(&mut *piece)
                .await?;
        }
        piece.commit().await?;
    }
    sqlx::query("UPDATE receipts SET seq = ?, prev = ?, hash = ?, signature = ? WHERE run = ?")
        .bind(receipt.seq)
        .bind(&receipt.prev)
        .bind(&receipt.hash)
        .bind(&receipt.signature)
        .bind(&run.id)
        .execute(connection)
        .await?;
    Ok(())
}

fn url_of(place: &Path) -> String {
    format!("sqlite://{}", database_file(place).display())
}

/// A connection as careful as the store's own.
pub async fn connect(url: &str) -> SqliteConnection {
    url.parse::<SqliteConnectOptions>()
        .unwrap()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .connect()
        .await
        .unwrap()
}
