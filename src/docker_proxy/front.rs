//! The socket in front, which one filter at a time serves.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// The socket for the filtered calls, and the lock that keeps another filter from taking it over.
/// Both go with it.
#[derive(Debug)]
pub struct Front {
    pub(super) listener: UnixListener,
    path: PathBuf,
    _lock: File,
}

impl Drop for Front {
    fn drop(&mut self) {
        // The lock is still ours, so this is no successor's socket. One that stays is taken over.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Makes the socket: read and write for owner and group. What a dead filter left is replaced.
///
/// # Errors
/// Somebody serves there, the folder is missing or not ours, or something that is no socket stands
/// there.
pub fn listen(path: &Path) -> io::Result<Front> {
    let lock = lock(path)?;
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::other("something that is no socket stands there"));
        }
        Ok(_) if is_served(path) => return Err(io::Error::other("something else serves there")),
        Ok(_) => std::fs::remove_file(path)?,
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o660))?;
    Ok(Front {
        listener,
        path: path.to_owned(),
        _lock: lock,
    })
}

/// Between looking whether anybody serves and serving, a second filter could do the same: only
/// whoever has the lock does either. The file stays; the lock on it ends with the process.
fn lock(path: &Path) -> io::Result<File> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    // Nobody else may open it: whoever can read a file can lock it.
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).write(true).mode(0o600);
    let lock = options.open(PathBuf::from(beside))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another docker-proxy serves there")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Only of a socket that refuses is it known that nobody is behind it.
fn is_served(path: &Path) -> bool {
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    !UnixStream::connect(path).is_err_and(refused)
}
