//! Forgetting what has ended long ago, in small pieces, and knowing what is still wanted. Receipts
//! are never forgotten.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;

use super::Result;
use crate::domain::digest::Digest;
use crate::domain::names::RunId;
use crate::domain::run::RunStatus;
use crate::domain::time::Timestamp;

/// What one transaction has forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// The runs, oldest first.
    pub runs: Vec<RunId>,
    /// Whether there may be more to forget.
    pub more: bool,
}

/// A run of which there is nothing but its receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoneRun {
    /// Which.
    pub run: RunId,
    /// When its log was removed.
    pub at: Timestamp,
}

/// What becomes of old runs and fires.
pub trait Housekeeping: Send + Sync {
    /// Forgets some runs that had ended before an instant: their logs, what their steps said, their
    /// fires, their idempotency keys, and definitions that no other run goes by.
    ///
    /// A run stays as long as its receipt is not sealed and told of, an unfinished run goes on from it,
    /// or its fire is the newest of its schedule.
    fn forget_runs(
        &self,
        ended_before: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Forgotten>>;

    /// Forgets some fires before an instant that got no run, but for the newest of each schedule.
    /// Returns whether there may be more.
    fn forget_fires(&self, before: Timestamp) -> BoxFuture<'_, Result<bool>>;

    /// The forgotten runs whose id begins or ends with this text, newest first, at most three.
    fn find_gone<'a>(&'a self, part: &'a str) -> BoxFuture<'a, Result<Vec<GoneRun>>>;

    /// The digests that begin with this text of artifacts that are named by a run which has not ended
    /// before an instant; without one, by any run that is kept.
    fn wanted_artifacts<'a>(
        &'a self,
        beginning: &'a Digest,
        ended_before: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<BTreeSet<Digest>>>;

    /// Where a run stands, or stood at its end; `None`: this store has never had it.
    fn status_of(&self, run: RunId) -> BoxFuture<'_, Result<Option<RunStatus>>>;
}
