//! What a step says, gathered and written to the store a few times a second.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::action::StepLog;
use crate::domain::names::{RunId, StepId};
use crate::store::Store;

/// How often lines are written.
const PAUSE: Duration = Duration::from_millis(250);

/// How soon it is tried again after they could not be.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

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
    /// That they cannot be written was said.
    complained: bool,
}

/// What is taken to be written.
#[derive(Clone)]
struct Taken {
    lines: Vec<String>,
    dropped: usize,
}

impl Taken {
    fn into_text(self) -> Vec<String> {
        let mut lines = self.lines;
        if self.dropped > 0 {
            lines.push(format!("[{} more lines were not kept]", self.dropped));
        }
        lines
    }
}

impl State {
    fn take(&mut self) -> Option<Taken> {
        let taken = Taken {
            lines: std::mem::take(&mut self.waiting),
            dropped: std::mem::take(&mut self.dropped),
        };
        (!taken.lines.is_empty() || taken.dropped > 0).then_some(taken)
    }

    /// Puts lines before those that have come since, as many as may wait.
    fn put_back(&mut self, taken: Taken) {
        let mut lines = taken.lines;
        lines.append(&mut self.waiting);
        self.dropped += taken.dropped + lines.len().saturating_sub(WAITING);
        lines.truncate(WAITING);
        self.waiting = lines;
    }
}

impl StepLog for Lines {
    fn line(&self, text: &str) {
        let mut state = self.state();
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
            let pause = if self.state().complained {
                PAUSE_AFTER_FAILURE
            } else {
                PAUSE
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Writes what waits. Where the store cannot be written it goes on waiting: it never holds the
    /// run up.
    pub(super) async fn flush(&self) {
        let mut begun = self.begun.lock().await;
        let Some(taken) = self.state().take() else {
            return;
        };
        let (run, step, lines) = (self.run, self.step.clone(), taken.clone().into_text());
        let was_begun = *begun;
        // A write stands even if nobody waits for its answer any more.
        let written = if std::mem::replace(&mut *begun, true) {
            self.store.add_lines(run, step, lines)
        } else {
            self.store.replace_lines(run, step, lines)
        };
        let written = written.await;
        let mut state = self.state();
        let Err(error) = written else {
            state.complained = false;
            return;
        };
        *begun = was_begun;
        state.put_back(taken);
        if !std::mem::replace(&mut state.complained, true) {
            tracing::warn!(run = %self.run, step = %self.step, %error, "lines of the step wait");
        }
        drop(state);
        self.added.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_often_lines_are_put_back_no_more_wait_than_may_and_all_are_counted() {
        let mut state = State::default();
        for round in 1..=5 {
            state.waiting.extend(vec!["line".to_owned(); WAITING]);
            let taken = state.take().unwrap();
            state.waiting.push("said meanwhile".to_owned());
            state.put_back(taken);
            assert_eq!(state.waiting.len(), WAITING);
            assert_eq!(state.dropped, round * (WAITING + 1) - WAITING);
        }
        let text = state.take().unwrap().into_text();
        assert_eq!(text.len(), WAITING + 1);
        assert_eq!(text[WAITING], "[40005 more lines were not kept]");
        assert!(state.take().is_none());
    }
}
