//! The folder of a store while a backup is being put into it.
//!
//! Everything is made ready in a folder within the store's, so that both are on one volume. When all
//! is there and was checked, that folder gets another name: this is the one instant at which there
//! comes to be a store. What is in it is then moved to its places; whoever opens the store next goes
//! on with that if it was cut short.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::lock::StoreLock;
use super::{DATABASE, LOCK, make_folder};
use crate::store::{Result, StoreError};

/// The folder in which a recovery is made ready.
const HALF: &str = "recovering";
/// The same, as soon as it is.
const WHOLE: &str = "recovered";

/// What a folder without a store may hold: a volume's own, and what we put there ourselves.
const NOTHING: [&str; 3] = ["lost+found", LOCK, HALF];

/// A recovery that has begun and not ended.
pub struct Recovery {
    folder: PathBuf,
    half: PathBuf,
    /// The folders that were made for it, the outermost first.
    made: Vec<PathBuf>,
    /// The folder's own, where it was there.
    mode: Option<u32>,
    _lock: StoreLock,
}

impl Recovery {
    /// Begins one in this folder, and clears what one that was killed has left.
    ///
    /// # Errors
    /// The folder holds a store, or anything else: it is left as it is. Or it cannot be written.
    pub fn begin(folder: &Path) -> Result<Self> {
        refuse_what_is_there(folder)?;
        let made = missing(folder);
        let mode = fs::metadata(folder).map(|found| found.permissions().mode());
        make_folder(folder)?;
        let lock = StoreLock::take(&folder.join(LOCK))?;
        refuse_what_is_there(folder)?;
        let this = Self {
            folder: folder.to_owned(),
            half: folder.join(HALF),
            made,
            mode: mode.ok(),
            _lock: lock,
        };
        if let Err(error) = this.prepare() {
            this.give_up();
            let why = format!("nothing can be written there: {error}");
            return Err(broken(folder, &why));
        }
        Ok(this)
    }

    /// The folder to be filled.
    pub fn inner(&self) -> &Path {
        &self.half
    }

    /// Makes a store of what the folder holds. A store that was opened there must be closed.
    ///
    /// # Errors
    /// The folder cannot be written: there is no store, and this can be given up.
    pub fn commit(&self) -> Result<()> {
        let _ = fs::remove_file(self.half.join(LOCK));
        fs::rename(&self.half, self.folder.join(WHOLE)).map_err(|error| not_completed(self, &error))
    }

    /// Moves what was made a store to its places.
    ///
    /// # Errors
    /// The folder cannot be written: whoever opens the store next goes on with it.
    pub fn finish(self) -> Result<()> {
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| not_completed(&self, &error))?;
        go_on(&self.folder)
    }

    /// Takes everything back: the folder is as it was.
    pub fn give_up(self) {
        let _ = fs::remove_dir_all(&self.half);
        let _ = fs::remove_file(self.folder.join(LOCK));
        for folder in self.made.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
        if let Some(mode) = self.mode {
            let _ = fs::set_permissions(&self.folder, fs::Permissions::from_mode(mode));
        }
    }

    fn prepare(&self) -> io::Result<()> {
        if self.half.exists() {
            fs::remove_dir_all(&self.half)?;
        }
        fs::DirBuilder::new().mode(0o700).create(&self.half)?;
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o700))
    }
}

/// Goes on with a recovery that has made a store and was cut short then, and refuses a folder in
/// which one has not come so far.
pub(super) fn go_on(folder: &Path) -> Result<()> {
    let (half, whole) = (folder.join(HALF), folder.join(WHOLE));
    if whole.exists() {
        return move_out(folder, &whole)
            .map_err(|error| broken(folder, &format!("it cannot be completed: {error}")));
    }
    if half.exists() && !folder.join(DATABASE).exists() {
        let message = format!(
            "a recovery has begun here and has not come to its end: run `purser recover` again, or \
             remove {} for a new and empty store",
            half.display()
        );
        return Err(broken(folder, &message));
    }
    Ok(())
}

fn move_out(folder: &Path, whole: &Path) -> io::Result<()> {
    for name in entries(whole)? {
        fs::rename(whole.join(&name), folder.join(&name))?;
    }
    fs::remove_dir(whole)?;
    File::open(folder)?.sync_all()
}

/// A store, or keys of one, are worth more than a backup: whoever wants them gone removes them.
fn refuse_what_is_there(folder: &Path) -> Result<()> {
    let names = match entries(folder) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(broken(folder, &format!("it cannot be read: {error}"))),
    };
    let has_store = names.iter().any(|name| name == DATABASE || name == WHOLE);
    let mut others: Vec<_> = names
        .into_iter()
        .filter(|name| !NOTHING.contains(&name.as_str()))
        .collect();
    if others.is_empty() {
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

/// Those of a folder and of the folders around it that are not there, the outermost first.
fn missing(folder: &Path) -> Vec<PathBuf> {
    let mut missing: Vec<_> = folder
        .ancestors()
        .take_while(|one| !one.as_os_str().is_empty() && !one.exists())
        .map(Path::to_owned)
        .collect();
    missing.reverse();
    missing
}

fn not_completed(recovery: &Recovery, error: &io::Error) -> StoreError {
    broken(
        &recovery.folder,
        &format!("it cannot be completed: {error}"),
    )
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

    fn there(folder: &Path) -> Vec<String> {
        let mut there = entries(folder).unwrap();
        there.sort();
        there
    }

    fn refused(folder: &Path) -> String {
        match Recovery::begin(folder) {
            Ok(_) => panic!("it was taken for nothing"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_one_that_was_killed_has_left_is_cleared_and_nothing_else_ever_is() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("store");
        let first = Recovery::begin(&folder).unwrap();
        write(&first.inner().join(DATABASE));
        drop(first);
        assert!(go_on(&folder).is_err(), "no server starts on it");

        write(&folder.join("receipts.key"));
        assert!(refused(&folder).contains("the folder is not empty (receipts.key)"));
        fs::remove_file(folder.join("receipts.key")).unwrap();

        let second = Recovery::begin(&folder).unwrap();
        assert_eq!(there(second.inner()), [""; 0]);
        write(&second.inner().join(DATABASE));
        write(&second.inner().join("receipts.key"));
        second.commit().unwrap();
        second.finish().unwrap();
        assert_eq!(there(&folder), [LOCK, DATABASE, "receipts.key"]);
        assert!(refused(&folder).contains("there is a store already (purser.db, receipts.key)"));
    }

    #[test]
    fn one_that_was_cut_short_at_its_very_end_is_gone_on_with() {
        let place = tempfile::tempdir().unwrap();
        let whole = place.path().join(WHOLE);
        fs::create_dir(&whole).unwrap();
        write(&whole.join(DATABASE));
        write(&place.path().join("receipts.key"));
        assert!(refused(place.path()).contains("there is a store already"));
        go_on(place.path()).unwrap();
        assert_eq!(there(place.path()), [DATABASE, "receipts.key"]);
    }

    #[test]
    fn given_up_it_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("lib/store");
        Recovery::begin(&folder).unwrap().give_up();
        assert_eq!(there(place.path()), [""; 0]);
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o750)).unwrap();
        Recovery::begin(&folder).unwrap().give_up();
        assert_eq!(there(&folder), [""; 0]);
        let mode = fs::metadata(&folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o750);
    }
}
