//! Units, and numbers written with them so that people can read them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a value counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A bare number.
    #[default]
    None,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// A length of time.
    Seconds,
    /// Hundredths.
    Percent,
    /// A part of one, written in hundredths.
    Ratio,
    /// How often in a second.
    PerSecond,
    /// Degrees.
    Celsius,
}

impl Unit {
    /// In a word, for headings; `None` for bare numbers.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Bytes => Some("bytes"),
            Self::BytesPerSecond => Some("bytes per second"),
            Self::Seconds => Some("seconds"),
            Self::Percent | Self::Ratio => Some("percent"),
            Self::PerSecond => Some("per second"),
            Self::Celsius => Some("°C"),
        }
    }

    /// The number with its unit, to three or four figures.
    pub fn text(self, value: f64) -> String {
        if !value.is_finite() {
            return not_finite(value).to_owned();
        }
        match self {
            Self::None => plain(value),
            Self::Bytes => bytes(value),
            Self::BytesPerSecond => format!("{}/s", bytes(value)),
            Self::Seconds => seconds(value),
            Self::Percent => format!("{} %", figures(value)),
            Self::Ratio => format!("{} %", figures(value * 100.0)),
            Self::PerSecond => format!("{}/s", plain(value)),
            Self::Celsius => format!("{} °C", figures(value)),
        }
    }
}

/// `NaN`, `+Inf` or `-Inf`.
pub fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    }
}

/// A number as it is while it is short, else with a prefix.
fn plain(value: f64) -> String {
    let size = value.abs();
    if value.fract() == 0.0 && size < 1e6 {
        return format!("{value:.0}");
    }
    if size >= 1e18 {
        return format!("{value:.2e}");
    }
    scaled(value, 1000.0, &["", " k", " M", " G", " T", " P"], 1e6)
}

fn bytes(value: f64) -> String {
    scaled(
        value,
        1024.0,
        &[" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"],
        1024.0,
    )
}

/// Divides by `base` as often as it takes to come below it, beginning at `from`.
fn scaled(value: f64, base: f64, prefixes: &[&str], from: f64) -> String {
    let (mut scaled, mut at) = (value, 0);
    // As it is when it is rounded: else it could be written as large as the base.
    while rounded(scaled).abs() >= base && at + 1 < prefixes.len() && rounded(value).abs() >= from {
        scaled /= base;
        at += 1;
    }
    format!("{}{}", figures(scaled), prefixes[at])
}

fn seconds(value: f64) -> String {
    let size = value.abs();
    let (divisor, name) = match size {
        _ if size == 0.0 => (1.0, "s"),
        _ if size < 0.000_999_5 => (1e-6, "µs"),
        _ if size < 0.9995 => (1e-3, "ms"),
        _ if size < 120.0 => (1.0, "s"),
        _ if size < 7200.0 => (60.0, "min"),
        _ if size < 172_800.0 => (3600.0, "h"),
        _ => (86_400.0, "d"),
    };
    format!("{} {name}", figures(value / divisor))
}

/// To three figures, all of those before the point, and without zeros that say nothing.
fn figures(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return format!("{value:.2e}");
    }
    let text = format!("{:.*}", decimals(size), value);
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

fn rounded(value: f64) -> f64 {
    format!("{:.*}", decimals(value.abs()), value)
        .parse()
        .unwrap_or(value)
}

/// How many decimals three figures take.
fn decimals(size: f64) -> usize {
    match size {
        _ if size >= 100.0 || size == 0.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ if size >= 0.1 => 3,
        _ if size >= 0.01 => 4,
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        let text = |unit: Unit, values: &[f64]| {
            values
                .iter()
                .map(|value| unit.text(*value))
                .collect::<Vec<_>>()
                .join(", ")
        };
        insta::assert_snapshot!(text(Unit::Bytes, &[0.0, 1.5, 1023.0, 1023.7, 1024.0, 123_456_789.0, -2048.0, 1e22]), @"0 B, 1.5 B, 1023 B, 1 KiB, 1 KiB, 118 MiB, -2 KiB, 8674 EiB");
        insta::assert_snapshot!(text(Unit::Seconds, &[0.0, 4.2e-7, 0.25, 0.9999, 59.0, 150.0, 5400.0, 7300.0, 864_000.0]), @"0 s, 0.42 µs, 250 ms, 1 s, 59 s, 2.5 min, 90 min, 2.03 h, 10 d");
        insta::assert_snapshot!(text(Unit::None, &[0.0, 1.0, 50_000.0, 999_999.0, 1_234_567.0, 0.123_456, 3.0, 2.5e-7, 1e20]), @"0, 1, 50000, 999999, 1.23 M, 0.123, 3, 2.50e-7, 1.00e20");
        insta::assert_snapshot!(text(Unit::Ratio, &[0.5, 0.033_333, 1.0]), @"50 %, 3.33 %, 100 %");
        insta::assert_snapshot!(text(Unit::PerSecond, &[2.0, 0.066_7]), @"2/s, 0.0667/s");
        insta::assert_snapshot!(text(Unit::Bytes, &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]), @"NaN, +Inf, -Inf");
    }

    /// The number that a text of bytes stands for.
    fn read_back(text: &str) -> f64 {
        let (number, prefix) = text.split_once(' ').unwrap();
        let power = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
            .iter()
            .position(|known| *known == prefix)
            .unwrap();
        number.parse::<f64>().unwrap() * 1024_f64.powi(i32::try_from(power).unwrap())
    }

    proptest! {
        #[test]
        fn what_is_written_is_the_number_to_three_figures(value in 0.001_f64..1e18) {
            let back = read_back(&Unit::Bytes.text(value));
            prop_assert!((back - value).abs() <= value * 0.006, "{value} became {back}");
        }

        #[test]
        fn no_number_makes_a_long_text(value: f64) {
            for unit in [Unit::None, Unit::Bytes, Unit::Seconds, Unit::Ratio, Unit::PerSecond] {
                let text = unit.text(value);
                prop_assert!(text.chars().count() <= 20, "{text}");
            }
        }
    }
}
