//! Time zones, from the database that is built in: what a clock shows where, and when it changes.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::wall::WallTime;
use crate::domain::nearest;
use crate::domain::time::Timestamp;

/// Two changes of one zone's clocks never lie closer together, in seconds.
const CLOSEST: i64 = 12 * 60 * 60;

/// No clock is changed by more, in seconds.
const FURTHEST: i64 = 26 * 60 * 60;

/// A time zone by its name in the tz database: `Europe/Istanbul`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub struct Zone(#[schemars(with = "String")] Tz);

/// There is no zone of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownZone(String);

/// A change of clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    /// The first instant of the new time, in seconds since the epoch.
    pub(super) at: i64,
    /// What was added to UTC before, in seconds.
    pub(super) before: i64,
    /// What is added from then on.
    pub(super) after: i64,
}

impl Shift {
    /// What clocks would have shown at that instant.
    pub(super) fn old_time(self) -> WallTime {
        self.at + self.before
    }

    /// What they show.
    pub(super) fn new_time(self) -> WallTime {
        self.at + self.after
    }
}

/// When clocks show a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Once(i64),
    /// The clocks go back over it.
    Twice(i64, i64),
    /// The clocks go on past it.
    Never(Shift),
}

/// The edition of the time zone database that is built in: `2025b`.
pub const DATABASE: &str = chrono_tz::IANA_TZDB_VERSION;

impl Zone {
    /// UTC, where clocks never change.
    pub const UTC: Self = Self(Tz::UTC);

    /// The zone as the database's own type.
    pub fn tz(self) -> Tz {
        self.0
    }

    /// An instant as its clocks show it: RFC 3339, with the offset.
    pub fn shows(self, at: Timestamp) -> String {
        if self == Self::UTC {
            return at.to_string();
        }
        self.local(at.micros().div_euclid(1_000_000))
    }

    /// What is added to UTC at an instant, in seconds.
    pub(super) fn offset(self, at: i64) -> i64 {
        let at = DateTime::from_timestamp(at, 0).unwrap_or_default();
        let offset = self.0.offset_from_utc_datetime(&at.naive_utc());
        i64::from(offset.fix().local_minus_utc())
    }

    /// The first change of clocks in the seconds behind `from`, up to `to`.
    pub(super) fn first_shift(self, from: i64, to: i64) -> Option<Shift> {
        let before = self.offset(from);
        let mut low = from;
        while low < to {
            let high = (low + CLOSEST).min(to);
            if self.offset(high) != before {
                let at = self.bisect(low, high, before);
                let after = self.offset(at);
                return Some(Shift { at, before, after });
            }
            low = high;
        }
        None
    }

    fn bisect(self, mut low: i64, mut high: i64, before: i64) -> i64 {
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.offset(middle) == before {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }

    /// When clocks show this time.
    pub(super) fn shown(self, time: WallTime) -> Shown {
        let wall = DateTime::from_timestamp(time, 0).unwrap_or_default();
        match self.0.from_local_datetime(&wall.naive_utc()) {
            chrono::MappedLocalTime::Single(at) => Shown::Once(at.timestamp()),
            chrono::MappedLocalTime::Ambiguous(first, second) => {
                Shown::Twice(first.timestamp(), second.timestamp())
            }
            chrono::MappedLocalTime::None => self
                .first_shift(time - FURTHEST, time + FURTHEST)
                .map_or(Shown::Once(time), Shown::Never),
        }
    }

    /// RFC 3339 with the offset, as clocks show it.
    pub(super) fn local(self, at: i64) -> String {
        let at = DateTime::from_timestamp(at, 0).unwrap_or_default();
        at.with_timezone(&self.0).to_rfc3339()
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.name())
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        text.parse().map(Self).map_err(|_| {
            // `Berlin` is how people call `Europe/Berlin`.
            let city = |tz: &&Tz| {
                let last = tz.name().rsplit('/').next();
                last.is_some_and(|last| last.eq_ignore_ascii_case(&text.replace(' ', "_")))
            };
            let near = chrono_tz::TZ_VARIANTS
                .iter()
                .rev()
                .find(city)
                .map(|tz| tz.name())
                .or_else(|| {
                    nearest::nearest(text, chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name()))
                });
            UnknownZone(match near {
                Some(near) => format!("unknown time zone `{text}`; did you mean `{near}`?"),
                None => format!(
                    "unknown time zone `{text}`: write one of the tz database, as in \
                     `Europe/Istanbul` or `UTC`"
                ),
            })
        })
    }
}

impl Serialize for Zone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_is_not_there_has_a_near_one() {
        let said = [
            "Europe/Berln",
            "europe/berlin",
            "Istanbul",
            "new york",
            "xyzzy",
            "",
        ]
        .map(|text| text.parse::<Zone>().unwrap_err().to_string())
        .join("\n");
        insta::assert_snapshot!(said, @"
        unknown time zone `Europe/Berln`; did you mean `Europe/Berlin`?
        unknown time zone `europe/berlin`; did you mean `Europe/Berlin`?
        unknown time zone `Istanbul`; did you mean `Europe/Istanbul`?
        unknown time zone `new york`; did you mean `America/New_York`?
        unknown time zone `xyzzy`: write one of the tz database, as in `Europe/Istanbul` or `UTC`
        unknown time zone ``: write one of the tz database, as in `Europe/Istanbul` or `UTC`
        ");
    }

    #[test]
    fn the_first_change_of_clocks_is_found_to_the_second() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        // 2026-01-01 to 2027-01-01; the clocks go on at 2026-03-29T01:00:00Z.
        let shift = berlin.first_shift(1_767_225_600, 1_798_761_600).unwrap();
        assert_eq!(
            (shift.at, shift.before, shift.after),
            (1_774_746_000, 3600, 7200)
        );
        assert_eq!(Zone::UTC.first_shift(1_767_225_600, 1_798_761_600), None);
    }
}
