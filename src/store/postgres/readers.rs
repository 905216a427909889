//! The connections that read. A server that falls silent, or a line that goes dead, takes up none of
//! them for good: a read has its time, and what has not answered within it is dropped and not waited
//! for. A pool of sqlx's would wait for its answer before it gave the place of it to another.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _, TryFutureExt as _, TryStreamExt as _};
use sqlx::postgres::{PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Connection as _, Describe, Either, Execute, Executor, Postgres, SqlStr};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::connect::Connector;

/// So many read at the same time, beside the one writer.
const READERS: u32 = 4;

/// Connections for whoever reads.
pub(super) struct Readers {
    connector: Connector,
    /// How long a read may take, from the wait for a connection to its last row.
    limit: Duration,
    places: Semaphore,
    idle: Mutex<Vec<PgConnection>>,
}

/// A connection that reads. Where its read is given up it is dropped with it.
struct Reader<'r> {
    connection: PgConnection,
    idle: &'r Mutex<Vec<PgConnection>>,
    _place: SemaphorePermit<'r>,
}

impl Readers {
    pub(super) fn new(connector: Connector, limit: Duration) -> Self {
        Self {
            connector,
            limit,
            places: Semaphore::new(READERS as usize),
            idle: Mutex::default(),
        }
    }

    /// Waits for those that read, and lets nobody read any more.
    pub(super) async fn close(&self) {
        let _all = self.places.acquire_many(READERS).await;
        self.places.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for connection in idle {
            let _ = connection.close().await;
        }
    }

    async fn reader(&self) -> sqlx::Result<Reader<'_>> {
        let place = self.places.acquire().await;
        let place = place.map_err(|_| sqlx::Error::PoolClosed)?;
        let reader = |connection| Reader {
            connection,
            idle: &self.idle,
            _place: place,
        };
        while let Some(mut connection) = self.take_idle() {
            // The server may have been started anew since.
            if connection.ping().await.is_ok() {
                return Ok(reader(connection));
            }
        }
        match self.connector.connect().await {
            Ok(connection) => Ok(reader(connection)),
            Err(error) => Err(sqlx::Error::Configuration(error.into())),
        }
    }

    fn take_idle(&self) -> Option<PgConnection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
    }

    async fn in_time<T>(&self, read: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        let read = tokio::time::timeout(self.limit, read).await;
        read.unwrap_or_else(|_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into())))
    }
}

impl Reader<'_> {
    /// The next one may read here, unless nobody knows what this one has left on the line.
    fn has_read<T>(self, answer: sqlx::Result<T>) -> sqlx::Result<T> {
        if matches!(answer, Ok(_) | Err(sqlx::Error::Database(_))) {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(self.connection);
        }
        answer
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.connector.place;
        f.debug_struct("Readers")
            .field("place", place)
            .finish_non_exhaustive()
    }
}

/// So that a statement is carried out on whichever of them is free.
impl<'c> Executor<'c> for &'c Readers {
    type Database = Postgres;

    /// All rows are there before the first is handed on: who takes them slowly has no time against
    /// them.
    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let read = async move {
            let mut reader = self.reader().await?;
            let answer: sqlx::Result<Vec<_>> =
                reader.connection.fetch_many(query).try_collect().await;
            reader.has_read(answer)
        };
        self.in_time(read)
            .map_ok(|all| stream::iter(all).map(Ok))
            .try_flatten_stream()
            .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let read = async move {
            let mut reader = self.reader().await?;
            let answer = reader.connection.fetch_optional(query).await;
            reader.has_read(answer)
        };
        self.in_time(read).boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'c: 'e,
    {
        let read = async move {
            let mut reader = self.reader().await?;
            let answer = reader.connection.prepare_with(sql, parameters).await;
            reader.has_read(answer)
        };
        self.in_time(read).boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<Postgres>>>
    where
        'c: 'e,
    {
        let read = async move {
            let mut reader = self.reader().await?;
            let answer = reader.connection.describe(sql).await;
            reader.has_read(answer)
        };
        self.in_time(read).boxed()
    }
}
