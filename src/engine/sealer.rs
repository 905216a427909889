//! Seals receipts in the order in which they were committed (decision 17).

use std::future::pending;
use std::sync::Arc;

use ed25519_dalek::SigningKey;

use super::{Shared, pause};
use crate::domain::receipt::Receipt;
use crate::store::{Result, Store};

/// Seals what is unsealed, now and whenever something was committed, until the engine stops.
pub(super) async fn seal_all(shared: Arc<Shared>) {
    let mut commits = shared.parts.store.commits();
    loop {
        let sealed = seal_waiting(shared.parts.store.as_ref(), &shared.parts.key).await;
        if let Err(error) = &sealed {
            tracing::error!(%error, "receipts cannot be sealed; trying again");
        }
        if shared.shutdown.is_cancelled() {
            return;
        }
        let news = pause::commit(&mut commits);
        pause::until_next_look(&sealed, news, pending(), &shared.shutdown).await;
    }
}

/// Seals all receipts that wait for it.
///
/// # Errors
/// The store cannot be read or written.
pub async fn seal_waiting(store: &dyn Store, key: &SigningKey) -> Result<()> {
    loop {
        let drafts = store.unsealed_receipts().await?;
        if drafts.is_empty() {
            return Ok(());
        }
        let mut head = store.last_receipt().await?;
        for (id, draft) in drafts {
            let receipt = Receipt::seal(draft, head, key);
            head = Some((receipt.seq, receipt.hash.clone()));
            store.seal_receipt(id, receipt).await?;
        }
    }
}
