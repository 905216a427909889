//! One process holds the store: a lock on `STORE.lock`, never on the database file (decision 4).

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use super::full::no_room;
use crate::store::{Result, StoreError};

/// How often a lock is asked for that somebody has, and how long is waited in between: a fifth of a second in all.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// Held until it is dropped; the kernel lets go of it when the process dies.
pub(super) struct StoreLock {
    _file: File,
}

impl StoreLock {
    pub(super) fn take(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or(path);
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::StorageFull => no_room(&folder.display().to_string()),
            ErrorKind::PermissionDenied => closed(folder, &error),
            _ => StoreError::Unavailable {
                place: path.display().to_string(),
                message: format!("the lock cannot be taken: {error}"),
            },
        };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed)?;
        match locked(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(path, &mut file)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        write!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Takes the lock. A program that its former holder was just starting holds it, as all of its files, until
/// it has begun: that is waited for.
fn locked(file: &File) -> Result<(), TryLockError> {
    for _ in 0..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            tried => return tried,
        }
    }
    file.try_lock()
}

/// That a folder lets this user write nothing: whose it is, and how it becomes theirs.
fn closed(folder: &Path, error: &std::io::Error) -> StoreError {
    let (me, place) = (nix::unistd::geteuid().as_raw(), folder.display());
    let owner = std::fs::metadata(folder).map(|found| found.uid());
    let next = match owner {
        Ok(owner) if owner != me => format!(
            "it belongs to uid {owner}, and this runs as uid {me}: run it as that user, or give the \
             folder to this one with `chown -R {me} {place}`"
        ),
        _ => format!("see what is in it: `ls -la {place}`"),
    };
    StoreError::Unavailable {
        place: place.to_string(),
        message: format!("nothing can be written there ({error}); {next}"),
    }
}

fn held(path: &Path, file: &mut File) -> StoreError {
    let mut holder = String::new();
    let who = match file.read_to_string(&mut holder) {
        Ok(_) if !holder.is_empty() => format!("the process {holder}"),
        _ => "another process".to_owned(),
    };
    let folder = path.parent().unwrap_or(path).display();
    StoreError::Held(format!(
        "the store {folder} is held by {who}: one Purser works on a store at a time. Stop that one \
         first, or use another `[store] path`"
    ))
}
