//! One way of deploying: a service, a Purser that is killed over and over, and people who ask.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::torture::Dice;

use super::aim::Aim;
use super::engine::{Events, There};
use super::judge::{Case, judge};
use super::people::People;
use super::report::Report;
use super::request::{APP, Request};
use super::way::{Deed, Way};
use crate::books::{self, Findings};
use crate::deploys::log::Log;
use crate::deploys::purser::{Purser, run_of};
use crate::deploys::site::{Lead, Site};
use crate::deploys::visitor::{Kind, Visitor};
use crate::torment::{Blow, Hits, Torment, until_over};
use crate::{say, sh};

/// The service has so many containers.
const REPLICAS: usize = 2;
/// How long the first containers may take until they are well.
const PATIENCE: Duration = Duration::from_mins(3);
/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(300);

/// What is killed.
pub(super) struct Stage<'a> {
    way: Way,
    site: &'a Site<'a>,
    purser: Purser,
    events: Events,
    people: Option<People>,
    dice: Dice,
    /// The number of the version that is live.
    live: usize,
    /// How long each deed takes at least.
    lasts: BTreeMap<Deed, Duration>,
    /// All runs that there have to be, and how each has ended.
    runs: BTreeMap<String, String>,
    report: Report,
}

impl<'a> Stage<'a> {
    /// A service in its first version, and a Purser that deploys it in this way.
    pub(super) fn set(
        way: Way,
        site: &'a Site<'a>,
        program: &Path,
        folder: &Path,
        dice: Dice,
    ) -> Result<Self> {
        let image = APP.image(0);
        site.make_network()?;
        for number in 1..=REPLICAS {
            match way {
                Way::BlueGreen => site.start(number, &image)?,
                Way::Rolling | Way::Recreate => site.start_with(number, &image, way.options())?,
            }
        }
        let stage = Self {
            way,
            site,
            purser: Purser::start(program, folder, site, &way.workflow(), Lead::Switch)?,
            events: Events::of(site)?,
            people: match way {
                Way::BlueGreen => Some(People::of(site, 0)?),
                Way::Rolling | Way::Recreate => None,
            },
            dice,
            live: 0,
            lasts: BTreeMap::new(),
            runs: BTreeMap::new(),
            report: Report::of(way),
        };
        stage.until_all_are_well()?;
        Ok(stage)
    }

    fn until_all_are_well(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            let there = There::of(self.site)?;
            let mut containers = there.containers.iter();
            if containers.all(|one| one.state == "running healthy") {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "the first containers are not well"
            );
            sleep(LOOK);
        }
    }

    /// Deploys until there were so many kills, or something is not as it has to be: what comes behind
    /// that would not be told from it.
    pub(super) fn plays(mut self, kills: u32) -> Result<Report> {
        while self.report.kills < kills {
            sh::check_interrupted()?;
            let found = self.deploys(kills - self.report.kills)?;
            if !found.is_empty() {
                break;
            }
        }
        if let Some(people) = self.people.take() {
            people.end(&mut self.report);
        }
        self.report.expect_hits();
        Ok(self.report)
    }

    /// One deploy, killed once or more: what is not as it has to be.
    fn deploys(&mut self, most: u32) -> Result<Findings> {
        self.report.deploys += 1;
        let number = self.report.deploys;
        let request = Request::draw(self.way, number, self.live, &mut self.dice);
        let before = There::of(self.site)?;
        let from = Instant::now();
        let kills = match self.dice.below(10) {
            0..6 => 1,
            6..9 => 2,
            _ => 3,
        };
        let torment = self.torments(&request, kills.min(most))?;
        self.report.kills += torment.count();
        let run = run_of(&self.asks(&request)?)?;
        let view = until_over(&self.purser, &run)?;
        let mut found = self.judges(&request, &before, &run, &view)?;
        found.lost.extend(torment.lost(&run));
        self.tells(&request, &view, &torment.kills, &found);
        if let Some(people) = &mut self.people {
            people.live_through(&request, from, self.live, &view)?;
        }
        Ok(found)
    }

    /// Asks for it, and kills so many servers while they are at it; the last one that is started lives.
    fn torments(&mut self, request: &Request, kills: u32) -> Result<Torment> {
        let lasts = self.lasts(request.deed);
        let Self {
            purser,
            events,
            dice,
            ..
        } = self;
        let events = &*events;
        Torment::of(purser, &request.arguments(), kills, |kill| {
            let aim = Aim::of(kill, lasts, dice);
            Blow {
                is_early: matches!(aim, Aim::Early(_)),
                wait: Box::new(move || aim.wait(events, lasts)),
            }
        })
    }

    fn asks(&self, request: &Request) -> Result<Value> {
        self.purser.ask(&request.arguments())
    }

    fn lasts(&self, deed: Deed) -> Duration {
        self.lasts.get(&deed).copied().unwrap_or(self.way.lasts())
    }

    fn judges(
        &mut self,
        request: &Request,
        before: &There,
        run: &str,
        view: &Value,
    ) -> Result<Findings> {
        let after = There::of(self.site)?;
        let told = match after.containers.first() {
            Some(one) => self.events.so_far(self.site, &one.id)?,
            None => Vec::new(),
        };
        let state = view["run"]["ended"]["state"].as_str();
        let state = state.unwrap_or("not over").to_owned();
        let attempts = view["run"]["steps"]["deploy"]["attempt"].as_u64();
        let mut found = judge(&Case {
            way: self.way,
            deed: request.deed,
            run,
            state: &state,
            attempts: attempts.context("the step has no attempts")?,
            image: &APP.image(request.version),
            before,
            after: &after,
            told: &told,
        });
        if state == "succeeded" {
            self.live = request.version;
        }
        self.runs.insert(run.to_owned(), state);
        books::judge(&self.purser, &self.runs, &mut found)?;
        self.judges_answers(&after, &mut found);
        Ok(found)
    }

    /// Whoever asks now, at a container or through the proxy, meets the version that is live.
    fn judges_answers(&self, after: &There, found: &mut Findings) {
        let live = APP.version(self.live);
        let mut expect = |who: &str, mut visitor: Visitor| {
            let answer = visitor.ask(Kind::Connect);
            if answer.as_deref() != Ok(live.as_str()) {
                found
                    .wrong
                    .push(format!("{who} answers {answer:?}, not {live}"));
            }
        };
        for one in &after.containers {
            if let Some(address) = one.address {
                let address = SocketAddr::from((address, 8080));
                expect(&one.name, Visitor::at(address, &self.site.host));
            }
        }
        if self.way == Way::BlueGreen {
            expect(&self.site.host, Visitor::of(&self.site.host));
        }
    }

    /// What was hit, and what came of it.
    fn tells(&mut self, request: &Request, view: &Value, struck: &[u64], found: &Findings) {
        let log = Log(&view["log"]);
        let hits = Hits::of(&log, struck);
        self.report.in_flight += hits.in_flight;
        self.report.in_effect += hits.in_effect;
        let state = view["run"]["ended"]["state"].as_str().unwrap_or("not over");
        self.report.rolled_back += u32::from(state == "rolled_back");
        if let (Ok(begun), Ok(ended)) = (log.begun(), log.ended()) {
            let lasted = Duration::from_micros(ended.saturating_sub(begun));
            // A longer one has waited for what a kill has left in the air.
            let shortest = self.lasts(request.deed).min(lasted);
            self.lasts.insert(request.deed, shortest);
        }
        let (number, deed) = (self.report.deploys, request.deed);
        say::line(
            self.way.name(),
            format!(
                "{number}. {deed:?}: {state}; killed {}",
                hits.words.join(", ")
            ),
        );
        self.report.add(&format!("deploy {number}"), found);
        for what in found.all() {
            say::line(self.way.name(), what);
        }
    }
}
