//! `cargo xtask torture --rotations`: Purser is killed at random instants of rotations, and what is there
//! afterwards is held against what the runs say.

mod aim;
mod judge;
mod report;
mod stage;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use xtask::torture::Dice;

use self::stage::Stage;
use crate::deploys::LOCK;
use crate::rotations::PARTS;
use crate::stack::places::Places;
use crate::{cargo, say, stack, torture_command, usage};

/// What it is called where something is told of it.
const NAME: &str = "rotations";

/// What to torment, and how.
struct Wanted {
    kills: u32,
    seed: u64,
    json: bool,
    binary: Option<PathBuf>,
}

/// Runs `cargo xtask torture --rotations …`, without that word.
pub(crate) fn command(args: &[&str]) -> Result<()> {
    let wanted = Wanted::read(args)?;
    let program = match &wanted.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => cargo::build_purser(&[])?,
    };
    say::line("torture", format!("--seed {}", wanted.seed));
    let places = Places::from_env()?;
    let _lock = places.lock(LOCK)?;
    let folder = format!("torture-{}", std::process::id());
    let folder = places.make_dir(LOCK)?.join(folder);
    let report = stack::with(&places, &PARTS, || {
        let dice = Dice::of(wanted.seed);
        let stage = Stage::set(&places, &program, &folder, dice);
        let played = stage.and_then(|stage| stage.plays(wanted.kills));
        played.with_context(|| format!("see {}", folder.display()))
    })?;
    torture_command::print(&report, wanted.json)?;
    if !report.complaints.is_empty() {
        say::line(NAME, format!("kept: {}", folder.display()));
        bail!("{}", report.complaints.join("\n       "));
    }
    fs::remove_dir_all(&folder).context("its folder cannot be removed")
}

impl Wanted {
    fn read(args: &[&str]) -> Result<Self> {
        let mut wanted = Self {
            kills: 50,
            seed: torture_command::now(),
            json: false,
            binary: None,
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
                "--json" => wanted.json = true,
                other => return Err(usage(&format!("not together with --rotations: {other}"))),
            }
        }
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_another_torture_is_refused() -> Result<()> {
        let wanted = Wanted::read(&["--kills", "3", "--seed", "7", "--json"])?;
        assert_eq!((wanted.kills, wanted.seed, wanted.json), (3, 7, true));
        for wrong in [&["--strategy", "rolling"][..], &["--clock"], &["--kills"]] {
            assert!(Wanted::read(wrong).is_err_and(|error| error.is::<crate::Usage>()));
        }
        Ok(())
    }
}
