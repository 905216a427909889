//! The disk of a `SQLite` store, full at random instants.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::dice::Dice;
use super::workflows::ALL;
use super::{Options, Report, Scene, dies_too, moods, play};

/// How often the disk is full.
const TIMES: u32 = 8;
/// It is up to this long after the effect server has a request.
const SHORTLY: Duration = Duration::from_millis(400);
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
        scene.disk = Some(Disk::mounted_on(scene.house.path("store"))?);
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
        let asking = self.load.goes_on(dice.split());
        let hits = self.aims(since, SHORTLY, dice);
        self.has_a_fault(hits);
        self.disk()?.fill()?;
        let _ = asking.join();
        self.is_refused()?;
        sleep(dice.time(WHILE));
        if dies_too(time, 2, TIMES) {
            self.kills(since)?;
        }
        self.disk()?.make_room()
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

/// The file that takes up all the room.
const FILLER: &str = "filler";

/// A small disk of its own, mounted until it is dropped.
pub(super) struct Disk(PathBuf);

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
        self.0.join(FILLER)
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

    /// Leaves what is on it in the folder that it is mounted on, and is gone. Nobody may write there.
    pub(super) fn leaves_its_files(self) -> Result<()> {
        let folder = self.0.clone();
        let beside = folder.with_extension("kept");
        copy_but(FILLER, &folder, &beside).context("what is on the disk cannot be copied")?;
        drop(self);
        fs::remove_dir(&folder)?;
        fs::rename(beside, folder).context("what was on the disk cannot be put in its place")
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

/// Copies a folder with all that is in it, but for files of this name.
fn copy_but(left_out: &str, from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (here, there) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_but(left_out, &here, &there)?;
        } else if entry.file_name() != left_out {
            fs::copy(here, there)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_a_disk_can_be_kept_without_it() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("purser-disk-{}", std::process::id()));
        let disk = Disk::mounted_on(folder.join("store"))?;
        fs::create_dir(folder.join("store/inner"))?;
        fs::write(folder.join("store/inner/log"), "what went wrong")?;
        disk.fill()?;
        disk.leaves_its_files()?;
        assert_eq!(
            fs::read_to_string(folder.join("store/inner/log"))?,
            "what went wrong"
        );
        assert!(!folder.join("store").join(FILLER).exists());
        let mounts = fs::read_to_string("/proc/mounts")?;
        assert!(!mounts.contains(&folder.display().to_string()), "{mounts}");
        fs::remove_dir_all(folder)?;
        Ok(())
    }
}
