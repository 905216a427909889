//! Whose the files become, where root writes them for somebody else.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, lchown};
use std::path::Path;

use nix::unistd::{User, geteuid};

use super::SYSTEM_FOLDER;

/// The user whom deploy/purser.sysusers makes, as whom the service runs.
const SERVICE: &str = "purser";

/// Who reads the files: Purser itself must be able to, and whoever is to edit them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Whoever runs this.
    Ourselves,
    /// The configuration is root's and for all to read; the secrets are the service's.
    Service { uid: u32, gid: u32 },
    /// Everything is of the user who typed `sudo`.
    Sudoer { uid: u32, gid: u32 },
}

impl Owner {
    pub(super) fn of(folder: &Path) -> Self {
        if !geteuid().is_root() {
            return Self::Ourselves;
        }
        if folder == Path::new(SYSTEM_FOLDER) {
            let service = User::from_name(SERVICE).ok().flatten();
            return service.map_or(Self::Ourselves, |user| Self::Service {
                uid: user.uid.as_raw(),
                gid: user.gid.as_raw(),
            });
        }
        let number = |name| std::env::var(name).ok()?.parse().ok();
        match (number("SUDO_UID"), number("SUDO_GID")) {
            (Some(uid), Some(gid)) => Self::Sudoer { uid, gid },
            _ => Self::Ourselves,
        }
    }

    /// Hands over something that was just made: never what a link in its place leads to.
    pub(super) fn give(self, path: &Path, is_secret: bool) -> io::Result<()> {
        match self {
            Self::Service { uid, gid } if is_secret => lchown(path, Some(uid), Some(gid)),
            Self::Sudoer { uid, gid } => lchown(path, Some(uid), Some(gid)),
            Self::Service { .. } | Self::Ourselves => Ok(()),
        }
    }

    /// Makes a folder and those above it, and hands over those that were not there.
    pub(super) fn make_folder(self, folder: &Path) -> io::Result<()> {
        let is_secret = folder.ends_with("secrets");
        let missing: Vec<_> = folder
            .ancestors()
            .take_while(|folder| !folder.exists())
            .collect();
        fs::create_dir_all(folder)?;
        for new in missing {
            if matches!(self, Self::Service { .. }) {
                // Whatever root's mask is: the service has to come through.
                fs::set_permissions(new, Permissions::from_mode(0o755))?;
            }
            self.give(new, false)?;
        }
        if is_secret {
            fs::set_permissions(folder, Permissions::from_mode(0o700))?;
            self.give(folder, true)?;
        }
        Ok(())
    }
}
