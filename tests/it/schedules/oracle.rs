//! Every fire of five years, against `croner`: an independent implementation of the same rules.

use std::iter;
use std::str::FromStr as _;
use std::sync::LazyLock;

use chrono::{DateTime, Offset as _, TimeZone as _, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use proptest::prelude::*;
use purser::domain::schedule::{Expression, Timing, Zone};
use purser::domain::time::Timestamp;

/// Changes of half an hour, at midnight, in the month of fasting, in the south, and none; Istanbul
/// and Mexico City gave them up.
const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Mexico_City",
    "Europe/Istanbul",
    "UTC",
];

/// 2021-06-15 to 2026-06-15: Mexico City gives its changes up in 2022, Cairo takes them up in 2023.
const BEGIN: i64 = 1_623_715_200;
const END: i64 = 1_781_481_600;

/// Fires that are compared in one stretch.
const STRETCH: usize = 40;

/// A field of these bounds: any, one, a list, a range, or steps.
fn field(min: u32, max: u32) -> impl Strategy<Value = String> {
    let range = (min..=max, min..=max).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        3 => Just("*".to_owned()),
        4 => (min..=max).prop_map(|n| n.to_string()),
        1 => prop::collection::btree_set(min..=max, 2..5)
            .prop_map(|set| set.iter().map(u32::to_string).collect::<Vec<_>>().join(",")),
        1 => range.clone().prop_map(|(a, b)| format!("{a}-{b}")),
        1 => (1..=(max - min) / 2).prop_map(|step| format!("*/{step}")),
        1 => (range, 2..=5_u32).prop_map(|((a, b), step)| format!("{a}-{b}/{step}")),
    ]
}

/// The hours in which clocks are changed come more often.
fn hour() -> impl Strategy<Value = String> {
    prop_oneof![
        field(0, 23),
        (0..=3_u32).prop_map(|n| n.to_string()),
        Just("1,2".to_owned()),
        Just("0-3".to_owned()),
    ]
}

fn day() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just("*".to_owned()), 1 => field(1, 31)]
}

fn expression() -> impl Strategy<Value = String> {
    let month = prop_oneof![3 => Just("*".to_owned()), 1 => field(1, 12)];
    let weekday = prop_oneof![3 => Just("*".to_owned()), 1 => field(0, 7)];
    let five = (field(0, 59), hour(), day(), month, weekday)
        .prop_map(|(m, h, d, month, w)| format!("{m} {h} {d} {month} {w}"));
    (five, prop::option::weighted(0.2, field(0, 59))).prop_map(|(five, second)| match second {
        Some(second) => format!("{second} {five}"),
        None => five,
    })
}

/// For each zone where to begin: at the first instant, and around each change of its clocks.
static BEGINNINGS: LazyLock<Vec<(&str, Vec<i64>)>> =
    LazyLock::new(|| ZONES.map(|zone| (zone, beginnings(zone))).to_vec());

fn beginnings(zone: &str) -> Vec<i64> {
    let zone = Tz::from_str(zone).unwrap();
    let offset = |at: i64| {
        let at = DateTime::from_timestamp(at, 0).unwrap();
        zone.offset_from_utc_datetime(&at.naive_utc())
            .fix()
            .local_minus_utc()
    };
    let hours = (BEGIN..END).step_by(3600);
    let changes = hours.filter(|at| offset(*at) != offset(at + 3600));
    iter::once(BEGIN)
        .chain(changes.flat_map(|at| [at - 86_400, at - 1800, at + 3600 + 600]))
        .collect()
}

/// The next fires behind an instant, until the five years are over.
fn ours(expression: &str, zone: &str, from: i64) -> Vec<i64> {
    let timing = Timing::new(expression.parse().unwrap(), zone.parse::<Zone>().unwrap());
    timing
        .after(Timestamp::from_micros(from * 1_000_000))
        .map(|fire| fire.at.micros() / 1_000_000)
        .take(STRETCH)
        .take_while(|at| *at < END)
        .collect()
}

fn theirs(cron: &Cron, zone: Tz, from: i64) -> Vec<i64> {
    let from: DateTime<Utc> = DateTime::from_timestamp(from, 0).unwrap();
    let mut at = from.with_timezone(&zone);
    let mut found = vec![];
    while found.len() < STRETCH {
        let Ok(next) = cron.find_next_occurrence(&at, false) else {
            break;
        };
        if next.timestamp() >= END {
            break;
        }
        found.push(next.timestamp());
        at = next;
    }
    found
}

fn told(instants: &[i64]) -> Vec<String> {
    instants
        .iter()
        .map(|at| DateTime::from_timestamp(*at, 0).unwrap().to_rfc3339())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_fire_is_where_croner_has_it(
        expression in expression(),
        (zone, beginnings) in prop::sample::select(&**BEGINNINGS),
    ) {
        let parser = CronParser::builder().seconds(Seconds::Optional).build();
        let cron = parser.parse(&expression).unwrap();
        // It looks for a day that there is not for a very long time.
        let never = expression.parse::<Expression>().unwrap().never_fires();
        let tz = Tz::from_str(zone).unwrap();
        for from in beginnings {
            let expected = if never { vec![] } else { theirs(&cron, tz, from) };
            prop_assert_eq!(
                told(&ours(&expression, zone, from)), told(&expected),
                "{} in {} from {}", expression, zone, told(&[from])[0]
            );
        }
    }
}
