//! How the writer writes to PostgreSQL: under the lease, or not at all.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::{Connection as _, PgConnection, Postgres, Transaction};

use super::connect::Connector;
use super::lease::Lease;
use super::problem::unavailable;
use crate::store::writer::Line;
use crate::store::{Result, StoreError};

pub(super) struct PostgresLine {
    pub(super) connector: Connector,
    pub(super) lease: Arc<Lease>,
    pub(super) limit: Duration,
}

impl Line for PostgresLine {
    type Db = Postgres;

    fn connect(&self) -> BoxFuture<'_, Result<PgConnection>> {
        self.connector.connect().boxed()
    }

    fn begin<'c>(
        &'c self,
        connection: &'c mut PgConnection,
    ) -> BoxFuture<'c, Result<Transaction<'c, Postgres>>> {
        async {
            let begun = connection.begin().await;
            let mut transaction = begun.map_err(|error| self.unavailable(&error))?;
            self.lease.guard(&mut transaction).await?;
            Ok(transaction)
        }
        .boxed()
    }

    fn limit(&self) -> Option<Duration> {
        Some(self.limit)
    }

    fn unavailable(&self, error: &sqlx::Error) -> StoreError {
        unavailable(&self.connector.place, error)
    }

    /// Nothing more is written: another may have the lease at once.
    fn end(self, open: Option<PgConnection>) -> BoxFuture<'static, ()> {
        async move {
            let connection = match open {
                Some(connection) => Ok(connection),
                None => self.connector.connect().await,
            };
            let Ok(mut connection) = connection else {
                return;
            };
            if let Err(error) = self.lease.release(&mut connection).await {
                tracing::warn!(%error, "the store's lease was not given back; it runs out by itself");
            }
            let _ = connection.close().await;
        }
        .boxed()
    }
}
