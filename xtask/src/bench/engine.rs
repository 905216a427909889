//! The engine on a store, beside raw SQL that writes the same rows with the same driver and the
//! same number of commits.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Figure, median};
use crate::stack::need;
use crate::{cargo, say, sh};

/// What the bench program prints of each figure.
#[derive(Deserialize)]
struct Measured {
    figure: String,
    ours: Vec<f64>,
    #[serde(default)]
    reference: Vec<f64>,
    unit: String,
}

/// `dev`: with the build that the tests use, to try it out; such figures say nothing.
pub(super) fn measure(dev: bool) -> Result<Vec<Figure>> {
    let mut bench = program("engine", dev);
    let programs = need::folder_of("initdb")?;
    let postgres = sh::output(Command::new(programs.join("postgres")).arg("--version"))?;
    bench.env("PURSER_BENCH_POSTGRES_BIN", &programs);
    for reference in [
        "sqlx on SQLite, WAL, synchronous=FULL",
        &format!(
            "sqlx on {}, a new cluster as initdb makes it",
            postgres.trim()
        ),
    ] {
        say::line(
            "bench",
            format!("reference: {reference}, one commit an event"),
        );
    }
    figures(&mut bench, dev)
}

/// The program of a bench, which cargo builds first.
pub(super) fn program(name: &str, dev: bool) -> Command {
    let mut bench = cargo::cargo();
    bench.args(["bench", "--quiet", "--package", "purser", "--bench", name]);
    if dev {
        bench.args(["--profile", "dev"]);
    }
    bench
}

/// What it has measured.
pub(super) fn figures(bench: &mut Command, dev: bool) -> Result<Vec<Figure>> {
    let build = if dev { "dev" } else { "bench" };
    say::line("bench", format!("building and running, profile {build}"));
    let printed = sh::output(bench.stderr(Stdio::piped()))?;
    let lines = printed.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| figure(line).with_context(|| line.to_owned()))
        .collect()
}

/// Of what is compared the figure is the ratio of the medians.
fn figure(line: &str) -> Result<Figure> {
    let Measured {
        figure,
        ours,
        reference,
        unit,
    } = serde_json::from_str(line)?;
    let ours = median(ours);
    let reference = (!reference.is_empty()).then(|| median(reference));
    Ok(Figure {
        name: figure.into(),
        value: reference.map_or(ours, |reference| ours / reference),
        ours,
        reference,
        unit: unit.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_is_a_ratio_and_what_is_not_is_itself() -> Result<()> {
        let both =
            figure(r#"{"figure":"a.b","ours":[2,4,9],"reference":[8,8,8],"unit":"steps/s"}"#)?;
        assert_eq!(
            (both.value, both.ours, both.reference),
            (0.5, 4.0, Some(8.0))
        );
        let own = figure(r#"{"figure":"a.c","ours":[3],"unit":"ms"}"#)?;
        assert_eq!((own.value, own.reference), (3.0, None));
        Ok(())
    }
}
