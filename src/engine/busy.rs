//! What a new run does about older ones of its key, where it is not to wait for them.

use std::sync::Arc;

use super::{RunLog, Shared, past_undo};
use crate::domain::event::Event;
use crate::domain::names::RunId;
use crate::domain::run::RunState;
use crate::domain::workflow::WhenBusy;
use crate::store::Result;

/// Ends a run that skips while an older one of its key has not ended, or cancels the older ones that it
/// replaces. An older one that cannot be taken back any more is waited for. Done before anything else
/// happens to the run, so that it is done again after a crash.
pub(super) async fn give_way(shared: &Shared, log: &RunLog) -> Result<()> {
    let state = log.state().await?;
    let (Some(key), false) = (&state.request.concurrency, state.seq > 1) else {
        return Ok(());
    };
    if state.request.when_busy.is_queue() {
        return Ok(());
    }
    let mut older = shared.parts.store.unfinished_of(key).await?;
    older.retain(|other| *other < state.id);
    match (state.request.when_busy, older.first()) {
        (WhenBusy::Skip, Some(other)) => {
            let other = *other;
            log.append_if_at(state.seq, Event::FoundBusy { other })
                .await?;
        }
        (WhenBusy::Replace, _) => {
            for other in older {
                replace(shared, other, &state).await?;
            }
        }
        _ => {}
    }
    Ok(())
}

async fn replace(shared: &Shared, other: RunId, by: &RunState) -> Result<()> {
    let parts = &shared.parts;
    let (log, _) = RunLog::open(
        other,
        Arc::clone(&parts.store),
        Arc::clone(&parts.clock),
        Arc::clone(&parts.entropy),
    )
    .await?;
    loop {
        let state = log.state().await?;
        let goes_on = state.ended.is_none() && state.stop.is_none();
        if !goes_on || past_undo(&parts.registry, &state).is_some() {
            return Ok(());
        }
        let cancel = Event::CancelRequested {
            by: by.request.by.clone(),
            reason: Some(format!("replaced by run {}", by.id.short())),
        };
        if log.append_if_at(state.seq, cancel).await? {
            return Ok(());
        }
    }
}
