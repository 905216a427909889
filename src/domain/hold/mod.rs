//! Holds: what keeps steps from beginning for a while, although everybody who is asked has said yes.
//!
//! A [`Freeze`] belongs to the calendar and stands in the configuration; a [`Lock`] belongs to a
//! person and is kept in the store. Both end by themselves. Nothing here knows what time it is.

mod freeze;
mod lock;
mod target;
mod window;

use std::fmt;

use super::names::{Environment, FreezeName, PersonName, SystemName, WorkflowName};
use super::time::Timestamp;

pub use freeze::Freeze;
pub use lock::{LOCKED_FOR, LONGEST_LOCK, Lock, LockedBefore, NoLock, may_take};
pub use target::{NoTarget, Target};
pub use window::{NoWindow, Window};

/// What a step is about to act on, for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// The system.
    pub system: SystemName,
    /// Where that stands.
    pub environment: Environment,
    /// What within the system.
    pub within: Within,
    /// The workflow that was asked for.
    pub workflow: WorkflowName,
    /// Who asked for it.
    pub by: PersonName,
}

/// What within its system a step acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Within {
    /// Nothing that can be locked by itself.
    Nothing,
    /// This.
    Service(String),
    /// Something that can be: which is left to the system.
    Any,
}

/// Why a step does not begin yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// By the calendar.
    Frozen {
        /// Which freeze.
        freeze: FreezeName,
        /// The system that the step is about to act on.
        system: SystemName,
        /// Why there is that freeze.
        reason: String,
        /// When it ends.
        until: Timestamp,
    },
    /// By a person.
    Locked(Lock),
}

impl Hold {
    /// When it ends, if nobody ends it before.
    pub fn until(&self) -> Timestamp {
        match self {
            Self::Frozen { until, .. } => *until,
            Self::Locked(lock) => lock.until,
        }
    }

    /// What a person can do who does not want to wait.
    /// `glass` is the command that takes `--break-glass`, where they may give it.
    pub fn way_out(&self, glass: Option<&str>) -> String {
        let mut ways = vec!["wait until then".to_owned()];
        if let Self::Locked(Lock { owner, target, .. }) = self {
            ways.insert(
                0,
                format!("have {owner} release it with `purser unlock {target}`"),
            );
        }
        if let Some(command) = glass {
            ways.push(format!(
                "break the glass with `{command} … --break-glass REASON`"
            ));
        }
        ways.join(", or ")
    }
}

impl fmt::Display for Hold {
    /// `shop/web is locked by ann until 2026-11-25T14:00:00Z: migration`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frozen {
                freeze,
                system,
                reason,
                until,
            } => write!(f, "{system} is frozen ({freeze}) until {until}: {reason}"),
            Self::Locked(lock) => lock.fmt(f),
        }
    }
}

/// What holds a step at this instant: of several, what ends last.
pub fn held(freezes: &[Freeze], locks: &[Lock], touch: &Touch, now: Timestamp) -> Option<Hold> {
    let frozen = freezes.iter().filter_map(|freeze| freeze.hold(touch, now));
    let locked = locks.iter().filter(|lock| lock.holds(touch, now));
    frozen
        .chain(locked.map(|lock| Hold::Locked(lock.clone())))
        .max_by_key(Hold::until)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::time::Span;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn touch(service: Option<&str>) -> Touch {
        Touch {
            system: "shop".into(),
            environment: Environment::production(),
            within: service.map_or(Within::Nothing, |one| Within::Service(one.to_owned())),
            workflow: "deploy".into(),
            by: "bo".into(),
        }
    }

    fn weekend() -> Freeze {
        let begins = crate::domain::schedule::Timing::new(
            "0 17 * * fri".parse().unwrap(),
            "Europe/Berlin".parse().unwrap(),
        );
        Freeze {
            name: "weekend".into(),
            reason: "nobody is there".to_owned(),
            environments: vec![Environment::production()],
            systems: vec![],
            window: Window::recurring(begins, Span::new(Duration::from_hours(63))).unwrap(),
            except: vec!["nightly".into()],
        }
    }

    fn lock(target: &str, until: &str) -> Lock {
        Lock {
            target: target.parse().unwrap(),
            owner: "ann".into(),
            reason: "migration".to_owned(),
            since: at("2026-11-20T10:00:00Z"),
            until: at(until),
        }
    }

    fn said(freezes: &[Freeze], locks: &[Lock], touch: &Touch, now: &str) -> String {
        held(freezes, locks, touch, at(now)).map_or("free".to_owned(), |hold| hold.to_string())
    }

    #[test]
    fn a_freeze_holds_its_environment_while_its_window_is_open_and_not_what_it_excepts() {
        let freezes = [weekend()];
        let seen = |touch: &Touch, now| said(&freezes, &[], touch, now);
        let deploy = touch(Some("web"));
        // 17:00 in Berlin is 16:00Z in November; 63 hours later it is Monday, 08:00.
        assert_eq!(seen(&deploy, "2026-11-27T15:59:59Z"), "free");
        assert_eq!(
            seen(&deploy, "2026-11-27T16:00:00Z"),
            "shop is frozen (weekend) until 2026-11-30T07:00:00Z: nobody is there"
        );
        assert_eq!(seen(&deploy, "2026-11-30T07:00:00Z"), "free");
        let nightly = Touch {
            workflow: "nightly".into(),
            ..deploy.clone()
        };
        assert_eq!(seen(&nightly, "2026-11-28T12:00:00Z"), "free");
        let staging = Touch {
            environment: "staging".into(),
            ..deploy
        };
        assert_eq!(seen(&staging, "2026-11-28T12:00:00Z"), "free");
        let by_name = Freeze {
            environments: vec![],
            systems: vec!["shop".into()],
            ..weekend()
        };
        assert!(held(&[by_name], &[], &staging, at("2026-11-28T12:00:00Z")).is_some());
    }

    #[test]
    fn a_lock_holds_everybody_but_its_owner_until_it_expires() {
        let locks = [lock("shop/web", "2026-11-25T14:00:00Z")];
        let seen = |touch: &Touch, now| said(&[], &locks, touch, now);
        assert_eq!(
            seen(&touch(Some("web")), "2026-11-25T13:59:59Z"),
            "shop/web is locked by ann until 2026-11-25T14:00:00Z: migration"
        );
        assert_eq!(seen(&touch(Some("web")), "2026-11-25T14:00:00Z"), "free");
        let mine = Touch {
            by: "ann".into(),
            ..touch(Some("web"))
        };
        assert_eq!(seen(&mine, "2026-11-25T12:00:00Z"), "free");
        assert_eq!(seen(&touch(Some("db")), "2026-11-25T12:00:00Z"), "free");
        assert_eq!(seen(&touch(None), "2026-11-25T12:00:00Z"), "free");
        let whichever = Touch {
            within: Within::Any,
            ..touch(None)
        };
        assert_ne!(seen(&whichever, "2026-11-25T12:00:00Z"), "free");
    }

    #[test]
    fn of_several_holds_that_one_is_told_which_ends_last() {
        let locks = [
            lock("shop", "2026-11-28T12:00:00Z"),
            lock("shop/web", "2026-12-01T12:00:00Z"),
        ];
        let seen = said(
            &[weekend()],
            &locks,
            &touch(Some("web")),
            "2026-11-28T11:00:00Z",
        );
        assert_eq!(
            seen,
            "shop/web is locked by ann until 2026-12-01T12:00:00Z: migration"
        );
    }
}
