//! When a freeze is in force.

use crate::domain::schedule::{LocalTime, Timing, Zone};
use crate::domain::time::{Span, Timestamp};

/// So many windows that go over into each other count as one that never closes.
const MOST_JOINED: usize = 400;

/// A time that comes once, or again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Window(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Recurring { begins: Timing, lasts: Span },
    Once { from: Timestamp, until: Timestamp },
}

/// What somebody wrote is no window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWindow {
    /// No calendar has such a day.
    #[error("`begins`: no calendar has such a day")]
    Never,
    /// It is open for no time.
    #[error("`lasts`: it must last for some time")]
    Empty,
    /// It begins again and again before it has ended.
    #[error("it would never end: each time it begins again before `lasts` is over")]
    Always,
    /// It ends before it begins.
    #[error("`until` must be later than `from`")]
    Backwards,
}

impl Window {
    /// One that opens whenever the timing fires, and is open for so long: real time, whatever clocks
    /// show meanwhile.
    ///
    /// # Errors
    /// It would never open, or never close.
    pub fn recurring(begins: Timing, lasts: Span) -> Result<Self, NoWindow> {
        if begins.expression().never_fires() {
            return Err(NoWindow::Never);
        }
        if lasts.duration().is_zero() {
            return Err(NoWindow::Empty);
        }
        let some_day = begins.next(Timestamp::from_micros(0));
        let closes = some_day.map(|fire| joined(&begins, lasts, fire.at));
        match closes {
            Some(None) => Err(NoWindow::Always),
            _ => Ok(Self(Kind::Recurring { begins, lasts })),
        }
    }

    /// One that is open once, from one time on the clocks of a zone to another. A time that comes
    /// twice counts so that the window is the longer one.
    ///
    /// # Errors
    /// It ends before it begins.
    pub fn once(from: LocalTime, until: LocalTime, zone: Zone) -> Result<Self, NoWindow> {
        let (from, until) = (from.first_in(zone), until.last_in(zone));
        if until <= from {
            return Err(NoWindow::Backwards);
        }
        Ok(Self(Kind::Once { from, until }))
    }

    /// When it closes, if it is open at this instant.
    pub fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Kind::Once { from, until } => (*from <= now && now < *until).then_some(*until),
            Kind::Recurring { begins, lasts } => {
                let opened = begins.next(now.minus(lasts.duration()))?.at;
                if opened > now {
                    return None;
                }
                Some(joined(begins, *lasts, opened).unwrap_or(now.plus(lasts.duration())))
            }
        }
    }

    /// When it opens next behind this instant.
    pub fn opens(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Kind::Once { from, .. } => (*from > after).then_some(*from),
            Kind::Recurring { begins, .. } => begins.next(after).map(|fire| fire.at),
        }
    }
}

/// When one that has opened at this instant closes; `None` when it opens again before that as often
/// as anybody may look.
fn joined(begins: &Timing, lasts: Span, opened: Timestamp) -> Option<Timestamp> {
    let mut closes = opened.plus(lasts.duration());
    let mut fires = begins.after(opened);
    for _ in 0..MOST_JOINED {
        match fires.next() {
            Some(fire) if fire.at <= closes => closes = fire.at.plus(lasts.duration()),
            _ => return Some(closes),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recurring(begins: &str, zone: &str, lasts: &str) -> Result<Window, NoWindow> {
        let timing = Timing::new(begins.parse().unwrap(), zone.parse().unwrap());
        Window::recurring(timing, lasts.parse().unwrap())
    }

    fn once(from: &str, until: &str, zone: &str) -> Result<Window, NoWindow> {
        let time = |text: &str| text.parse::<LocalTime>().unwrap();
        Window::once(time(from), time(until), zone.parse().unwrap())
    }

    fn closes(window: &Window, now: &str) -> String {
        let until = window.open_until(now.parse().unwrap());
        until.map_or("open".to_owned(), |until| until.to_string())
    }

    #[test]
    fn clocks_that_change_over_a_weekend_move_its_end_on_them_and_not_its_length() {
        // The clocks go on during the first, and back during the second: Monday 09:00 and 07:00.
        let weekend = recurring("0 17 * * fri", "Europe/Berlin", "63h").unwrap();
        assert_eq!(
            closes(&weekend, "2026-03-28T12:00:00Z"),
            "2026-03-30T07:00:00Z"
        );
        assert_eq!(
            closes(&weekend, "2026-10-24T12:00:00Z"),
            "2026-10-26T06:00:00Z"
        );
    }

    #[test]
    fn a_begin_that_clocks_go_on_past_is_moved_as_a_schedules_fire_is() {
        let night = recurring("30 2 * * *", "Europe/Berlin", "30m").unwrap();
        // 02:30 does not come: 03:00 is the first instant behind.
        assert_eq!(closes(&night, "2026-03-29T00:59:59Z"), "open");
        assert_eq!(
            closes(&night, "2026-03-29T01:00:00Z"),
            "2026-03-29T01:30:00Z"
        );
        // 02:30 comes twice: it begins at the first, and not again.
        assert_eq!(
            closes(&night, "2026-10-25T00:30:00Z"),
            "2026-10-25T01:00:00Z"
        );
        assert_eq!(closes(&night, "2026-10-25T01:30:00Z"), "open");
    }

    #[test]
    fn once_is_by_the_clocks_of_its_zone_and_rather_longer_than_shorter() {
        let holidays = once("2026-12-20T00:00", "2027-01-02T00:00", "Europe/Berlin").unwrap();
        assert_eq!(closes(&holidays, "2026-12-19T22:59:59Z"), "open");
        assert_eq!(
            closes(&holidays, "2026-12-19T23:00:00Z"),
            "2027-01-01T23:00:00Z"
        );
        assert_eq!(closes(&holidays, "2027-01-01T23:00:00Z"), "open");
        // 02:30 comes twice that night: from the first of them to the second.
        let twice = once("2026-10-25T02:30", "2026-10-25T02:30:01", "Europe/Berlin").unwrap();
        assert_eq!(
            closes(&twice, "2026-10-25T00:30:00Z"),
            "2026-10-25T01:30:01Z"
        );
    }

    #[test]
    fn windows_that_go_over_into_each_other_close_with_the_last() {
        let nights = recurring("0 22 * * mon-wed", "UTC", "24h").unwrap();
        assert_eq!(
            closes(&nights, "2026-11-23T22:00:00Z"),
            "2026-11-26T22:00:00Z"
        );
        assert_eq!(closes(&nights, "2026-11-26T22:00:00Z"), "open");
    }

    #[test]
    fn what_would_never_open_or_never_close_is_none() {
        let said = [
            recurring("0 0 31 2 *", "UTC", "1h"),
            recurring("@daily", "UTC", "0s"),
            recurring("@daily", "UTC", "24h"),
            recurring("* * * * * *", "UTC", "2s"),
            once("2027-01-02T00:00", "2026-12-20T00:00", "UTC"),
        ]
        .map(|window| window.unwrap_err().to_string());
        insta::assert_snapshot!(said.join("\n"), @"
        `begins`: no calendar has such a day
        `lasts`: it must last for some time
        it would never end: each time it begins again before `lasts` is over
        it would never end: each time it begins again before `lasts` is over
        `until` must be later than `from`
        ");
    }
}
