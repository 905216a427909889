//! When a system was listened to, and when it was not.

use std::time::Duration;

use crate::domain::time::Timestamp;

/// What is being listened to is known up to this long ago: it is written down from time to time.
const BEHIND: Duration = Duration::from_mins(3);

/// A time in which nothing of a system was missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// From this instant.
    pub from: Timestamp,
    /// Up to this one, at least.
    pub until: Timestamp,
    /// It goes on, as far as is known.
    pub goes_on: bool,
}

/// A time in which a system was not listened to: what happened then is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// From this instant.
    pub from: Timestamp,
    /// Up to this one.
    pub until: Timestamp,
}

/// Where listening goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// What happened from this instant on is asked for.
    pub from: Timestamp,
    /// Nothing is missing between the last time and this one.
    pub is_whole: bool,
}

/// Where to go on listening to a system that was last listened to until `heard`, and remembers what
/// happened from `remembers` on; `None`: nothing at all. What an engine remembers no more may have
/// been forgotten, or be lost with an earlier engine: nobody can tell, so it counts as missed.
pub fn resume(heard: Option<Timestamp>, remembers: Option<Timestamp>, now: Timestamp) -> Resumed {
    let oldest = remembers.unwrap_or(now).min(now);
    match heard {
        Some(heard) if oldest <= heard => Resumed {
            from: heard,
            is_whole: true,
        },
        _ => Resumed {
            from: oldest,
            is_whole: false,
        },
    }
}

/// The times between two instants that are in none of these, in order.
pub fn gaps(watched: &[Watched], since: Timestamp, now: Timestamp) -> Vec<Gap> {
    let mut known: Vec<(Timestamp, Timestamp)> = watched
        .iter()
        .map(|watched| {
            let is_fresh = watched.goes_on && now.since(watched.until) <= BEHIND;
            (watched.from, if is_fresh { now } else { watched.until })
        })
        .filter(|(from, until)| from < until)
        .collect();
    known.sort_unstable();
    let mut gaps = vec![];
    let mut reached = since;
    for (from, until) in known {
        if reached < from.min(now) {
            gaps.push(Gap {
                from: reached,
                until: from.min(now),
            });
        }
        reached = reached.max(until);
    }
    if reached < now {
        gaps.push(Gap {
            from: reached,
            until: now,
        });
    }
    gaps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    fn watched(from: i64, until: i64) -> Watched {
        Watched {
            from: at(from),
            until: at(until),
            goes_on: false,
        }
    }

    #[test]
    fn a_gap_closes_only_where_the_engine_remembers_as_far_back() {
        let resumed = |heard, remembers: Option<i64>| {
            let resumed = resume(Some(at(heard)), remembers.map(at), at(100));
            (resumed.from, resumed.is_whole)
        };
        assert_eq!(resumed(50, Some(40)), (at(50), true));
        assert_eq!(resumed(50, Some(50)), (at(50), true));
        assert_eq!(resumed(50, Some(60)), (at(60), false), "it has forgotten");
        assert_eq!(resumed(50, None), (at(100), false), "it was started anew");
        let first = resume(None, Some(at(7)), at(100));
        assert_eq!((first.from, first.is_whole), (at(7), false));
    }

    #[test]
    fn what_goes_on_is_known_up_to_now_unless_nothing_was_heard_for_long() {
        let goes_on = |until| Watched {
            goes_on: true,
            ..watched(0, until)
        };
        assert_eq!(gaps(&[goes_on(900)], at(0), at(960)), []);
        let late = gaps(&[goes_on(500)], at(0), at(960));
        let expected = Gap {
            from: at(500),
            until: at(960),
        };
        assert_eq!(late, [expected]);
    }

    proptest! {
        /// Each second of the time is either watched or in exactly one gap.
        #[test]
        fn gaps_are_what_was_not_watched_and_nothing_else(
            spans in prop::collection::vec((0_i64..100, 0_i64..30), 0..6),
            since in 0_i64..100,
            length in 0_i64..60,
        ) {
            let all: Vec<_> = spans.iter().map(|(from, length)| watched(*from, from + length)).collect();
            let (since, now) = (since, since + length);
            let gaps = gaps(&all, at(since), at(now));
            for second in since..now {
                // In its middle: ends of spans are whole seconds.
                let middle = at(second).plus(Duration::from_millis(500));
                let is_watched = all.iter().any(|span| span.from <= middle && middle < span.until);
                let missing = gaps.iter().filter(|gap| gap.from <= middle && middle < gap.until);
                prop_assert_eq!(missing.count(), usize::from(!is_watched));
            }
            prop_assert!(gaps.iter().all(|gap| at(since) <= gap.from && gap.from < gap.until));
            prop_assert!(gaps.iter().all(|gap| gap.until <= at(now)));
            prop_assert!(gaps.windows(2).all(|two| two[0].until < two[1].from));
        }
    }
}
