//! Room on the disks that Purser writes to.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use crate::config::Config;
use crate::domain::finding::{Check, Finding, Remark};

/// With less a store cannot be counted on to take the next run.
const TOO_LITTLE: u64 = 256 * MIB;
/// With less it is time to make room.
const LITTLE: u64 = 2048 * MIB;
const MIB: u64 = 1024 * 1024;

/// How much room there is.
pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let folders = [
        ("[store] path", config.store.path.clone()),
        ("[artifacts] path", config.artifacts.path.clone()),
    ];
    let looked = tokio::task::spawn_blocking(move || of_all(&folders)).await;
    looked.unwrap_or_default()
}

fn of_all(folders: &[(&str, PathBuf)]) -> Vec<Finding> {
    // Folders on one disk have the same room: it is said once.
    let mut disks = BTreeMap::new();
    for (setting, folder) in folders {
        let there = nearest_there(folder);
        let disk = std::fs::metadata(there).map_or(0, |facts| facts.dev());
        disks
            .entry(disk)
            .or_insert_with(|| of(setting, there).of(Check::Disk, folder.display().to_string()));
    }
    disks.into_values().collect()
}

/// The folder, or the first above it that is there.
fn nearest_there(folder: &Path) -> &Path {
    folder
        .ancestors()
        .find(|path| path.exists())
        .unwrap_or(folder)
}

fn of(setting: &str, folder: &Path) -> Remark {
    match statvfs(folder) {
        Ok(disk) => {
            let free = disk.blocks_available() * disk.fragment_size();
            let files = (disk.files() > 0).then(|| disk.files_available());
            remark(setting, free, files)
        }
        Err(error) => {
            let message = format!("its room cannot be asked for ({})", error.desc());
            let next = format!("set `{setting}` to a folder that can be reached");
            Remark::problem(message, next)
        }
    }
}

fn remark(setting: &str, free: u64, files: Option<u64>) -> Remark {
    let room = format!("{} free", in_words(free));
    let next = format!("make room, or move `{setting}` to a larger disk");
    match (free, files) {
        (_, Some(0)) => {
            Remark::problem("no further file can be made: its inodes are used up", next)
        }
        (..TOO_LITTLE, _) => Remark::problem(
            format!("{room}: a run that cannot be written is not begun"),
            next,
        ),
        (..LITTLE, _) => Remark::warning(format!("{room}: not much"), next),
        _ => Remark::well(room),
    }
}

#[allow(clippy::cast_precision_loss, reason = "it is rounded for people")]
fn in_words(bytes: u64) -> String {
    match bytes / MIB {
        mib @ ..1024 => format!("{mib} MiB"),
        mib => format!("{:.1} GiB", mib as f64 / 1024.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_less_room_the_worse() {
        let said = |mib: u64, files| {
            let remark = remark("[store] path", mib * MIB, files);
            format!("{:?}: {}", remark.verdict.state(), remark.message)
        };
        assert_eq!(said(4608, Some(1)), "Ok: 4.5 GiB free");
        assert_eq!(said(2047, Some(1)), "Warning: 2.0 GiB free: not much");
        assert_eq!(
            said(255, None),
            "Problem: 255 MiB free: a run that cannot be written is not begun"
        );
        assert_eq!(
            said(9999, Some(0)),
            "Problem: no further file can be made: its inodes are used up"
        );
    }
}
