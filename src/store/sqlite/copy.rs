//! A consistent copy of the store beside it, for a backup, and a look into such a copy.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::full::is_full;
use super::inspect::is_damage;
use super::{MIGRATIONS, SqliteStore, unavailable};
use crate::domain::digest::Digest;
use crate::domain::receipt::Anchor;
use crate::store::{Result, StoreError, newest};

/// What the names of copies begin with: such a file is nobody's after a restart.
const BEGINS: &str = "copy-";

/// What a copy of a store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyFacts {
    /// Its last sealed receipt.
    pub head: Option<Anchor>,
    /// The version of its tables.
    pub schema: i64,
}

impl SqliteStore {
    /// Where a copy of this name lies.
    pub fn copy_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{BEGINS}{name}.db"))
    }

    /// Writes the store as it is at one instant to `path`, for the owner only; what was there is
    /// replaced. Nobody who writes has to wait for it.
    ///
    /// # Errors
    /// The store cannot be read, or the copy cannot be written.
    pub async fn copy_to(&self, path: &Path) -> Result<CopyFacts> {
        let broken = |error: &dyn std::fmt::Display| StoreError::Unavailable {
            place: self.place.clone(),
            message: format!("it cannot be copied to {}: {error}", path.display()),
        };
        remove(path).map_err(|error| broken(&error))?;
        // SQLite fills an empty file, and would make one that others may read.
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| broken(&error))?;
        sqlx::query("VACUUM INTO ?")
            .bind(path.display().to_string())
            .execute(&self.readers)
            .await
            .map_err(|error| {
                if is_full(&error) {
                    broken(&"there is no room for a copy on its disk; make some there")
                } else {
                    broken(&error)
                }
            })?;
        look_into(path).await.map_err(|error| broken(&error))
    }
}

/// The version of the tables that this program knows.
pub fn newest_schema() -> i64 {
    newest(&MIGRATIONS)
}

/// Whether the file is a whole database: what SQLite's own check finds wrong, in its words.
///
/// # Errors
/// It cannot be read.
pub async fn damage(path: &Path) -> Result<Option<String>> {
    match check(path).await {
        Ok(found) => Ok((found != ["ok"]).then(|| found.join("; "))),
        // A check that breaks off at what is damaged has found it too.
        Err(sqlx::Error::Database(error)) if is_damage(error.as_ref()) => {
            Ok(Some(error.message().to_owned()))
        }
        Err(error) => Err(unavailable(&path.display().to_string(), &error)),
    }
}

async fn check(path: &Path) -> sqlx::Result<Vec<String>> {
    let mut connection = open(path).await?;
    let found = sqlx::query_scalar("PRAGMA integrity_check(3)")
        .fetch_all(&mut connection)
        .await?;
    let _ = connection.close().await;
    Ok(found)
}

/// Removes the copies of a process that died.
pub(super) fn sweep(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(BEGINS) && name.contains(".db") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

async fn look_into(path: &Path) -> sqlx::Result<CopyFacts> {
    let mut copy = open(path).await?;
    let head: Option<(i64, String)> = sqlx::query_as(
        "SELECT seq, hash FROM receipts WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1",
    )
    .fetch_optional(&mut copy)
    .await?;
    let schema = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations")
        .fetch_one(&mut copy)
        .await?;
    copy.close().await?;
    let head = head.map(|(seq, hash)| Anchor {
        seq: u64::try_from(seq).unwrap_or(0),
        hash: Digest::from(hash),
    });
    Ok(CopyFacts { head, schema })
}

/// Opens a file that nobody writes to, and leaves nothing beside it.
async fn open(path: &Path) -> sqlx::Result<SqliteConnection> {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(true)
        .connect()
        .await
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_database_at_all_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("purser.db");
        std::fs::write(&path, "no database".repeat(1000)).unwrap();
        let found = damage(&path).await.unwrap();
        assert_eq!(found.as_deref(), Some("file is not a database"));
        assert!(damage(&folder.path().join("none.db")).await.is_err());
    }
}
