//! The two axes: where round values and round times are.

use chrono::{DateTime, Offset as _, TimeZone as _, Timelike as _};
use chrono_tz::Tz;

use crate::domain::schedule::Zone;
use crate::domain::unit::Unit;

/// About as many lines across.
const VALUE_TICKS: f64 = 5.0;
/// No more labels of time have room beside each other.
const TIME_TICKS: f64 = 5.0;

/// A line of the grid.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) text: String,
}

/// The values from bottom to top, halved: the difference of two large numbers may be none.
pub(super) struct ValueAxis {
    low: f64,
    high: f64,
    pub(super) ticks: Vec<Tick>,
}

impl ValueAxis {
    /// An axis on which all these values lie; `None` if there are none.
    pub(super) fn over(values: impl Iterator<Item = f64>, unit: Unit) -> Option<Self> {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if low > high {
            return None;
        }
        // Zero belongs to it, unless it is far away and would make the lines flat.
        let (low, high) = match (low, high) {
            (low, high) if high <= low => (low.min(0.0), high.max(0.0)),
            (low, high) if low > 0.0 && low < high / 2.0 => (0.0, high),
            (low, high) if high < 0.0 && high > low / 2.0 => (low, 0.0),
            other => other,
        };
        let (low, high) = if high <= low { (0.0, 1.0) } else { (low, high) };
        let step = round_step((high / 2.0 - low / 2.0) / (VALUE_TICKS / 2.0), unit);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let count = last - first;
        // Behind the largest numbers there is no round one.
        let is_drawable = (first * step).is_finite() && (last * step).is_finite();
        if !is_drawable || !count.is_finite() || count > 1000.0 || step <= 0.0 {
            let ticks = labelled(&[low, high], unit, high - low);
            return Some(Self { low, high, ticks });
        }
        let places = std::iter::successors(Some(0.0), |n| Some(n + 1.0));
        let places = places.take_while(|n| *n <= count);
        let at: Vec<f64> = places.map(|n| (first + n) * step).collect();
        Some(Self {
            low: at[0],
            high: at[at.len() - 1],
            ticks: labelled(&at, unit, step),
        })
    }

    /// Where a value lies between bottom and top.
    pub(super) fn share(&self, value: f64) -> f64 {
        let whole = self.high / 2.0 - self.low / 2.0;
        (value / 2.0 - self.low / 2.0) / whole
    }
}

/// With their units; more figures where those would be alike.
fn labelled(at: &[f64], unit: Unit, step: f64) -> Vec<Tick> {
    let mut texts: Vec<String> = at.iter().map(|value| unit.text(*value)).collect();
    if texts.windows(2).any(|pair| pair[0] == pair[1]) {
        let decimals = (0..12)
            .find(|n| step * 10_f64.powi(*n) >= 1.0)
            .unwrap_or(12);
        let decimals = usize::try_from(decimals).unwrap_or(0);
        texts = at
            .iter()
            .map(|value| format!("{value:.decimals$}"))
            .collect();
    }
    let ticks = at.iter().zip(texts);
    ticks.map(|(at, text)| Tick { at: *at, text }).collect()
}

/// The smallest step that people count in, and that is at least this large.
fn round_step(least: f64, unit: Unit) -> f64 {
    const SECONDS: [f64; 12] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0,
    ];
    let powers = |base: f64| base.powf(least.log(base).floor());
    let of = |power: f64, steps: &[f64]| {
        steps
            .iter()
            .map(|step| step * power)
            .find(|step| *step >= least)
    };
    let decimal = || of(powers(10.0), &[1.0, 2.0, 5.0, 10.0]).unwrap_or(least);
    match unit {
        Unit::Bytes | Unit::BytesPerSecond if least > 1.0 => {
            let steps = [
                1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 256.0, 512.0, 1024.0,
            ];
            of(powers(1024.0), &steps).unwrap_or(least)
        }
        Unit::Seconds if least > 1.0 => of(1.0, &SECONDS)
            .or_else(|| of(3600.0, &[2.0, 6.0, 12.0, 24.0, 48.0, 120.0, 240.0]))
            .unwrap_or_else(decimal),
        _ => decimal(),
    }
}

/// The time from left to right.
pub(super) struct TimeAxis {
    from: f64,
    to: f64,
    pub(super) ticks: Vec<Tick>,
}

impl TimeAxis {
    pub(super) fn over(from: f64, to: f64, zone: Zone) -> Self {
        const STEPS: [f64; 20] = [
            1.0,
            5.0,
            10.0,
            15.0,
            30.0,
            60.0,
            120.0,
            300.0,
            600.0,
            900.0,
            1800.0,
            3600.0,
            7200.0,
            10_800.0,
            21_600.0,
            43_200.0,
            86_400.0,
            172_800.0,
            604_800.0,
            1_209_600.0,
        ];
        let least = (to - from) / TIME_TICKS;
        let months = || (least / 2_592_000.0).ceil() * 2_592_000.0;
        let step = STEPS
            .into_iter()
            .find(|step| *step >= least)
            .unwrap_or_else(months);
        let mut ticks = Vec::new();
        let mut at = first_tick(from, step, zone.tz());
        while at <= to && ticks.len() < 20 {
            ticks.extend(local(at, zone.tz()).map(|local| Tick {
                at,
                text: label(&local, step),
            }));
            // Behind a change of the clock round times lie elsewhere.
            at = first_tick(at + step / 2.0, step, zone.tz()).max(at + step / 2.0);
        }
        Self { from, to, ticks }
    }

    /// Where an instant lies between left and right.
    pub(super) fn share(&self, at: f64) -> f64 {
        (at - self.from) / (self.to - self.from)
    }
}

/// The first instant not before this one at which a clock in the zone shows a multiple of the step.
fn first_tick(from: f64, step: f64, zone: Tz) -> f64 {
    let offset = local(from, zone).map_or(0, |local| local.offset().fix().local_minus_utc());
    let offset = f64::from(offset);
    ((from + offset) / step).ceil() * step - offset
}

#[allow(clippy::cast_possible_truncation, reason = "to the second")]
fn local(at: f64, zone: Tz) -> Option<DateTime<Tz>> {
    zone.timestamp_opt(at.round() as i64, 0).single()
}

fn label(at: &DateTime<Tz>, step: f64) -> String {
    let is_midnight = at.num_seconds_from_midnight() == 0;
    let format = match step {
        _ if is_midnight || step >= 86_400.0 => "%-d %b",
        _ if step < 60.0 => "%H:%M:%S",
        _ => "%H:%M",
    };
    at.format(format).to_string()
}

/// `1 Jan 2025 02:59–03:59 Europe/Istanbul`.
pub(super) fn range(from: f64, to: f64, zone: Zone) -> String {
    let (Some(from), Some(to)) = (local(from, zone.tz()), local(to, zone.tz())) else {
        return zone.tz().name().to_owned();
    };
    let end = if from.date_naive() == to.date_naive() {
        to.format("%H:%M")
    } else {
        to.format("%-d %b %H:%M")
    };
    format!(
        "{}–{end} {}",
        from.format("%-d %b %Y %H:%M"),
        zone.tz().name()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(values: &[f64], unit: Unit) -> String {
        let axis = ValueAxis::over(values.iter().copied(), unit).unwrap();
        let texts: Vec<_> = axis.ticks.iter().map(|tick| tick.text.as_str()).collect();
        texts.join(", ")
    }

    #[test]
    fn the_grid_is_at_round_values() {
        let mib = 1024.0 * 1024.0;
        insta::assert_snapshot!(values(&[3.0, 97.0], Unit::None), @"0, 20, 40, 60, 80, 100");
        insta::assert_snapshot!(values(&[400.0 * mib, 1350.0 * mib], Unit::Bytes), @"0 B, 512 MiB, 1 GiB, 1.5 GiB");
        insta::assert_snapshot!(values(&[0.912, 0.998], Unit::Ratio), @"90 %, 92 %, 94 %, 96 %, 98 %, 100 %");
        insta::assert_snapshot!(values(&[40.0, 700.0], Unit::Seconds), @"0 s, 5 min, 10 min, 15 min");
        insta::assert_snapshot!(values(&[1_000_001.0, 1_000_004.0], Unit::None), @"1000001, 1000002, 1000003, 1000004");
        insta::assert_snapshot!(values(&[-5.0, 5.0], Unit::Celsius), @"-6 °C, -4 °C, -2 °C, 0 °C, 2 °C, 4 °C, 6 °C");
        insta::assert_snapshot!(values(&[0.0, 0.0], Unit::None), @"0, 0.2, 0.4, 0.6, 0.8, 1");
        insta::assert_snapshot!(values(&[7.0], Unit::PerSecond), @"0/s, 2/s, 4/s, 6/s, 8/s");
    }

    #[test]
    fn the_largest_numbers_lie_on_their_axis_too() {
        for value in [-1.758_386_542_263_370_1e308, f64::MAX, f64::MIN] {
            let axis = ValueAxis::over([value].into_iter(), Unit::Bytes).unwrap();
            assert!((0.0..=1.0).contains(&axis.share(value)), "{value}");
        }
    }

    fn times(from: f64, hours: f64, zone: &str) -> String {
        let axis = TimeAxis::over(from, from + hours * 3600.0, zone.parse().unwrap());
        let texts: Vec<_> = axis.ticks.iter().map(|tick| tick.text.as_str()).collect();
        texts.join(", ")
    }

    #[test]
    fn the_grid_is_at_round_times_of_the_zone() {
        let begin = 1_735_689_600.0;
        insta::assert_snapshot!(times(begin, 1.0, "UTC"), @"1 Jan, 00:15, 00:30, 00:45, 01:00");
        insta::assert_snapshot!(times(begin, 24.0, "Asia/Kathmandu"), @"06:00, 12:00, 18:00, 2 Jan");
        insta::assert_snapshot!(times(begin, 168.0, "Europe/Istanbul"), @"2 Jan, 4 Jan, 6 Jan, 8 Jan");
        insta::assert_snapshot!(times(begin, 0.02, "UTC"), @"1 Jan, 00:00:15, 00:00:30, 00:00:45, 00:01:00");
        // At one of these nights two o'clock is followed by three.
        let spring = 1_743_200_000.0;
        insta::assert_snapshot!(times(spring, 12.0, "Europe/Berlin"), @"29 Mar, 03:00, 06:00, 09:00");
    }

    proptest! {
        #[test]
        fn every_value_lies_on_its_axis(all in proptest::collection::vec(any::<f64>(), 1..20)) {
            let finite: Vec<f64> = all.into_iter().filter(|value| value.is_finite()).collect();
            if let Some(axis) = ValueAxis::over(finite.iter().copied(), Unit::Bytes) {
                prop_assert!((1..=1002).contains(&axis.ticks.len()));
                for value in finite {
                    let share = axis.share(value);
                    prop_assert!((-1e-9..=1.0 + 1e-9).contains(&share), "{share}");
                }
            }
        }

        #[test]
        fn no_range_has_more_labels_than_have_room(from in 0.0_f64..4e9, range in 1.0_f64..1e9) {
            let axis = TimeAxis::over(from, from + range, "Europe/Berlin".parse().unwrap());
            prop_assert!(axis.ticks.len() <= 8, "{}", axis.ticks.len());
        }
    }
}
