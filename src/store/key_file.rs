//! Files with keys: whole or not there, for their owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::failpoint::failpoint;

/// Puts a whole file in the place of the one of before, or of none, at one instant. Killed on the
/// way, what was there before is there.
///
/// # Errors
/// It cannot be written: it is as it was.
pub fn put_key_file(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut half = path.as_os_str().to_owned();
    half.push(".new");
    let half = Path::new(&half);
    // What a kill has left there may have another mode.
    match fs::remove_file(half) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(half)?;
    failpoint("key/half");
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(half, path)?;
    // A name is on disk once its folder is.
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
