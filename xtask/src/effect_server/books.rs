//! What was really done.

use std::collections::BTreeMap;
use std::time::Duration;

/// How a lost answer can be made good, seen from the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The second request with a key gets the first one's answer, and does nothing.
    Keyed,
    /// It tells whether a key was done, and does whatever it is sent.
    Askable,
    /// It does whatever it is sent, and tells nothing.
    Once,
}

impl Sort {
    /// Where the server does things of this sort.
    pub fn path(self) -> &'static str {
        match self {
            Self::Keyed => "/keyed",
            Self::Askable => "/askable",
            Self::Once => "/once",
        }
    }
}

/// What was done under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Of which sort.
    pub sort: Sort,
    /// How often it was really done.
    pub done: u32,
    /// How often it was asked for again, and not done again.
    pub deduplicated: u32,
    /// How often it was taken back.
    pub undone: u32,
    /// Whether it is in the world now.
    pub live: bool,
    /// What was answered.
    pub(super) told: String,
}

/// What was done, by key, and everything that happened, in order.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// By key.
    pub deeds: BTreeMap<String, Deed>,
    /// A line for each request for a change.
    pub history: Vec<String>,
}

impl Books {
    /// How often something was really done under this key.
    pub fn done(&self, key: &str) -> u32 {
        self.deeds.get(key).map_or(0, |deed| deed.done)
    }

    /// Whether what was done under this key is in the world now.
    pub fn is_live(&self, key: &str) -> bool {
        self.deeds.get(key).is_some_and(|deed| deed.live)
    }

    /// Does it, unless its sort says that it is done already: what is answered.
    pub(crate) fn does(&mut self, sort: Sort, key: &str, at: Duration) -> String {
        let number = self.deeds.len() + 1;
        let deed = self.deeds.entry(key.to_owned()).or_insert_with(|| Deed {
            sort,
            done: 0,
            deduplicated: 0,
            undone: 0,
            live: false,
            told: format!("{{\"number\":{number}}}"),
        });
        let again = sort == Sort::Keyed && deed.done > 0;
        if again {
            deed.deduplicated += 1;
        } else {
            deed.done += 1;
            deed.live = true;
        }
        let told = deed.told.clone();
        let what = if again { "asked for again" } else { "done" };
        self.note(at, &format!("{key}: {what}"));
        told
    }

    /// Takes it back: whether there was anything to take back.
    pub(crate) fn takes_back(&mut self, sort: Sort, key: &str, at: Duration) -> bool {
        let deed = self.deeds.get_mut(key);
        let deed = deed.filter(|deed| deed.sort == sort && deed.live);
        let was_there = deed.is_some();
        if let Some(deed) = deed {
            deed.live = false;
            deed.undone += 1;
        }
        let what = if was_there {
            "taken back"
        } else {
            "nothing to take back"
        };
        self.note(at, &format!("{key}: {what}"));
        was_there
    }

    pub(super) fn note(&mut self, at: Duration, what: &str) {
        self.history
            .push(format!("{:9.3} {what}", at.as_secs_f64()));
    }
}
