//! The walk over times on a clock's face, without zone and without change of clocks: the only
//! place that knows the crate `cron`.
//!
//! The crate counts Sunday as 1, wants seconds, and takes a day only when both its day of the
//! month and its day of the week are named; POSIX takes it when either is, if both are restricted.
//! So an expression becomes one or two of the crate's, walked in UTC, where every time exists once.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use chrono::{DateTime, Utc};

use super::field::Field;

/// A time on a clock's face: the seconds since 1970-01-01T00:00:00 on that same clock.
pub(super) type WallTime = i64;

/// Leap years repeat within this span, so a date that is not in it is never: 2000-01-01.
const BEGIN_OF_A_CENTURY: WallTime = 946_684_800;

/// The times that an expression names.
#[derive(Clone, Debug)]
pub(super) struct Wall {
    any_of: Vec<cron::Schedule>,
}

impl Wall {
    /// From the six fields.
    pub(super) fn of(fields: &[Field]) -> Self {
        let [second, minute, hour, day, month, weekday] = fields else {
            return Self { any_of: vec![] };
        };
        let time = [second, minute, hour]
            .map(|field| list(&field.values))
            .join(" ");
        let month = list(&month.values);
        let days = list(&day.values);
        let weekdays = list(&weekday.values.iter().map(|n| n + 1).collect());
        let lines = match (day.any, weekday.any) {
            (_, true) => vec![format!("{time} {days} {month} *")],
            (true, false) => vec![format!("{time} * {month} {weekdays}")],
            (false, false) => vec![
                format!("{time} {days} {month} *"),
                format!("{time} * {month} {weekdays}"),
            ],
        };
        let parse = |line: &String| cron::Schedule::from_str(line).ok();
        Self {
            any_of: lines.iter().filter_map(parse).collect(),
        }
    }

    /// The first time behind this one.
    pub(super) fn after(&self, time: WallTime) -> Option<WallTime> {
        let time: DateTime<Utc> = DateTime::from_timestamp(time, 0)?;
        self.any_of
            .iter()
            .filter_map(|schedule| schedule.after(&time).next())
            .map(|next| next.timestamp())
            .min()
    }

    /// Whether there is no such time in any year.
    pub(super) fn is_never(&self) -> bool {
        self.after(BEGIN_OF_A_CENTURY).is_none()
    }
}

fn list(values: &BTreeSet<u32>) -> String {
    let words: Vec<_> = values.iter().map(u32::to_string).collect();
    words.join(",")
}
