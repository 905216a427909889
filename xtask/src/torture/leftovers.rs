//! What a torture that was killed has left behind: its folders, and whoever still works in them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Where all folders are: not in memory, as `/tmp` may be.
pub(super) const PLACE: &str = "/var/tmp";
/// The file in a folder that says which process it goes away with.
const OWNER: &str = "owner.pid";

/// This folder goes away with this process, unless somebody [lets it go](let_go).
pub(super) fn own(folder: &Path) -> Result<()> {
    fs::write(folder.join(OWNER), std::process::id().to_string())
        .with_context(|| format!("cannot write to {}", folder.display()))
}

/// From now on this folder stays until a person removes it.
pub(super) fn let_go(folder: &Path) {
    let _ = fs::remove_file(folder.join(OWNER));
}

/// Ends what works in folders whose owners are dead, and removes these. What cannot be removed is
/// left to the next one.
pub(super) fn clear_away(place: &Path) {
    let folders = fs::read_dir(place).into_iter().flatten().flatten();
    let folders = folders.map(|entry| entry.path());
    for folder in folders.filter(|folder| owner(folder).is_some_and(is_dead)) {
        for pid in at_work_in(&folder) {
            let _ = kill(pid, Signal::SIGKILL);
        }
        // A disk of its own, where there is one.
        let _ = umount2(&folder.join("store"), MntFlags::MNT_DETACH);
        let _ = fs::remove_dir_all(folder);
    }
}

fn owner(folder: &Path) -> Option<u32> {
    fs::read_to_string(folder.join(OWNER)).ok()?.parse().ok()
}

fn is_dead(pid: u32) -> bool {
    !Path::new("/proc").join(pid.to_string()).exists()
}

/// The processes whose working folder is this one, or one in it: both servers stay where they were
/// started, or go where their files are.
fn at_work_in(folder: &Path) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let works_here = |process: &PathBuf| {
        fs::read_link(process.join("cwd")).is_ok_and(|works_in| works_in.starts_with(folder))
    };
    let here = processes.map(|entry| entry.path()).filter(works_here);
    here.filter_map(|process| process.file_name()?.to_str()?.parse().ok())
        .map(Pid::from_raw)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn of_one_that_was_killed_nothing_is_left_and_of_others_everything() -> Result<()> {
        let place = std::env::temp_dir().join(format!("purser-leftovers-{}", std::process::id()));
        let folder = |name: &str| -> Result<PathBuf> {
            let folder = place.join(name);
            fs::create_dir_all(folder.join("data"))?;
            own(&folder)?;
            Ok(folder)
        };
        let mut killed = Command::new("true").spawn()?;
        killed.wait()?;
        let (dead, kept, ours) = (folder("dead")?, folder("kept")?, folder("ours")?);
        for folder in [&dead, &kept] {
            fs::write(folder.join(OWNER), killed.id().to_string())?;
        }
        let_go(&kept);
        let mut sleeps = Command::new("sleep");
        let mut works_on = sleeps.arg("60").current_dir(dead.join("data")).spawn()?;

        clear_away(&place);

        assert_eq!(works_on.wait()?.signal(), Some(Signal::SIGKILL as i32));
        assert!(!dead.exists() && kept.exists() && ours.exists());
        fs::remove_dir_all(place)?;
        Ok(())
    }
}
