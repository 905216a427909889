//! Forgets what changed on systems long ago.

use std::time::Duration;

use super::Rounds;
use crate::domain::time::Timestamp;
use crate::store::Result;

/// For so long it is known.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// So many changes are kept of one system: an engine on which something fails and starts again and
/// again tells of thousands a day.
const MOST: u32 = 20_000;

impl Rounds {
    /// Whose a change was is told by the logs of runs: without those it would be taken for somebody
    /// else's, so it is kept no longer than they are.
    pub(super) async fn forget_changes(&self, now: Timestamp) -> Result<()> {
        let week = now.minus(KEPT);
        let runs = self.parts.keep_runs.ended_before(now).unwrap_or(week);
        while self
            .parts
            .store
            .forget_changes(week.max(runs), MOST)
            .await?
        {}
        Ok(())
    }
}
