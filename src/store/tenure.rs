//! Being the one process that may write and act (decision 4).

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{Result, StoreError};
use crate::domain::digest::Digest;

/// The right of this process to its store. An embedded one is its own as long as it is open.
pub trait Tenure: Send + Sync {
    /// Whether an effect may begin at this instant. Asks nobody: it is by this machine's monotonic
    /// clock.
    ///
    /// # Errors
    /// The store is another's, or may be by now.
    fn may_act(&self) -> Result<()> {
        Ok(())
    }

    /// Returns when another process has taken over, with which.
    fn superseded(&self) -> BoxFuture<'_, StoreError> {
        std::future::pending().boxed()
    }

    /// Keeps the digest of the catalog that this process goes by, and returns the one before it
    /// where several processes may come by the store in turn.
    fn go_by<'a>(&'a self, _catalog: &'a Digest) -> BoxFuture<'a, Result<Option<Digest>>> {
        async { Ok(None) }.boxed()
    }

    /// Writes what waits and lets another process have the store at once. Nothing can be written
    /// after it. An embedded store is let go of with its last handle.
    fn let_go(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}
