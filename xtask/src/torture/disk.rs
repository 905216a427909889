//! The disk of a `SQLite` store, full at random instants.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::dice::Dice;
use super::workflows::ALL;
use super::{Options, Report, Scene, dies_too, moods, play};
use crate::disk::Disk;

/// How large it is, in MiB.
const SIZE: u32 = 24;
/// How often the disk is full.
const TIMES: u32 = 8;
/// How long it stays full after the server has noticed.
const WHILE: Duration = Duration::from_millis(600);
/// The server notices within this time.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Fills the disk under a server with effects in hand, kills it then every other time but the last,
/// and makes room.
///
/// # Errors
/// The store is on a server, no disk can be mounted (it takes root), a full one is not noticed, or a
/// run does not end.
pub fn full_disk(options: &Options) -> Result<Report> {
    options.wants_sqlite(
        "the disk under PostgreSQL is not the server's, and --database-killed takes its database away",
    )?;
    play(options, |scene, dice| {
        scene.disk = Some(Disk::mounted_on(&scene.house.path("store"), SIZE)?);
        let moods = moods::unruly(dice.split(), moods::FEW);
        scene.server.follows(moods);
        for time in 1..=TIMES {
            scene.has_no_room(time, options, dice)?;
            (options.say)(&format!("the disk was full {time} times"));
        }
        Ok(())
    })
    .map(Report::if_it_hit)
}

impl Scene {
    fn has_no_room(&mut self, time: u32, options: &Options, dice: &mut Dice) -> Result<()> {
        let since = self.goes_on(options)?;
        let (asking, _) = self.is_struck(since, dice);
        self.disk()?.fill()?;
        let _ = asking.join();
        self.is_refused()?;
        sleep(dice.time(WHILE));
        if dies_too(time, 2, TIMES) {
            self.kills(since)?;
        }
        Ok(self.disk()?.make_room()?)
    }

    fn disk(&self) -> Result<&Disk> {
        self.disk.as_ref().context("there is no disk to fill")
    }

    /// Asks for runs until the server has no room for another one.
    fn is_refused(&self) -> Result<()> {
        let begun = Instant::now();
        while self.load.asks_for(ALL[0]) {
            ensure!(begun.elapsed() < PATIENCE, "a full disk is not noticed");
            // Whatever little room there still was.
            self.disk()?.fill()?;
            sleep(LOOK);
        }
        Ok(())
    }
}
