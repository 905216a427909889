//! What a step says, gathered and written to the store a few times a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::action::StepLog;
use crate::domain::names::{RunId, StepId};
use crate::store::Store;

/// How often lines are written.
const PAUSE: Duration = Duration::from_millis(250);

/// Lines that may wait to be written; a step that says more faster loses lines, and it is said.
const WAITING: usize = 10_000;

/// A longer line is cut, in bytes.
const LONGEST: usize = 8 * 1024;

/// A step may say this much; the rest is counted, not kept.
const KEPT: usize = 100_000;

/// The lines of one attempt.
#[derive(Default)]
pub(super) struct Lines {
    state: Mutex<State>,
    added: Notify,
}

#[derive(Default)]
struct State {
    waiting: Vec<String>,
    kept: usize,
    dropped: usize,
}

impl StepLog for Lines {
    fn line(&self, text: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.waiting.len() >= WAITING || state.kept >= KEPT {
            state.dropped += 1;
            return;
        }
        state.kept += 1;
        let cut = text.floor_char_boundary(LONGEST.min(text.len()));
        state.waiting.push(text[..cut].to_owned());
        drop(state);
        self.added.notify_one();
    }
}

impl Lines {
    /// Writes lines as they come, until it is dropped.
    pub(super) async fn keep(self: Arc<Self>, store: Arc<dyn Store>, run: RunId, step: StepId) {
        loop {
            self.added.notified().await;
            self.flush(&store, run, &step).await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Writes what waits. A store that cannot be written loses lines, never the run.
    pub(super) async fn flush(&self, store: &Arc<dyn Store>, run: RunId, step: &StepId) {
        let (mut lines, dropped) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            (
                std::mem::take(&mut state.waiting),
                std::mem::take(&mut state.dropped),
            )
        };
        if dropped > 0 {
            lines.push(format!("[{dropped} more lines were not kept]"));
        }
        if lines.is_empty() {
            return;
        }
        if let Err(error) = store.add_lines(run, step.clone(), lines).await {
            tracing::warn!(%run, %step, %error, "lines of the step were lost");
        }
    }
}
