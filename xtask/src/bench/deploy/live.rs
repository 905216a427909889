//! Purser's way: deploys and undos one after the other while people ask.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;

use super::Seen;
use super::timing::Timing;
use crate::deploys::eras::Era;
use crate::deploys::load::Load;
use crate::deploys::log::{Clock, Log};
use crate::deploys::purser::{Purser, run_of};
use crate::deploys::site::{App, Lead, Site};
use crate::deploys::{DRAIN, PER_SECOND};
use crate::{say, sh};

/// The workflow that deploys.
const WORKFLOW: &str = include_str!("files/deploy.yaml");

/// What is done with the next version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// It is put live.
    Deploy,
    /// It is sick: its deploy takes itself back, and nobody meets it.
    Sick,
    /// It does not say what it was to say: its deploy takes itself back.
    Unproven,
    /// Somebody stops its deploy while the old one finishes what it has begun.
    Cancelled,
}

use Deed::{Cancelled, Deploy, Sick, Unproven};

/// Ten deploys and three undos, each another way.
pub(super) const ALL: &[Deed] = &[
    Deploy, Deploy, Deploy, Sick, Deploy, Deploy, Deploy, Unproven, Deploy, Deploy, Cancelled,
    Deploy, Deploy,
];
/// To try it out.
pub(super) const SHORT: &[Deed] = &[Deploy, Cancelled, Deploy];

/// How long it may take until the new version answers the first request.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is going on.
struct Live<'a> {
    app: App,
    purser: Purser,
    load: Load,
    clock: Clock,
    /// The version that is live.
    version: String,
    eras: Vec<Era>,
    durations: Vec<Duration>,
    timings: Vec<Timing>,
    site: &'a Site<'a>,
    lead: Lead,
}

/// All of these deeds, spread over so many requests at least.
pub(super) fn measure(
    site: &Site,
    (app, lead): (App, Lead),
    (deeds, requests): (&[Deed], usize),
    program: &Path,
    folder: &Path,
) -> Result<(Seen, Vec<Timing>)> {
    let version = app.version(0);
    site.make_network()?;
    site.start(1, &app.image(0))?;
    site.until_met(&version)?;
    let begun = Instant::now();
    let mut live = Live {
        app,
        purser: Purser::start(program, folder, site, WORKFLOW, lead)?,
        load: Load::begin(&site.host, PER_SECOND),
        clock: Clock::now()?,
        eras: vec![Era {
            version: version.clone(),
            from: begun,
            proven: Some(begun),
        }],
        version,
        durations: Vec::new(),
        timings: Vec::new(),
        site,
        lead,
    };
    for (at, deed) in deeds.iter().enumerate() {
        live.act(at + 1, *deed)?;
        live.until_asked(requests * (at + 1) / deeds.len())?;
    }
    let seen = Seen {
        asked: live.load.end(),
        eras: live.eras,
        durations: live.durations,
        are_apart: lead != Lead::Labels,
    };
    Ok((seen, live.timings))
}

impl Live<'_> {
    fn act(&mut self, number: usize, deed: Deed) -> Result<()> {
        let new = self.app.version(number);
        let from = Instant::now();
        let says = match deed {
            Unproven => "another version".to_owned(),
            _ => format!("web {new}"),
        };
        let run = self.deploy(&new, &says)?;
        if deed == Cancelled {
            self.until_met(&new)?;
            self.purser.ask(&["cancel", &run])?;
        }
        let over = self.purser.until_over(&run)?;
        self.check(deed, &over)?;
        let log = Log(&over["log"]);
        let mut era = |version: &str, proven| {
            self.eras.push(Era {
                version: version.to_owned(),
                from,
                proven,
            });
        };
        if deed == Deploy {
            era(&new, Some(log.proven(&self.clock)?));
            self.durations.push(log.total()?);
            if self.lead != Lead::Labels {
                self.timings.push(Timing::of(&log, DRAIN)?);
            }
            self.version = new;
            return Ok(());
        }
        if deed != Sick {
            era(&new, None);
        }
        era(&self.version, Some(Instant::now()));
        Ok(())
    }

    /// Begins a deploy of this version, of which an answer must hold that. Says the run's id.
    fn deploy(&self, version: &str, says: &str) -> Result<String> {
        let inputs = [format!("version={version}"), format!("says={says}")];
        let run = [
            "run", "deploy", "-i", &inputs[0], "-i", &inputs[1], "--detach",
        ];
        run_of(&self.purser.ask(&run)?)
    }

    fn check(&self, deed: Deed, over: &Value) -> Result<()> {
        let ended = &over["run"]["ended"];
        let expected = match deed {
            Deploy => "succeeded",
            Sick | Unproven => "rolled_back",
            Cancelled => "cancelled",
        };
        ensure!(
            ended["state"] == expected,
            "a deploy ({deed:?}) was to be {expected}: {ended}"
        );
        say::line(
            self.app.name(),
            format!("{deed:?}: {expected} after {} requests", self.load.count()),
        );
        Ok(())
    }

    fn until_met(&self, version: &str) -> Result<()> {
        let begun = Instant::now();
        while !self.load.has_met(version) {
            sh::check_interrupted()?;
            let in_time = begun.elapsed() < PATIENCE;
            ensure!(in_time, "nobody of {} meets {version}", self.site.host);
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn until_asked(&self, requests: usize) -> Result<()> {
        while self.load.count() < requests {
            sh::check_interrupted()?;
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}
