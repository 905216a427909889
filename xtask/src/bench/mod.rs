//! `cargo xtask bench NAME [--json]`: measures, and prints figures without a threshold.

mod startup;

use anyhow::Result;
use serde::Serialize;

use crate::usage;

/// One figure of a benchmark.
#[derive(Serialize)]
struct Figure {
    /// `bench.what_unit`.
    #[serde(rename = "figure")]
    name: &'static str,
    /// What the figure's name says: here our own measurement.
    value: f64,
    /// Our own measurement.
    ours: f64,
    /// What it is compared with, where there is something.
    reference: Option<f64>,
    /// `ms`, `MiB`.
    unit: &'static str,
}

/// Runs the benchmark of this name.
pub(crate) fn run(name: &str, rest: &[&str]) -> Result<()> {
    let json = match rest {
        [] => false,
        ["--json"] => true,
        _ => return Err(usage("bench takes one name, and --json")),
    };
    let figures = match name {
        "startup" => startup::measure()?,
        _ => {
            return Err(usage(&format!(
                "there is no bench `{name}`; there is `startup`"
            )));
        }
    };
    for figure in figures {
        if json {
            println!("{}", serde_json::to_string(&figure)?);
        } else {
            println!("{:24} {:8.1} {}", figure.name, figure.value, figure.unit);
        }
    }
    Ok(())
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
