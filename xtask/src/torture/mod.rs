//! The real program, killed and started again under load, until it is certain that nothing is lost
//! and nothing is done twice.
//!
//! A [`House`] is a Purser with a store; the [`Load`] asks it for runs; the
//! [effect server](crate::effect_server) counts what they really do; [`judge`] compares.

mod api;
mod clock;
mod cluster;
mod cutter;
mod database;
mod dice;
mod disk;
mod failpoints;
mod frozen;
mod house;
mod judge;
mod leftovers;
mod load;
mod moods;
mod random;
mod settle;
mod standby;
mod store;
mod workflows;

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::Value;

pub use clock::{PACKAGE as FAKETIME, moved_clock, moved_database_clock};
pub use cluster::Cluster;
pub use cutter::{CommitCutter, Cut};
pub use database::{cut_commits, killed_database};
pub use dice::Dice;
pub use disk::full_disk;
pub use failpoints::every_failpoint;
pub use frozen::frozen;
pub use random::random_kills;
pub use standby::taken_over;
pub use store::Store;

use house::House;
use load::Load;
use store::Database;

use crate::disk::Disk;
use crate::effect_server::{EffectServer, Mark};

/// What is aimed at an effect in hand is aimed anew so often.
const TRIES: u32 = 3;
/// No longer is waited for an effect to be begun.
const BEGINS: Duration = Duration::from_secs(3);

/// Which process group the servers are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// That of whoever torments them: they end with it when the group is told to end.
    Ours,
    /// One of their own. A signal from the terminal is for whoever torments them, who ends them then.
    Own,
}

impl Group {
    fn of(self, command: &mut Command) {
        if self == Self::Own {
            command.process_group(0);
        }
    }
}

/// What to torment, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// `purser`, built with failpoints.
    pub program: PathBuf,
    /// Where it keeps its runs.
    pub store: Store,
    /// The group of the servers that are started.
    pub group: Group,
    /// How often it is killed.
    pub kills: u32,
    /// What chance is drawn from.
    pub seed: u64,
    /// Told how far it has come.
    pub say: fn(&str),
    /// Whether somebody wants it to end.
    pub interrupted: fn() -> bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// How often the server was killed.
    pub kills: u32,
    /// How many of these kills hit an effect that was begun and not ended.
    pub in_flight: u32,
    /// How often something other than a kill came over it.
    #[serde(skip_serializing_if = "is_zero")]
    pub faults: u32,
    /// How many of these faults hit an effect that was begun and not ended; where commits are cut, in
    /// how many turns there was one to cut.
    #[serde(skip_serializing_if = "is_zero")]
    pub faults_that_hit: u32,
    /// How many runs were asked for.
    pub runs: usize,
    /// How many of them were begun by one server and found unfinished by the next.
    pub taken_over: usize,
    /// How often a run asked a person: whether an effect had happened, or whether to go on.
    pub parked: u32,
    /// Effects that the log says are done and that never were, runs that succeeded without them,
    /// accepted requests without a run.
    pub lost: usize,
    /// Effects that were done more than once.
    pub repeated: usize,
    /// Each of those in words.
    #[serde(skip)]
    pub wrong: Vec<String>,
}

impl Options {
    /// Refuses a mode that says nothing of a store on a server, and names what to ask for there.
    fn wants_sqlite(&self, on_postgres: &str) -> Result<()> {
        ensure!(
            matches!(self.store, Store::Sqlite),
            "this is for --store sqlite: {on_postgres}"
        );
        Ok(())
    }
}

impl Report {
    /// Whether nothing is wrong: nothing was lost, nothing was done twice, and enough was hit to say
    /// so.
    pub fn is_clean(&self) -> bool {
        self.wrong.is_empty()
    }

    /// This, with a complaint if less than half of what came over the program has hit something: of
    /// the faults, or where there are none, of the kills.
    #[must_use]
    fn if_it_hit(mut self) -> Self {
        let (hit, of, what) = match self.faults {
            0 => (self.in_flight, self.kills, "kills"),
            faults => (self.faults_that_hit, faults, "faults"),
        };
        if 2 * hit < of {
            self.wrong.push(format!(
                "only {hit} of {of} {what} hit anything: that shows too little"
            ));
        }
        self
    }

    /// This and another one together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.kills += other.kills;
        self.in_flight += other.in_flight;
        self.faults += other.faults;
        self.faults_that_hit += other.faults_that_hit;
        self.runs += other.runs;
        self.taken_over += other.taken_over;
        self.parked += other.parked;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.wrong.extend(other.wrong);
        self
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A Purser under load, and what it really did.
struct Scene {
    /// The disk of the store, where it has one of its own. Before the house, that it be gone when
    /// the folder is removed.
    disk: Option<Disk>,
    house: House,
    /// The one that waits for its lease, where there is one.
    standby: Option<House>,
    /// The server of the store, if it is on one.
    database: Option<Database>,
    server: EffectServer,
    load: Load,
    report: Report,
    taken_over: BTreeSet<String>,
    /// No answer of the effect server was lost, and no server died before it was on disk.
    all_was_known: bool,
}

/// Whether the server is killed beside what else comes over it: every so many times, and not the last
/// time, because the last one has to go on by itself until everything has ended.
const fn dies_too(time: u32, every: u32, times: u32) -> bool {
    time.is_multiple_of(every) && time < times
}

/// Has this come over a Purser under load, lets everything end, and judges. Where that goes wrong,
/// all that there is of it is kept.
fn play(
    options: &Options,
    torment: impl FnOnce(&mut Scene, &mut Dice) -> Result<()>,
) -> Result<Report> {
    let mut dice = Dice::of(options.seed);
    let mut scene = Scene::set(options)?;
    let tormented = torment(&mut scene, &mut dice);
    let judged = tormented.and_then(|()| scene.settles(options));
    let is_wanted = match &judged {
        Ok(report) => !report.is_clean(),
        Err(_) => !(options.interrupted)(),
    };
    if is_wanted {
        scene.is_kept(options);
    }
    judged
}

impl Scene {
    fn set(options: &Options) -> Result<Self> {
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
    fn goes_on(&mut self, options: &Options) -> Result<Mark> {
        ensure!(!(options.interrupted)(), "interrupted");
        if !self.house.runs()? {
            self.starts()?;
        }
        Ok(self.server.mark())
    }

    /// The server of the store.
    fn database(&mut self) -> Result<&mut Database> {
        self.database
            .as_mut()
            .context("the store is on no server: --store postgres")
    }

    /// Starts a server, waits until it takes calls, and notes what it takes over.
    fn starts(&mut self) -> Result<()> {
        self.house.up()?;
        self.takes_over();
        Ok(())
    }

    /// Notes what the server that takes calls has found unfinished.
    fn takes_over(&mut self) {
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
    fn aims(&self, since: Mark, shortly: Duration, dice: &mut Dice) -> bool {
        for _ in 0..TRIES {
            self.server.waits_for_one(since, BEGINS);
            sleep(dice.time(shortly));
            if self.server.in_hand(since) > 0 {
                return true;
            }
        }
        false
    }

    /// Notes that something other than a kill is coming over it, and whether that hits anything.
    fn has_a_fault(&mut self, hits: bool) {
        self.report.faults += 1;
        self.report.faults_that_hit += u32::from(hits);
    }

    /// Kills the server, and notes whether that hits an effect that was begun since this mark.
    fn kills(&mut self, since: Mark) -> Result<()> {
        self.report.in_flight += u32::from(self.server.in_hand(since) > 0);
        self.house.kill()?;
        self.report.kills += 1;
        Ok(())
    }

    /// Ends what works on it, leaves everything where it is, and says where.
    fn is_kept(&mut self, options: &Options) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_a_file_is_refused_on_a_server() {
        let options = Options {
            program: PathBuf::new(),
            store: Store::Postgres(PathBuf::new()),
            group: Group::Ours,
            kills: 0,
            seed: 0,
            say: |_| (),
            interrupted: || false,
        };
        let why = |played: Result<Report>| played.map_err(|error| error.to_string()).err();
        assert_eq!(
            why(frozen(&options)).as_deref(),
            Some(
                "this is for --store sqlite: of a server that is stopped on PostgreSQL the standby \
                 takes over, which is --standby"
            )
        );
        assert_eq!(
            why(full_disk(&options)).as_deref(),
            Some(
                "this is for --store sqlite: the disk under PostgreSQL is not the server's, and \
                 --database-killed takes its database away"
            )
        );
    }

    #[test]
    fn the_last_server_lives_on() {
        let kills = |every, times| (1..=times).filter(move |time| dies_too(*time, every, times));
        assert_eq!(kills(3, 9).collect::<Vec<_>>(), [3, 6]);
        assert_eq!(kills(2, 8).collect::<Vec<_>>(), [2, 4, 6]);
    }

    #[test]
    fn who_hits_less_than_half_of_the_time_shows_too_little() {
        let wrong = |kills, in_flight, faults, faults_that_hit| {
            let report = Report {
                kills,
                in_flight,
                faults,
                faults_that_hit,
                ..Report::default()
            };
            report.if_it_hit().wrong
        };
        assert_eq!(wrong(20, 10, 0, 0), [""; 0]);
        assert_eq!(
            wrong(20, 9, 0, 0),
            ["only 9 of 20 kills hit anything: that shows too little"]
        );
        assert_eq!(wrong(3, 0, 9, 5), [""; 0], "it is the faults that count");
        assert_eq!(
            wrong(3, 3, 9, 4),
            ["only 4 of 9 faults hit anything: that shows too little"]
        );
    }
}
