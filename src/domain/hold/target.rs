//! What a lock is on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Touch, Within};
use crate::domain::names::SystemName;

/// Names of services are no longer than this, in bytes.
const LONGEST: usize = 256;

/// A system, or one service on it: `shop`, `shop/web`, `orders-db/app`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target {
    system: SystemName,
    service: Option<String>,
}

/// A text does not say what to lock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be locked: write SYSTEM, or SYSTEM/SERVICE, without blanks")]
pub struct NoTarget(String);

impl Target {
    /// The system.
    pub fn system(&self) -> &SystemName {
        &self.system
    }

    /// Whether a step that touches this is meant.
    pub(super) fn covers(&self, touch: &Touch) -> bool {
        self.system == touch.system
            && match (&self.service, &touch.within) {
                (None, _) | (Some(_), Within::Any) => true,
                (Some(locked), Within::Service(touched)) => is_same(locked, touched),
                (Some(_), Within::Nothing) => false,
            }
    }

    /// Whether there is something that is meant by both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.system == other.system
            && match (&self.service, &other.service) {
                (Some(one), Some(other)) => is_same(one, other),
                _ => true,
            }
    }
}

/// A service of a Compose project has two names, `bookshop/web` and `web`. Which of the two a step
/// goes by makes no difference to a lock; rather one step too many waits than one too few.
fn is_same(one: &str, other: &str) -> bool {
    let is_short_for = |short: &str, long: &str| {
        let project = long.strip_suffix(short);
        project.is_some_and(|project| project.ends_with('/'))
    };
    one == other || is_short_for(one, other) || is_short_for(other, one)
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            Some(service) => write!(f, "{}/{service}", self.system),
            None => self.system.fmt(f),
        }
    }
}

impl FromStr for Target {
    type Err = NoTarget;

    fn from_str(text: &str) -> Result<Self, NoTarget> {
        let (system, service) = match text.split_once('/') {
            Some((system, service)) => (system, Some(service)),
            None => (text, None),
        };
        let fits = |part: &str| {
            let is_odd = |c: char| c.is_whitespace() || c.is_control();
            !part.is_empty() && part.len() <= LONGEST && !part.contains(is_odd)
        };
        if !fits(system) || !service.is_none_or(fits) {
            return Err(NoTarget(text.chars().take(LONGEST).collect()));
        }
        Ok(Self {
            system: SystemName::from(system),
            service: service.map(str::to_owned),
        })
    }
}

impl TryFrom<String> for Target {
    type Error = NoTarget;

    fn try_from(text: String) -> Result<Self, NoTarget> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn a_target_is_read_as_it_is_shown() {
        for text in ["shop", "shop/web", "shop/bookshop/web"] {
            assert_eq!(target(text).to_string(), text);
        }
        for text in ["", "/web", "shop/", "shop/a b", "shop\n"] {
            assert!(text.parse::<Target>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn both_names_of_a_service_mean_the_same_and_no_other() {
        let overlaps = |one: &str, other: &str| {
            let (one, other) = (target(one), target(other));
            assert_eq!(one.overlaps(&other), other.overlaps(&one));
            one.overlaps(&other)
        };
        assert!(overlaps("shop/web", "shop/web"));
        assert!(overlaps("shop/web", "shop/bookshop/web"));
        assert!(overlaps("shop", "shop/web"));
        assert!(!overlaps("shop/web", "shop/oldweb"));
        assert!(!overlaps("shop/a/web", "shop/b/web"));
        assert!(!overlaps("shop/web", "blog/web"));
    }
}
