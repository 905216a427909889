//! Where runs and receipts are kept: small traits by subject, each method one whole transaction
//! over plain data (decision 11).

mod artifacts;
mod failpoint;
mod housekeeping;
mod identities;
mod keeper;
mod key_file;
mod locks;
mod messages;
mod outbox;
pub mod postgres;
mod schedules;
mod secrets;
pub mod sqlite;
mod tenure;
mod vault;
mod watching;
mod writer;
mod written;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};

use crate::domain::digest::Digest;
use crate::domain::event::{Event, Logged, Requested};
use crate::domain::names::{PersonName, RunId, StepId, WorkflowName};
use crate::domain::receipt::{Draft, Receipt};
use crate::domain::run::RunStatus;
use crate::domain::time::Timestamp;
use crate::domain::workflow::Workflow;

pub use artifacts::{ArtifactFolder, Artifacts, Swept};
pub use housekeeping::{Forgotten, GoneRun, Housekeeping};
pub use identities::Identities;
pub use keeper::{SecretKeeper, open_every, open_rows};
pub use key_file::put_key_file;
pub use locks::Locks;
pub use messages::{AskedWindow, MessageNews, Messages, RunMessage};
pub use outbox::{Backlog, Outbox, Reached, Settled, Telling, WaitingNotice};
pub use schedules::{FireRow, NewFire, ScheduleRow, Schedules};
pub use secrets::{GivenSecret, SecretRow, Secrets};
pub use tenure::Tenure;
pub use vault::Vault;
pub use watching::{Heard, Watching};

/// What a store answers.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The log has moved on: reload, and decide again.
    #[error("the log of this run has moved on")]
    Conflict,
    /// A run does already what this one was to do. Nothing was written.
    #[error(
        "run {0} goes on already with what run {1} left to be done: look at it with `purser runs \
         show {0}`; nothing was started", .by.short(), .of.short()
    )]
    GoesOn {
        /// The run that was to be gone on from.
        of: RunId,
        /// The one that goes on from it, directly or not.
        by: RunId,
    },
    /// A run has done some of what this one was to do, or all. Nothing was written.
    #[error(
        "run {0} has gone on from run {1} and has ended: what is done and what is not stands there, so \
         go on from that one, `purser rerun {0}`; nothing was started", .by.short(), .of.short()
    )]
    HasGoneOn {
        /// The run that was to be gone on from.
        of: RunId,
        /// The one that has gone on from it, directly or not.
        by: RunId,
    },
    /// A run takes the earlier one back. Nothing was written.
    #[error(
        "run {0} takes back already what run {1} did: look at it with `purser runs show {0}`; nothing \
         was started", .by.short(), .of.short()
    )]
    BeingUndone {
        /// The earlier run.
        of: RunId,
        /// The one that takes it back.
        by: RunId,
    },
    /// A run has taken the earlier one back. Nothing was written.
    #[error(
        "run {0} has taken back what run {1} did: start the workflow anew if it is wanted again; \
         nothing was started", .by.short(), .of.short()
    )]
    Undone {
        /// The earlier run.
        of: RunId,
        /// The one that has taken it back.
        by: RunId,
    },
    /// A run was to take the earlier one back, and could not in full. Nothing was written.
    #[error(
        "run {0} has begun to take back what run {1} did, and did not come to the end of it: `purser \
         runs show {0}` says what is left, to be set right by hand; nothing was started",
        .by.short(), .of.short()
    )]
    UndoneInPart {
        /// The earlier run.
        of: RunId,
        /// The one that was to take it back.
        by: RunId,
    },
    /// A run has gone on from the one that was to be taken back. Nothing was written.
    #[error(
        "run {0} has gone on from run {1}: undo that one first, `purser undo {0}`; nothing was started",
        .by.short(), .of.short()
    )]
    GoneOnFrom {
        /// The run that was to be taken back.
        of: RunId,
        /// The last one that has gone on from it, directly or not.
        by: RunId,
    },
    /// Another process holds the store.
    #[error("{0}")]
    Held(String),
    /// Another process has taken over: nothing was written, and nothing ever will be from here.
    #[error("{by} has taken over the store: this process writes and does nothing more")]
    Superseded {
        /// Which.
        by: String,
    },
    /// A file beside the database does not do.
    #[error("{file} {message}")]
    File {
        /// Its path.
        file: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// Secrets cannot be opened: a line about each.
    #[error("{0}")]
    NotOpened(String),
    /// It cannot be read or written.
    #[error("the store {place}: {message}")]
    Unavailable {
        /// Which store.
        place: String,
        /// What is wrong, and what to do.
        message: String,
    },
}

impl StoreError {
    /// Whether a run was not created for what has become of the earlier one that it has to do with.
    pub fn is_about_an_earlier_run(&self) -> bool {
        matches!(
            self,
            Self::GoesOn { .. }
                | Self::HasGoneOn { .. }
                | Self::BeingUndone { .. }
                | Self::Undone { .. }
                | Self::UndoneInPart { .. }
                | Self::GoneOnFrom { .. }
        )
    }
}

/// A run to be created.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// When it was asked for.
    pub at: Timestamp,
    /// Its first event.
    pub request: Requested,
    /// The definition that it will go by.
    pub definition: Workflow,
    /// The same key by the same person gives the same run.
    pub idempotency_key: Option<String>,
    /// What it was given in inputs that are declared secret, by their names, each as a file of age.
    pub secrets: Vec<(String, Vec<u8>)>,
}

/// Events to be appended to a run's log, all or none.
#[derive(Clone, Debug)]
pub struct Append {
    /// The run.
    pub run: RunId,
    /// The last event that the caller knows; the new ones take the places behind it.
    pub after: u64,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// Where the run then stands.
    pub status: RunStatus,
    /// The receipt that the event calls for.
    pub receipt: Option<Draft>,
}

/// A run that has left the queue, or may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Which.
    pub run: RunId,
    /// Its concurrency key.
    pub concurrency: Option<String>,
}

/// A line of the list of runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Which run.
    pub id: RunId,
    /// Of which workflow.
    pub workflow: WorkflowName,
    /// Where it stands.
    pub status: RunStatus,
    /// Who asked.
    pub requested_by: PersonName,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When its log last grew.
    pub updated_at: Timestamp,
    /// How it ended, in a sentence.
    pub summary: Option<String>,
}

/// Runs and their logs.
pub trait Runs: Send + Sync {
    /// Creates a run with its first event, unless the same key was used before by the same
    /// person: then the earlier run's id is returned and nothing is written.
    ///
    /// Fails with [`StoreError::GoesOn`] or [`StoreError::HasGoneOn`] when it was to go on from a run
    /// and one does, or has: of two that are asked for at the same instant one is created. In the same
    /// way where it was to take a run back, or to go on from one that is taken back: see
    /// [`StoreError::is_about_an_earlier_run`].
    fn create(&self, run: NewRun) -> BoxFuture<'_, Result<RunId>>;

    /// The run that this person has asked for under this key.
    fn keyed<'a>(
        &'a self,
        by: &'a PersonName,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<RunId>>>;

    /// Appends to a run's log, and returns the event as it was written: secrets masked.
    ///
    /// Fails with [`StoreError::Conflict`] when `after` is not the last place of the log.
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Logged>>;

    /// The events of a run behind this place.
    fn log(&self, run: RunId, after: u64) -> BoxFuture<'_, Result<Vec<Logged>>>;

    /// The same, as many as a page holds: at most so many, and none behind the one that fills some MiB.
    fn log_page(&self, run: RunId, after: u64, most: u32) -> BoxFuture<'_, Result<Vec<Logged>>>;

    /// The definition of this digest.
    fn definition<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Workflow>>>;

    /// All runs that have not ended, oldest first.
    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<RunId>>>;

    /// The runs that have begun, or wait for people before they do, and have not ended, oldest first.
    fn begun(&self) -> BoxFuture<'_, Result<Vec<Begun>>>;

    /// The runs of this concurrency key that have not ended, oldest first.
    fn unfinished_of<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Vec<RunId>>>;

    /// The run that takes this one back, or has, or did not come to the end of it.
    fn undone_by(&self, run: RunId) -> BoxFuture<'_, Result<Option<RunId>>>;

    /// The runs that have begun since this one did, with its key, or of its workflow where it has none;
    /// the last first. Those are left out that have taken themselves back, or were taken back.
    fn begun_since(&self, run: RunId) -> BoxFuture<'_, Result<Vec<RunId>>>;

    /// The latest runs, newest first.
    fn list(&self, limit: u32) -> BoxFuture<'_, Result<Vec<RunRow>>>;

    /// The runs whose id begins or ends with this text, newest first, at most three.
    fn find<'a>(&'a self, part: &'a str) -> BoxFuture<'a, Result<Vec<RunId>>>;

    /// Tells the id of each run whose log has grown, after the commit. A receiver that lags
    /// misses some and must look for itself.
    fn changes(&self) -> broadcast::Receiver<RunId>;
}

/// What steps say.
pub trait StepLines: Send + Sync {
    /// Adds lines to a step's output.
    fn add_lines(&self, run: RunId, step: StepId, lines: Vec<String>) -> BoxFuture<'_, Result<()>>;

    /// Puts lines in the place of a step's output: its action has begun again from its top.
    fn replace_lines(
        &self,
        run: RunId,
        step: StepId,
        lines: Vec<String>,
    ) -> BoxFuture<'_, Result<()>>;

    /// The last lines of a step's output, oldest first.
    fn last_lines<'a>(
        &'a self,
        run: RunId,
        step: &'a StepId,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<String>>>;
}

/// Receipts, unsealed and sealed.
pub trait Receipts: Send + Sync {
    /// Writes the receipt of something without a run.
    fn add_receipt(&self, draft: Draft) -> BoxFuture<'_, Result<()>>;

    /// Tells when anything was committed: a receipt, or the seal of one, may be among it.
    fn commits(&self) -> watch::Receiver<()>;

    /// Those that wait to be sealed, in the order in which they were committed.
    fn unsealed_receipts(&self) -> BoxFuture<'_, Result<Vec<(i64, Draft)>>>;

    /// Puts the receipt in its place in the chain; `id` is that of the draft.
    fn seal_receipt(&self, id: i64, receipt: Receipt) -> BoxFuture<'_, Result<()>>;

    /// Place and hash of the last sealed one.
    fn last_receipt(&self) -> BoxFuture<'_, Result<Option<(u64, Digest)>>>;

    /// Sealed ones behind this place, oldest first.
    fn receipts_after(&self, seq: u64, limit: u32) -> BoxFuture<'_, Result<Vec<Receipt>>>;

    /// The last sealed ones, newest first.
    fn latest_receipts(&self, limit: u32) -> BoxFuture<'_, Result<Vec<Receipt>>>;

    /// The one at this place.
    fn receipt_at(&self, seq: u64) -> BoxFuture<'_, Result<Option<Receipt>>>;

    /// The one of this run.
    fn receipt_of(&self, run: RunId) -> BoxFuture<'_, Result<Option<Receipt>>>;
}

/// Everything that is kept.
pub trait Store:
    Runs
    + StepLines
    + Receipts
    + Schedules
    + Secrets
    + Locks
    + Identities
    + Messages
    + Outbox
    + Housekeeping
    + Watching
    + Tenure
{
}

impl<T> Store for T where
    T: Runs
        + StepLines
        + Receipts
        + Schedules
        + Secrets
        + Locks
        + Identities
        + Messages
        + Outbox
        + Housekeeping
        + Watching
        + Tenure
{
}

/// The version of the tables that these make.
fn newest(migrations: &sqlx::migrate::Migrator) -> i64 {
    let versions = migrations.iter().map(|migration| migration.version);
    versions.max().unwrap_or(0)
}

/// Tables that this program does not know.
fn newer_tables(version: i64) -> String {
    format!(
        "it was written by a newer version of Purser (its tables are at version {version}): start \
         that version again; nothing was changed"
    )
}
