//! How the writer writes to SQLite.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Sqlite, SqliteConnection, Transaction};

use super::unavailable;
use crate::store::writer::Line;
use crate::store::{Result, StoreError};

/// `options` lead to the database: after a failed commit it is opened anew.
pub(super) struct SqliteLine {
    pub(super) options: SqliteConnectOptions,
    pub(super) place: String,
}

impl Line for SqliteLine {
    type Db = Sqlite;

    fn connect(&self) -> BoxFuture<'_, Result<SqliteConnection>> {
        async {
            let opened = self.options.connect().await;
            opened.map_err(|error| self.unavailable(&error))
        }
        .boxed()
    }

    fn begin<'c>(
        &'c self,
        connection: &'c mut SqliteConnection,
    ) -> BoxFuture<'c, Result<Transaction<'c, Sqlite>>> {
        async {
            let begun = connection.begin_with("BEGIN IMMEDIATE").await;
            begun.map_err(|error| self.unavailable(&error))
        }
        .boxed()
    }

    fn limit(&self) -> Option<std::time::Duration> {
        None
    }

    fn unavailable(&self, error: &sqlx::Error) -> StoreError {
        unavailable(&self.place, error)
    }

    /// The last connection writes the WAL back into the database.
    fn end(self, open: Option<SqliteConnection>) -> BoxFuture<'static, ()> {
        async {
            if let Some(connection) = open {
                let _ = connection.close().await;
            }
        }
        .boxed()
    }
}
