//! Instants and steps as people give them to a query.

use chrono::{DateTime, SecondsFormat, TimeZone as _};

use crate::action::{ActionError, Result};
use crate::domain::schedule::Zone;
use crate::domain::time::Timestamp;

/// Steps that people would choose, in seconds.
const STEPS: [u64; 20] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
    172_800, 604_800,
];

/// Seconds of the epoch from RFC 3339, a number of seconds, or nothing, which means now. Whole ones:
/// what is asked is what people are shown, and whoever asks it again gets the same answer.
pub(super) fn instant(given: Option<&str>, now: Timestamp) -> Result<f64> {
    exactly(given, now).map(f64::floor)
}

fn exactly(given: Option<&str>, now: Timestamp) -> Result<f64> {
    let Some(text) = given.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(seconds(now.micros()));
    };
    if let Ok(number) = text.parse::<f64>()
        && number.is_finite()
    {
        return Ok(number);
    }
    DateTime::parse_from_rfc3339(text)
        .map(|at| seconds(at.timestamp_micros()))
        .map_err(|_| {
            ActionError::fatal(format!(
                "`time` is `{text}`: write 2026-03-28T14:00:00Z, or seconds since 1970"
            ))
        })
}

#[allow(
    clippy::cast_precision_loss,
    reason = "microseconds of this age are exact"
)]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// The smallest step of those that people would choose which gives at most so many points.
pub(super) fn step(range: u64, points: u64) -> u64 {
    let least = range.div_ceil(points.max(1));
    let days = || least.div_ceil(86_400) * 86_400;
    STEPS
        .iter()
        .copied()
        .find(|step| *step >= least)
        .unwrap_or_else(days)
}

/// As Prometheus reads it: seconds to the millisecond.
pub(super) fn written(at: f64) -> String {
    format!("{at:.3}")
}

/// For people, in a zone: `2026-03-28T14:00:00Z`, `2026-03-28T17:00:00+03:00`.
#[allow(clippy::cast_possible_truncation, reason = "to the second")]
pub(super) fn shown(at: f64, zone: Zone) -> String {
    match zone.tz().timestamp_opt(at as i64, 0).single() {
        Some(at) => at.to_rfc3339_opts(SecondsFormat::Secs, true),
        None => format!("{at} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_instant_is_read_as_people_write_it() {
        let now = Timestamp::from_micros(1_500_000);
        let read = |text| instant(Some(text), now).map_err(|error| error.message);
        assert_eq!(written(instant(None, now).unwrap()), "1.000");
        assert_eq!(read("1970-01-01T01:00:00+01:00"), Ok(0.0));
        assert_eq!(read("12.5"), Ok(12.0));
        insta::assert_snapshot!(read("yesterday").unwrap_err(), @"`time` is `yesterday`: write 2026-03-28T14:00:00Z, or seconds since 1970");
    }

    proptest! {
        #[test]
        fn a_step_never_gives_more_points_than_wanted(range in 1_u64..100_000_000, points in 1_u64..1000) {
            let step = step(range, points);
            prop_assert!(range.div_ceil(step) <= points);
        }
    }
}
