//! One time on a clock's face, as people write it.

use std::str::FromStr;

use chrono::NaiveDateTime;

use super::wall::WallTime;
use super::zone::{Shown, Zone};
use crate::domain::time::Timestamp;

/// A time on a clock's face, of whatever zone: `2026-12-20T00:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime(WallTime);

/// A text is no such time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time on a clock: write it as 2026-12-20T00:00, without an offset")]
pub struct NoLocalTime(String);

impl LocalTime {
    /// When the zone's clocks show it first. Where they go on past it, at that change.
    pub fn first_in(self, zone: Zone) -> Timestamp {
        instant(match zone.shown(self.0) {
            Shown::Once(at) | Shown::Twice(at, _) => at,
            Shown::Never(shift) => shift.at,
        })
    }

    /// When they show it last.
    pub fn last_in(self, zone: Zone) -> Timestamp {
        instant(match zone.shown(self.0) {
            Shown::Once(at) | Shown::Twice(_, at) => at,
            Shown::Never(shift) => shift.at,
        })
    }
}

fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds.saturating_mul(1_000_000))
}

impl FromStr for LocalTime {
    type Err = NoLocalTime;

    fn from_str(text: &str) -> Result<Self, NoLocalTime> {
        ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
            .into_iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .map(|time| Self(time.and_utc().timestamp()))
            .ok_or_else(|| NoLocalTime(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> (String, String) {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        let time: LocalTime = text.parse().unwrap();
        (
            time.first_in(berlin).to_string(),
            time.last_in(berlin).to_string(),
        )
    }

    #[test]
    fn a_time_is_when_the_zones_clocks_show_it() {
        let same = |at: &str| (at.to_owned(), at.to_owned());
        assert_eq!(shown("2026-07-01T12:00"), same("2026-07-01T10:00:00Z"));
        assert_eq!(shown("2026-03-29T02:30"), same("2026-03-29T01:00:00Z"));
        assert_eq!(
            shown("2026-10-25T02:30:15"),
            (
                "2026-10-25T00:30:15Z".to_owned(),
                "2026-10-25T01:30:15Z".to_owned()
            )
        );
        assert!("2026-12-20".parse::<LocalTime>().is_err());
        assert!("2026-12-20T00:00Z".parse::<LocalTime>().is_err());
    }
}
