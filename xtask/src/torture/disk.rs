//! The disk of a `SQLite` store, full at random instants.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::dice::Dice;
use super::workflows::ALL;
use super::{Options, Report, Scene, moods};

/// How often the disk is full.
const TIMES: u32 = 8;
/// How long the server goes on before it is.
const BEFORE: Duration = Duration::from_millis(800);
/// How long it stays full after the server has noticed.
const WHILE: Duration = Duration::from_millis(600);
/// The server notices within this time.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Fills the disk under a server with effects in hand, kills every other one then, and makes room.
///
/// # Errors
/// No disk can be mounted (it takes root), a full one is not noticed, or a run does not end.
pub fn full_disk(options: &Options) -> Result<Report> {
    let mut dice = Dice::of(options.seed);
    let mut scene = Scene::set(options)?;
    let disk = Disk::mounted_on(scene.house.path("store"))?;
    scene
        .server
        .follows(moods::unruly(dice.split(), moods::FEW));
    for time in 1..=TIMES {
        ensure!(!(options.interrupted)(), "interrupted");
        if !scene.house.runs() {
            scene.starts()?;
        }
        let since = scene.server.mark();
        let asking = scene.load.goes_on(dice.split());
        scene.server.waits_for_one(since, PATIENCE);
        sleep(dice.time(BEFORE));
        disk.fill()?;
        let _ = asking.join();
        scene.is_refused(&disk)?;
        sleep(dice.time(WHILE));
        if time % 2 == 0 {
            scene.kills(since)?;
        }
        disk.make_room()?;
        (options.say)(&format!("the disk was full {time} times"));
    }
    scene.settle(options)
}

impl Scene {
    /// Asks for runs until the server has no room for another one.
    fn is_refused(&self, disk: &Disk) -> Result<()> {
        let begun = Instant::now();
        while self.load.asks_for(ALL[0]) {
            ensure!(begun.elapsed() < PATIENCE, "a full disk is not noticed");
            // Whatever little room there still was.
            disk.fill()?;
            sleep(LOOK);
        }
        Ok(())
    }
}

/// A small disk of its own, mounted until it is dropped.
struct Disk(PathBuf);

impl Disk {
    fn mounted_on(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        mount(
            Some("tmpfs"),
            &folder,
            Some("tmpfs"),
            MsFlags::empty(),
            Some("size=24m,mode=700"),
        )
        .context("no disk can be mounted: that takes root")?;
        Ok(Self(folder))
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Fills it to the last byte.
    fn fill(&self) -> Result<()> {
        let mut filler = File::options()
            .create(true)
            .append(true)
            .open(self.filler())?;
        for size in [1 << 20, 4096, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
        Ok(())
    }

    fn make_room(&self) -> Result<()> {
        fs::remove_file(self.filler()).context("no room can be made")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that is killed a moment later still has it open.
        let folder: &Path = &self.0;
        let _ = umount2(folder, MntFlags::MNT_DETACH);
    }
}
