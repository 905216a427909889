//! How many steps act on one system at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::domain::names::SystemName;

/// Lets steps act on systems, so many at a time on each.
#[derive(Clone)]
pub(super) struct Rooms {
    inside: Arc<Mutex<HashMap<SystemName, usize>>>,
    freed: Arc<watch::Sender<()>>,
    most: usize,
}

/// A step's place on a system, given back when it is dropped.
pub(super) struct Place {
    rooms: Rooms,
    system: SystemName,
}

impl Rooms {
    pub(super) fn new(most: usize) -> Self {
        Self {
            inside: Arc::default(),
            freed: Arc::new(watch::channel(()).0),
            most: most.max(1),
        }
    }

    /// How many steps act on one system at most.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// A place, if there is one.
    pub(super) fn enter(&self, system: &SystemName) -> Option<Place> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let here = inside.entry(system.clone()).or_default();
        if *here >= self.most {
            return None;
        }
        *here += 1;
        Some(self.place(system))
    }

    /// A place for a step that had one before a restart, whatever the limit says.
    pub(super) fn readmit(&self, system: &SystemName) -> Place {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        *inside.entry(system.clone()).or_default() += 1;
        self.place(system)
    }

    /// Tells whenever a place was given back.
    pub(super) fn freed(&self) -> watch::Receiver<()> {
        self.freed.subscribe()
    }

    fn place(&self, system: &SystemName) -> Place {
        Place {
            rooms: self.clone(),
            system: system.clone(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let rooms = &self.rooms;
        let mut inside = rooms.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = inside.get_mut(&self.system) {
            *here -= 1;
        }
        drop(inside);
        rooms.freed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_system_lets_nobody_in_until_somebody_leaves_and_others_are_not_full() {
        let rooms = Rooms::new(1);
        let (shop, db) = (SystemName::from("shop"), SystemName::from("db"));
        let first = rooms.enter(&shop);
        assert!(first.is_some() && rooms.enter(&shop).is_none());
        assert!(rooms.enter(&db).is_some());
        let freed = rooms.freed();
        drop(first);
        assert!(freed.has_changed().unwrap());
        let before_a_restart = [rooms.readmit(&shop), rooms.readmit(&shop)];
        assert!(rooms.enter(&shop).is_none());
        drop(before_a_restart);
        assert!(rooms.enter(&shop).is_some());
    }
}
