//! Purser's clock, moved by an hour both ways under its feet.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};

use super::dice::Dice;
use super::{Options, Report, Scene, moods, play};
use crate::effect_server::Mark;

/// Debian's package and the program by which it is known to be there.
pub const PACKAGE: &str = "faketime";
/// Where the package keeps its library, on any architecture.
const LIBRARIES: &str = "/usr/lib";
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// By how many seconds it is moved, one after the other.
const MOVES: [i32; 8] = [3600, 0, -3600, 0, 3600, -3600, 3600, 0];
/// In the end, later than any timer that was set by a wrong clock.
const LATER_THAN_ALL: i32 = 3 * 3600;
/// How long the server goes on before and after its clock is moved.
const SPAN: Duration = Duration::from_millis(1500);

/// Moves the clock while effects are in hand, and kills the server before, after, or not at all.
///
/// # Errors
/// libfaketime is not there, or a run does not end.
pub fn moved_clock(options: &Options) -> Result<Report> {
    play(options, |scene, dice| {
        let (clock, variables) = Clock::of(scene.house.path("clock"))?;
        scene.house.environment.extend(variables);
        scene.lives_with(&clock, options, dice)?;
        clock.is_off_by(LATER_THAN_ALL)
    })
    .map(Report::if_it_hit)
}

/// The same with the clock of the database, of which Purser's stays independent.
///
/// # Errors
/// The store is on no server, libfaketime is not there, or a run does not end.
pub fn moved_database_clock(options: &Options) -> Result<Report> {
    play(options, |scene, dice| {
        let cluster = &mut scene.database()?.cluster;
        let (clock, variables) = Clock::of(cluster.path("clock"))?;
        cluster.kill()?;
        cluster.environment.extend(variables);
        cluster.starts()?;
        scene.lives_with(&clock, options, dice)
    })
    .map(Report::if_it_hit)
}

/// When the server is killed, seen from the move of its clock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dies {
    Not,
    Before,
    After,
}

impl Scene {
    fn lives_with(&mut self, clock: &Clock, options: &Options, dice: &mut Dice) -> Result<()> {
        // A request that is still to land when the next server looks is what a wrong clock is about.
        self.server.follows(moods::unruly(dice.split(), 50));
        for seconds in MOVES {
            for dies in [Dies::Before, Dies::After, Dies::Not] {
                let since = self.goes_on(options)?;
                self.lives_through(dies, since, || clock.is_off_by(seconds), dice)?;
            }
            (options.say)(&format!("the clock was off by {seconds} seconds"));
        }
        Ok(())
    }

    fn lives_through(
        &mut self,
        dies: Dies,
        since: Mark,
        moves: impl Fn() -> Result<()>,
        dice: &mut Dice,
    ) -> Result<()> {
        let asking = self.load.goes_on(dice.split());
        let hits = self.aims(since, SPAN / 4, dice);
        self.has_a_fault(hits);
        if dies == Dies::Before {
            self.kills(since)?;
        }
        moves()?;
        if dies == Dies::After {
            sleep(dice.time(SPAN));
            self.kills(since)?;
        }
        let _ = asking.join();
        Ok(())
    }
}

/// The file that libfaketime reads.
struct Clock(PathBuf);

impl Clock {
    /// The clock of whatever is started with these variables: right, as yet.
    fn of(file: PathBuf) -> Result<(Self, Vec<(String, String)>)> {
        let clock = Self(file);
        clock.is_off_by(0)?;
        let variables = [
            ("LD_PRELOAD", library()?.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", clock.0.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        Ok((clock, variables.to_vec()))
    }

    fn is_off_by(&self, seconds: i32) -> Result<()> {
        // Renamed into its place: it is read at any moment.
        let next = self.0.with_extension("next");
        fs::write(&next, format!("{seconds:+}\n"))?;
        fs::rename(next, &self.0).context("the clock cannot be moved")
    }
}

fn library() -> Result<PathBuf> {
    let folders = fs::read_dir(LIBRARIES)?.flatten();
    let here = |folder: fs::DirEntry| folder.path().join(LIBRARY);
    let mut found = folders
        .map(here)
        .filter(|path: &PathBuf| Path::exists(path));
    found.next().with_context(|| {
        format!("{LIBRARY} is not below {LIBRARIES}: install the Debian package {PACKAGE}")
    })
}
