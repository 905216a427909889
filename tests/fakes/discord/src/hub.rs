//! The state behind its lock, and the news that it has changed.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::state::State;

/// How often a wait looks at the clock of this Discord, which may come to a deadline by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// One Discord, shared by its servers and its users.
pub(crate) struct Hub {
    state: RwLock<State>,
    changed: watch::Sender<u64>,
}

impl Hub {
    pub(crate) fn new(state: State) -> Self {
        Self {
            state: RwLock::new(state),
            changed: watch::Sender::new(1),
        }
    }

    /// Looks at the state. Who looks may look again, as a test does that asks something else while it
    /// waits for something.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read_recursive())
    }

    /// Changes the state and wakes who waits for something.
    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state.write());
        self.changed.send_modify(|times| *times += 1);
        result
    }

    /// Waits until this has changed since a version, and no longer than this; the version of now.
    pub(crate) async fn newer_than(&self, version: u64, patience: Duration) -> u64 {
        let mut changed = self.changed.subscribe();
        // Without news the version of now is the one that is known.
        let _news = timeout(patience, changed.wait_for(|now| *now > version)).await;
        *self.changed.borrow()
    }

    /// Waits until something can be seen in the state, and no longer than this.
    pub(crate) async fn until<T>(
        &self,
        patience: Duration,
        mut look: impl FnMut(&State) -> Option<T>,
    ) -> Option<T> {
        let mut changed = self.changed.subscribe();
        let end = Instant::now() + patience;
        loop {
            if let Some(seen) = self.read(&mut look) {
                return Some(seen);
            }
            if Instant::now() >= end {
                return None;
            }
            let again = end.min(Instant::now() + LOOK_AGAIN);
            // Either way it is looked at once more.
            let _woken = timeout_at(again, changed.changed()).await;
        }
    }
}

/// A text that nobody guesses: 32 hexadecimal digits.
pub(crate) fn secret() -> String {
    hex::encode(random::<16>())
}

/// Random bytes, from what the standard library seeds its maps with.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    for chunk in bytes.chunks_mut(8) {
        let number = RandomState::new().build_hasher().finish().to_le_bytes();
        chunk.copy_from_slice(&number[..chunk.len()]);
    }
    bytes
}
