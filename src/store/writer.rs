//! The one writer: what waits is written in one transaction, each piece in a savepoint of its own,
//! and nobody is answered before the commit is on disk (decision 8).

use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::{Connection as _, Database, Transaction};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Result, StoreError};

/// Writes that may wait; more make the askers wait in turn.
const QUEUE: usize = 1024;

/// Writes that share one commit.
const GROUP: usize = 256;

/// The way to a database: what differs between the two.
pub(super) trait Line: Send + Sync + 'static {
    /// Which sort of database it is.
    type Db: Database;

    /// Another connection, after one on which a commit has failed.
    fn connect(&self) -> BoxFuture<'_, Result<ConnectionOf<Self>>>;

    /// Begins a transaction that may write, or says why none may.
    fn begin<'c>(
        &'c self,
        connection: &'c mut ConnectionOf<Self>,
    ) -> BoxFuture<'c, Result<Transaction<'c, Self::Db>>>;

    /// How long a group may take; then its connection is given up. `None`: as long as it takes.
    fn limit(&self) -> Option<Duration>;

    /// What it means for people that a statement has failed.
    fn unavailable(&self, error: &sqlx::Error) -> StoreError;

    /// Called when nothing more is written, with the connection if there is one.
    fn end(self, open: Option<ConnectionOf<Self>>) -> BoxFuture<'static, ()>;
}

pub(super) type ConnectionOf<L> = <<L as Line>::Db as Database>::Connection;

/// A piece of work on the connection. The future ends before its savepoint is released.
pub(super) type Work<T, D> = Box<
    dyn for<'c> FnOnce(&'c mut <D as Database>::Connection) -> BoxFuture<'c, sqlx::Result<T>>
        + Send,
>;

/// Hands writes to the task that owns the writing connection.
pub(super) struct Writer<D: Database> {
    queue: mpsc::Sender<Box<dyn Write<D>>>,
    commits: watch::Receiver<()>,
    place: String,
    closing: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl<D: Database> Writer<D> {
    /// Writes by `line`, first on this connection.
    pub(super) fn start<L: Line<Db = D>>(
        connection: D::Connection,
        line: L,
        place: String,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (committed, commits) = watch::channel(());
        let closing = CancellationToken::new();
        let open = Some(connection);
        let task = tokio::spawn(write_all(
            Hand { line, open },
            waiting,
            committed,
            closing.clone(),
        ));
        Self {
            queue,
            commits,
            place,
            closing,
            task: Mutex::new(Some(task)),
        }
    }

    /// Returns after what waited was written and the connection was closed. What comes later is
    /// refused.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        if let Some(task) = self.task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the writer of the store ended badly");
        }
    }

    /// Tells that something was committed since it was last asked.
    pub(super) fn commits(&self) -> watch::Receiver<()> {
        self.commits.clone()
    }

    /// Does the work and returns once it is on disk.
    pub(super) async fn write<T: Send + 'static>(&self, work: Work<T, D>) -> Result<T> {
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

trait Write<D: Database>: Send {
    /// Fails when the transaction itself is gone: then nothing else may be written in it.
    fn carry_out<'a>(
        &'a mut self,
        connection: &'a mut D::Connection,
    ) -> BoxFuture<'a, sqlx::Result<()>>;
    fn answer(self: Box<Self>, committed: Result<()>, failed: &dyn Fn(&sqlx::Error) -> StoreError);
}

struct Pending<T, D: Database> {
    work: Option<Work<T, D>>,
    result: Option<sqlx::Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, D: Database> Write<D> for Pending<T, D> {
    fn carry_out<'a>(
        &'a mut self,
        connection: &'a mut D::Connection,
    ) -> BoxFuture<'a, sqlx::Result<()>> {
        let Some(work) = self.work.take() else {
            return Box::pin(async { Ok(()) });
        };
        Box::pin(async move {
            self.result = Some(in_savepoint::<T, D>(connection, work).await?);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, committed: Result<()>, failed: &dyn Fn(&sqlx::Error) -> StoreError) {
        let answer = match (committed, self.result) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Ok(()), Some(Err(error))) if is_conflict(&error) => Err(StoreError::Conflict),
            (Ok(()), Some(Err(error))) => Err(failed(&error)),
            (Ok(()), None) => Err(failed(&sqlx::Error::WorkerCrashed)),
        };
        // Whoever asked may have been cancelled; the write stands all the same.
        let _ = self.reply.send(answer);
    }
}

/// What came of the work. The outer error is that of the savepoint: where the disk is full SQLite
/// ends the whole transaction, and what came next would be written outside of it.
async fn in_savepoint<T, D: Database>(
    connection: &mut D::Connection,
    work: Work<T, D>,
) -> sqlx::Result<sqlx::Result<T>> {
    let mut piece = connection.begin().await?;
    match work(&mut piece).await {
        Ok(value) => {
            piece.commit().await?;
            Ok(Ok(value))
        }
        Err(error) => match piece.rollback().await {
            Ok(()) => Ok(Err(error)),
            Err(lost) => {
                tracing::debug!(%error, %lost, "the transaction is gone");
                Err(error)
            }
        },
    }
}

async fn write_all<L: Line>(
    mut hand: Hand<L>,
    mut waiting: mpsc::Receiver<Box<dyn Write<L::Db>>>,
    commits: watch::Sender<()>,
    closing: CancellationToken,
) {
    let mut group = Vec::with_capacity(GROUP);
    loop {
        let count = tokio::select! {
            count = waiting.recv_many(&mut group, GROUP) => count,
            () = closing.cancelled(), if !waiting.is_closed() => {
                waiting.close();
                continue;
            }
        };
        if count == 0 {
            break;
        }
        let committed = hand.commit(&mut group).await;
        for write in group.drain(..) {
            write.answer(committed.clone(), &|error| hand.line.unavailable(error));
        }
        if committed.is_ok() {
            commits.send_replace(());
        }
    }
    hand.line.end(hand.open).await;
}

/// The connection to the database, and how to have another one.
struct Hand<L: Line> {
    line: L,
    open: Option<ConnectionOf<L>>,
}

impl<L: Line> Hand<L> {
    /// Commits the group, or nothing of it.
    async fn commit(&mut self, group: &mut [Box<dyn Write<L::Db>>]) -> Result<()> {
        let Some(limit) = self.line.limit() else {
            return self.try_commit(group).await;
        };
        // Given up in mid-way, the connection is dropped with what it was about.
        let given_up = sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
        tokio::time::timeout(limit, self.try_commit(group))
            .await
            .unwrap_or_else(|_| Err(self.line.unavailable(&given_up)))
    }

    async fn try_commit(&mut self, group: &mut [Box<dyn Write<L::Db>>]) -> Result<()> {
        let mut connection = match self.open.take() {
            Some(connection) => connection,
            None => self.line.connect().await?,
        };
        let committed = commit(&self.line, &mut connection, group).await;
        if committed.is_ok() {
            self.open = Some(connection);
        } else {
            // What its transaction has come to is not known: another one begins with none.
            let _ = connection.close().await;
        }
        committed
    }
}

async fn commit<L: Line>(
    line: &L,
    connection: &mut ConnectionOf<L>,
    group: &mut [Box<dyn Write<L::Db>>],
) -> Result<()> {
    let failed = |error: sqlx::Error| line.unavailable(&error);
    let mut transaction = line.begin(connection).await?;
    for write in group {
        write.carry_out(&mut transaction).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

fn is_conflict(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
