//! Whether there is room for an image where the engine keeps them, as far as that can be known.

use std::path::Path;

use bollard::models::SystemInfo;
use nix::sys::statvfs::statvfs;

use super::super::engine::{Docker, status};
use crate::action::Result;
use crate::domain::words::size;

/// What is free on the engine's disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// So many bytes.
    Free {
        /// For everybody.
        usual: u64,
        /// For root, as which engines run: what is kept back for it is counted too.
        at_most: u64,
    },
    /// It cannot be known, for this reason.
    Unknown(&'static str),
}

impl Room {
    /// Looks at the disk of an engine that runs on this machine.
    pub(super) async fn of(docker: &Docker) -> Result<Self> {
        let info = match docker.client().await?.info().await {
            Ok(info) => info,
            Err(error) if matches!(status(&error), Some(401 | 403 | 405)) => {
                return Ok(Self::Unknown(
                    "what stands before it does not let that be asked",
                ));
            }
            Err(error) => return Err(docker.failed("it was asked where it keeps images", error)),
        };
        let root = match root(&info, docker.is_behind_a_socket(), docker.hostname()) {
            Ok(root) => root.to_owned(),
            Err(why) => return Ok(Self::Unknown(why)),
        };
        let free = tokio::task::spawn_blocking(move || free(Path::new(&root))).await;
        let unseen = Self::Unknown("its folder cannot be seen from here");
        Ok(free.ok().flatten().unwrap_or(unseen))
    }

    /// Whether so many bytes, compressed, are more than there is room for: unpacked, layers are as
    /// large at least.
    pub(super) fn is_too_little_for(&self, bytes: u64) -> bool {
        matches!(self, Self::Free { at_most, .. } if *at_most == 0 || bytes > *at_most)
    }

    /// For a plan.
    pub(super) fn note(&self, engine: &str) -> String {
        match self {
            Self::Free { usual, .. } => {
                format!("{} are free on the disk of `{engine}`", size(*usual))
            }
            Self::Unknown(why) => {
                format!("whether there is room on the disk of `{engine}` is not known: {why}")
            }
        }
    }
}

/// The folder, on a disk of this machine, in which each layer takes its own room.
fn root<'a>(
    info: &'a SystemInfo,
    is_behind_a_socket: bool,
    hostname: &str,
) -> Result<&'a str, &'static str> {
    // An engine in a container calls itself by the container's name, and its folder is there.
    if !is_behind_a_socket || info.name.as_deref() != Some(hostname) {
        return Err("it is not known to run on this machine");
    }
    // Others compress what they hold, or hold it somewhere else.
    let fields = info.driver_status.iter().flatten();
    let is_plain = fields.into_iter().any(|field| {
        matches!(field.as_slice(), [name, backing] if name == "Backing Filesystem"
            && matches!(backing.as_str(), "extfs" | "xfs"))
    });
    if info.driver.as_deref() != Some("overlay2") || !is_plain {
        return Err("how much room an image takes is up to its storage driver");
    }
    let root = info.docker_root_dir.as_deref().unwrap_or_default();
    if root.starts_with('/') {
        Ok(root)
    } else {
        Err("it does not say where it keeps images")
    }
}

fn free(root: &Path) -> Option<Room> {
    let disk = statvfs(root).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.fragment_size());
    Some(Room::Free {
        usual: bytes(disk.blocks_available()),
        at_most: bytes(disk.blocks_free()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> SystemInfo {
        SystemInfo {
            name: Some("dock".to_owned()),
            driver: Some("overlay2".to_owned()),
            driver_status: Some(vec![vec![
                "Backing Filesystem".to_owned(),
                "extfs".to_owned(),
            ]]),
            docker_root_dir: Some("/var/lib/docker".to_owned()),
            ..SystemInfo::default()
        }
    }

    #[test]
    fn only_the_disk_of_an_engine_on_this_machine_is_looked_at() {
        assert_eq!(root(&info(), true, "dock"), Ok("/var/lib/docker"));
        assert!(root(&info(), false, "dock").is_err());
        assert!(root(&info(), true, "0a1b2c3d4e5f").is_err());
        let containerd = SystemInfo {
            driver: Some("overlayfs".to_owned()),
            ..info()
        };
        assert!(root(&containerd, true, "dock").is_err());
        let compressed = SystemInfo {
            driver_status: Some(vec![vec![
                "Backing Filesystem".to_owned(),
                "btrfs".to_owned(),
            ]]),
            ..info()
        };
        assert!(root(&compressed, true, "dock").is_err());
        let silent = SystemInfo {
            docker_root_dir: None,
            ..info()
        };
        assert!(root(&silent, true, "dock").is_err());
    }

    #[test]
    fn what_is_not_known_is_never_too_little() {
        let free = |at_most| Room::Free { usual: 0, at_most };
        assert!(free(100).is_too_little_for(101));
        assert!(!free(100).is_too_little_for(100));
        assert!(free(0).is_too_little_for(0));
        assert!(!Room::Unknown("?").is_too_little_for(u64::MAX));
    }

    #[test]
    fn a_folder_that_is_there_has_room_and_one_that_is_not_has_none_that_is_known() {
        assert!(free(Path::new("/")).is_some());
        assert_eq!(free(Path::new("/nowhere/at/all")), None);
    }
}
