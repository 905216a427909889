//! The folder of a store while a backup is being put into it.
//!
//! Everything is made ready in a folder within the store's, so that both are on one volume. The
//! database is moved last: until then there is no store, and after it there is a whole one. While
//! the inner folder stands, no server starts here.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::lock::StoreLock;
use super::{DATABASE, LOCK, make_folder};
use crate::store::{Result, StoreError};

/// The folder in which a recovery is made ready.
const INNER: &str = "recovering";

/// What an empty folder may hold: a volume's own, and what we put there ourselves.
const NOTHING: [&str; 2] = ["lost+found", LOCK];

/// A recovery that has begun and not ended.
pub struct Recovery {
    folder: PathBuf,
    inner: PathBuf,
    was_there: bool,
    _lock: StoreLock,
}

impl Recovery {
    /// Begins one in this folder, and clears what one that was killed has left.
    ///
    /// # Errors
    /// The folder holds a store, or anything else: it is left as it is. Or it cannot be written.
    pub fn begin(folder: &Path) -> Result<Self> {
        refuse_what_is_there(folder)?;
        let was_there = folder.exists();
        make_folder(folder)?;
        let lock = StoreLock::take(&folder.join(LOCK))?;
        refuse_what_is_there(folder)?;
        let this = Self {
            folder: folder.to_owned(),
            inner: folder.join(INNER),
            was_there,
            _lock: lock,
        };
        this.prepare()
            .map_err(|error| broken(folder, &format!("nothing can be written there: {error}")))?;
        Ok(this)
    }

    /// The folder to be filled.
    pub fn inner(&self) -> &Path {
        &self.inner
    }

    /// Moves everything to where it belongs, the database last. The store there must be closed.
    ///
    /// # Errors
    /// Something cannot be moved; beginning anew clears it.
    pub fn finish(self) -> Result<()> {
        self.move_out()
            .map_err(|error| broken(&self.folder, &format!("it cannot be completed: {error}")))
    }

    /// Takes everything back: the folder is as it was.
    pub fn give_up(self) {
        let _ = self.clear();
        let _ = fs::remove_file(self.folder.join(LOCK));
        if !self.was_there {
            let _ = fs::remove_dir(&self.folder);
        }
    }

    fn prepare(&self) -> io::Result<()> {
        self.clear()?;
        fs::DirBuilder::new().mode(0o700).create(&self.inner)?;
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o700))
    }

    /// What lies there beside the inner folder was moved out of it by one that was killed.
    fn clear(&self) -> io::Result<()> {
        if !self.inner.exists() {
            return Ok(());
        }
        for name in entries(&self.folder)? {
            let path = self.folder.join(&name);
            if NOTHING.contains(&name.as_str()) || name == INNER {
                continue;
            }
            if path.is_dir() {
                fs::remove_dir_all(path)?;
            } else {
                fs::remove_file(path)?;
            }
        }
        fs::remove_dir_all(&self.inner)
    }

    fn move_out(&self) -> io::Result<()> {
        let _ = fs::remove_file(self.inner.join(LOCK));
        let mut names = entries(&self.inner)?;
        names.sort_by_key(|name| name == DATABASE);
        for name in names {
            fs::rename(self.inner.join(&name), self.folder.join(&name))?;
        }
        fs::remove_dir(&self.inner)?;
        File::open(&self.folder)?.sync_all()
    }
}

/// Refuses a folder in which a recovery has begun and not come to its end.
pub(super) fn refuse_half(folder: &Path) -> Result<()> {
    let inner = folder.join(INNER);
    if !inner.exists() {
        return Ok(());
    }
    let message = if folder.join(DATABASE).exists() {
        format!(
            "a recovery was stopped right before its end: all is there; remove the empty folder {} \
             and start again",
            inner.display()
        )
    } else {
        format!(
            "a recovery has begun here and has not come to its end: run `purser recover` again, or \
             remove {} for a new and empty store",
            inner.display()
        )
    };
    Err(broken(folder, &message))
}

/// A store, or keys of one, are worth more than a backup: whoever wants them gone removes them.
fn refuse_what_is_there(folder: &Path) -> Result<()> {
    let names = match entries(folder) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(broken(folder, &format!("it cannot be read: {error}"))),
    };
    let is_half = names.iter().any(|name| name == INNER);
    let has_store = names.iter().any(|name| name == DATABASE);
    let mut others: Vec<_> = names
        .into_iter()
        .filter(|name| !NOTHING.contains(&name.as_str()))
        .collect();
    if others.is_empty() || (is_half && !has_store) {
        return Ok(());
    }
    others.sort();
    let what = if has_store {
        "there is a store already"
    } else {
        "the folder is not empty"
    };
    Err(broken(
        folder,
        &format!(
            "{what} ({}), and nothing was touched: move it away first, or name another folder in \
             `[store] path`",
            others.join(", ")
        ),
    ))
}

fn entries(folder: &Path) -> io::Result<Vec<String>> {
    fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

fn broken(folder: &Path, message: &str) -> StoreError {
    StoreError::Unavailable {
        place: folder.display().to_string(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path) {
        fs::write(path, "x").unwrap();
    }

    #[test]
    fn what_one_that_was_killed_has_left_is_cleared_and_nothing_else_ever_is() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("store");
        let first = Recovery::begin(&folder).unwrap();
        write(&first.inner().join(DATABASE));
        write(&folder.join("receipts.key"));
        drop(first);
        assert!(refuse_half(&folder).is_err());

        let second = Recovery::begin(&folder).unwrap();
        assert_eq!(entries(second.inner()).unwrap(), [""; 0]);
        assert!(!folder.join("receipts.key").exists());
        write(&second.inner().join(DATABASE));
        write(&second.inner().join("receipts.key"));
        second.finish().unwrap();
        let mut there = entries(&folder).unwrap();
        there.sort();
        assert_eq!(there, [LOCK, DATABASE, "receipts.key"]);

        let Err(error) = Recovery::begin(&folder) else {
            panic!("it was taken for nothing");
        };
        assert!(
            error.to_string().contains("(purser.db, receipts.key)"),
            "{error}"
        );
    }

    #[test]
    fn given_up_it_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("store");
        Recovery::begin(&folder).unwrap().give_up();
        assert!(!folder.exists());
    }
}
