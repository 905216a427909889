//! A folder of other people's files, as it lies for Purser: how one is read, and another text put in its place.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, Gid, Uid, access, getgroups};

/// A longer file is not read.
const LONGEST: u64 = 1 << 20;

/// A folder that is there.
pub struct HostFolder {
    /// As it is configured.
    shown: PathBuf,
    /// Without links.
    real: PathBuf,
}

impl HostFolder {
    /// The folder of this path.
    ///
    /// # Errors
    /// Why it cannot be looked at.
    pub fn open(path: &Path) -> Result<Self, String> {
        let failed = |error| format!("{} cannot be looked at ({error})", path.display());
        let real = fs::canonicalize(path).map_err(failed)?;
        if !real.is_dir() {
            return Err(format!("{} is no folder", path.display()));
        }
        Ok(Self {
            shown: path.to_owned(),
            real,
        })
    }

    /// How people call a file in it.
    pub fn shown(&self, name: &str) -> String {
        self.shown.join(name).display().to_string()
    }

    /// The text of a file that must be there.
    ///
    /// # Errors
    /// It is not, or it cannot be read.
    pub fn read(&self, name: &str) -> Result<String, String> {
        let text = self.read_if_there(name)?;
        text.ok_or_else(|| format!("{} is not there", self.shown(name)))
    }

    /// The text of a file, if it is there.
    ///
    /// # Errors
    /// It leads out of the folder, or is no text that can be read.
    pub fn read_if_there(&self, name: &str) -> Result<Option<String>, String> {
        let Some((_, file, facts)) = self.find(name)? else {
            return Ok(None);
        };
        let shown = self.shown(name);
        if facts.len() > LONGEST {
            return Err(format!("{shown} has more than {LONGEST} bytes"));
        }
        let mut text = String::new();
        let read = file.take(LONGEST).read_to_string(&mut text);
        read.map_err(|error| match error.kind() {
            ErrorKind::InvalidData => format!("{shown} is no text in UTF-8"),
            _ => cannot_be_read(&shown, &error),
        })?;
        Ok(Some(text))
    }

    /// A file of the folder behind all links, which may not lead out of it.
    fn find(&self, name: &str) -> Result<Option<(PathBuf, File, Metadata)>, String> {
        let shown = self.shown(name);
        let path = self.real.join(name);
        let failed = |error| cannot_be_read(&shown, &error);
        let real = match fs::canonicalize(&path) {
            Ok(real) => real,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if path.symlink_metadata().is_ok() {
                    return Err(format!("{shown} is a link to what is not there"));
                }
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        if !real.starts_with(&self.real) {
            return Err(format!("{shown} leads out of its folder"));
        }
        // Opening what is no file could wait for ever.
        if !fs::metadata(&real).map_err(failed)?.is_file() {
            return Err(format!("{shown} is no file"));
        }
        let file = File::open(&real).map_err(failed)?;
        let facts = file.metadata().map_err(failed)?;
        Ok(Some((real, file, facts)))
    }

    /// Why a file could not be written so that owner and rights stay.
    pub fn cannot_write(&self, name: &str) -> Option<String> {
        let shown = self.shown(name);
        let target = match self.find(name) {
            Ok(found) => found,
            Err(why) => return Some(why),
        };
        let in_folder = target.as_ref().and_then(|(path, ..)| path.parent());
        let folder = in_folder.unwrap_or(&self.real);
        let may_write = AccessFlags::W_OK | AccessFlags::X_OK;
        if access(folder, may_write).is_err() {
            return Some(format!(
                "Purser, which runs as user {}, may not write to the folder {}",
                Uid::effective(),
                self.shown.display()
            ));
        }
        let (_, _, facts) = target?;
        if facts.nlink() > 1 {
            return Some(format!(
                "{shown} has other names (hard links), which would stay as they are"
            ));
        }
        (!may_give_to(facts.uid(), facts.gid())).then(|| {
            format!(
                "{shown} belongs to user {} and group {}, and Purser, which runs as user {}, could \
                 not leave it to them",
                facts.uid(),
                facts.gid(),
                Uid::effective()
            )
        })
    }

    /// Puts another text into a file, at one instant: whoever reads it has the old or the new one. What
    /// is there must still be `expected`. Done again under the same `token` it clears its own remnants.
    ///
    /// # Errors
    /// What is there is another text by now, or it cannot be written: it is as it was.
    pub fn write(
        &self,
        name: &str,
        expected: Option<&str>,
        text: &str,
        token: &str,
    ) -> Result<(), String> {
        let failed = |error| format!("{} cannot be written ({error})", self.shown(name));
        self.sweep(name, token);
        let found = self.find(name)?;
        let target = match &found {
            Some((path, ..)) => path.clone(),
            None => self.real.join(name),
        };
        let folder = target.parent().unwrap_or(&self.real).to_owned();
        let written = || -> std::io::Result<PathBuf> {
            let temporary = folder.join(temporary_name(name, token));
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let mut file = options.open(&temporary)?;
            file.write_all(text.as_bytes())?;
            keep_owner(&file, found.as_ref().map(|(.., facts)| facts), &folder)?;
            file.sync_all()?;
            Ok(temporary)
        };
        let temporary = written().map_err(|error| {
            self.sweep(name, token);
            failed(error)
        })?;
        if self.read_if_there(name)?.as_deref() != expected {
            self.sweep(name, token);
            return Err(format!(
                "somebody has changed {} at this very moment",
                self.shown(name)
            ));
        }
        fs::rename(&temporary, &target).map_err(|error| {
            self.sweep(name, token);
            failed(error)
        })?;
        sync(&folder).map_err(failed)
    }

    /// Takes a file away.
    ///
    /// # Errors
    /// It cannot go.
    pub fn remove(&self, name: &str) -> Result<(), String> {
        let failed = |error| format!("{} cannot be removed ({error})", self.shown(name));
        match fs::remove_file(self.real.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(error)),
            _ => sync(&self.real).map_err(failed),
        }
    }

    /// Takes away what a write has left that was cut short.
    pub fn sweep(&self, name: &str, token: &str) {
        let beside = match self.find(name) {
            Ok(Some((path, ..))) => path.parent().map(Path::to_owned),
            _ => None,
        };
        let folder = beside.unwrap_or_else(|| self.real.clone());
        // What is not there, or cannot go, will be in the way of the write, which says so.
        let _ = fs::remove_file(folder.join(temporary_name(name, token)));
    }
}

fn cannot_be_read(shown: &str, error: &std::io::Error) -> String {
    format!("{shown} cannot be read ({error})")
}

fn temporary_name(name: &str, token: &str) -> String {
    format!("{name}.purser-{token}")
}

fn may_give_to(user: u32, group: u32) -> bool {
    let own = Uid::effective();
    let in_group = || {
        Gid::effective().as_raw() == group
            || getgroups().is_ok_and(|all| all.iter().any(|one| one.as_raw() == group))
    };
    own.is_root() || (own.as_raw() == user && in_group())
}

/// The new file belongs to whom the old one did, with its rights; one that is the first to the owner
/// of its folder.
fn keep_owner(file: &File, old: Option<&Metadata>, folder: &Path) -> std::io::Result<()> {
    let now = file.metadata()?;
    let (owner, rights) = if let Some(old) = old {
        ((old.uid(), old.gid()), old.permissions())
    } else {
        let folder = fs::metadata(folder)?;
        let own = (folder.uid(), folder.gid());
        let kept = (now.uid(), now.gid());
        let owner = if may_give_to(own.0, own.1) { own } else { kept };
        (owner, fs::Permissions::from_mode(0o644))
    };
    if (now.uid(), now.gid()) != owner {
        fchown(file, Some(owner.0), Some(owner.1))?;
    }
    file.set_permissions(rights)
}

fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, HostFolder) {
        let place = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(place.path().join(name), text).unwrap();
        }
        let folder = HostFolder::open(place.path()).unwrap();
        (place, folder)
    }

    fn said(text: &str, place: &tempfile::TempDir) -> String {
        text.replace(&place.path().display().to_string(), "/srv/shop")
    }

    #[test]
    fn a_text_takes_the_place_of_another_with_its_rights_and_leaves_nothing_beside_it() {
        let (place, folder) = folder(&[(".env", "T=v1\n"), (".env.purser-key", "half")]);
        let path = place.path().join(".env");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(folder.cannot_write(".env"), None);
        folder
            .write(".env", Some("T=v1\n"), "T=v2\n", "key")
            .unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "T=v2\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
        let why = folder
            .write(".env", Some("T=v1\n"), "T=v3\n", "key")
            .unwrap_err();
        insta::assert_snapshot!(said(&why, &place), @"somebody has changed /srv/shop/.env at this very moment");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
        folder.remove(".env").unwrap();
        folder.remove(".env").unwrap();
        folder.write(".env", None, "T=v2\n", "key").unwrap();
        assert_eq!(folder.read(".env").unwrap(), "T=v2\n");
    }

    #[test]
    fn a_link_within_the_folder_is_followed_and_one_that_leads_out_is_refused() {
        let (place, folder) = folder(&[("shared.env", "T=v1\n")]);
        symlink("shared.env", place.path().join(".env")).unwrap();
        folder
            .write(".env", Some("T=v1\n"), "T=v2\n", "key")
            .unwrap();
        assert_eq!(folder.read("shared.env").unwrap(), "T=v2\n");

        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        fs::remove_file(place.path().join(".env")).unwrap();
        symlink(elsewhere.path(), place.path().join(".env")).unwrap();
        let why = folder.cannot_write(".env").unwrap();
        insta::assert_snapshot!(said(&why, &place), @"/srv/shop/.env leads out of its folder");
        assert!(folder.read(".env").is_err() && folder.write(".env", None, "", "key").is_err());
        assert!(folder.read("../etc/passwd").is_err());
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let (place, folder) = folder(&[]);
        fs::write(place.path().join(".env"), b"T=\xff").unwrap();
        insta::assert_snapshot!(said(&folder.read(".env").unwrap_err(), &place), @"/srv/shop/.env is no text in UTF-8");
        fs::remove_file(place.path().join(".env")).unwrap();
        fs::create_dir(place.path().join(".env")).unwrap();
        insta::assert_snapshot!(said(&folder.read(".env").unwrap_err(), &place), @"/srv/shop/.env is no file");
        assert_eq!(folder.read_if_there("other").unwrap(), None);
        assert!(HostFolder::open(&place.path().join("nowhere")).is_err());
    }
}
