//! The embedded store: one SQLite database in WAL mode, `synchronous=FULL`, and one writer.

#![allow(
    clippy::duplicate_mod,
    reason = "the statements are one text, compiled for each database with its own types: store/sql"
)]

mod copy;
mod full;
mod inspect;
mod line;
mod lock;
mod peek;
mod recovery;
mod sound;

#[path = "../sql/housekeeping.rs"]
mod housekeeping;
#[path = "../sql/identities.rs"]
mod identities;
#[path = "../sql/locks.rs"]
mod locks;
#[path = "../sql/messages.rs"]
mod messages;
#[path = "../sql/outbox.rs"]
mod outbox;
#[path = "../sql/receipts.rs"]
mod receipts;
#[path = "../sql/reruns.rs"]
mod reruns;
#[path = "../sql/runs.rs"]
mod runs;
#[path = "../sql/schedules.rs"]
mod schedules;
#[path = "../sql/secrets.rs"]
mod secrets;
#[path = "../sql/step_lines.rs"]
mod step_lines;
#[path = "../sql/undos.rs"]
mod undos;
#[path = "../sql/watching.rs"]
mod watching;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::broadcast;

use super::writer::Writer;
use super::{Result, StoreError, Tenure};
use crate::domain::names::RunId;
use crate::domain::redact::Redactor;
pub use copy::{CopyFacts, damage, newest_schema};
use full::{is_full, no_room};
pub use inspect::{Holder, Inspection, holder};
use line::SqliteLine;
use lock::StoreLock;
pub use peek::{peek_at_identities, peek_at_secrets};
pub use recovery::Recovery;

/// The name of the database within the store's folder.
const DATABASE: &str = "purser.db";

/// The name of the file that is locked while a process works on the store.
const LOCK: &str = "STORE.lock";

/// Readers beside the one writer.
const READERS: u32 = 4;

/// Changes that a slow listener may fall behind before it has to look for itself.
const CHANGES: usize = 1024;

/// Adds the lines of a JSON array behind those of the step.
const ADD_LINES: &str = "INSERT INTO step_lines (run, step, n, line) \
     SELECT $1, $2, key + 1 + (SELECT COALESCE(MAX(n), 0) FROM step_lines \
     WHERE run = $1 AND step = $2), value FROM json_each($3)";

/// Forgets the notices that asked, but for those whose ids are in a JSON array.
const FORGET_ANSWERED: &str = "DELETE FROM outbox WHERE asks = 1 \
     AND id NOT IN (SELECT value FROM json_each($1))";

use SqliteStore as SqlStore;
use sqlx::SqliteConnection as Connection;
use sqlx::sqlite::SqliteRow as Row;

/// SQLite keeps every text.
fn text(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// The embedded store.
pub struct SqliteStore {
    readers: SqlitePool,
    writer: Writer<sqlx::Sqlite>,
    changes: broadcast::Sender<RunId>,
    redactor: Arc<Redactor>,
    place: String,
    folder: PathBuf,
    _lock: StoreLock,
}

impl SqliteStore {
    /// Opens the store in this folder, which is made if it is not there, and brings its tables
    /// up to date. Everything that it writes goes through `redactor`.
    ///
    /// # Errors
    /// Another process holds it (says which), it cannot be read or is damaged, or it was written by a
    /// newer version of Purser. What it holds is left as it is then.
    pub async fn open(folder: &Path, redactor: Arc<Redactor>) -> Result<Self> {
        let place = folder.display().to_string();
        make_folder(folder)?;
        let lock = StoreLock::take(&folder.join(LOCK))?;
        recovery::go_on(folder)?;
        if let Err(error) = copy::sweep(folder) {
            tracing::warn!(%error, "old copies of the store stay in its folder");
        }
        sound::refuse_what_will_not_do(folder).await?;
        let file = folder.join(DATABASE);
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let unavailable = |error: sqlx::Error| unavailable(&place, &error);
        let mut connection = options.connect().await.map_err(|error| {
            if is_full(&error) {
                no_room(&place)
            } else {
                unavailable(error)
            }
        })?;
        MIGRATIONS
            .run(&mut connection)
            .await
            .map_err(|error| not_migrated(&place, &error))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            // One stays open as long as the process: the last connection that is closed removes the WAL.
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone().read_only(true))
            .await
            .map_err(unavailable)?;
        let line = SqliteLine {
            options,
            place: place.clone(),
        };
        Ok(Self {
            readers,
            writer: Writer::start(connection, line, place.clone()),
            changes: broadcast::channel(CHANGES).0,
            redactor,
            place,
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    /// Writes everything into the one file of the database, and lets go of it.
    pub async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(super) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    pub(super) fn broken(&self, error: &sqlx::Error) -> StoreError {
        unavailable(&self.place, error)
    }

    fn unreadable(&self, what: &str, error: impl std::fmt::Display) -> StoreError {
        unreadable(&self.place, what, error)
    }
}

/// The lock goes with the last handle: whoever opens the store next finds all of it on disk. The WAL
/// stays beside the database, so that a server can be started on a disk that has become full.
impl Tenure for SqliteStore {}

fn unreadable(place: &str, what: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable {
        place: place.to_owned(),
        message: format!(
            "{what} cannot be read back ({error}); the file may be damaged: stop Purser, keep a \
             copy of the folder, and restore a backup of the store"
        ),
    }
}

fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| StoreError::Unavailable {
        place: folder.display().to_string(),
        message: format!(
            "the folder cannot be made ({error}): make it and give it to the user who runs Purser, \
             or set `[store] path`"
        ),
    })
}

fn unavailable(place: &str, error: &sqlx::Error) -> StoreError {
    StoreError::Unavailable {
        place: place.to_owned(),
        message: if is_full(error) {
            full::GOES_ON.to_owned()
        } else {
            error.to_string()
        },
    }
}

fn not_migrated(place: &str, error: &sqlx::migrate::MigrateError) -> StoreError {
    use sqlx::migrate::MigrateError::VersionMissing;
    let message = match error {
        VersionMissing(version) => super::newer_tables(*version),
        sqlx::migrate::MigrateError::Execute(error) if is_full(error) => {
            full::START_AGAIN.to_owned()
        }
        other => format!("its tables cannot be brought up to date: {other}"),
    };
    StoreError::Unavailable {
        place: place.to_owned(),
        message,
    }
}

/// The file of the database in a store's folder.
pub fn database_file(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}
