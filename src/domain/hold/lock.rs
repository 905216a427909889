//! Locks: what a person has to themselves for a while.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Target, Touch};
use crate::domain::names::PersonName;
use crate::domain::time::{Span, Timestamp, rfc3339};

/// How long a lock lasts where nothing is said.
pub const LOCKED_FOR: Span = Span::new(Duration::from_hours(4));

/// No lock lasts for more days; it can be renewed.
const MOST_DAYS: u64 = 30;

/// The same as a length of time.
pub const LONGEST_LOCK: Span = Span::new(Duration::from_hours(MOST_DAYS * 24));

/// Reasons are no longer than this, in characters.
const LONGEST_REASON: usize = 500;

/// So many locks are in force at once.
const MOST_LOCKS: usize = 1000;

/// Something that a person has to themselves: only runs that they ask for begin steps on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// What is locked.
    pub target: Target,
    /// By whom.
    pub owner: PersonName,
    /// Why, for people.
    pub reason: String,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub since: Timestamp,
    /// When it expires.
    #[serde(with = "rfc3339")]
    pub until: Timestamp,
}

/// What was there before a lock was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockedBefore {
    /// Nothing: it is new.
    Free,
    /// The same person's lock on the same: it is renewed.
    Renewed(Lock),
}

/// Why a lock cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLock {
    /// There is no reason.
    #[error("a lock needs a reason, for those who will wait: --reason TEXT")]
    NoReason,
    /// The reason is a book.
    #[error("the reason has more than {LONGEST_REASON} characters")]
    LongReason,
    /// It would last for no time, or for too long.
    #[error("a lock lasts for some time, and for {MOST_DAYS} days at most: --for 2h")]
    Span,
    /// Each step looks at all of them.
    #[error("there are {MOST_LOCKS} locks already: release some, `purser locks` shows them")]
    TooMany,
    /// Somebody else has it, or a part of it.
    #[error(
        "{0}. Have {owner} release it with `purser unlock {target}`, or wait until then",
        owner = .0.owner,
        target = .0.target
    )]
    Held(Lock),
}

impl Lock {
    /// A lock that begins now.
    ///
    /// # Errors
    /// There is no reason, or the time does not do.
    pub fn new(
        target: Target,
        owner: PersonName,
        reason: &str,
        now: Timestamp,
        lasts: Span,
    ) -> Result<Self, NoLock> {
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(NoLock::NoReason);
        }
        if reason.chars().count() > LONGEST_REASON {
            return Err(NoLock::LongReason);
        }
        if lasts.duration().is_zero() || lasts > LONGEST_LOCK {
            return Err(NoLock::Span);
        }
        Ok(Self {
            target,
            owner,
            reason: reason.to_owned(),
            since: now,
            until: now.plus(lasts.duration()),
        })
    }

    /// Whether it has expired: it holds nobody any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until <= now
    }

    /// Whether it keeps this step from beginning.
    pub(super) fn holds(&self, touch: &Touch, now: Timestamp) -> bool {
        !self.is_over(now) && self.owner != touch.by && self.target.covers(touch)
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            target,
            owner,
            reason,
            until,
            ..
        } = self;
        write!(f, "{target} is locked by {owner} until {until}: {reason}")
    }
}

/// Whether the lock can be taken beside these. Nobody may lock what somebody else has, nor what it is
/// a part of: both would keep each other waiting.
///
/// # Errors
/// The lock that is in the way, or that there are too many.
pub fn may_take(locks: &[Lock], wanted: &Lock) -> Result<LockedBefore, NoLock> {
    let in_force = || locks.iter().filter(|lock| !lock.is_over(wanted.since));
    let in_the_way =
        |lock: &&Lock| lock.owner != wanted.owner && lock.target.overlaps(&wanted.target);
    if let Some(lock) = in_force().find(in_the_way) {
        return Err(NoLock::Held(lock.clone()));
    }
    match in_force().find(|lock| lock.target == wanted.target) {
        Some(lock) => Ok(LockedBefore::Renewed(lock.clone())),
        None if in_force().count() >= MOST_LOCKS => Err(NoLock::TooMany),
        None => Ok(LockedBefore::Free),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(target: &str, owner: &str, since: i64, seconds: u64) -> Lock {
        let lasts = Span::new(Duration::from_secs(seconds));
        let since = Timestamp::from_micros(since * 1_000_000);
        Lock::new(
            target.parse().unwrap(),
            owner.into(),
            "migration",
            since,
            lasts,
        )
        .unwrap()
    }

    #[test]
    fn there_are_so_many_locks_and_no_more_and_one_that_is_there_can_be_renewed() {
        let all: Vec<_> = (0..MOST_LOCKS)
            .map(|n| lock(&format!("shop/{n}"), "ann", 0, 60))
            .collect();
        let take = |target, at| may_take(&all, &lock(target, "ann", at, 60));
        assert_eq!(take("shop/more", 1), Err(NoLock::TooMany));
        assert!(matches!(take("shop/7", 1), Ok(LockedBefore::Renewed(_))));
        assert_eq!(
            take("shop/more", 61),
            Ok(LockedBefore::Free),
            "they are over"
        );
    }

    #[test]
    fn what_somebody_else_has_is_not_taken_nor_what_it_is_a_part_of() {
        let locks = [lock("shop/web", "ann", 0, 60)];
        for target in ["shop/web", "shop", "shop/bookshop/web"] {
            let refused = may_take(&locks, &lock(target, "bo", 10, 60)).unwrap_err();
            assert_eq!(refused, NoLock::Held(locks[0].clone()));
        }
        insta::assert_snapshot!(may_take(&locks, &lock("shop", "bo", 10, 60)).unwrap_err(), @"shop/web is locked by ann until 1970-01-01T00:01:00Z: migration. Have ann release it with `purser unlock shop/web`, or wait until then");
        for free in [
            lock("shop/db", "bo", 10, 60),
            lock("blog", "bo", 10, 60),
            lock("shop/web", "bo", 60, 60),
            lock("shop", "ann", 10, 60),
        ] {
            assert_eq!(may_take(&locks, &free), Ok(LockedBefore::Free));
        }
    }

    #[test]
    fn ones_own_lock_is_renewed() {
        let locks = [lock("shop/web", "ann", 0, 60)];
        let again = may_take(&locks, &lock("shop/web", "ann", 30, 600));
        assert_eq!(again, Ok(LockedBefore::Renewed(locks[0].clone())));
    }

    #[test]
    fn a_lock_has_a_reason_and_an_end() {
        let take = |reason: &str, days: u64| {
            let lasts = Span::new(Duration::from_hours(24 * days));
            let target = "shop".parse().unwrap();
            Lock::new(
                target,
                "ann".into(),
                reason,
                Timestamp::from_micros(0),
                lasts,
            )
            .map_or_else(|why| why.to_string(), |lock| lock.to_string())
        };
        let said = [take(" ", 1), take("x", 0), take("x", 31), take(" x ", 30)];
        insta::assert_snapshot!(said.join("\n"), @"
        a lock needs a reason, for those who will wait: --reason TEXT
        a lock lasts for some time, and for 30 days at most: --for 2h
        a lock lasts for some time, and for 30 days at most: --for 2h
        shop is locked by ann until 1970-01-31T00:00:00Z: x
        ");
    }
}
