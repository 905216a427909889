//! A Purser under load, from its first start to what is left of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Once;
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::house::House;
use super::load::Load;
use super::store::Database;
use super::{Dice, Options, Report, api, leftovers};
use crate::disk::Disk;
use crate::effect_server::{EffectServer, Mark};

/// A fault comes up to this long after the effect server has the request.
pub(super) const SHORTLY: Duration = Duration::from_millis(400);
/// What is aimed at an effect in hand is aimed anew so often.
const TRIES: u32 = 3;
/// No longer is waited for an effect to be begun.
const BEGINS: Duration = Duration::from_secs(3);

/// A Purser under load, and what it really did.
pub(super) struct Scene {
    /// The disk of the store, where it has one of its own. Before the house, that it be gone when
    /// the folder is removed.
    pub(super) disk: Option<Disk>,
    pub(super) house: House,
    /// The one that waits for its lease, where there is one.
    pub(super) standby: Option<House>,
    /// The server of the store, if it is on one.
    pub(super) database: Option<Database>,
    pub(super) server: EffectServer,
    pub(super) load: Load,
    pub(super) report: Report,
    pub(super) taken_over: BTreeSet<String>,
    /// No answer of the effect server was lost, and no server died before it was on disk.
    pub(super) all_was_known: bool,
}

impl Scene {
    pub(super) fn set(options: &Options) -> Result<Self> {
        static CLEARED: Once = Once::new();
        CLEARED.call_once(|| leftovers::clear_away(Path::new(leftovers::PLACE)));
        let server = EffectServer::start()?;
        let database = options.store.database(options.group)?;
        let url = database.as_ref().map(Database::url);
        let house = House::new(options, url.as_deref(), &server.url())?;
        let load = Load::of(&house)?;
        Ok(Self {
            disk: None,
            house,
            standby: None,
            database,
            server,
            load,
            report: Report::default(),
            taken_over: BTreeSet::new(),
            all_was_known: false,
        })
    }

    /// A server takes calls, this one or a new one: a mark between what came before and what comes.
    pub(super) fn goes_on(&mut self, options: &Options) -> Result<Mark> {
        ensure!(!(options.interrupted)(), "interrupted");
        if !self.house.runs()? {
            self.starts()?;
        }
        Ok(self.server.mark())
    }

    /// The server of the store.
    pub(super) fn database(&mut self) -> Result<&mut Database> {
        self.database
            .as_mut()
            .context("the store is on no server: --store postgres")
    }

    /// Starts a server, waits until it takes calls, and notes what it takes over.
    pub(super) fn starts(&mut self) -> Result<()> {
        self.house.up()?;
        self.takes_over();
        Ok(())
    }

    /// Notes what the server that takes calls has found unfinished.
    pub(super) fn takes_over(&mut self) {
        let unfinished = self.unfinished();
        self.taken_over.extend(unfinished);
    }

    /// The runs that have begun and not ended, of those that are known to be asked for.
    fn unfinished(&self) -> Vec<String> {
        let known = self.load.all().into_iter().filter_map(|one| one.run);
        let known: BTreeSet<_> = known.collect();
        let listed = api::get(&self.house.socket(), "/api/v1/runs?limit=500");
        let listed = listed.ok().and_then(|listed| listed.as_array().cloned());
        let is_begun =
            |row: &Value| row["status"] == "running" || row["status"]["waiting"] == "timer";
        let listed = listed.unwrap_or_default().into_iter().filter(is_begun);
        let ids = listed.filter_map(|row| row["id"].as_str().map(str::to_owned));
        ids.filter(|id| known.contains(id)).collect()
    }

    /// Waits until a while after an effect was begun, and for another one if that is done by then;
    /// whether one is in hand.
    pub(super) fn aims(&self, since: Mark, shortly: Duration, dice: &mut Dice) -> bool {
        for _ in 0..TRIES {
            self.server.waits_for_one(since, BEGINS);
            sleep(dice.time(shortly));
            if self.server.in_hand(since) > 0 {
                return true;
            }
        }
        false
    }

    /// Runs are asked for, and a fault comes over the server at an instant at which an effect is in hand,
    /// if there is one; whether there is.
    pub(super) fn is_struck(&mut self, since: Mark, dice: &mut Dice) -> (JoinHandle<()>, bool) {
        let asking = self.load.goes_on(dice.split());
        let hits = self.aims(since, SHORTLY, dice);
        self.has_a_fault(hits);
        (asking, hits)
    }

    /// Notes that something other than a kill is coming over it, and whether that hits anything.
    pub(super) fn has_a_fault(&mut self, hits: bool) {
        self.report.faults += 1;
        self.report.faults_that_hit += u32::from(hits);
    }

    /// Kills the server, and notes whether that hits an effect that was begun since this mark.
    pub(super) fn kills(&mut self, since: Mark) -> Result<()> {
        self.report.in_flight += u32::from(self.server.in_hand(since) > 0);
        self.house.kill()?;
        self.report.kills += 1;
        Ok(())
    }

    /// Ends what works on it, leaves everything where it is, and says where.
    pub(super) fn is_kept(&mut self, options: &Options) {
        let history = self.server.books().history.join("\n");
        let written = self.house.write("effects.log", &history);
        self.house.keep();
        if let Some(standby) = &mut self.standby {
            standby.keep();
        }
        // Only now: nobody writes there any more.
        let moved = self.disk.take().map_or(Ok(()), Disk::leaves_its_files);
        for error in [written, moved].into_iter().filter_map(Result::err) {
            (options.say)(&format!("not all is kept: {error:#}"));
        }
        let houses = [Some(&self.house), self.standby.as_ref()];
        let mut kept: Vec<_> = houses
            .into_iter()
            .flatten()
            .map(|one| one.path(""))
            .collect();
        if let Some(Database { cluster, .. }) = &mut self.database {
            cluster.keep();
            kept.push(cluster.path(""));
        }
        for folder in kept {
            (options.say)(&format!("kept: {}", folder.display()));
        }
    }
}
