//! Whether a later run builds on what a run has left that is to be taken back.

use std::sync::Arc;

use super::{Entropy, RunLog, Shared};
use crate::action::Clock;
use crate::domain::names::RunId;
use crate::domain::run::RunState;
use crate::domain::undo::stands;
use crate::store::{Result, Store};

/// The last of the runs that have begun since this one did, with its key or of its workflow, and of which
/// something is in the world, or may be: that has to be undone first.
///
/// # Errors
/// The store cannot be read.
pub async fn first_to_undo(
    of: RunId,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Option<RunState>> {
    for later in store.begun_since(of).await? {
        let parts = (Arc::clone(store), Arc::clone(clock), Arc::clone(entropy));
        let (log, _) = RunLog::open(later, parts.0, parts.1, parts.2).await?;
        let state = log.state().await?;
        if stands(&state) {
            return Ok(Some(state));
        }
    }
    Ok(None)
}

/// The same for the run that this one, which is about to begin, takes back.
pub(super) async fn by(shared: &Shared, state: &RunState) -> Result<Option<RunId>> {
    let Some(undo) = &state.request.undo else {
        return Ok(None);
    };
    let parts = &shared.parts;
    let later = first_to_undo(undo.of, &parts.store, &parts.clock, &parts.entropy).await?;
    Ok(later.map(|later| later.id))
}
