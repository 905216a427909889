//! What a database holds, in numbers that can be compared after a restore: every table's rows,
//! and a hash over an ordered sample of them.

use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _};

use crate::domain::digest::Digest;

/// What one table holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Table {
    pub(super) schema: String,
    pub(super) name: String,
    /// All its rows.
    pub(super) rows: u64,
    /// How many of them are in the hash.
    pub(super) sampled: u64,
    /// Over the hashes of the sampled rows' texts, in order.
    pub(super) sha256: Digest,
}

/// A transaction that sees one state, whose texts do not depend on where and by whom they are
/// read, and that the server does not end while a dump takes its time.
const BEGIN: &str = "
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL search_path = pg_catalog;
    SET LOCAL DateStyle = 'ISO, YMD';
    SET LOCAL IntervalStyle = 'iso_8601';
    SET LOCAL TimeZone = 'UTC';
    SET LOCAL extra_float_digits = 3;
    SET LOCAL bytea_output = 'hex';
    SET LOCAL lc_monetary = 'C';
    SET LOCAL row_security = off;
    SET LOCAL statement_timeout = 0;
    SET LOCAL lock_timeout = '2min';
    SET LOCAL idle_in_transaction_session_timeout = 0;
";

/// Ordinary tables and partitions that a dump carries the rows of, with their primary keys as
/// an order that no locale changes.
const TABLES: &str = r#"
    SELECT n.nspname::text,
           c.relname::text,
           format('%I.%I', n.nspname, c.relname),
           (SELECT string_agg(
                       format('purser_row.%I%s', a.attname,
                              CASE WHEN a.attcollation <> 0 THEN '::text COLLATE pg_catalog."C"' ELSE '' END),
                       ', ' ORDER BY k.position)
              FROM pg_index i
              CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
              JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
             WHERE i.indrelid = c.oid AND i.indisprimary AND k.position <= i.indnkeyatts)
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r'
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                          AND d.deptype = 'e')
     ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"#;

/// Where tables without a primary key are ordered by what their rows say.
const BY_TEXT: &str = r#"(purser_row.*)::text COLLATE pg_catalog."C""#;

/// Begins the transaction in which a census is taken.
pub(super) async fn begin(connection: &mut PgConnection) -> sqlx::Result<()> {
    connection.execute(sqlx::raw_sql(BEGIN)).await.map(drop)
}

/// The name under which another session may see the same state, as long as this one stays.
pub(super) async fn export_snapshot(connection: &mut PgConnection) -> sqlx::Result<String> {
    sqlx::query_scalar("SELECT pg_export_snapshot()")
        .fetch_one(connection)
        .await
}

/// Counts and samples every table, within the transaction that [`begin`] has begun.
pub(super) async fn take(
    connection: &mut PgConnection,
    sample_rows: u32,
) -> sqlx::Result<Vec<Table>> {
    let listed: Vec<(String, String, String, Option<String>)> =
        sqlx::query_as(TABLES).fetch_all(&mut *connection).await?;
    let mut tables = Vec::with_capacity(listed.len());
    for (schema, name, quoted, key) in listed {
        let rows = count(connection, &quoted).await?;
        let order = key.as_deref().unwrap_or(BY_TEXT);
        let (sampled, sha256) = sample(connection, &quoted, order, sample_rows).await?;
        tables.push(Table {
            schema,
            name,
            rows,
            sampled,
            sha256,
        });
    }
    Ok(tables)
}

/// How many tables [`take`] would walk, and the bytes of the whole database.
pub(super) async fn size(connection: &mut PgConnection) -> sqlx::Result<(i64, i64)> {
    let tables = sqlx::query_as::<_, (String, String, String, Option<String>)>(TABLES)
        .fetch_all(&mut *connection)
        .await?
        .len();
    let bytes = sqlx::query_scalar("SELECT pg_database_size(current_database())")
        .fetch_one(connection)
        .await?;
    Ok((i64::try_from(tables).unwrap_or(i64::MAX), bytes))
}

async fn count(connection: &mut PgConnection, table: &str) -> sqlx::Result<u64> {
    let rows: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM ONLY {table}")))
        .persistent(false)
        .fetch_one(connection)
        .await?;
    Ok(rows.unsigned_abs())
}

/// The server hashes each row, so that a row of any size costs 32 bytes here.
async fn sample(
    connection: &mut PgConnection,
    table: &str,
    order: &str,
    rows: u32,
) -> sqlx::Result<(u64, Digest)> {
    let sql = format!(
        "SELECT sha256(convert_to((purser_row.*)::text, getdatabaseencoding())) \
         FROM ONLY {table} AS purser_row ORDER BY {order} LIMIT {rows}"
    );
    let mut hashes = sqlx::query_scalar::<_, Vec<u8>>(AssertSqlSafe(sql))
        .persistent(false)
        .fetch(connection);
    let (mut sampled, mut whole) = (0, Sha256::new());
    while let Some(hash) = hashes.try_next().await? {
        whole.update(&hash);
        sampled += 1;
    }
    Ok((sampled, Digest::of_hash(whole)))
}
