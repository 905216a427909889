//! Forgets runs that ended long ago.

use super::Rounds;
use crate::domain::time::Timestamp;
use crate::store::{Forgotten, Result};

impl Rounds {
    /// Some at a time, so that nobody who writes waits for long.
    pub(super) async fn forget_runs(&self, now: Timestamp) -> Result<()> {
        let Some(before) = self.parts.keep_runs.ended_before(now) else {
            return Ok(());
        };
        let mut forgotten = 0;
        loop {
            let Forgotten { runs, more } = self.parts.store.forget_runs(before, now).await?;
            forgotten += runs.len();
            if !more {
                break;
            }
        }
        if forgotten > 0 {
            tracing::info!(runs = forgotten, ended_before = %before, "old runs were forgotten; their receipts stay");
        }
        while self.parts.store.forget_fires(before).await? {}
        Ok(())
    }
}
