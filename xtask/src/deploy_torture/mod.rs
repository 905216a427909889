//! `cargo xtask torture --deploys`: Purser is killed at random instants of deploys, and what is there
//! afterwards is held against what the runs say.

mod aim;
mod engine;
mod judge;
mod people;
mod report;
mod request;
mod stage;
mod way;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use xtask::torture::Dice;

use self::report::Report;
use self::request::{APP, SICKNESS};
use self::stage::Stage;
use self::way::Way;
use crate::deploys::site::{Images, Site};
use crate::deploys::{LOCK, PARTS};
use crate::stack::places::Places;
use crate::{cargo, say, stack, torture_command, usage};

/// What to torment, and how.
struct Wanted {
    kills: u32,
    seed: u64,
    json: bool,
    binary: Option<PathBuf>,
    ways: Vec<Way>,
}

/// Runs `cargo xtask torture --deploys …`, without that word.
pub(crate) fn command(args: &[&str]) -> Result<()> {
    let wanted = Wanted::read(args)?;
    let program = match &wanted.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => cargo::build_purser(&[])?,
    };
    say::line("torture", format!("--seed {}", wanted.seed));
    let places = Places::from_env()?;
    let _lock = places.lock(LOCK)?;
    let wrong = stack::with(&places, &PARTS, || {
        let _images = Images::make(&places, APP, &SICKNESS)?;
        let mut wrong = Vec::new();
        for way in &wanted.ways {
            let report = play(*way, &places, &program, &wanted)?;
            wrong.extend(report.in_words());
            torture_command::print(&report, wanted.json)?;
        }
        Ok(wrong)
    })?;
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n       "));
    }
    Ok(())
}

/// So many kills of deploys in this way. Where something is not as it has to be, Purser's files are kept.
fn play(way: Way, places: &Places, program: &Path, wanted: &Wanted) -> Result<Report> {
    let name = format!("purser-deploys-{}-{}", std::process::id(), way.name());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder)?;
    // Each way falls the same, whichever others are played.
    let dice = Dice::of(wanted.seed);
    let site = Site::new(places, "torture", way.name());
    let played =
        Stage::set(way, &site, program, &folder, dice).and_then(|stage| stage.plays(wanted.kills));
    let report = played.with_context(|| format!("{}, see {}", way.name(), folder.display()))?;
    if report.complaints.is_empty() {
        fs::remove_dir_all(&folder).context("the folder of Purser cannot be removed")?;
    } else {
        say::line(way.name(), format!("kept: {}", folder.display()));
    }
    Ok(report)
}

impl Wanted {
    fn read(args: &[&str]) -> Result<Self> {
        let mut wanted = Self {
            kills: 50,
            seed: torture_command::now(),
            json: false,
            binary: None,
            ways: Way::ALL.to_vec(),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || {
                let value = args.next().copied();
                value.ok_or_else(|| usage(&format!("{arg} needs a value")))
            };
            match *arg {
                "--kills" => wanted.kills = torture_command::number(value()?)?,
                "--seed" => wanted.seed = torture_command::number(value()?)?,
                "--binary" => wanted.binary = Some(value()?.into()),
                "--strategy" => wanted.ways = vec![way(value()?)?],
                "--json" => wanted.json = true,
                other => return Err(usage(&format!("not together with --deploys: {other}"))),
            }
        }
        Ok(wanted)
    }
}

fn way(name: &str) -> Result<Way> {
    let found = Way::ALL.into_iter().find(|way| way.name() == name);
    found.ok_or_else(|| usage(&format!("there is no strategy `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_are_meant_unless_one_is_named() -> Result<()> {
        assert_eq!(Wanted::read(&[])?.ways, Way::ALL);
        let wanted = Wanted::read(&["--strategy", "blue_green", "--kills", "3", "--seed", "7"])?;
        assert_eq!(
            (wanted.ways, wanted.kills, wanted.seed),
            (vec![Way::BlueGreen], 3, 7)
        );
        for wrong in [
            &["--strategy", "canary"][..],
            &["--store", "sqlite"],
            &["--kills"],
        ] {
            assert!(Wanted::read(wrong).is_err_and(|error| error.is::<crate::Usage>()));
        }
        Ok(())
    }
}
