//! A store of SQLite moved into an empty database: all of it in one transaction, or nothing.

use std::fmt::Write as _;

use ed25519_dalek::VerifyingKey;
use futures_util::TryStreamExt as _;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::connect::{Access, Connector, may_make_tables};
use super::problem::{broken, text, unavailable};
use super::{Door, MIGRATIONS, receipts};
use crate::domain::receipt::Chain;
use crate::store::sqlite::SqliteStore;
use crate::store::{Result, StoreError};

/// So many rows go over together.
const PAGE: usize = 500;

/// As soon as they have more bytes than this, they go: a page is held in memory, and the server waits
/// for it in the middle of a transaction.
const PAGE_BYTES: usize = 4 << 20;

/// A table as both databases have it, in an order that keeps every reference whole.
struct Table {
    name: &'static str,
    columns: &'static [(&'static str, Kind)],
    /// The column that the database counts up, and never uses a number of twice.
    counted: Option<&'static str>,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Bytes,
}

use Kind::{Bytes, Number, Text};

const TABLES: [Table; 19] = [
    table("definitions", &[("digest", Text), ("body", Text)]),
    table(
        "runs",
        &[
            ("id", Text),
            ("workflow", Text),
            ("definition", Text),
            ("status", Text),
            ("ended", Number),
            ("requested_by", Text),
            ("requested_at", Number),
            ("updated_at", Number),
            ("summary", Text),
            ("idempotency_key", Text),
            ("concurrency", Text),
            ("rerun_of", Text),
            ("undo_of", Text),
            ("began", Number),
        ],
    ),
    table(
        "events",
        &[
            ("run", Text),
            ("seq", Number),
            ("at", Number),
            ("v", Number),
            ("body", Text),
        ],
    ),
    table(
        "step_lines",
        &[("run", Text), ("step", Text), ("n", Number), ("line", Text)],
    ),
    table("artifact_refs", &[("digest", Text), ("run", Text)]),
    Table {
        name: "receipts",
        columns: &[
            ("id", Number),
            ("run", Text),
            ("content", Text),
            ("texts", Text),
            ("seq", Number),
            ("prev", Text),
            ("hash", Text),
            ("signature", Text),
            ("log_gone_at", Number),
        ],
        counted: Some("id"),
    },
    table(
        "schedules",
        &[
            ("name", Text),
            ("timing", Text),
            ("seen", Number),
            ("paused_by", Text),
            ("paused_at", Number),
            ("gone_at", Number),
            ("forgotten", Number),
        ],
    ),
    table(
        "fires",
        &[
            ("schedule", Text),
            ("at", Number),
            ("run", Text),
            ("note", Text),
        ],
    ),
    table(
        "secrets",
        &[
            ("name", Text),
            ("sealed", Bytes),
            ("set_at", Number),
            ("set_by", Text),
        ],
    ),
    table(
        "run_messages",
        &[
            ("run", Text),
            ("part", Text),
            ("platform", Text),
            ("channel", Text),
            ("in_thread", Number),
            ("remote", Text),
            ("tried_at", Number),
            ("remade", Number),
            ("settled", Number),
        ],
    ),
    table("published_commands", &[("scope", Text), ("digest", Text)]),
    table(
        "given_secrets",
        &[("run", Text), ("input", Text), ("sealed", Bytes)],
    ),
    table(
        "asked_windows",
        &[
            ("platform", Text),
            ("id", Text),
            ("person", Text),
            ("command", Text),
            ("options", Text),
            ("until", Number),
        ],
    ),
    table(
        "locks",
        &[
            ("target", Text),
            ("owner", Text),
            ("reason", Text),
            ("since", Number),
            ("until", Number),
        ],
    ),
    table(
        "identities",
        &[
            ("platform", Text),
            ("id", Text),
            ("person", Text),
            ("linked_at", Number),
        ],
    ),
    table(
        "stack_changes",
        &[
            ("system", Text),
            ("at", Number),
            ("key", Text),
            ("body", Text),
        ],
    ),
    table(
        "watched",
        &[
            ("system", Text),
            ("since", Number),
            ("until", Number),
            ("goes_on", Number),
        ],
    ),
    table(
        "telling",
        &[
            ("only", Number),
            ("receipt", Number),
            ("digest_at", Number),
            ("digest_receipt", Number),
        ],
    ),
    Table {
        name: "outbox",
        columns: &[
            ("n", Number),
            ("place", Text),
            ("id", Text),
            ("notice", Text),
            ("asks", Number),
            ("told", Number),
            ("put_at", Number),
            ("attempts", Number),
            ("next_at", Number),
            ("problem", Text),
        ],
        counted: Some("n"),
    },
];

const fn table(name: &'static str, columns: &'static [(&'static str, Kind)]) -> Table {
    Table {
        name,
        columns,
        counted: None,
    }
}

/// What was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The database and its server, without the password.
    pub place: String,
    /// The rows of each table; both stores have as many.
    pub rows: Vec<(&'static str, u64)>,
    /// The place of the last receipt of the chain, which holds; 0: there is none.
    pub receipts: u64,
}

/// Moves everything, compares the numbers of rows, and verifies the chain of receipts by this key
/// before it commits. `from` is only read.
///
/// # Errors
/// The database holds tables already, or cannot be written, or what arrived is not what was sent.
/// It is left as it was: empty.
pub async fn move_in(from: &SqliteStore, access: &Access, key: &VerifyingKey) -> Result<Moved> {
    let mut door = Door::before(Connector::new(access)?).await?;
    let place = door.connector.place.clone();
    if door.version().await?.is_some() {
        let message = "it holds a store already, and nothing was written: name an empty database";
        return Err(broken(&place, message));
    }
    may_make_tables(&mut door.connection, &place).await?;
    let failed = |error: sqlx::Error| unavailable(&place, &error);
    let mut transaction = door.connection.begin().await.map_err(failed)?;
    MIGRATIONS
        .run_direct(None, &mut *transaction, false)
        .await
        .map_err(|error| broken(&place, &format!("its tables cannot be made: {error}")))?;
    let mut rows = vec![];
    for table in &TABLES {
        rows.push((
            table.name,
            copy(from, &mut transaction, table, &place).await?,
        ));
    }
    let receipts = verify(&mut transaction, key, &place).await?;
    transaction.commit().await.map_err(failed)?;
    let _ = door.connection.close().await;
    Ok(Moved {
        place,
        rows,
        receipts,
    })
}

/// Copies a table, and returns how many rows it has on both sides.
async fn copy(
    from: &SqliteStore,
    to: &mut PgConnection,
    table: &Table,
    place: &str,
) -> Result<u64> {
    let failed = |error: sqlx::Error| unavailable(place, &error);
    let select = AssertSqlSafe(format!("SELECT {} FROM {}", list(table), table.name));
    let mut rows = sqlx::query(select).fetch(from.readers());
    let (mut page, mut bytes, mut sent) = (Vec::with_capacity(PAGE), 0, 0);
    loop {
        let row = rows.try_next().await.map_err(|error| from.broken(&error))?;
        let is_last = row.is_none();
        bytes += row.as_ref().map_or(0, |row| size_of_row(row, table));
        page.extend(row);
        let is_full = page.len() == PAGE || bytes > PAGE_BYTES;
        if is_full || (is_last && !page.is_empty()) {
            sent += page.len() as u64;
            insert(to, table, &page).await.map_err(failed)?;
            page.clear();
            bytes = 0;
        }
        if is_last {
            break;
        }
    }
    let count = AssertSqlSafe(format!("SELECT count(*) FROM {}", table.name));
    let arrived: i64 = sqlx::query_scalar(count)
        .fetch_one(&mut *to)
        .await
        .map_err(failed)?;
    if u64::try_from(arrived) != Ok(sent) {
        let message = format!("of {sent} rows of {} there came {arrived}", table.name);
        return Err(broken(place, &message));
    }
    if let Some(column) = table.counted {
        go_on_counting(from, to, table, column, place).await?;
    }
    Ok(sent)
}

fn size_of_row(row: &SqliteRow, table: &Table) -> usize {
    let size = |(column, kind): &(&str, Kind)| match kind {
        Text => row.get::<Option<&str>, _>(*column).map_or(0, str::len),
        Number => size_of::<i64>(),
        Bytes => row.get::<Option<&[u8]>, _>(*column).map_or(0, <[u8]>::len),
    };
    table.columns.iter().map(size).sum()
}

async fn insert(to: &mut PgConnection, table: &Table, page: &[SqliteRow]) -> sqlx::Result<()> {
    let mut arrays = String::new();
    for (n, (_, kind)) in table.columns.iter().enumerate() {
        let of = match kind {
            Text => "text",
            Number => "bigint",
            Bytes => "bytea",
        };
        let comma = if n == 0 { "" } else { ", " };
        let _ = write!(arrays, "{comma}${}::{of}[]", n + 1);
    }
    let insert = format!(
        "INSERT INTO {} ({}) SELECT * FROM UNNEST({arrays})",
        table.name,
        list(table)
    );
    let mut query = sqlx::query(AssertSqlSafe(insert));
    for (column, kind) in table.columns {
        let column = *column;
        query = match kind {
            Text => {
                let texts = page.iter().map(|row| row.get::<Option<&str>, _>(column));
                let texts: Vec<_> = texts
                    .map(|one| one.map(|one| text(one).into_owned()))
                    .collect();
                query.bind(texts)
            }
            Number => {
                let numbers = page.iter().map(|row| row.get::<Option<i64>, _>(column));
                query.bind(numbers.collect::<Vec<_>>())
            }
            Bytes => {
                let bytes = page.iter().map(|row| row.get::<Option<Vec<u8>>, _>(column));
                query.bind(bytes.collect::<Vec<_>>())
            }
        };
    }
    query.execute(to).await.map(drop)
}

/// Numbers that were used once are not used again, though their rows may be gone.
async fn go_on_counting(
    from: &SqliteStore,
    to: &mut PgConnection,
    table: &Table,
    column: &str,
    place: &str,
) -> Result<()> {
    let last: Option<i64> = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = $1")
        .bind(table.name)
        .fetch_optional(from.readers())
        .await
        .map_err(|error| from.broken(&error))?;
    let go_on = format!(
        "SELECT setval(pg_get_serial_sequence('{0}', '{column}'), \
         GREATEST((SELECT COALESCE(MAX({column}), 0) FROM {0}), $1) + 1, false)",
        table.name
    );
    sqlx::query(AssertSqlSafe(go_on))
        .bind(last.unwrap_or(0))
        .execute(to)
        .await
        .map(drop)
        .map_err(|error| unavailable(place, &error))
}

/// The place of the last receipt of a chain that holds.
async fn verify(to: &mut PgConnection, key: &VerifyingKey, place: &str) -> Result<u64> {
    let mut chain = Chain::default();
    loop {
        let after = chain.head().map_or(0, |(seq, _)| *seq);
        let page = sqlx::query("SELECT * FROM receipts WHERE seq > $1 ORDER BY seq LIMIT 500")
            .bind(crate::store::written::place(after))
            .fetch_all(&mut *to)
            .await
            .map_err(|error| unavailable(place, &error))?;
        if page.is_empty() {
            return Ok(after);
        }
        for row in &page {
            let receipt = receipts::read(place, row)?;
            chain
                .next(&receipt, key)
                .map_err(|wrong| StoreError::Unavailable {
                    place: place.to_owned(),
                    message: format!("{wrong}; nothing was moved"),
                })?;
        }
    }
}

fn list(table: &Table) -> String {
    let names: Vec<_> = table
        .columns
        .iter()
        .map(|(name, _)| format!("\"{name}\""))
        .collect();
    names.join(", ")
}
