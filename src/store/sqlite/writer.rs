//! The one writer: what waits is written in one transaction, each piece in a savepoint of its own,
//! and nobody is answered before the commit is on disk (decision 8).

use futures_util::future::BoxFuture;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::{Result, StoreError, unavailable};

/// Writes that may wait; more make the askers wait in turn.
const QUEUE: usize = 1024;

/// Writes that share one commit.
const GROUP: usize = 256;

/// Hands writes to the task that owns the writing connection.
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Write>>,
    commits: watch::Receiver<()>,
    place: String,
    task: JoinHandle<()>,
}

/// A piece of work on the connection. The future ends before its savepoint is released.
pub(super) type Work<T> =
    Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, sqlx::Result<T>> + Send>;

impl Writer {
    /// `options` lead to the database of `connection`: after a failed commit it is opened anew.
    pub(super) fn start(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        place: String,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (committed, commits) = watch::channel(());
        let line = Line {
            options,
            open: Some(connection),
        };
        let task = tokio::spawn(write_all(line, waiting, committed, place.clone()));
        Self {
            queue,
            commits,
            place,
            task,
        }
    }

    /// Returns after what waited was written and the connection was closed.
    pub(super) async fn close(self) {
        drop(self.queue);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the writer of the store ended badly");
        }
    }

    /// Tells that something was committed since it was last asked.
    pub(super) fn commits(&self) -> watch::Receiver<()> {
        self.commits.clone()
    }

    /// Does the work and returns once it is on disk.
    pub(super) async fn write<T: Send + 'static>(&self, work: Work<T>) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let write = Pending {
            work: Some(work),
            result: None,
            reply,
        };
        let gone = || StoreError::Unavailable {
            place: self.place.clone(),
            message: "its writer has stopped".to_owned(),
        };
        self.queue.send(Box::new(write)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

trait Write: Send {
    /// Fails when the transaction itself is gone: then nothing else may be written in it.
    fn carry_out<'a>(
        &'a mut self,
        connection: &'a mut SqliteConnection,
    ) -> BoxFuture<'a, sqlx::Result<()>>;
    fn answer(self: Box<Self>, committed: Result<()>, place: &str);
}

struct Pending<T> {
    work: Option<Work<T>>,
    result: Option<sqlx::Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send> Write for Pending<T> {
    fn carry_out<'a>(
        &'a mut self,
        connection: &'a mut SqliteConnection,
    ) -> BoxFuture<'a, sqlx::Result<()>> {
        let Some(work) = self.work.take() else {
            return Box::pin(async { Ok(()) });
        };
        Box::pin(async move {
            self.result = Some(in_savepoint(connection, work).await?);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, committed: Result<()>, place: &str) {
        let answer = match (committed, self.result) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Ok(()), Some(Err(error))) if is_conflict(&error) => Err(StoreError::Conflict),
            (Ok(()), Some(Err(error))) => Err(unavailable(place, &error)),
            (Ok(()), None) => Err(unavailable(place, &sqlx::Error::WorkerCrashed)),
        };
        // Whoever asked may have been cancelled; the write stands all the same.
        let _ = self.reply.send(answer);
    }
}

/// What came of the work. The outer error is that of the savepoint: where the disk is full SQLite
/// ends the whole transaction, and what came next would be written outside of it.
async fn in_savepoint<T>(
    connection: &mut SqliteConnection,
    work: Work<T>,
) -> sqlx::Result<sqlx::Result<T>> {
    sqlx::query("SAVEPOINT piece")
        .execute(&mut *connection)
        .await?;
    let done = work(&mut *connection).await;
    if let Err(error) = &done {
        let back = sqlx::query("ROLLBACK TO piece")
            .execute(&mut *connection)
            .await;
        if let Err(lost) = back {
            tracing::debug!(%error, %lost, "the transaction is gone");
            return done.map(Ok);
        }
    }
    sqlx::query("RELEASE piece")
        .execute(&mut *connection)
        .await?;
    Ok(done)
}

async fn write_all(
    mut line: Line,
    mut waiting: mpsc::Receiver<Box<dyn Write>>,
    commits: watch::Sender<()>,
    place: String,
) {
    let mut group = Vec::with_capacity(GROUP);
    while waiting.recv_many(&mut group, GROUP).await > 0 {
        let committed = line.commit(&mut group).await;
        let committed = committed.map_err(|error| unavailable(&place, &error));
        for write in group.drain(..) {
            write.answer(committed.clone(), &place);
        }
        if committed.is_ok() {
            commits.send_replace(());
        }
    }
    // The last handle is gone: closing writes the WAL back into the database.
    line.close().await;
}

/// The connection to the database, and how to have another one.
struct Line {
    options: SqliteConnectOptions,
    open: Option<SqliteConnection>,
}

impl Line {
    /// Commits the group, or nothing of it.
    async fn commit(&mut self, group: &mut [Box<dyn Write>]) -> sqlx::Result<()> {
        let mut connection = match self.open.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        let committed = commit(&mut connection, group).await;
        self.open = Some(connection);
        if committed.is_err() {
            // What its transaction has come to is not known: another one begins with none.
            self.close().await;
        }
        committed
    }

    async fn close(&mut self) {
        if let Some(connection) = self.open.take() {
            let _ = connection.close().await;
        }
    }
}

async fn commit(
    connection: &mut SqliteConnection,
    group: &mut [Box<dyn Write>],
) -> sqlx::Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for write in group {
        write.carry_out(&mut transaction).await?;
    }
    transaction.commit().await
}

fn is_conflict(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
