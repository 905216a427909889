//! What people are still to be told: at least once, in order, under ids that stay.

use futures_util::future::BoxFuture;

use super::Result;
use crate::domain::names::{PlaceName, RunId};
use crate::domain::notice::{Notice, NoticeId};
use crate::domain::time::Timestamp;

/// How far receipts have been turned into notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Receipts up to this place have been told, or need not be.
    pub receipt: u64,
    /// Digests that were due up to this instant have been told; `None`: there was none yet.
    pub digest_at: Option<Timestamp>,
    /// Receipts up to this place have been in a digest.
    pub digest_receipt: u64,
}

/// Notices to be told, and what has been reached with them.
#[derive(Clone, Debug)]
pub struct Telling {
    /// Each with its place. One that waits there already, or was told and still asks, is not told
    /// again.
    pub notices: Vec<(PlaceName, Notice)>,
    /// What is reached with them.
    pub reached: Reached,
    /// When.
    pub at: Timestamp,
}

/// A notice that waits for its place.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitingNotice {
    /// Its row.
    pub row: i64,
    /// What it says.
    pub notice: Notice,
    /// When it was put here.
    pub put_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is to be tried.
    pub next_at: Timestamp,
}

/// What has become of a notice.
#[derive(Clone, Debug)]
pub enum Settled {
    /// Its place has it, or nobody will.
    Over,
    /// It is tried again.
    Again {
        /// When.
        at: Timestamp,
        /// Why it was not taken.
        why: String,
    },
    /// Another place gets it, and whatever has waited for its place since before `older`.
    Elsewhere {
        /// Which.
        to: PlaceName,
        /// Why.
        why: String,
        /// Others that have waited since then, or longer, go with it.
        older: Timestamp,
        /// When that is.
        at: Timestamp,
    },
}

/// What waits for one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Which.
    pub place: PlaceName,
    /// How many notices.
    pub waiting: u64,
    /// When the oldest of them was put into the outbox.
    pub oldest: Timestamp,
    /// Why the first of them was not taken, if it was tried.
    pub problem: Option<String>,
}

/// Notices on their way.
pub trait Outbox: Send + Sync {
    /// How far it has come. The first time, everything that has a receipt counts as told.
    fn begin_telling(&self) -> BoxFuture<'_, Result<Reached>>;

    /// Puts notices into the outbox together with what is reached by them, all or nothing.
    fn tell(&self, telling: Telling) -> BoxFuture<'_, Result<()>>;

    /// The notices that wait for a place, in order.
    fn waiting_notices<'a>(
        &'a self,
        place: &'a PlaceName,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<WaitingNotice>>>;

    /// Writes down what has become of a notice.
    fn settle_notice(&self, row: i64, settled: Settled) -> BoxFuture<'_, Result<()>>;

    /// Puts one notice in the place of others, at the place of the first of them.
    fn fold_notices(&self, rows: Vec<i64>, into: Notice) -> BoxFuture<'_, Result<()>>;

    /// The runs that wait for a person, each with the last place of its log.
    fn asking_runs(&self) -> BoxFuture<'_, Result<Vec<(RunId, u64)>>>;

    /// Forgets the notices that asked people for something, except these, which still do.
    fn forget_answered(&self, asking: Vec<NoticeId>) -> BoxFuture<'_, Result<()>>;

    /// What waits, by place; a place for which nothing waits is not there.
    fn backlog(&self) -> BoxFuture<'_, Result<Vec<Backlog>>>;
}
