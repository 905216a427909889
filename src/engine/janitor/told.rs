//! What was said already.

use std::collections::BTreeSet;

/// Remembers what was said in this round and in the one before: what goes on is said once, and again
/// after it was well in between.
#[derive(Default)]
pub(super) struct Told {
    before: BTreeSet<String>,
    now: BTreeSet<String>,
}

impl Told {
    /// Whether this is to be said.
    pub(super) fn is_new(&mut self, what: String) -> bool {
        let is_known = self.before.contains(&what);
        self.now.insert(what) && !is_known
    }

    /// A round is over.
    pub(super) fn next_round(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_said_once_and_what_comes_back_is_said_again() {
        let mut told = Told::default();
        let mut says = |what: &str| told.is_new(what.to_owned());
        assert!(says("down") && !says("down"));
        told.next_round();
        assert!(!told.is_new("down".to_owned()));
        told.next_round();
        told.next_round();
        assert!(told.is_new("down".to_owned()));
    }
}
