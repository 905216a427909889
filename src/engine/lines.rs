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

/// What a step says from the top of its action on. It replaces what the step had said before as
/// soon as there is something to replace it by: what a resumed action does not do again, it does
/// not say again.
pub(super) struct Lines {
    store: Arc<dyn Store>,
    run: RunId,
    step: StepId,
    state: Mutex<State>,
    added: Notify,
    /// Whether a line was written. Held while more are, so that they stay in order.
    begun: tokio::sync::Mutex<bool>,
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
    pub(super) fn of(store: Arc<dyn Store>, run: RunId, step: StepId) -> Self {
        Self {
            store,
            run,
            step,
            state: Mutex::default(),
            added: Notify::new(),
            begun: tokio::sync::Mutex::new(false),
        }
    }

    /// Writes lines as they come, until it is dropped.
    pub(super) async fn keep(self: Arc<Self>) {
        loop {
            self.added.notified().await;
            self.flush().await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Writes what waits. Where the store cannot be written it goes on waiting: it never holds the
    /// run up.
    pub(super) async fn flush(&self) {
        let mut begun = self.begun.lock().await;
        let lines = self.take();
        if lines.is_empty() {
            return;
        }
        let (run, step, kept) = (self.run, self.step.clone(), lines.clone());
        let was_begun = *begun;
        // A write stands even if nobody waits for its answer any more.
        let written = if std::mem::replace(&mut *begun, true) {
            self.store.add_lines(run, step, lines)
        } else {
            self.store.replace_lines(run, step, lines)
        };
        if let Err(error) = written.await {
            tracing::warn!(run = %self.run, step = %self.step, %error, "lines of the step wait");
            *begun = was_begun;
            self.put_back(kept);
        }
    }

    /// Puts lines before those that have come since.
    fn put_back(&self, mut lines: Vec<String>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        lines.append(&mut state.waiting);
        state.waiting = lines;
        drop(state);
        self.added.notify_one();
    }

    fn take(&self) -> Vec<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = std::mem::take(&mut state.waiting);
        let dropped = std::mem::take(&mut state.dropped);
        if dropped > 0 {
            lines.push(format!("[{dropped} more lines were not kept]"));
        }
        lines
    }
}
