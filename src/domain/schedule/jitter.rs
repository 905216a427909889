//! Jitter: schedules that are due at the same instant spread out, each by the same for the same
//! fire, so that a restart moves nothing.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::policy::ScheduleName;
use crate::domain::time::{Span, Timestamp};

/// How long after `at` the fire begins: below `most`, drawn from schedule and instant alone.
pub fn jitter(schedule: &ScheduleName, at: Timestamp, most: Option<Span>) -> Duration {
    let most = most.map_or(0, |most| most.duration().as_millis());
    let drawn = Sha256::new()
        .chain_update(schedule.to_string())
        .chain_update(at.micros().to_be_bytes())
        .finalize();
    let drawn = drawn[..8]
        .iter()
        .fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
    let millis = (drawn * most) >> 64;
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fires_spread_over_the_whole_span_and_each_stays_where_it_is() {
        let span = Some(Span::new(Duration::from_mins(5)));
        let draw = |id: &str, n: i64| {
            let name = ScheduleName::new("backup".into(), id.to_owned());
            jitter(&name, Timestamp::from_micros(n * 60_000_000), span)
        };
        let drawn: Vec<_> = (0..1000).map(|n| draw("nightly", n)).collect();
        assert!(drawn.iter().all(|pause| *pause < Duration::from_mins(5)));
        let early = drawn
            .iter()
            .filter(|pause| **pause < Duration::from_secs(150))
            .count();
        assert!(
            (400..600).contains(&early),
            "{early} of 1000 are in the first half"
        );
        assert_eq!(draw("nightly", 7), draw("nightly", 7));
        assert_ne!(draw("nightly", 7), draw("weekly", 7));
    }

    #[test]
    fn without_jitter_a_fire_begins_at_once() {
        let name = ScheduleName::new("backup".into(), "nightly".to_owned());
        assert_eq!(
            jitter(&name, Timestamp::from_micros(5), None),
            Duration::ZERO
        );
    }
}
