//! `cargo xtask bench NAME [--json]`: measures, and prints figures without a threshold.

mod engine;
mod startup;

use std::borrow::Cow;

use anyhow::Result;
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

/// Runs the benchmark of this name.
pub(crate) fn run(name: &str, rest: &[&str]) -> Result<()> {
    let (json, dev) = (rest.contains(&"--json"), rest.contains(&"--dev"));
    let known = rest.iter().all(|flag| matches!(*flag, "--json" | "--dev"));
    if !known || (dev && name == "startup") {
        return Err(usage(
            "bench takes one name, and --json; those of the engine and of Discord --dev too",
        ));
    }
    let figures = match name {
        "engine" => engine::measure(dev)?,
        "discord" => engine::figures(&mut engine::program("discord", dev), dev)?,
        "startup" => startup::measure()?,
        _ => {
            return Err(usage(&format!(
                "there is no bench `{name}`; there are `discord`, `engine` and `startup`"
            )));
        }
    };
    for figure in figures {
        if json {
            println!("{}", serde_json::to_string(&figure)?);
        } else {
            println!("{}", in_words(&figure));
        }
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
}
