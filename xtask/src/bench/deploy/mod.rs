//! Deploys while people ask: Purser's way behind Traefik, and beside it two ways of others.

mod live;
mod references;
mod report;
mod timing;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use self::live::Deed;
use self::report::Report;
use super::{Figure, Wish};
use crate::deploys::eras::Era;
use crate::deploys::load::Asked;
use crate::deploys::site::{App, Images, Lead, Site};
use crate::deploys::{self, LOCK};
use crate::stack::places::Places;
use crate::stack::{self, libraries};
use crate::{cargo, say, sh};

/// How many requests there are at least, for each application.
const REQUESTS: usize = 50_000;
const REQUESTS_SHORT: usize = 5_000;

/// Each application that is deployed, and what leads people to it.
const WAYS: &[(App, Lead)] = &[
    (App::Dies, Lead::Switch),
    (App::Finishes, Lead::Switch),
    (App::Dies, Lead::File),
    (App::Drains, Lead::Labels),
];

/// What people have seen of deploys that went on meanwhile.
struct Seen {
    asked: Vec<Asked>,
    eras: Vec<Era>,
    /// How long each deploy took.
    durations: Vec<Duration>,
    /// No two versions are meant to answer at the same time.
    are_apart: bool,
}

/// For each application all ways, one after the other.
pub(super) fn measure(wish: &Wish) -> Result<Vec<Figure>> {
    let places = Places::from_env()?;
    let _lock = places.lock(LOCK)?;
    stack::with(&places, &deploys::PARTS, || bench(&places, wish))
}

fn bench(places: &Places, wish: &Wish) -> Result<Vec<Figure>> {
    let compose = libraries::compose(places)?;
    let program = match wish.binary {
        Some(given) => std::path::absolute(given)?,
        None => build()?,
    };
    let version = sh::output(Command::new(&program).arg("--version"))?;
    say::line(
        "bench",
        format!("{} of {}", version.trim(), program.display()),
    );
    let folder = std::env::temp_dir().join(format!("purser-bench-{}", std::process::id()));
    let tools = Tools {
        places,
        compose,
        program,
        folder,
    };
    let mut report = Report::default();
    for way in WAYS {
        let measured = tools.measure(*way, wish.short, &mut report);
        let removed = fs::remove_dir_all(&tools.folder);
        measured?;
        removed.context("the folder of Purser cannot be removed")?;
    }
    Ok(report.figures())
}

fn build() -> Result<PathBuf> {
    say::line("bench", "building the release");
    cargo::build_purser(&["--release"])
}

/// What all ways need.
struct Tools<'a> {
    places: &'a Places,
    compose: PathBuf,
    program: PathBuf,
    folder: PathBuf,
}

impl Tools<'_> {
    fn measure(&self, (app, lead): (App, Lead), short: bool, report: &mut Report) -> Result<()> {
        let (deeds, requests) = if short {
            (live::SHORT, REQUESTS_SHORT)
        } else {
            (live::ALL, REQUESTS)
        };
        fs::create_dir_all(&self.folder)?;
        let sick: Vec<bool> = deeds.iter().map(|deed| *deed == Deed::Sick).collect();
        let _images = Images::make(self.places, app, &sick)?;

        let site = Site::new(self.places, "bench", "purser");
        let (seen, timings) = live::measure(
            &site,
            (app, lead),
            (deeds, requests),
            &self.program,
            &self.folder,
        )?;
        drop(site);
        report.add_live(app, lead, seen, timings);
        if lead == Lead::Switch {
            self.measure_others(app, &well(deeds), report)?;
        }
        Ok(())
    }

    /// The ways of others, with the same application.
    fn measure_others(&self, app: App, versions: &[usize], report: &mut Report) -> Result<()> {
        let site = Site::new(self.places, "bench", "rollout");
        let seen = references::rollout(&site, app, versions)?;
        drop(site);
        report.add_rollout(app, seen);

        let site = Site::new(self.places, "bench", "recreate");
        let seen = references::recreate(&site, app, versions, &self.compose, &self.folder)?;
        drop(site);
        report.add_recreate(app, seen);
        Ok(())
    }
}

/// The numbers of version 0 and of those that are put live.
fn well(deeds: &[Deed]) -> Vec<usize> {
    let numbers = (1..).zip(deeds);
    let deployed = numbers.filter(|(_, deed)| **deed == Deed::Deploy);
    std::iter::once(0)
        .chain(deployed.map(|(number, _)| number))
        .collect()
}
