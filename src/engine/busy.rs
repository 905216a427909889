//! What a new run does about older ones of its key, where it is not to wait for them.

use std::sync::Arc;

use super::{RunLog, Shared, past_undo};
use crate::domain::event::Event;
use crate::domain::names::RunId;
use crate::domain::run::RunState;
use crate::domain::workflow::WhenBusy;
use crate::store::Result;

/// Ends a run that skips while an older one of its key has not ended. Done before anything else
/// happens to the run, so that it is done again after a crash.
pub(super) async fn skip(shared: &Shared, log: &RunLog) -> Result<()> {
    let state = log.state().await?;
    if state.request.when_busy != WhenBusy::Skip || state.seq > 1 {
        return Ok(());
    }
    if let Some(other) = older(shared, &state).await?.first() {
        let other = *other;
        log.append_if_at(state.seq, Event::FoundBusy { other })
            .await?;
    }
    Ok(())
}

/// Cancels the older ones of its key that a run replaces. One that cannot be taken back any more is
/// waited for, as in the queue. Done when nothing but them keeps the run from beginning, and as often
/// as it is tried.
pub(super) async fn replace_older(shared: &Shared, state: &RunState) -> Result<()> {
    if state.request.when_busy == WhenBusy::Replace {
        for other in older(shared, state).await? {
            replace(shared, other, state).await?;
        }
    }
    Ok(())
}

async fn older(shared: &Shared, state: &RunState) -> Result<Vec<RunId>> {
    let Some(key) = &state.request.concurrency else {
        return Ok(Vec::new());
    };
    let mut older = shared.parts.store.unfinished_of(key).await?;
    older.retain(|other| *other < state.id);
    Ok(older)
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
        if !goes_on || state.is_taking_back() || past_undo(&parts.registry, &state).is_some() {
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
