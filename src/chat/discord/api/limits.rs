//! When Discord takes the next request: its rate limits, as its answers tell of them.
//!
//! Requests belong to a bucket by their route and the channel, guild or interaction that they are about;
//! which routes share one is told in an answer and not before. Source: Discord's documentation, topic
//! "Rate Limits".

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// A bot sends no more requests than these in a second, over all routes.
const MOST_IN_A_SECOND: usize = 45;

/// Until an answer has told of a bucket, one request of it is under way at a time; one that gets no
/// answer holds up the next for so long.
const UNKNOWN: Duration = Duration::from_secs(5);

/// No bucket is believed to be closed for longer.
const LONGEST: Duration = Duration::from_mins(10);

/// What a request counts against, before Discord has told more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::chat::discord) struct Bucket {
    /// The method and the path, with names in the place of ids.
    pub(super) route: &'static str,
    /// The id that has limits of its own.
    pub(super) major: String,
}

/// What the headers of an answer tell of a bucket.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    /// What Discord calls it.
    pub(super) name: String,
    /// So many more requests are taken until it is filled again.
    pub(super) remaining: u32,
    /// When that is.
    pub(super) resets_after: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    remaining: u32,
    resets_at: Instant,
    /// No answer has told of it.
    is_guessed: bool,
}

/// All that is known.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// What Discord calls the bucket of a route.
    names: HashMap<&'static str, String>,
    windows: HashMap<(String, String), Window>,
    /// Nothing at all is taken before.
    closed_until: Option<Instant>,
    /// When the last requests were sent.
    sent: VecDeque<Instant>,
}

impl Limits {
    /// When a request of this bucket would be taken, as far as is known.
    pub(super) fn ready_at(&self, bucket: &Bucket, now: Instant) -> Instant {
        let of_bucket = self
            .windows
            .get(&self.key(bucket))
            .filter(|window| window.remaining == 0)
            .map_or(now, |window| window.resets_at);
        let of_all = self.closed_until.unwrap_or(now);
        let a_second_ago = now.checked_sub(Duration::from_secs(1));
        let recent = |at: &&Instant| a_second_ago.is_none_or(|ago| **at > ago);
        let mut recent = self.sent.iter().filter(recent);
        let of_second = match recent.clone().count() {
            many if many >= MOST_IN_A_SECOND => {
                recent.next().map_or(now, |at| *at + Duration::from_secs(1))
            }
            _ => now,
        };
        of_bucket.max(of_all).max(of_second).max(now)
    }

    /// Counts a request that is sent now, if it would be taken.
    ///
    /// # Errors
    /// It would not: when to look again.
    pub(super) fn take(&mut self, bucket: &Bucket, now: Instant) -> Result<(), Instant> {
        let ready_at = self.ready_at(bucket, now);
        if ready_at > now {
            return Err(ready_at);
        }
        self.sent.push_back(now);
        if self.sent.len() > MOST_IN_A_SECOND {
            self.sent.pop_front();
        }
        // Filled again, to what is not known: the answer tells.
        let refilled = Window {
            remaining: 1,
            resets_at: now + UNKNOWN,
            is_guessed: true,
        };
        let window = self.windows.entry(self.key(bucket)).or_insert(refilled);
        if window.resets_at <= now {
            *window = refilled;
        }
        window.remaining = window.remaining.saturating_sub(1);
        Ok(())
    }

    /// Takes in what an answer tells; `None`: it tells nothing, so there is no such limit.
    pub(super) fn heard(&mut self, bucket: &Bucket, told: Option<Told>, now: Instant) {
        let before = self.key(bucket);
        let Some(told) = told else {
            self.windows.remove(&before);
            return;
        };
        self.names.insert(bucket.route, told.name);
        let key = self.key(bucket);
        if key != before {
            self.windows.remove(&before);
        }
        let resets_at = now + told.resets_after.min(LONGEST);
        let window = Window {
            remaining: told.remaining,
            resets_at,
            is_guessed: false,
        };
        // Answers overtake each other: of one window, the one that leaves less is the later one.
        let known = self.windows.entry(key).or_insert(window);
        let is_same = !known.is_guessed
            && known.resets_at > now
            && known.resets_at.max(resets_at) - known.resets_at.min(resets_at) < UNKNOWN / 5;
        *known = Window {
            remaining: if is_same {
                known.remaining.min(told.remaining)
            } else {
                told.remaining
            },
            ..window
        };
        self.forget(now);
    }

    /// Takes in that a request was refused because there were too many.
    pub(super) fn refused(
        &mut self,
        bucket: &Bucket,
        after: Duration,
        is_global: bool,
        now: Instant,
    ) {
        let until = now + after.min(LONGEST);
        if is_global {
            self.closed_until = Some(self.closed_until.map_or(until, |known| known.max(until)));
        } else {
            let closed = Window {
                remaining: 0,
                resets_at: until,
                is_guessed: false,
            };
            self.windows.insert(self.key(bucket), closed);
        }
    }

    fn key(&self, bucket: &Bucket) -> (String, String) {
        let name = self.names.get(bucket.route);
        let name = name.map_or(bucket.route, String::as_str);
        (name.to_owned(), bucket.major.clone())
    }

    /// What is over tells nothing any more: channels come and go.
    fn forget(&mut self, now: Instant) {
        self.windows.retain(|_, window| window.resets_at > now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bucket(major: &str) -> Bucket {
        Bucket {
            route: "POST /channels/{}/messages",
            major: major.to_owned(),
        }
    }

    fn told(remaining: u32, seconds: u64) -> Told {
        Told {
            name: "abcd".to_owned(),
            remaining,
            resets_after: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn of_a_bucket_that_nothing_is_known_of_one_request_is_under_way() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        assert_eq!(limits.take(&bucket("1"), now), Ok(()));
        assert_eq!(limits.take(&bucket("1"), now), Err(now + UNKNOWN));
        assert_eq!(limits.take(&bucket("2"), now), Ok(()), "another channel");
        limits.heard(&bucket("1"), Some(told(4, 5)), now);
        assert_eq!(limits.take(&bucket("1"), now), Ok(()));
    }

    #[test]
    fn an_empty_bucket_is_waited_for() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        limits.take(&bucket("1"), now).unwrap();
        limits.heard(&bucket("1"), Some(told(0, 5)), now);
        let then = now + Duration::from_secs(5);
        assert_eq!(limits.take(&bucket("1"), now), Err(then));
        assert_eq!(limits.take(&bucket("1"), then), Ok(()));
    }

    #[test]
    fn routes_of_which_an_answer_says_that_they_share_a_bucket_share_it() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        let edit = Bucket {
            route: "PATCH /channels/{}/messages/{}",
            ..bucket("1")
        };
        limits.heard(&edit, Some(told(3, 5)), now);
        limits.heard(&bucket("1"), Some(told(0, 5)), now);
        assert!(limits.take(&edit, now).is_err());
    }

    #[test]
    fn a_refusal_of_everything_closes_everything() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        let second = Duration::from_secs(1);
        limits.refused(&bucket("1"), second, true, now);
        assert_eq!(limits.take(&bucket("2"), now), Err(now + second));
    }

    /// Discord's side of one bucket: so many in each window.
    struct Server {
        limit: u32,
        window: Duration,
        began: Option<Instant>,
        used: u32,
        refused: u32,
    }

    impl Server {
        fn takes(&mut self, now: Instant) -> Result<Told, Duration> {
            let began = match self.began {
                Some(began) if now < began + self.window => began,
                _ => {
                    self.used = 0;
                    *self.began.insert(now)
                }
            };
            let left = began + self.window - now;
            if self.used == self.limit {
                self.refused += 1;
                return Err(left);
            }
            self.used += 1;
            Ok(Told {
                name: "x".to_owned(),
                remaining: self.limit - self.used,
                resets_after: left,
            })
        }
    }

    proptest! {
        #[test]
        fn what_waits_for_its_turn_is_never_refused_and_always_has_one(
            limit in 1..10u32, window in 1..20u64, many in 1..60usize, pauses in prop::collection::vec(0..3000u64, 60),
        ) {
            let window = Duration::from_secs(window);
            let mut server = Server { limit, window, began: None, used: 0, refused: 0 };
            let (mut limits, mut now) = (Limits::default(), Instant::now());
            for pause in pauses.iter().take(many) {
                now += Duration::from_millis(*pause);
                while let Err(at) = limits.take(&bucket("1"), now) {
                    prop_assert!(at > now && at <= now + window.max(UNKNOWN));
                    now = at;
                }
                match server.takes(now) {
                    Ok(told) => limits.heard(&bucket("1"), Some(told), now),
                    Err(after) => limits.refused(&bucket("1"), after, false, now),
                }
            }
            prop_assert_eq!(server.refused, 0);
        }

        #[test]
        fn a_bucket_that_is_filled_again_is_emptied_again(
            limit in 1..10u32, window in 1..20u64, many in 1..60u32,
        ) {
            let window = Duration::from_secs(window);
            let mut server = Server { limit, window, began: None, used: 0, refused: 0 };
            let begun = Instant::now();
            let (mut limits, mut now) = (Limits::default(), begun);
            for _ in 0..many {
                while let Err(at) = limits.take(&bucket("1"), now) {
                    now = at;
                }
                let told = server.takes(now).unwrap();
                limits.heard(&bucket("1"), Some(told), now);
            }
            prop_assert_eq!(now - begun, window * ((many - 1) / limit));
        }
    }
}
