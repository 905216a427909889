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
            let released = tokio::time::timeout(self.limit, self.release(open)).await;
            if let Ok(Ok(())) = released {
                return;
            }
            tracing::warn!("the store's lease was not given back; it runs out by itself");
        }
        .boxed()
    }
}

impl PostgresLine {
    async fn release(&self, open: Option<PgConnection>) -> Result<()> {
        self.lease.give_up();
        let mut connection = match open {
            Some(connection) => connection,
            None => self.connector.connect().await?,
        };
        let released = self.lease.release(&mut connection).await;
        released.map_err(|error| self.unavailable(&error))?;
        let _ = connection.close().await;
        Ok(())
    }
}
