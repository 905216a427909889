//! From fire to fire, across the changes of clocks (decision 15).
//!
//! A *fixed* time, one hour and minute of the day, fires once for each day that names it: when the
//! clocks go on past it, at the first instant behind; when they go back over it, at the first of
//! the two. Everything else follows the hours that there are: a time that the clocks go on past
//! does not come, one that they go back over comes twice.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::expression::Expression;
use super::wall::WallTime;
use super::zone::{Shift, Shown, Zone};
use crate::domain::time::{Timestamp, rfc3339};

const MICROS: i64 = 1_000_000;

/// An expression by the clocks of a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    expression: Expression,
    zone: Zone,
}

/// One time at which a schedule fires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fire {
    /// When.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    /// What the zone's clocks show then: RFC 3339 with the offset.
    pub local: String,
    /// Why it is then, where a change of clocks has moved it, doubled it or dropped one before it.
    pub reason: Option<String>,
}

impl fmt::Display for Timing {
    /// `30 2 * * * Europe/Istanbul`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.expression, self.zone)
    }
}

impl Timing {
    /// This expression by the clocks of this zone.
    pub fn new(expression: Expression, zone: Zone) -> Self {
        Self { expression, zone }
    }

    /// The expression.
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// The zone.
    pub fn zone(&self) -> Zone {
        self.zone
    }

    /// An instant as the zone's clocks show it: RFC 3339 with the offset.
    pub fn local(&self, at: Timestamp) -> String {
        self.zone.local(at.micros().div_euclid(MICROS))
    }

    /// The first fire behind this instant; `None` when there is none in this century.
    pub fn next(&self, after: Timestamp) -> Option<Fire> {
        // Fires are whole seconds: what is behind the instant is behind its second.
        let after = after.micros().div_euclid(MICROS);
        let (at, reason) = if self.expression.is_fixed() {
            self.next_fixed(after)?
        } else {
            self.next_real(after)?
        };
        Some(Fire {
            at: Timestamp::from_micros(at.checked_mul(MICROS)?),
            local: self.zone.local(at),
            reason,
        })
    }

    /// All fires behind this instant, in order.
    pub fn after(&self, after: Timestamp) -> impl Iterator<Item = Fire> + '_ {
        let first = self.next(after);
        std::iter::successors(first, |fire| self.next(fire.at))
    }

    fn next_fixed(&self, after: i64) -> Option<(i64, Option<String>)> {
        let mut time = after + self.zone.offset(after);
        loop {
            time = self.expression.wall.after(time)?;
            let (at, reason) = match self.zone.shown(time) {
                Shown::Once(at) => (at, None),
                Shown::Twice(first, second) => (first, Some(self.twice(time, first, second))),
                Shown::Never(shift) => (shift.at, Some(moved(time, shift))),
            };
            if at > after {
                return Some((at, reason));
            }
        }
    }

    fn next_real(&self, after: i64) -> Option<(i64, Option<String>)> {
        let mut from = after;
        let mut offset = self.zone.offset(from);
        let mut time = from + offset;
        let mut dropped = None;
        loop {
            let next = self.expression.wall.after(time)?;
            let at = next - offset;
            let Some(shift) = self.zone.first_shift(from, at) else {
                return Some((at, dropped.or_else(|| self.again(next, at))));
            };
            dropped = self.dropped(time, shift).or(dropped);
            from = shift.at;
            offset = shift.after;
            // The first instant behind the change counts, too.
            time = shift.new_time() - 1;
        }
    }

    /// What a fixed time is told that comes twice.
    fn twice(&self, time: WallTime, first: i64, second: i64) -> String {
        let shift = self.zone.first_shift(first, second);
        format!(
            "{} comes twice on {}{}: it fires once, at the first",
            clock(time),
            date(time),
            shift.map(since).unwrap_or_default()
        )
    }

    /// Why a time comes again that has come already.
    fn again(&self, time: WallTime, at: i64) -> Option<String> {
        match self.zone.shown(time) {
            Shown::Twice(first, second) if second == at => Some(format!(
                "{} comes twice on {}{}: this is the second",
                clock(time),
                date(time),
                self.zone
                    .first_shift(first, second)
                    .map(since)
                    .unwrap_or_default()
            )),
            _ => None,
        }
    }

    /// Which times behind `time` a change of clocks leaves out.
    fn dropped(&self, time: WallTime, shift: Shift) -> Option<String> {
        let begin = time.max(shift.old_time() - 1);
        let wall = &self.expression.wall;
        let first = wall.after(begin).filter(|time| *time < shift.new_time())?;
        let mut last = first;
        let mut count = 1;
        while let Some(next) = wall.after(last).filter(|time| *time < shift.new_time()) {
            last = next;
            count += 1;
        }
        let times = if count == 1 {
            format!("{} does", clock(first))
        } else {
            format!("{count} times from {} to {} do", clock(first), clock(last))
        };
        Some(format!(
            "{times} not come on {}{}: dropped",
            date(first),
            since(shift)
        ))
    }
}

fn moved(time: WallTime, shift: Shift) -> String {
    format!(
        "{} does not come on {}{}: it fires at {}",
        clock(time),
        date(time),
        since(shift),
        clock(shift.new_time())
    )
}

/// `, since the clocks go on from 02:00 to 03:00`.
fn since(shift: Shift) -> String {
    let way = if shift.after > shift.before {
        "on"
    } else {
        "back"
    };
    format!(
        ", since the clocks go {way} from {} to {}",
        clock(shift.old_time()),
        clock(shift.new_time())
    )
}

/// `02:30`, or `02:30:15`.
fn clock(time: WallTime) -> String {
    let second = time.rem_euclid(60);
    let minutes = time.div_euclid(60).rem_euclid(24 * 60);
    let text = format!("{:02}:{:02}", minutes / 60, minutes % 60);
    if second == 0 {
        text
    } else {
        format!("{text}:{second:02}")
    }
}

/// `2026-03-29`.
fn date(time: WallTime) -> String {
    chrono::DateTime::from_timestamp(time, 0)
        .unwrap_or_default()
        .date_naive()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next fires behind an instant, as a preview shows them.
    fn fires(expression: &str, zone: &str, from: &str, count: usize) -> String {
        let timing = Timing::new(expression.parse().unwrap(), zone.parse().unwrap());
        let from = from.parse().unwrap();
        let line = |fire: Fire| {
            let reason = fire
                .reason
                .map(|reason| format!(" ({reason})"))
                .unwrap_or_default();
            format!("{} = {}{reason}", fire.at, fire.local)
        };
        let lines: Vec<_> = timing.after(from).take(count).map(line).collect();
        lines.join("\n")
    }

    #[test]
    fn a_fixed_time_that_the_clocks_go_on_past_fires_at_the_first_instant_behind() {
        insta::assert_snapshot!(fires("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3), @"
        2026-03-28T01:30:00Z = 2026-03-28T02:30:00+01:00
        2026-03-29T01:00:00Z = 2026-03-29T03:00:00+02:00 (02:30 does not come on 2026-03-29, since the clocks go on from 02:00 to 03:00: it fires at 03:00)
        2026-03-30T00:30:00Z = 2026-03-30T02:30:00+02:00
        ");
        insta::assert_snapshot!(fires("0 0 * * *", "Africa/Cairo", "2026-04-23T00:00:00Z", 3), @"
        2026-04-23T22:00:00Z = 2026-04-24T01:00:00+03:00 (00:00 does not come on 2026-04-24, since the clocks go on from 00:00 to 01:00: it fires at 01:00)
        2026-04-24T21:00:00Z = 2026-04-25T00:00:00+03:00
        2026-04-25T21:00:00Z = 2026-04-26T00:00:00+03:00
        ");
    }

    #[test]
    fn a_fixed_time_that_the_clocks_go_back_over_fires_at_the_first_of_two() {
        insta::assert_snapshot!(fires("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2), @"
        2026-10-25T00:30:00Z = 2026-10-25T02:30:00+02:00 (02:30 comes twice on 2026-10-25, since the clocks go back from 03:00 to 02:00: it fires once, at the first)
        2026-10-26T01:30:00Z = 2026-10-26T02:30:00+01:00
        ");
    }

    #[test]
    fn a_fixed_time_does_not_fire_again_when_one_looks_from_between_the_two() {
        // 00:30Z is 02:30 for the first time, 01:30Z for the second.
        insta::assert_snapshot!(fires("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1), @"2026-10-26T01:30:00Z = 2026-10-26T02:30:00+01:00");
    }

    #[test]
    fn a_fixed_time_is_not_moved_twice_when_one_looks_from_just_behind() {
        insta::assert_snapshot!(fires("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", 1), @"2026-03-30T00:30:00Z = 2026-03-30T02:30:00+02:00");
    }

    #[test]
    fn intervals_follow_the_hours_that_there_are() {
        insta::assert_snapshot!(fires("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 4), @"
        2026-03-29T00:30:00Z = 2026-03-29T01:30:00+01:00
        2026-03-29T01:00:00Z = 2026-03-29T03:00:00+02:00 (2 times from 02:00 to 02:30 do not come on 2026-03-29, since the clocks go on from 02:00 to 03:00: dropped)
        2026-03-29T01:30:00Z = 2026-03-29T03:30:00+02:00
        2026-03-29T02:00:00Z = 2026-03-29T04:00:00+02:00
        ");
        insta::assert_snapshot!(fires("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:40:00Z", 7), @"
        2026-10-25T00:00:00Z = 2026-10-25T02:00:00+02:00
        2026-10-25T00:30:00Z = 2026-10-25T02:30:00+02:00
        2026-10-25T01:00:00Z = 2026-10-25T02:00:00+01:00 (02:00 comes twice on 2026-10-25, since the clocks go back from 03:00 to 02:00: this is the second)
        2026-10-25T01:30:00Z = 2026-10-25T02:30:00+01:00 (02:30 comes twice on 2026-10-25, since the clocks go back from 03:00 to 02:00: this is the second)
        2026-10-25T02:00:00Z = 2026-10-25T03:00:00+01:00
        2026-10-25T02:30:00Z = 2026-10-25T03:30:00+01:00
        2026-10-25T03:00:00Z = 2026-10-25T04:00:00+01:00
        ");
    }

    #[test]
    fn a_list_of_times_is_no_fixed_time() {
        insta::assert_snapshot!(fires("30 1,2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 3), @"
        2026-03-29T00:30:00Z = 2026-03-29T01:30:00+01:00
        2026-03-29T23:30:00Z = 2026-03-30T01:30:00+02:00 (02:30 does not come on 2026-03-29, since the clocks go on from 02:00 to 03:00: dropped)
        2026-03-30T00:30:00Z = 2026-03-30T02:30:00+02:00
        ");
    }

    #[test]
    fn half_an_hour_is_enough_of_a_change() {
        insta::assert_snapshot!(fires("*/15 * * * *", "Australia/Lord_Howe", "2026-10-03T15:10:00Z", 3), @"
        2026-10-03T15:15:00Z = 2026-10-04T01:45:00+10:30
        2026-10-03T15:30:00Z = 2026-10-04T02:30:00+11:00 (2 times from 02:00 to 02:15 do not come on 2026-10-04, since the clocks go on from 02:00 to 02:30: dropped)
        2026-10-03T15:45:00Z = 2026-10-04T02:45:00+11:00
        ");
        insta::assert_snapshot!(fires("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", 2), @"
        2026-04-04T14:45:00Z = 2026-04-05T01:45:00+11:00 (01:45 comes twice on 2026-04-05, since the clocks go back from 02:00 to 01:30: it fires once, at the first)
        2026-04-05T15:15:00Z = 2026-04-06T01:45:00+10:30
        ");
    }

    #[test]
    fn a_change_a_day_long_is_told_too() {
        insta::assert_snapshot!(fires("0 9 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", 3), @"
        2011-12-29T19:00:00Z = 2011-12-29T09:00:00-10:00
        2011-12-30T10:00:00Z = 2011-12-31T00:00:00+14:00 (09:00 does not come on 2011-12-30, since the clocks go on from 00:00 to 00:00: it fires at 00:00)
        2011-12-30T19:00:00Z = 2011-12-31T09:00:00+14:00
        ");
    }

    #[test]
    fn what_never_comes_has_no_next() {
        assert_eq!(
            fires("0 0 31 2 *", "Europe/Berlin", "2026-01-01T00:00:00Z", 1),
            ""
        );
        assert_eq!(fires("0 0 1 1 *", "UTC", "2100-01-01T00:00:00Z", 1), "");
    }

    #[test]
    fn a_day_is_one_of_the_month_or_one_of_the_week() {
        insta::assert_snapshot!(fires("0 0 13 * fri", "UTC", "2026-03-01T00:00:00Z", 5), @"
        2026-03-06T00:00:00Z = 2026-03-06T00:00:00+00:00
        2026-03-13T00:00:00Z = 2026-03-13T00:00:00+00:00
        2026-03-20T00:00:00Z = 2026-03-20T00:00:00+00:00
        2026-03-27T00:00:00Z = 2026-03-27T00:00:00+00:00
        2026-04-03T00:00:00Z = 2026-04-03T00:00:00+00:00
        ");
    }

    #[test]
    fn from_the_middle_of_a_second_the_next_is_behind_it() {
        let timing = Timing::new("* * * * * *".parse().unwrap(), Zone::UTC);
        let next = |micros| {
            timing
                .next(Timestamp::from_micros(micros))
                .unwrap()
                .at
                .micros()
        };
        assert_eq!(
            [next(0), next(1), next(999_999), next(-1)],
            [1_000_000, 1_000_000, 1_000_000, 0]
        );
    }
}
