//! What persons have to themselves.

use futures_util::future::BoxFuture;

use super::Result;
use crate::domain::hold::{Lock, Target};
use crate::domain::receipt::Draft;

/// Locks, those too that have expired and were not removed. Each change is committed together with
/// its receipt.
pub trait Locks: Send + Sync {
    /// All of them, by target.
    fn locks(&self) -> BoxFuture<'_, Result<Vec<Lock>>>;

    /// Keeps a lock; one on the same target is replaced. Whether it may be taken is known to whoever
    /// asks.
    fn set_lock(&self, lock: Lock, receipt: Draft) -> BoxFuture<'_, Result<()>>;

    /// Removes the lock on this target.
    fn remove_lock(&self, target: Target, receipt: Draft) -> BoxFuture<'_, Result<()>>;
}
