//! Two clients with services that log in all the while, and a Purser that is killed over and over.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::unistd::geteuid;
use serde_json::Value;
use xtask::torture::Dice;

use super::NAME;
use super::aim::{Aim, Journal, Undisturbed};
use super::judge::{Case, Service, judge};
use super::report::Report;
use crate::books::{self, Findings};
use crate::deploys::log::{Log, now};
use crate::deploys::purser::{Purser, filled, run_of};
use crate::rotations::realm::{self, Realm};
use crate::rotations::shop::Shop;
use crate::stack::parts::docker;
use crate::stack::places::Places;
use crate::torment::{Blow, Hits, Torment, until_over};
use crate::{say, sh};

/// Whose secret is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    /// A client whose services take up the new one: the one by an environment, the other from a file.
    Rotate,
    /// A client with a service that goes on with the old one, and says that it has the new one.
    Unproven,
}

use Deed::{Rotate, Unproven};

/// Of ten rotations so many of each.
const DEEDS: [Deed; 10] = [
    Rotate, Rotate, Rotate, Rotate, Rotate, Rotate, Rotate, Unproven, Unproven, Unproven,
];
/// The services' environment says so: how often they log in.
const EVERY: (&str, &str) = ("LOGIN_EVERY_MS", "200");
/// How long a service may take after a rotation until it logs in by the secret that counts.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);

impl Deed {
    /// How a run of it has to end, however often Purser is killed.
    pub(super) fn end(self) -> &'static str {
        match self {
            Rotate => "succeeded",
            Unproven => "rolled_back",
        }
    }

    /// How many containers of a service it makes.
    pub(super) fn makes(self, service: &str) -> usize {
        usize::from(self == Rotate && service == "orders")
    }

    fn client(self) -> &'static str {
        match self {
            Rotate => "orders",
            Unproven => "reports",
        }
    }

    /// The services that log in as the client, with the file that each has its secret from.
    fn services(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Rotate => &[("orders", "orders.env"), ("invoices", "invoices")],
            Unproven => &[("reports", "reports")],
        }
    }

    /// Before one of it was seen.
    fn usual(self) -> Undisturbed {
        let (seconds, events) = match self {
            Rotate => (7, 50),
            Unproven => (5, 30),
        };
        Undisturbed {
            lasts: Duration::from_secs(seconds),
            events,
        }
    }
}

/// What is killed.
pub(super) struct Stage<'a> {
    // What is first goes first.
    purser: Purser,
    home: PathBuf,
    shop: Shop<'a>,
    realm: Realm<'a>,
    dice: Dice,
    /// How long each deed takes at least.
    usual: BTreeMap<Deed, Undisturbed>,
    /// All runs that there have to be, and how each has ended.
    runs: BTreeMap<String, String>,
    report: Report,
}

impl<'a> Stage<'a> {
    pub(super) fn set(
        places: &'a Places,
        program: &Path,
        folder: &Path,
        dice: Dice,
    ) -> Result<Self> {
        let name = "purser-torture-rotations";
        let realm = Realm::create(places, name)?;
        realm.keeps_two_secrets()?;
        let files = folder.join("files");
        fs::create_dir_all(&files)?;
        let shop = Shop::new(places, name, files)?;
        for deed in [Rotate, Unproven] {
            start_services(deed, &shop, &realm)?;
        }
        shop.write("key-of-purser", &realm.administrator("purser")?)?;
        let holes = [
            ("@UID@", geteuid().to_string()),
            ("@DOCKER@", docker::host(places)),
            ("@KEYCLOAK@", realm::url()),
            ("@REALM@", realm.name.clone()),
            ("@PROJECT@", shop.project.clone()),
            ("@FILES@", shop.file("").display().to_string()),
        ];
        let config = filled(include_str!("files/purser.toml"), &holes);
        let workflow = include_str!("files/rotate.yaml");
        let home = folder.join("purser");
        Ok(Self {
            purser: Purser::start_with(program, &home, &config, &[("rotate", workflow)])?,
            home,
            shop,
            realm,
            dice,
            usual: BTreeMap::new(),
            runs: BTreeMap::new(),
            report: Report::default(),
        })
    }

    /// Rotates until there were so many kills, or something is not as it has to be: what comes behind
    /// that would not be told from it.
    pub(super) fn plays(mut self, kills: u32) -> Result<Report> {
        while self.report.kills < kills {
            sh::check_interrupted()?;
            let found = self.rotates(kills - self.report.kills)?;
            if !found.is_empty() {
                break;
            }
        }
        self.report.expect_hits();
        Ok(self.report)
    }

    /// One rotation, killed once or more: what is not as it has to be.
    fn rotates(&mut self, most: u32) -> Result<Findings> {
        self.report.rotations += 1;
        let deed = self.dice.one_of(&DEEDS).copied().unwrap_or(Rotate);
        let old = self.realm.secret(deed.client())?;
        let from = now()?;
        let key = format!("rotation {}", self.report.rotations);
        let client = format!("client={}", deed.client());
        let request = ["run", "rotate", "--detach", "--key", &key, "-i", &client];
        let kills = match self.dice.below(10) {
            0..6 => 1,
            6..9 => 2,
            _ => 3,
        };
        let torment = self.torments(deed, &request, kills.min(most))?;
        self.report.kills += torment.count();
        let run = run_of(&self.purser.ask(&request)?)?;
        let view = until_over(&self.purser, &run)?;
        let mut found = self.judges(deed, (&run, &view), &old, from)?;
        found.lost.extend(torment.lost(&run));
        self.tells(deed, &view, &torment.kills, &found);
        Ok(found)
    }

    fn torments(&mut self, deed: Deed, request: &[&str], kills: u32) -> Result<Torment> {
        let usual = self.usual(deed);
        let known = self.runs.keys().cloned().collect();
        let journal = Journal::new(self.purser.socket(), known);
        let Self { purser, dice, .. } = self;
        Torment::of(purser, request, kills, |kill| {
            let aim = Aim::of(kill, usual, dice);
            let journal = &journal;
            Blow {
                is_early: matches!(aim, Aim::Early(_)),
                wait: Box::new(move || aim.wait(journal, usual)),
            }
        })
    }

    fn usual(&self, deed: Deed) -> Undisturbed {
        self.usual.get(&deed).copied().unwrap_or(deed.usual())
    }

    fn judges(
        &mut self,
        deed: Deed,
        (run, view): (&str, &Value),
        old: &str,
        from: u64,
    ) -> Result<Findings> {
        let (client, realm) = (deed.client(), &self.realm);
        let state = view["run"]["ended"]["state"].as_str();
        let state = state.unwrap_or("not over").to_owned();
        let current = realm.secret(client)?;
        let mut taken = Vec::new();
        for secret in [old, &current] {
            if realm.accepts(client, secret)? {
                taken.push(secret);
            }
        }
        let refused = realm.logins(client, from / 1000, true)?;
        let from_outside = |from| from != Some(realm::seen_from_here());
        let attempts = view["run"]["steps"]["rotate"]["attempt"].as_u64();
        let mut found = judge(&Case {
            deed,
            state: &state,
            attempts: attempts.context("the step has no attempts")?,
            secrets: [old, &current],
            taken,
            keeps_another: realm.keeps_rotated(client)?,
            services: self.services(deed, &current)?,
            made: self.shop.made_since(from)?,
            refused: refused
                .iter()
                .filter(|login| from_outside(login.from))
                .count(),
            readable_in: readable_in(&self.home, &[old, &current])?,
        });
        self.runs.insert(run.to_owned(), state);
        books::judge(&self.purser, &self.runs, &mut found)?;
        Ok(found)
    }

    fn services(&self, deed: Deed, current: &str) -> Result<Vec<Service>> {
        let services = deed.services().iter();
        services
            .map(|(name, file)| {
                let logs_in = self.logs_in(name, current)?;
                Ok(Service {
                    name: (*name).to_owned(),
                    containers: self.shop.all_of(name)?,
                    is_written: fs::read_to_string(self.shop.file(file))? == line(file, current),
                    logs_in,
                })
            })
            .collect()
    }

    /// Whether the containers of a service say within half a minute that they use this secret, and are let
    /// in after that.
    fn logs_in(&self, service: &str, secret: &str) -> Result<bool> {
        let begun = Instant::now();
        let mut before = BTreeMap::new();
        while begun.elapsed() < PATIENCE {
            sh::check_interrupted()?;
            let containers = self.shop.containers()?.into_iter();
            let mut all = containers.filter(|one| one.service == service).peekable();
            let is_there = all.peek().is_some();
            let are_well = all.all(|one| {
                let Ok(counts) = one.logins() else {
                    return false;
                };
                let before = *before.entry(one.id).or_insert(counts.ok);
                // A lying one shows a digest too; it counts what it is let in by.
                counts.use_secret(secret) && counts.ok > before
            });
            if is_there && are_well {
                return Ok(true);
            }
            sleep(LOOK);
        }
        Ok(false)
    }

    /// What was hit, and what came of it.
    fn tells(&mut self, deed: Deed, view: &Value, struck: &[u64], found: &Findings) {
        let log = Log(&view["log"]);
        let hits = Hits::of(&log, struck);
        self.report.add_hits(&hits);
        let state = view["run"]["ended"]["state"].as_str().unwrap_or("not over");
        self.report.rolled_back += u32::from(state == "rolled_back");
        if let (Ok(lasted), Some(events)) = (log.total(), view["log"].as_array()) {
            let before = self.usual(deed);
            let usual = Undisturbed {
                // A longer one has waited for what a kill has left in the air.
                lasts: before.lasts.min(lasted),
                events: events.len() as u64,
            };
            self.usual.insert(deed, usual);
        }
        let number = self.report.rotations;
        let hit = hits.words.join(", ");
        say::line(NAME, format!("{number}. {deed:?}: {state}; killed {hit}"));
        self.report.add(found);
        for what in found.all() {
            say::line(NAME, what);
        }
    }
}

/// Makes the client, and starts all that log in as it.
fn start_services(deed: Deed, shop: &Shop, realm: &Realm) -> Result<()> {
    let client = deed.client();
    let secret = realm.client(client)?;
    realm.mark(client)?;
    let url = realm.token_url();
    let common = [("LOGIN_URL", url.as_str()), ("LOGIN_CLIENT", client), EVERY];
    for (service, file) in deed.services() {
        let path = shop.write(file, &line(file, &secret))?;
        let own: &[(&str, &str)] = match *service {
            "orders" => &[("LOGIN_SECRET", &secret)],
            "invoices" => &[("LOGIN_SECRET_FILE", &path)],
            "reports" => &[("LOGIN_SECRET_FILE", &path), ("LIE", "1")],
            other => bail!("nobody knows where {other} has its secret from"),
        };
        shop.start(service, &[&common[..], own].concat())?;
    }
    Ok(())
}

/// What stands in a file that gives this secret.
fn line(file: &str, secret: &str) -> String {
    if file == "orders.env" {
        format!("LOGIN_SECRET={secret}\n")
    } else {
        secret.to_owned()
    }
}

/// The files below a folder in which one of these is to be read.
fn readable_in(folder: &Path, secrets: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            found.extend(readable_in(&path, secrets)?);
        } else if entry.file_type()?.is_file() {
            // One that has gone meanwhile holds nothing.
            let bytes = fs::read(&path).unwrap_or_default();
            let holds = |secret: &&str| {
                let mut parts = bytes.windows(secret.len());
                parts.any(|part| part == secret.as_bytes())
            };
            if secrets.iter().any(holds) {
                found.push(path.display().to_string());
            }
        }
    }
    Ok(found)
}
