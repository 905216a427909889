//! A store looked at from outside, whether a server works on it or not: nothing is written, and no
//! lock is kept.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::copy::newest_schema;
use super::full::{is_full, no_room};
use super::{DATABASE, LOCK, receipts, unavailable};
use crate::domain::receipt::Receipt;
use crate::store::{Result, StoreError};

/// Who holds a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Nobody has ever held it.
    Never,
    /// Nobody does; this is what the last one wrote, which may be a process that has gone.
    Nobody {
        /// Its process.
        last: String,
    },
    /// A process does.
    Process(String),
}

/// Who holds the store in this folder.
///
/// # Errors
/// The lock cannot be read.
pub fn holder(folder: &Path) -> std::io::Result<Holder> {
    let path = folder.join(LOCK);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Holder::Never),
        Err(error) => return Err(error),
    };
    let process = std::fs::read_to_string(&path)?.trim().to_owned();
    // Let go of at once: a server that starts at this very moment would take it for another's.
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| Holder::Nobody { last: process }),
        Err(TryLockError::WouldBlock) => Ok(Holder::Process(process)),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The database of a store, opened to be read only.
pub struct Inspection {
    connection: SqliteConnection,
    place: String,
}

impl Inspection {
    /// Opens the database in this folder; it must be there.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn open(folder: &Path) -> Result<Self> {
        let place = folder.display().to_string();
        match Self::connect(folder).await {
            Ok(connection) => Ok(Self { connection, place }),
            Err(error) => Err(broken(&place, &error)),
        }
    }

    /// The first thing that SQLite finds wrong with the database in this folder, in its words.
    ///
    /// # Errors
    /// It cannot be opened, for another reason.
    pub(super) async fn damage_in(folder: &Path) -> Result<Option<String>> {
        let place = folder.display().to_string();
        let connection = match Self::connect(folder).await {
            Ok(connection) => connection,
            Err(sqlx::Error::Database(error)) if is_damage(error.as_ref()) => {
                return Ok(Some(error.message().to_owned()));
            }
            Err(error) => return Err(broken(&place, &error)),
        };
        let complaints = Self { connection, place }.quick_check().await?;
        Ok(complaints.into_iter().next())
    }

    async fn connect(folder: &Path) -> sqlx::Result<SqliteConnection> {
        SqliteConnectOptions::new()
            .filename(folder.join(DATABASE))
            .read_only(true)
            .busy_timeout(Duration::from_secs(5))
            .connect()
            .await
    }

    /// What SQLite's own quick check complains of.
    ///
    /// # Errors
    /// It cannot be read at all.
    pub async fn quick_check(&mut self) -> Result<Vec<String>> {
        let mut rows = sqlx::query_scalar("PRAGMA quick_check(5)").fetch(&mut self.connection);
        let mut said: Vec<String> = vec![];
        loop {
            match rows.try_next().await {
                Ok(Some(row)) => said.push(row),
                Ok(None) => break,
                // A check that breaks off at what is damaged has found it too.
                Err(sqlx::Error::Database(error)) if is_damage(error.as_ref()) => {
                    said.push(error.message().to_owned());
                    break;
                }
                Err(error) => return Err(broken(&self.place, &error)),
            }
        }
        // One row may hold many complaints, below a line that names the database.
        let lines = said.iter().flat_map(|row| row.lines());
        let complaints = lines.filter(|line| *line != "ok" && !line.starts_with("***"));
        Ok(complaints.map(str::to_owned).collect())
    }

    /// The version that its tables are at, and the newest that this program knows.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn versions(&mut self) -> Result<(i64, i64)> {
        let found = self.version().await;
        let found = found.map_err(|error| broken(&self.place, &error))?;
        Ok((found.unwrap_or(0), newest_schema()))
    }

    /// None in a database whose first tables are still to come.
    async fn version(&mut self) -> sqlx::Result<Option<i64>> {
        let tables = "SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations'";
        let tables = sqlx::query(tables);
        if tables.fetch_optional(&mut self.connection).await?.is_none() {
            return Ok(None);
        }
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(&mut self.connection)
            .await
    }

    /// The last sealed receipts, oldest first.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn latest_receipts(&mut self, limit: u32) -> Result<Vec<Receipt>> {
        let rows =
            sqlx::query("SELECT * FROM receipts WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT ?")
                .bind(limit)
                .fetch_all(&mut self.connection)
                .await
                .map_err(|error| broken(&self.place, &error))?;
        rows.iter()
            .rev()
            .map(|row| receipts::read(&self.place, row))
            .collect()
    }
}

/// Whoever looks does it at a start, or without a server.
fn broken(place: &str, error: &sqlx::Error) -> StoreError {
    if is_full(error) {
        return no_room(place);
    }
    unavailable(place, error)
}

/// `SQLITE_CORRUPT`, `SQLITE_NOTADB`: <https://www.sqlite.org/rescode.html>.
pub(super) fn is_damage(error: &dyn sqlx::error::DatabaseError) -> bool {
    matches!(error.code().as_deref(), Some("11" | "26"))
}
