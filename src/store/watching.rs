//! What systems have told of changes on them, and when they were listened to.

use futures_util::future::BoxFuture;

use super::Result;
use crate::domain::change::{Change, Watched};
use crate::domain::names::{RunId, SystemName};
use crate::domain::time::Timestamp;

/// What was heard of a system.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Which.
    pub system: SystemName,
    /// Where something may have been missed, it is listened to anew from this instant on.
    pub anew: Option<Timestamp>,
    /// Nothing was missed up to this instant.
    pub until: Timestamp,
    /// It is listened to further.
    pub goes_on: bool,
    /// What it told, in whatever order.
    pub changes: Vec<Change>,
}

/// Changes, each of them once, and the times in which none was missed.
pub trait Watching: Send + Sync {
    /// Keeps what was heard. What is kept already stays as it is.
    fn hear(&self, heard: Heard) -> BoxFuture<'_, Result<()>>;

    /// The times in which a system was listened to, oldest first.
    fn watched<'a>(&'a self, system: &'a SystemName) -> BoxFuture<'a, Result<Vec<Watched>>>;

    /// The last changes on a system since an instant, so many at the most, oldest first.
    fn changes_on<'a>(
        &'a self,
        system: &'a SystemName,
        since: Timestamp,
        most: u32,
    ) -> BoxFuture<'a, Result<Vec<Change>>>;

    /// The runs that have not ended, and then those that have ended since an instant, the last to end
    /// first; so many at the most.
    fn runs_since(&self, since: Timestamp, most: u32) -> BoxFuture<'_, Result<Vec<RunId>>>;

    /// Forgets some of what was heard before an instant, and of what is more than so many changes on one
    /// system the oldest. Returns whether there may be more to forget.
    fn forget_changes(&self, before: Timestamp, most: u32) -> BoxFuture<'_, Result<bool>>;
}
