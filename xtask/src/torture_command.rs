//! `cargo xtask torture`: the real program under kills and faults, and what came of it.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value;
use xtask::torture::{
    FAKETIME, Group, Options, Report, Store, cut_commits, every_failpoint, frozen, full_disk,
    killed_database, moved_clock, moved_database_clock, random_kills, taken_over,
};

use crate::stack::need::{self, debian};
use crate::{cargo, deploy_torture, rotation_torture, say, sh, usage};

/// What can be done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// Kills at random instants.
    RandomKills,
    /// Each failpoint of `http.send` once.
    Failpoints,
    /// The disk under the store, full.
    FullDisk,
    /// Purser's clock, moved.
    MovedClock,
    /// The process, stopped and woken.
    Frozen,
    /// The database of the store, killed.
    KilledDatabase,
    /// Its connections, cut in the middle of commits.
    CutCommits,
    /// Its clock, moved.
    MovedDatabaseClock,
    /// The active server, stopped until the standby takes over.
    Standby,
}

/// How the modes beside random kills are asked for.
const MODES: &[(&str, Mode)] = &[
    ("--failpoints", Mode::Failpoints),
    ("--disk-full", Mode::FullDisk),
    ("--clock", Mode::MovedClock),
    ("--frozen", Mode::Frozen),
    ("--database-killed", Mode::KilledDatabase),
    ("--commits-cut", Mode::CutCommits),
    ("--database-clock", Mode::MovedDatabaseClock),
    ("--standby", Mode::Standby),
];

/// Of one mode; random kills, which are meant where none is named, have no name in it.
#[derive(Serialize)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(flatten)]
    report: Report,
}

struct Wanted {
    store: Store,
    kills: Option<u32>,
    seed: u64,
    json: bool,
    binary: Option<PathBuf>,
    modes: Vec<Mode>,
}

/// What it is asked by to have deploys killed: the rest is another torture's.
const DEPLOYS: &str = "--deploys";
/// The same, of rotations.
const ROTATIONS: &str = "--rotations";

/// Runs `cargo xtask torture …`.
pub(crate) fn command(args: &[&str]) -> Result<()> {
    if args.contains(&DEPLOYS) {
        let rest = args.iter().copied().filter(|arg| *arg != DEPLOYS);
        return deploy_torture::command(&rest.collect::<Vec<_>>());
    }
    if args.contains(&ROTATIONS) {
        let rest = args.iter().copied().filter(|arg| *arg != ROTATIONS);
        return rotation_torture::command(&rest.collect::<Vec<_>>());
    }
    let mut wanted = Wanted::read(args)?;
    if wanted.kills.is_some() || wanted.modes.is_empty() {
        wanted.modes.insert(0, Mode::RandomKills);
    }
    let by_clock = |mode: &Mode| matches!(mode, Mode::MovedClock | Mode::MovedDatabaseClock);
    if wanted.modes.iter().any(by_clock) {
        need::provide(&[debian(FAKETIME, FAKETIME)])?;
    }
    let program = match &wanted.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => cargo::build_purser(&["--features", "failpoints"])?,
    };
    let options = Options {
        program,
        store: wanted.store,
        group: Group::Own,
        kills: wanted.kills.unwrap_or(60),
        seed: wanted.seed,
        say: |text| say::line("torture", text),
        interrupted: || sh::check_interrupted().is_err(),
    };
    say::line("torture", format!("--seed {}", options.seed));
    let mut wrong = vec![];
    for mode in wanted.modes {
        let report = play(mode, &options)?;
        let mode = (mode != Mode::RandomKills).then_some(mode);
        wrong.extend(report.wrong.iter().cloned());
        print(&Line { mode, report }, wanted.json)?;
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n       "));
    }
    Ok(())
}

fn play(mode: Mode, options: &Options) -> Result<Report> {
    match mode {
        Mode::RandomKills => random_kills(options),
        Mode::Failpoints => every_failpoint(options, &effects(options)?),
        Mode::FullDisk => full_disk(options),
        Mode::MovedClock => moved_clock(options),
        Mode::Frozen => frozen(options),
        Mode::KilledDatabase => killed_database(options),
        Mode::CutCommits => cut_commits(options),
        Mode::MovedDatabaseClock => moved_database_clock(options),
        Mode::Standby => taken_over(options),
    }
}

/// The effects that `http.send` declares, as the program itself says.
fn effects(options: &Options) -> Result<Vec<String>> {
    let mut purser = std::process::Command::new(&options.program);
    let schema: Value = serde_json::from_str(&sh::output(purser.args(["schema", "workflow"]))?)?;
    let cases = schema["$defs"]["Step"]["allOf"].as_array();
    let is_send = |case: &&Value| case["if"]["properties"]["uses"]["const"] == "http.send";
    let send = cases.and_then(|cases| cases.iter().find(is_send));
    let effects = send.map(|case| &case["then"]["properties"]["with"]["x-effects"]);
    let effects = effects
        .and_then(Value::as_array)
        .context("http.send has no effects")?;
    let name = |effect: &Value| effect["name"].as_str().map(str::to_owned);
    effects
        .iter()
        .map(name)
        .collect::<Option<_>>()
        .context("an effect without a name")
}

/// Prints a report: a line of JSON, or a line for each of its figures.
pub(crate) fn print(line: &impl Serialize, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(line)?);
        return Ok(());
    }
    let value = serde_json::to_value(line)?;
    for (name, value) in value.as_object().into_iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        println!("{name:16} {value:>10}");
    }
    Ok(())
}

impl Wanted {
    fn read(args: &[&str]) -> Result<Self> {
        let mut wanted = Self {
            store: Store::Sqlite,
            kills: None,
            seed: now(),
            json: false,
            binary: None,
            modes: vec![],
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || {
                let value = args.next().copied();
                value.ok_or_else(|| usage(&format!("{arg} needs a value")))
            };
            match *arg {
                "--store" => {
                    wanted.store = match value()? {
                        "sqlite" => Store::Sqlite,
                        "postgres" => Store::Postgres(need::folder_of("initdb")?),
                        other => return Err(usage(&format!("there is no store `{other}`"))),
                    }
                }
                "--kills" => wanted.kills = Some(number(value()?)?),
                "--seed" => wanted.seed = number(value()?)?,
                "--binary" => wanted.binary = Some(value()?.into()),
                "--json" => wanted.json = true,
                "--help" => return Err(usage("")),
                other => {
                    let mode = MODES.iter().find(|(flag, _)| *flag == other);
                    let (_, mode) =
                        mode.ok_or_else(|| usage(&format!("unknown option: {other}")))?;
                    wanted.modes.push(*mode);
                }
            }
        }
        Ok(wanted)
    }
}

/// A number, as somebody has typed it.
pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse()
        .map_err(|_| usage(&format!("`{text}` is no number that fits")))
}

/// A seed for who names none.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_asked_for_by_its_flag() -> Result<()> {
        let wanted = Wanted::read(&["--seed", "7", "--failpoints", "--json"])?;
        assert_eq!((wanted.seed, wanted.json), (7, true));
        assert_eq!(wanted.modes, [Mode::Failpoints]);
        for wrong in [
            &["--seed"][..],
            &["--kills", "x"],
            &["--store", "oracle"],
            &["--odd"],
        ] {
            assert!(Wanted::read(wrong).is_err_and(|error| error.is::<crate::Usage>()));
        }
        Ok(())
    }

    #[test]
    fn the_usage_knows_every_mode() {
        for (flag, _) in MODES {
            assert!(crate::USAGE.contains(&format!("[{flag}]")), "{flag}");
        }
    }

    #[test]
    fn random_kills_are_printed_as_they_always_were() -> Result<()> {
        let report = Report::default();
        let line = serde_json::to_string(&Line { mode: None, report })?;
        assert_eq!(
            line,
            r#"{"kills":0,"in_flight":0,"runs":0,"taken_over":0,"parked":0,"lost":0,"repeated":0}"#
        );
        Ok(())
    }
}
