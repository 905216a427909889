//! This machine's clock against those of the systems, and its time zones against those that are
//! built in.

use std::time::Duration;

use super::systems::Readings;
use crate::action::ClockReading;
use crate::config::Config;
use crate::domain::finding::{Check, Finding, Remark};
use crate::domain::schedule::DATABASE;
use crate::domain::webhook::TOLERANCE;

/// More than a slow answer and a coarse header explain.
const NOTABLE: Duration = Duration::from_secs(10);

/// Where distributions keep their time zones; its first line names the edition.
const ZONES: &str = "/usr/share/zoneinfo/tzdata.zi";

/// How clock and time zones stand.
pub(super) fn look(config: &Config, readings: &Readings) -> Vec<Finding> {
    let mut found: Vec<_> = readings
        .iter()
        .filter_map(|(name, reading)| Some(of_skew(name.as_str(), skew(reading)?)))
        .map(|remark| remark.of(Check::Clock, "this machine's"))
        .collect();
    if found.is_empty() {
        found.push(agreed(readings).of(Check::Clock, "this machine's"));
    }
    let edition = std::fs::read_to_string(ZONES).ok();
    let edition = edition.as_deref().and_then(|text| text.lines().next());
    found.push(zones(config, edition).of(Check::Clock, "time zones"));
    found
}

/// A difference that cannot be explained by the time that the answer took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skew {
    /// Ours is behind theirs by at least this.
    Behind(Duration),
    /// Ours is before theirs by at least this.
    Ahead(Duration),
}

fn skew(reading: &ClockReading) -> Option<Skew> {
    let latest = reading.theirs.plus(reading.coarse);
    let behind = reading.theirs.since(reading.after);
    let ahead = reading.before.since(latest);
    if behind >= NOTABLE {
        Some(Skew::Behind(behind))
    } else if ahead >= NOTABLE {
        Some(Skew::Ahead(ahead))
    } else {
        None
    }
}

fn of_skew(name: &str, skew: Skew) -> Remark {
    let (by, word) = match skew {
        Skew::Behind(by) => (by, "behind"),
        Skew::Ahead(by) => (by, "ahead of"),
    };
    let seconds = Duration::from_secs(by.as_secs());
    let message = format!(
        "it is {} {word} the clock of `{name}`",
        humantime::format_duration(seconds)
    );
    let next = "see which of the two is wrong: `timedatectl` on both machines";
    if by >= TOLERANCE {
        let message = format!(
            "{message}: signed messages of others are refused, and schedules fire at other \
             times than they say"
        );
        Remark::problem(message, next)
    } else {
        Remark::warning(message, next)
    }
}

fn agreed(readings: &Readings) -> Remark {
    let names: Vec<_> = readings
        .iter()
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if names.is_empty() {
        Remark::well("no other clock is at hand to compare it with")
    } else {
        let limit = humantime::format_duration(NOTABLE);
        Remark::well(format!("within {limit} of that of {}", names.join(", ")))
    }
}

/// Zones are read with the configuration: an unknown one does not get here. What can be wrong is
/// that the laws have changed since.
fn zones(config: &Config, machines: Option<&str>) -> Remark {
    let zone = config.schedules.timezone;
    let machines = machines.and_then(|line| line.strip_prefix("# version "));
    match machines {
        Some(newer) if newer > DATABASE => Remark::warning(
            format!(
                "edition {DATABASE} is built in, and this machine has {newer}: where clocks change \
                 by new law, schedules fire an hour off"
            ),
            "install a newer Purser; until then write times in UTC where the law has changed",
        ),
        _ => Remark::well(format!(
            "edition {DATABASE} is built in; schedules go by {zone}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::State;
    use crate::domain::time::Timestamp;

    fn reading(before: i64, theirs: i64, after: i64) -> ClockReading {
        let at = |seconds| Timestamp::from_micros(seconds * 1_000_000);
        ClockReading {
            before: at(before),
            theirs: at(theirs),
            after: at(after),
            coarse: Duration::from_secs(1),
        }
    }

    #[test]
    fn an_answer_that_took_its_time_is_no_skew() {
        assert_eq!(skew(&reading(100, 100, 160)), None);
        assert_eq!(skew(&reading(100, 159, 160)), None);
        assert_eq!(skew(&reading(100, 95, 101)), None);
    }

    #[test]
    fn a_skew_is_at_least_what_it_is_said_to_be() {
        let seconds = Duration::from_secs;
        assert_eq!(
            skew(&reading(100, 171, 101)),
            Some(Skew::Behind(seconds(70)))
        );
        assert_eq!(skew(&reading(100, 29, 101)), Some(Skew::Ahead(seconds(70))));
    }

    #[test]
    fn five_minutes_are_a_problem_because_webhooks_are_refused() {
        let said = of_skew("minio", Skew::Ahead(Duration::from_mins(6)));
        assert_eq!(said.verdict.state(), State::Problem);
        assert!(
            said.message
                .starts_with("it is 6m ahead of the clock of `minio`: signed")
        );
        let said = of_skew("minio", Skew::Behind(Duration::from_secs(20)));
        assert_eq!(said.verdict.state(), State::Warning);
        assert_eq!(said.message, "it is 20s behind the clock of `minio`");
    }
}
