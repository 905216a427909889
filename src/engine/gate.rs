//! The queue: a limit on concurrent runs, and runs of the same concurrency key one after the other.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::domain::names::RunId;

/// Lets runs in, oldest first.
#[derive(Clone)]
pub(super) struct Gate {
    state: Arc<Mutex<State>>,
    moved: Arc<Notify>,
    room: usize,
}

#[derive(Default)]
struct State {
    inside: usize,
    keys: HashSet<String>,
    queue: BTreeSet<(RunId, Option<String>)>,
}

/// A place inside, given back when it is dropped.
pub(super) struct Ticket {
    gate: Gate,
    key: Option<String>,
}

impl Gate {
    pub(super) fn new(room: usize) -> Self {
        Self {
            state: Arc::default(),
            moved: Arc::default(),
            room: room.max(1),
        }
    }

    /// Waits until there is room and no run of the same key is inside. Dropping the future gives
    /// up the place in the queue.
    pub(super) async fn enter(&self, run: RunId, key: Option<String>) -> Ticket {
        let place = Place {
            gate: self,
            entry: (run, key),
        };
        self.change(|state| state.queue.insert(place.entry.clone()));
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if self.change(|state| state.admit(&place.entry, self.room)) {
                return Ticket {
                    gate: self.clone(),
                    key: place.entry.1.clone(),
                };
            }
            moved.await;
        }
    }

    /// Lets in a run that was inside before a restart, whatever the limit says.
    pub(super) fn readmit(&self, key: Option<String>) -> Ticket {
        self.change(|state| {
            state.inside += 1;
            state.keys.extend(key.clone());
        });
        Ticket {
            gate: self.clone(),
            key,
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn admit(&mut self, entry: &(RunId, Option<String>), room: usize) -> bool {
        let is_free = |key: &Option<String>| key.as_ref().is_none_or(|k| !self.keys.contains(k));
        let first = self.queue.iter().find(|(_, key)| is_free(key));
        if self.inside >= room || first != Some(entry) {
            return false;
        }
        self.inside += 1;
        self.keys.extend(entry.1.clone());
        self.queue.remove(entry);
        true
    }
}

struct Place<'a> {
    gate: &'a Gate,
    entry: (RunId, Option<String>),
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.gate.change(|state| state.queue.remove(&self.entry));
        self.gate.moved.notify_waiters();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.gate.change(|state| {
            state.inside -= 1;
            if let Some(key) = &self.key {
                state.keys.remove(key);
            }
        });
        self.gate.moved.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    use super::*;

    fn run(n: u128) -> RunId {
        RunId::new(Uuid::from_u128(n))
    }

    #[tokio::test]
    async fn runs_of_one_key_go_one_after_the_other_and_others_pass_them() {
        let gate = Gate::new(2);
        let first = gate.enter(run(1), Some("web".into())).await;
        let mut second = Box::pin(gate.enter(run(2), Some("web".into())));
        assert!(second.as_mut().now_or_never().is_none());
        let _third = gate.enter(run(3), Some("db".into())).await;
        let mut fourth = Box::pin(gate.enter(run(4), None));
        assert!(
            fourth.as_mut().now_or_never().is_none(),
            "no room for a third"
        );
        drop(first);
        let _second = second.await;
        assert!(
            fourth.as_mut().now_or_never().is_none(),
            "the older one went first"
        );
    }
}
