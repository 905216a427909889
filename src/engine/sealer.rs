//! Seals receipts in the order in which they were committed (decision 17).

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use crate::domain::receipt::Receipt;
use crate::store::Result;

/// Refusals come without a change of a run's log; they are sealed within this time.
const PAUSE: Duration = Duration::from_millis(500);

/// Seals what is unsealed, now and whenever a run's log has grown, until the engine stops.
pub(super) async fn seal_all(shared: Arc<Shared>) {
    let mut changes = shared.parts.store.changes();
    loop {
        if let Err(error) = seal(&shared).await {
            tracing::error!(%error, "receipts cannot be sealed; trying again");
        }
        if shared.shutdown.is_cancelled() {
            return;
        }
        tokio::select! {
            () = shared.shutdown.cancelled() => {}
            _ = changes.recv() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn seal(shared: &Shared) -> Result<()> {
    let store = &shared.parts.store;
    let drafts = store.unsealed_receipts().await?;
    if drafts.is_empty() {
        return Ok(());
    }
    let mut head = store.last_receipt().await?;
    for (id, draft) in drafts {
        let receipt = Receipt::seal(draft, head, &shared.parts.key);
        head = Some((receipt.seq, receipt.hash.clone()));
        store.seal_receipt(id, receipt).await?;
    }
    Ok(())
}
