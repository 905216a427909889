//! Which message is sent next: ends of runs before anything else, and within that whoever has waited
//! longest; one request at a time for each message, and for whatever else shares a limit with it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

/// How much it matters that people see it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// The run has ended.
    Ended,
    /// Somebody is asked for something, or there is no message yet.
    Asks,
    /// A step has moved.
    Moved,
    /// A step says how far it is.
    Progress,
}

impl Urgency {
    /// A message that was sent is not sent again sooner: edits of a channel share its limit, and nobody
    /// reads faster.
    fn pause(self) -> Duration {
        match self {
            Self::Ended => Duration::ZERO,
            Self::Asks => Duration::from_millis(500),
            Self::Moved => Duration::from_millis(1500),
            Self::Progress => Duration::from_secs(3),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    urgency: Urgency,
    since: Instant,
}

/// The messages that are to be sent.
#[derive(Debug)]
pub(super) struct Queue<K> {
    waiting: BTreeMap<K, Waiting>,
    under_way: BTreeSet<K>,
    sent: BTreeMap<K, Instant>,
    /// Not before, after something went wrong.
    held: BTreeMap<K, Instant>,
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<K> {
    /// This one is sent.
    Send(K),
    /// Nothing, before this instant or before something that is under way is done.
    NotBefore(Instant),
    /// Nothing, before something is marked or done.
    Nothing,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            under_way: BTreeSet::new(),
            sent: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Clone> Queue<K> {
    /// The message shows no more what is.
    pub(super) fn mark(&mut self, key: K, urgency: Urgency, now: Instant) {
        let waiting = self.waiting.entry(key).or_insert(Waiting {
            urgency,
            since: now,
        });
        waiting.urgency = waiting.urgency.min(urgency);
    }

    /// What is sent, and has not been heard of again.
    pub(super) fn under_way(&self) -> impl Iterator<Item = &K> {
        self.under_way.iter()
    }

    /// What is sent next, where `ready_at` says when its channel takes something; `None`: not before
    /// something that is under way is done. It is under way then, until [`Self::done`].
    pub(super) fn next(
        &mut self,
        now: Instant,
        ready_at: impl Fn(&K) -> Option<Instant>,
    ) -> Next<K> {
        let mut soonest: Option<Instant> = None;
        let mut best: Option<(Urgency, Instant, K)> = None;
        for (key, waiting) in &self.waiting {
            if self.under_way.contains(key) {
                continue;
            }
            let Some(ready_at) = ready_at(key) else {
                continue;
            };
            let pause = |at: &Instant| *at + waiting.urgency.pause();
            let at = ready_at
                .max(self.sent.get(key).map_or(now, pause))
                .max(self.held.get(key).copied().unwrap_or(now));
            if at > now {
                soonest = Some(soonest.map_or(at, |known| known.min(at)));
                continue;
            }
            let is_better = best.as_ref().is_none_or(|(urgency, since, _)| {
                (waiting.urgency, waiting.since) < (*urgency, *since)
            });
            if is_better {
                best = Some((waiting.urgency, waiting.since, key.clone()));
            }
        }
        match (best, soonest) {
            (Some((_, _, key)), _) => {
                self.waiting.remove(&key);
                self.under_way.insert(key.clone());
                Next::Send(key)
            }
            (None, Some(at)) => Next::NotBefore(at),
            (None, None) => Next::Nothing,
        }
    }

    /// The message is not under way any more.
    pub(super) fn done(&mut self, key: &K, now: Instant) {
        self.under_way.remove(key);
        self.held.remove(key);
        self.sent.insert(key.clone(), now);
    }

    /// It went wrong, and is tried again, not before this instant.
    pub(super) fn again(&mut self, key: K, urgency: Urgency, now: Instant, at: Instant) {
        self.under_way.remove(&key);
        self.held.insert(key.clone(), at);
        self.mark(key, urgency, now);
    }

    /// Nothing more is sent of it.
    pub(super) fn forget(&mut self, key: &K) {
        self.waiting.remove(key);
        self.under_way.remove(key);
        self.sent.remove(key);
        self.held.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_end_goes_before_what_has_waited_longer() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.mark("moved", Urgency::Moved, now);
        queue.mark("ended", Urgency::Ended, now + Duration::from_secs(1));
        let later = now + Duration::from_secs(2);
        assert_eq!(queue.next(later, |_| Some(later)), Next::Send("ended"));
        assert_eq!(queue.next(later, |_| Some(later)), Next::Send("moved"));
        assert_eq!(queue.next(later, |_| Some(later)), Next::Nothing);
    }

    #[test]
    fn a_closed_channel_holds_up_nobody_elses() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.mark("closed", Urgency::Ended, now);
        queue.mark("open", Urgency::Progress, now);
        let opens = now + Duration::from_secs(4);
        let ready_at = |key: &&str| Some(if *key == "closed" { opens } else { now });
        assert_eq!(queue.next(now, ready_at), Next::Send("open"));
        assert_eq!(queue.next(now, ready_at), Next::NotBefore(opens));
    }

    #[test]
    fn what_shares_a_limit_with_one_that_is_under_way_waits_for_that() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.mark("one", Urgency::Moved, now);
        queue.mark("other", Urgency::Ended, now + Duration::from_secs(1));
        assert_eq!(queue.next(now, |_| Some(now)), Next::Send("other"));
        assert_eq!(queue.under_way().collect::<Vec<_>>(), [&"other"]);
        assert_eq!(queue.next(now, |_| None), Next::Nothing);
        queue.done(&"other", now);
        assert_eq!(queue.next(now, |_| Some(now)), Next::Send("one"));
    }

    #[test]
    fn what_moves_while_it_is_sent_is_sent_once_more() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.mark("it", Urgency::Moved, now);
        assert_eq!(queue.next(now, |_| Some(now)), Next::Send("it"));
        queue.mark("it", Urgency::Ended, now);
        assert_eq!(
            queue.next(now, |_| Some(now)),
            Next::Nothing,
            "one at a time"
        );
        queue.done(&"it", now);
        assert_eq!(queue.next(now, |_| Some(now)), Next::Send("it"));
    }

    proptest! {
        #[test]
        fn nobody_waits_for_ever(marks in prop::collection::vec((0..9u8, 0..4u8, 0..2000u64), 1..80)) {
            let (mut queue, mut now) = (Queue::default(), Instant::now());
            let urgencies = [Urgency::Ended, Urgency::Asks, Urgency::Moved, Urgency::Progress];
            let mut wanted = BTreeMap::new();
            for (key, urgency, pause) in marks {
                now += Duration::from_millis(pause);
                queue.mark(key, urgencies[usize::from(urgency)], now);
                wanted.insert(key, now);
                if let Next::Send(key) = queue.next(now, |_| Some(now)) {
                    wanted.remove(&key);
                    queue.done(&key, now);
                }
            }
            let longest = now + Duration::from_secs(10);
            loop {
                match queue.next(now, |_| Some(now)) {
                    Next::Send(key) => {
                        wanted.remove(&key);
                        queue.done(&key, now);
                    }
                    Next::NotBefore(at) => now = at,
                    Next::Nothing => break,
                }
                prop_assert!(now <= longest);
            }
            prop_assert!(wanted.is_empty());
        }
    }
}
