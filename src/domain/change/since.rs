//! Since when something is asked about, as people say it.

use chrono::{DateTime, Days, NaiveTime};

use crate::domain::schedule::{LocalTime, Zone};
use crate::domain::time::{Span, Timestamp};

/// A text says no instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` says no instant that is past: write a time on the clock (`14:00`), how far back (`2h`), or an \
     instant (`2026-03-28T14:00:00Z`)"
)]
pub struct NotPast(String);

/// The instant that is meant by `14:00`, the last time that the zone's clocks showed it; by `2h`, so far
/// back; or by an instant as RFC 3339 has it.
///
/// # Errors
/// The text is none of these, or means what is still to come.
pub fn since(text: &str, now: Timestamp, zone: Zone) -> Result<Timestamp, NotPast> {
    let text = text.trim();
    let span = |span: Span| now.minus(span.duration());
    on_the_clock(text, now, zone)
        .or_else(|| text.parse().map(span).ok())
        .or_else(|| text.parse().ok())
        .filter(|at| *at <= now)
        .ok_or_else(|| NotPast(text.to_owned()))
}

/// A time that comes twice on a day is the first one: rather too much is shown than too little.
fn on_the_clock(text: &str, now: Timestamp, zone: Zone) -> Option<Timestamp> {
    let time = NaiveTime::parse_from_str(text, "%H:%M").ok()?;
    let today = DateTime::from_timestamp_micros(now.micros())?;
    let today = today.with_timezone(&zone.tz()).date_naive();
    let shown = |day: chrono::NaiveDate| {
        let time: LocalTime = day
            .and_time(time)
            .format("%Y-%m-%dT%H:%M")
            .to_string()
            .parse()
            .ok()?;
        Some(time.first_in(zone))
    };
    shown(today)
        .filter(|at| *at <= now)
        .or_else(|| shown(today.checked_sub_days(Days::new(1))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(text: &str, now: &str) -> String {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        match since(text, now.parse().unwrap(), berlin) {
            Ok(at) => at.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_time_on_the_clock_is_the_last_time_that_it_was_shown() {
        let afternoon = "2026-07-01T13:30:00Z";
        assert_eq!(meant("14:00", afternoon), "2026-07-01T12:00:00Z");
        assert_eq!(meant("15:30", afternoon), afternoon);
        assert_eq!(meant("15:31", afternoon), "2026-06-30T13:31:00Z");
        assert_eq!(
            meant("0:15", "2026-06-30T22:20:00Z"),
            "2026-06-30T22:15:00Z"
        );
        // The clocks go back from 03:00 to 02:00 at one o'clock of UTC.
        assert_eq!(
            meant("02:30", "2026-10-25T02:00:00Z"),
            "2026-10-25T00:30:00Z"
        );
    }

    #[test]
    fn a_length_is_so_far_back_and_an_instant_is_itself() {
        let now = "2026-07-01T13:30:00Z";
        assert_eq!(meant("2h", now), "2026-07-01T11:30:00Z");
        assert_eq!(
            meant("2026-07-01T14:00:00+02:00", now),
            "2026-07-01T12:00:00Z"
        );
    }

    #[test]
    fn what_says_no_past_instant_is_refused() {
        let now = "2026-07-01T13:30:00Z";
        for text in ["yesterday", "25:00", "14", "2026-07-01T15:30:01+02:00", ""] {
            assert!(
                meant(text, now).contains("says no instant that is past"),
                "{text}"
            );
        }
    }
}
