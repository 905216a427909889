//! The names that systems have, kept for a moment: people press keys faster than systems answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::action::ports::Suggest;
use crate::action::{Offers, ReadContext};
use crate::domain::names::SystemName;
use crate::domain::time::Timestamp;
use crate::service::Parts;

/// Names are asked for again after this.
const LIFETIME: Duration = Duration::from_secs(10);

/// A system that takes longer has no names.
const LONGEST_CALL: Duration = Duration::from_secs(5);

/// How long somebody who types waits for it: less than for the whole answer.
const PATIENCE: Duration = Duration::from_millis(200);

/// So many lists are kept.
const MOST_LISTS: usize = 64;

/// So many names are kept of each.
const MOST_NAMES: usize = 20_000;

/// Which list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    system: SystemName,
    what: String,
    of: Option<String>,
}

impl Key {
    pub(super) fn new(system: &SystemName, what: &str, of: Option<&str>) -> Self {
        Self {
            system: system.clone(),
            what: what.to_owned(),
            of: of.map(str::to_owned),
        }
    }
}

/// A list as it is known.
#[derive(Clone, Debug)]
struct List {
    offers: Arc<Offers>,
    /// When it was asked for last.
    asked_at: Timestamp,
    is_asked_for: bool,
}

impl List {
    fn empty() -> Self {
        Self {
            offers: Arc::new(Offers::none()),
            asked_at: Timestamp::from_micros(0),
            is_asked_for: false,
        }
    }
}

/// Lists of names by where they come from.
#[derive(Debug, Default)]
pub(in crate::service) struct Names {
    lists: Mutex<HashMap<Key, watch::Sender<List>>>,
}

impl Names {
    /// The names of this list: fresh ones where they come in time, else those from before. Whoever
    /// asks while a call is under way waits for that one.
    pub(super) async fn of(
        &self,
        key: &Key,
        port: &Arc<dyn Suggest>,
        parts: &Parts,
    ) -> Arc<Offers> {
        let (list, is_ours) = self.claim(key, parts.clock.now());
        if is_ours {
            let ctx = ReadContext {
                system: Some(key.system.clone()),
                clock: Arc::clone(&parts.clock),
                systems: Arc::clone(&parts.systems),
            };
            tokio::spawn(ask(list.clone(), key.clone(), Arc::clone(port), ctx));
        }
        let mut heard = list.subscribe();
        // Whether in time or not: what there is then is what there is.
        let _ = tokio::time::timeout(PATIENCE, heard.wait_for(|list| !list.is_asked_for)).await;
        list.borrow().offers.clone()
    }

    /// The list, and whether it is on us to ask for it.
    fn claim(&self, key: &Key, now: Timestamp) -> (watch::Sender<List>, bool) {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if !lists.contains_key(key) && lists.len() >= MOST_LISTS {
            let oldest = lists.iter().min_by_key(|(_, list)| list.borrow().asked_at);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                lists.remove(&oldest);
            }
        }
        let list = lists
            .entry(key.clone())
            .or_insert_with(|| watch::Sender::new(List::empty()));
        let is_ours = list.send_if_modified(|list| {
            let is_due = !list.is_asked_for && now.since(list.asked_at) >= LIFETIME;
            if is_due {
                (list.is_asked_for, list.asked_at) = (true, now);
            }
            is_due
        });
        (list.clone(), is_ours)
    }
}

/// Goes on when nobody waits any more: the next key finds what it brings.
async fn ask(list: watch::Sender<List>, key: Key, port: Arc<dyn Suggest>, ctx: ReadContext) {
    let call = port.offers(&ctx, &key.what, key.of.as_deref());
    let offers = match tokio::time::timeout(LONGEST_CALL, call).await {
        Ok(Ok(mut offers)) => {
            // Whoever may name things there must not thereby draw on our terminals.
            let draws = |text: &str| text.contains(char::is_control);
            offers
                .all
                .retain(|one| !draws(&one.value) && !draws(one.shown()));
            offers.all.truncate(MOST_NAMES);
            offers
        }
        Ok(Err(error)) => {
            tracing::debug!(system = %key.system, what = key.what, %error, "no names to complete");
            Offers::none()
        }
        Err(_) => {
            tracing::debug!(system = %key.system, what = key.what, "no names to complete in time");
            Offers::none()
        }
    };
    list.send_modify(|list| {
        list.offers = Arc::new(offers);
        list.is_asked_for = false;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(what: &str) -> Key {
        Key::new(&SystemName::from("shop"), what, None)
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    #[test]
    fn a_list_is_asked_for_once_at_a_time_and_again_when_it_is_old() {
        let names = Names::default();
        let (list, is_ours) = names.claim(&key("services"), second(1000));
        assert!(is_ours);
        assert!(!names.claim(&key("services"), second(2000)).1, "under way");
        list.send_modify(|list| list.is_asked_for = false);
        assert!(!names.claim(&key("services"), second(1009)).1, "fresh");
        assert!(names.claim(&key("services"), second(1010)).1, "old");
        assert!(names.claim(&key("tags"), second(1000)).1, "another one");
    }

    #[test]
    fn the_oldest_list_makes_room() {
        let names = Names::default();
        for at in 0..=MOST_LISTS {
            let at = i64::try_from(at).unwrap();
            names.claim(&key(&at.to_string()), second(1000 + at));
        }
        let lists = names.lists.lock().unwrap();
        assert_eq!(lists.len(), MOST_LISTS);
        assert!(!lists.contains_key(&key("0")));
    }
}
