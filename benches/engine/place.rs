//! Where a store is: a folder, or a database on a server that waits for its disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use purser::store::Store;
use purser::store::postgres::{Access, LEASE, PostgresStore, holder};
use purser::store::sqlite::{SqliteStore, database_file};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use xtask::torture::Cluster;

/// One store.
pub enum Place {
    /// In this folder.
    Sqlite(PathBuf),
    /// In the database at this URL.
    Postgres {
        /// The URL.
        url: String,
        /// The folder for what is kept beside it.
        folder: PathBuf,
    },
}

impl Place {
    /// A new one of this name; on the server, where there is one.
    pub async fn new(name: &str, folder: &Path, server: Option<&Cluster>) -> Self {
        let folder = folder.join(name);
        let Some(server) = server else {
            return Self::Sqlite(folder);
        };
        let url = server.url(server.address());
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let create = AssertSqlSafe(format!("CREATE DATABASE \"{name}\""));
        sqlx::query(create).execute(&mut connection).await.unwrap();
        let (server, _) = url.rsplit_once('/').unwrap();
        Self::Postgres {
            url: format!("{server}/{name}"),
            folder,
        }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        match self {
            Self::Sqlite(folder) | Self::Postgres { folder, .. } => folder,
        }
    }

    /// The store in it.
    pub async fn open(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(folder) => Arc::new(in_folder(folder).await),
            Self::Postgres { url, .. } => Arc::new(in_database(url).await),
        }
    }

    /// Its tables, made by the program itself.
    pub async fn made(&self) {
        match self {
            Self::Sqlite(folder) => in_folder(folder).await.close().await,
            Self::Postgres { url, .. } => in_database(url).await.close().await,
        }
    }

    /// What it holds, in bytes, without its write-ahead log.
    pub async fn size(&self) -> f64 {
        let size: i64 = match self {
            Self::Sqlite(_) => {
                let mut connection = connect_to_sqlite(self).await;
                let pages =
                    "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
                let size = sqlx::query_scalar(pages);
                size.fetch_one(&mut connection).await.unwrap()
            }
            Self::Postgres { .. } => {
                let mut connection = connect_to_postgres(self).await;
                let size = sqlx::query_scalar("SELECT pg_database_size(current_database())");
                size.fetch_one(&mut connection).await.unwrap()
            }
        };
        #[allow(clippy::cast_precision_loss, reason = "a few MiB")]
        let size = size as f64;
        size
    }
}

async fn in_folder(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder, Arc::default()).await.unwrap()
}

async fn in_database(url: &str) -> PostgresStore {
    let access = Access {
        url: url.to_owned().into(),
        holder: holder("bench", std::process::id(), [0; 4]),
        lease: LEASE,
    };
    PostgresStore::open(&access, Arc::default()).await.unwrap()
}

/// A connection as careful as the store's own.
pub async fn connect_to_sqlite(place: &Place) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(database_file(place.folder()))
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .connect()
        .await
        .unwrap()
}

/// A connection of a server's own settings: it answers when a commit is on its disk.
pub async fn connect_to_postgres(place: &Place) -> PgConnection {
    match place {
        Place::Postgres { url, .. } => PgConnection::connect(url).await.unwrap(),
        Place::Sqlite(folder) => unreachable!("{} is no database server", folder.display()),
    }
}
