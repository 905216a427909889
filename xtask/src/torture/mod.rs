//! The real program, killed and started again under load, until it is certain that nothing is lost
//! and nothing is done twice.
//!
//! A [`house`] is a Purser with a store; the [`load`] asks it for runs; the
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
mod report;
mod scene;
mod settle;
mod standby;
mod store;
mod workflows;

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

pub use clock::{PACKAGE as FAKETIME, moved_clock, moved_database_clock};
pub use cluster::Cluster;
pub use cutter::{CommitCutter, Cut};
pub use database::{cut_commits, killed_database};
pub use dice::Dice;
pub use disk::full_disk;
pub use failpoints::every_failpoint;
pub use frozen::frozen;
pub use random::random_kills;
pub use report::Report;
pub use standby::taken_over;
pub use store::Store;

use scene::Scene;

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
}
