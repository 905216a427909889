//! `cargo xtask test`: everything that has to be right before a change is merged.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::cargo::{cargo, root};
use crate::stack::places::Places;
use crate::stack::{self, Part};
use crate::{deny, say, sh, static_program};

/// One configuration for all stages, so that nothing is built twice.
const WHOLE: &[&str] = &["--workspace", "--features", "purser/failpoints"];

/// Runs all stages with the stack up, and stops of the stack what was not up before.
pub(crate) fn run(filter: &[&str]) -> Result<()> {
    let places = Places::from_env()?;
    let ours: Vec<&dyn Part> = stack::all()
        .filter(|part| !stack::is_up(&places, *part))
        .collect();
    let mut report = Report::default();
    let outcome = stages(&places, filter, &mut report);
    let stopped = report.timed("stop", || stack::down(&places, &ours));
    report.print();
    outcome.and(stopped)
}

fn stages(places: &Places, filter: &[&str], report: &mut Report) -> Result<()> {
    let all: Vec<&dyn Part> = stack::all().collect();
    report.stage("stack", || {
        stack::up(places, &all).and_then(|()| stack::libraries::provide(places))
    })?;
    report.stage("fmt", || {
        sh::status(cargo().args(["fmt", "--all", "--check"]))
    })?;
    report.stage("clippy", || {
        let clippy = ["--all-targets", "--", "--deny", "warnings"];
        sh::status(cargo().arg("clippy").args(WHOLE).args(clippy))
    })?;
    report.stage("build", || {
        sh::status(cargo().args(["test", "--no-run"]).args(WHOLE))
    })?;
    let mut env = stack::env(places, &all)?;
    report.stage("static", || {
        let program = static_program::build()?.display().to_string();
        env.push(("PURSER_TEST_STATIC_PROGRAM", program));
        Ok(())
    })?;
    let mut counts = Counts::default();
    let tests = report.stage("test", || {
        let mut tests = cargo();
        tests
            .args(["test", "--no-fail-fast"])
            .env("RUST_TEST_THREADS", threads().to_string())
            .args(WHOLE)
            .args(filter)
            .envs(env);
        run_tests(&mut tests, &mut counts)
    });
    report.tests = Some(counts.closing_line(tests.is_ok()));
    tests?;
    report.stage("deny", || deny::check(places, &root()))
}

/// Most tests wait for servers most of the time.
fn threads() -> usize {
    2 * std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs the tests, lets all that they print through, and adds up what they count.
fn run_tests(tests: &mut Command, counts: &mut Counts) -> Result<()> {
    let mut child = sh::spawn(tests.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let printed = child
        .process
        .stdout
        .take()
        .context("the tests have no output")?;
    for line in BufReader::new(printed).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        counts.add(&line);
        println!("{line}");
    }
    child.wait()
}

/// How long each stage took, and what the tests counted.
#[derive(Default)]
struct Report {
    stages: Vec<(&'static str, bool, Duration)>,
    tests: Option<String>,
}

impl Report {
    /// One stage, unless we were told to end before it.
    fn stage(&mut self, name: &'static str, run: impl FnOnce() -> Result<()>) -> Result<()> {
        sh::check_interrupted()?;
        self.timed(name, run)
    }

    fn timed(&mut self, name: &'static str, run: impl FnOnce() -> Result<()>) -> Result<()> {
        say::line("test", format!("stage {name}"));
        let start = Instant::now();
        let outcome = run();
        self.stages.push((name, outcome.is_ok(), start.elapsed()));
        outcome.with_context(|| format!("stage {name}"))
    }

    fn print(&self) {
        for (name, ok, time) in &self.stages {
            let outcome = if *ok { "ok" } else { "FAILED" };
            println!("{name:<9} {outcome:<7} {:>7.1} s", time.as_secs_f64());
        }
        if let Some(closing_line) = &self.tests {
            println!("{closing_line}");
        }
    }
}

/// The closing lines of all test programs, added up.
#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        for count in result.split([';', '.']) {
            match count.trim().split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                Some((number, "ignored")) => self.ignored += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// `ok` says how the tests ended: one that was killed has counted nothing.
    fn closing_line(&self, ok: bool) -> String {
        let Self {
            passed,
            failed,
            ignored,
        } = self;
        let verdict = if ok && *failed == 0 { "ok" } else { "FAILED" };
        format!("test result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_all_programs_are_added_up() {
        let mut counts = Counts::default();
        counts
            .add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; finished in 0.10s");
        counts.add("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured");
        counts.add("test stack::result ... ok");
        let all = "15 passed; 2 failed; 1 ignored";
        assert_eq!(
            counts.closing_line(false),
            format!("test result: FAILED. {all}")
        );
    }
}
