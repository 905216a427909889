//! How long what has ended is kept.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::time::{Span, Timestamp};

/// Nothing is kept for less: whoever has asked for a run still looks at how it ended.
const LEAST: Duration = Duration::from_hours(1);

/// What stands in the place of a length of time where nothing is ever removed.
const NEVER: &str = "never";

/// How long something is kept after its run has ended: `90d`, or `never` for always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub enum Keep {
    /// For so long.
    For(Span),
    /// It is never removed.
    Always,
}

impl Keep {
    /// For so many days.
    pub const fn days(days: u64) -> Self {
        Self::For(Span::new(Duration::from_hours(24 * days)))
    }

    /// Runs that have ended before this instant keep it no more; `None`: all keep it.
    pub fn ended_before(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::For(span) => Some(now.minus(span.duration())),
            Self::Always => None,
        }
    }

    /// Whether this is longer than another.
    pub fn is_longer_than(self, other: Self) -> bool {
        match (self, other) {
            (Self::For(one), Self::For(other)) => one > other,
            (Self::Always, Self::For(_)) => true,
            (_, Self::Always) => false,
        }
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == NEVER {
            return Ok(Self::Always);
        }
        let wrong = |why: String| {
            serde::de::Error::custom(format!("`{text}` {why}: write 36h, 90d or {NEVER}"))
        };
        let span: Span = text
            .parse()
            .map_err(|error| wrong(format!("is no length of time ({error})")))?;
        if span.duration() < LEAST {
            return Err(wrong("is less than an hour".to_owned()));
        }
        Ok(Self::For(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(text: &str) -> Keep {
        serde_json::from_value(text.into()).unwrap()
    }

    #[test]
    fn what_has_ended_before_goes_and_what_is_kept_always_never_does() {
        let now = Timestamp::from_micros(7_200_000_000);
        let hour_ago = Timestamp::from_micros(3_600_000_000);
        assert_eq!(keep("1h").ended_before(now), Some(hour_ago));
        assert_eq!(keep("never").ended_before(now), None);
    }

    #[test]
    fn always_is_longer_than_any_time() {
        assert!(keep("91d").is_longer_than(Keep::days(90)));
        assert!(keep("never").is_longer_than(Keep::days(90)));
        assert!(!Keep::days(90).is_longer_than(keep("never")));
        assert!(!keep("never").is_longer_than(keep("never")));
    }
}
