//! The queue: a limit on concurrent runs, and runs of the same concurrency key one after the other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::domain::names::RunId;
use crate::domain::time::Timestamp;

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
    /// How many of each key are inside: more than one only of those that were before a restart.
    keys: HashMap<String, usize>,
    queue: BTreeSet<(RunId, Option<String>)>,
    aside: BTreeMap<RunId, Mark>,
}

/// Why a run has stepped aside, as it has seen it.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) key: String,
    /// When its hold ends.
    pub(super) until: Timestamp,
    /// How often locks had changed when it was held.
    pub(super) changes: u64,
}

/// A place inside, given back when it is dropped.
pub(super) struct Ticket {
    gate: Gate,
    key: Option<String>,
}

/// A place in the queue, given up when it is dropped.
pub(super) struct Place {
    gate: Gate,
    entry: (RunId, Option<String>),
}

/// A run that is held, and lets others pass until it is not.
pub(super) struct Aside {
    gate: Gate,
    run: RunId,
}

impl Gate {
    pub(super) fn new(room: usize) -> Self {
        Self {
            state: Arc::default(),
            moved: Arc::default(),
            room: room.max(1),
        }
    }

    /// Puts a run into the queue.
    pub(super) fn line_up(&self, run: RunId, key: Option<String>) -> Place {
        let entry = (run, key);
        self.change(|state| state.queue.insert(entry.clone()));
        Place {
            gate: self.clone(),
            entry,
        }
    }

    /// Says that a run lets others of its key pass as long as its hold lasts. When it is over, younger
    /// ones wait until the run has seen that: all are woken by the same end.
    pub(super) fn step_aside(&self, run: RunId, mark: Mark) -> Aside {
        self.change(|state| state.aside.insert(run, mark));
        self.moved.notify_waiters();
        Aside {
            gate: self.clone(),
            run,
        }
    }

    /// Lets in a run that was inside before a restart, whatever the limit says.
    pub(super) fn readmit(&self, key: Option<String>) -> Ticket {
        self.change(|state| state.let_in(key.as_ref()));
        Ticket {
            gate: self.clone(),
            key,
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Place {
    /// Waits until there is room, no run of the same key is inside, and none before it is to go first.
    /// `is_over` says of a mark whether its run is held no more.
    pub(super) async fn enter(self, is_over: impl Fn(&Mark) -> bool) -> Ticket {
        let gate = &self.gate;
        loop {
            let moved = gate.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if gate.change(|state| state.admit(&self.entry, gate.room, &is_over)) {
                return Ticket {
                    gate: gate.clone(),
                    key: self.entry.1.clone(),
                };
            }
            moved.await;
        }
    }
}

impl State {
    fn admit(
        &mut self,
        entry: &(RunId, Option<String>),
        room: usize,
        is_over: impl Fn(&Mark) -> bool,
    ) -> bool {
        let comes_back = |run: RunId, key: &String| {
            let mut older = self.aside.range(..run);
            older.any(|(_, mark)| mark.key == *key && is_over(mark))
        };
        let may_go = |(run, key): &&(RunId, Option<String>)| {
            let is_free = |key: &String| !self.keys.contains_key(key) && !comes_back(*run, key);
            key.as_ref().is_none_or(is_free)
        };
        if self.inside >= room || self.queue.iter().find(may_go) != Some(entry) {
            return false;
        }
        self.let_in(entry.1.as_ref());
        self.queue.remove(entry);
        true
    }

    fn let_in(&mut self, key: Option<&String>) {
        self.inside += 1;
        if let Some(key) = key {
            *self.keys.entry(key.clone()).or_default() += 1;
        }
    }

    fn let_out(&mut self, key: Option<&String>) {
        self.inside -= 1;
        if let Some((key, inside)) = key.and_then(|key| self.keys.remove_entry(key))
            && inside > 1
        {
            self.keys.insert(key, inside - 1);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.change(|state| state.queue.remove(&self.entry));
        self.gate.moved.notify_waiters();
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.gate.change(|state| state.aside.remove(&self.run));
        self.gate.moved.notify_waiters();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.gate.change(|state| state.let_out(self.key.as_ref()));
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

    async fn enter(gate: &Gate, n: u128, key: Option<&str>) -> Ticket {
        let place = gate.line_up(run(n), key.map(str::to_owned));
        place.enter(|mark| mark.changes > 0).await
    }

    #[tokio::test]
    async fn runs_of_one_key_go_one_after_the_other_and_others_pass_them() {
        let gate = Gate::new(2);
        let first = enter(&gate, 1, Some("web")).await;
        let mut second = Box::pin(enter(&gate, 2, Some("web")));
        assert!(second.as_mut().now_or_never().is_none());
        let _third = enter(&gate, 3, Some("db")).await;
        let mut fourth = Box::pin(enter(&gate, 4, None));
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

    #[tokio::test]
    async fn a_key_is_free_when_the_last_that_was_inside_before_a_restart_has_left() {
        let gate = Gate::new(1);
        let before_a_restart = [(); 2].map(|()| gate.readmit(Some("web".to_owned())));
        let mut next = Box::pin(enter(&gate, 3, Some("web")));
        for ticket in before_a_restart {
            assert!(next.as_mut().now_or_never().is_none());
            drop(ticket);
        }
        next.await;
    }

    #[tokio::test]
    async fn whoever_is_held_lets_others_pass_and_goes_first_once_it_is_not() {
        let gate = Gate::new(2);
        let mark = |changes| Mark {
            key: "web".to_owned(),
            until: Timestamp::from_micros(0),
            changes,
        };
        let aside = gate.step_aside(run(1), mark(0));
        drop(enter(&gate, 2, Some("web")).await);
        drop(aside);
        // It is held no more, and has not seen that yet.
        let aside = gate.step_aside(run(1), mark(1));
        let mut younger = Box::pin(enter(&gate, 3, Some("web")));
        assert!(younger.as_mut().now_or_never().is_none());
        let of_another_key = enter(&gate, 4, Some("db")).await;
        let place = gate.line_up(run(1), Some("web".to_owned()));
        drop(aside);
        assert!(younger.as_mut().now_or_never().is_none());
        let first = place.enter(|_| true).await;
        drop((first, of_another_key));
        younger.await;
    }
}
