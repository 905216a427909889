//! `cargo xtask bench NAME [--json]`: measures, and prints figures without a threshold. What has to come
//! out the same on every machine, and did not, is an error behind them.

mod deploy;
mod engine;
mod rotation;
mod startup;

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;

use crate::usage;

/// One figure of a benchmark.
#[derive(Serialize)]
struct Figure {
    /// `bench.what_unit`.
    #[serde(rename = "figure")]
    name: Cow<'static, str>,
    /// What the figure's name says: the ratio, or our own measurement.
    value: f64,
    /// Our own measurement.
    ours: f64,
    /// What it is compared with, where there is something.
    reference: Option<f64>,
    /// `ms`, `MiB`.
    unit: Cow<'static, str>,
}

/// How to measure.
#[derive(Default)]
struct Wish<'a> {
    json: bool,
    /// With the build that the tests use, to try it out; such figures say nothing.
    dev: bool,
    /// Less of all, to try it out.
    short: bool,
    /// The program to measure, instead of building it.
    binary: Option<&'a Path>,
}

impl<'a> Wish<'a> {
    fn read(name: &str, args: &[&'a str]) -> Result<Self> {
        let mut wish = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match (*arg, name) {
                ("--json", _) => wish.json = true,
                ("--dev", "engine" | "discord") => wish.dev = true,
                ("--short", "deploy" | "rotation") => wish.short = true,
                ("--binary", "deploy" | "rotation") => {
                    let path = args.next().copied();
                    let path = path.ok_or_else(|| usage("--binary needs a path"))?;
                    wish.binary = Some(Path::new(path));
                }
                _ => {
                    return Err(usage(
                        "bench takes one name, and --json; those of the engine and of Discord --dev \
                         too, those of deploys and rotations --short and --binary",
                    ));
                }
            }
        }
        Ok(wish)
    }
}

/// Runs the benchmark of this name.
pub(crate) fn run(name: &str, rest: &[&str]) -> Result<()> {
    let wish = Wish::read(name, rest)?;
    let mut wrong = Vec::new();
    let figures = match name {
        "deploy" => deploy::measure(&wish)?,
        "engine" => engine::measure(wish.dev)?,
        "discord" => engine::figures(&mut engine::program("discord", wish.dev), wish.dev)?,
        "rotation" => {
            let measured = rotation::measure(&wish)?;
            wrong = measured.wrong;
            measured.figures
        }
        "startup" => startup::measure()?,
        _ => {
            return Err(usage(&format!(
                "there is no bench `{name}`; there are `deploy`, `discord`, `engine`, `rotation` and \
                 `startup`"
            )));
        }
    };
    for figure in figures {
        if wish.json {
            println!("{}", serde_json::to_string(&figure)?);
        } else {
            println!("{}", in_words(&figure));
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n       "));
    }
    Ok(())
}

fn in_words(figure: &Figure) -> String {
    let Figure {
        name,
        value,
        ours,
        reference,
        unit,
    } = figure;
    match reference {
        Some(reference) => {
            format!("{name:34} {value:8.2} ({ours:.1} of {reference:.1} {unit})")
        }
        None => format!("{name:34} {value:8.1} {unit}"),
    }
}

/// The value that so many of a hundred do not exceed.
fn part(sorted: &[Duration], of_hundred: usize) -> Duration {
    let at = (sorted.len() * of_hundred).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

fn counted(name: &'static str, count: usize) -> Figure {
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    let value = count as f64;
    figure(name, value, "")
}

fn figure(name: &'static str, value: f64, unit: &'static str) -> Figure {
    Figure {
        name: name.into(),
        value,
        ours: value,
        reference: None,
        unit: unit.into(),
    }
}

/// The value in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_one_slow_run() {
        assert!((median(vec![3.0, 1.0, 900.0]) - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_part_of_a_hundred_is_one_of_the_values() {
        let all: Vec<Duration> = (1..=20).map(Duration::from_secs).collect();
        assert_eq!(part(&all, 50), Duration::from_secs(10));
        assert_eq!(part(&all, 95), Duration::from_secs(19));
        assert_eq!(part(&all, 100), Duration::from_secs(20));
        assert_eq!(part(&[], 50), Duration::ZERO);
    }
}
