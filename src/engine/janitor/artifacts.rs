//! Removes the bytes that no run wants any more.

use std::time::Duration;

use super::Rounds;
use crate::domain::time::Timestamp;
use crate::store::{Result, Swept};

/// Bytes are written before the event that names them: what is younger may still get its event.
const YOUNG: Duration = Duration::from_hours(24);

impl Rounds {
    /// A part of the folder at a time. What is wanted is asked for first: whatever is wanted later was
    /// written later too.
    pub(super) async fn sweep_artifacts(&self, now: Timestamp) -> Result<()> {
        let (store, artifacts) = (&self.parts.store, &self.parts.artifacts);
        let ended_before = self.parts.keep_artifacts.ended_before(now);
        let mut all = Swept::default();
        for part in artifacts.parts().await? {
            let wanted = store.wanted_artifacts(&part, ended_before).await?;
            let swept = artifacts.sweep(&part, wanted, now.minus(YOUNG)).await?;
            all.files += swept.files;
            all.bytes += swept.bytes;
        }
        if all.files > 0 {
            let Swept { files, bytes } = all;
            tracing::info!(files, bytes, "artifacts that are kept no more were removed");
        }
        Ok(())
    }
}
