//! Where the stack keeps what: data, sockets and logs of the parts, and the cache.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::unistd::geteuid;

use crate::say;

/// A Unix socket's path may have 107 bytes; the longest name that a part appends fits the rest.
const LONGEST_DIR: usize = 60;

/// The folders of one stack.
pub(crate) struct Places {
    base: PathBuf,
    cache: PathBuf,
}

impl Places {
    /// The folders as the environment says (`PURSER_STACK_DIR`, `PURSER_CACHE`), or the usual ones.
    ///
    /// The usual one is below `/var/tmp`: servers that run as another user can pass it, its disk
    /// carries overlay file systems, and its path is short enough for sockets.
    pub(crate) fn from_env() -> Result<Self> {
        let base = std::env::var_os("PURSER_STACK_DIR").map_or_else(
            || PathBuf::from(format!("/var/tmp/purser-stack-{}", geteuid())),
            PathBuf::from,
        );
        if base.as_os_str().len() > LONGEST_DIR || !base.is_absolute() {
            bail!("PURSER_STACK_DIR must be absolute and at most {LONGEST_DIR} bytes long");
        }
        Ok(Self {
            base,
            cache: cache_dir()?,
        })
    }

    /// The folder of one part: its data, its sockets, its log.
    pub(crate) fn dir(&self, part: &str) -> PathBuf {
        self.base.join(part)
    }

    /// What a part's process prints.
    pub(crate) fn log(&self, part: &str) -> PathBuf {
        self.dir(part).join("log")
    }

    /// Where we note which process a part is.
    pub(crate) fn record(&self, part: &str) -> PathBuf {
        self.dir(part).join("record.json")
    }

    /// What was built or unpacked, one folder a recipe.
    pub(crate) fn cached_parts(&self) -> PathBuf {
        self.cache.join("parts")
    }

    /// Makes the folder of a part, passable for the users that servers run as.
    pub(crate) fn make_dir(&self, part: &str) -> Result<PathBuf> {
        self.make_base()?;
        let dir = self.dir(part);
        make_dir(&dir)?;
        open(&dir)?;
        Ok(dir)
    }

    /// Waits until nobody else starts or stops this part, and keeps others waiting.
    pub(crate) fn lock(&self, part: &str) -> Result<File> {
        let file = File::create(self.make_dir(part)?.join("lock"))?;
        if file.try_lock().is_err() {
            say::line(part, "waiting for another `up` or `down` to end");
            file.lock()?;
        }
        Ok(file)
    }

    fn make_base(&self) -> Result<()> {
        make_dir(&self.base)?;
        // Anyone may make folders in /var/tmp: what is not ours must not hold our servers.
        let found = fs::symlink_metadata(&self.base)?;
        if !found.is_dir() || found.uid() != geteuid().as_raw() {
            bail!("{} is not a folder of ours", self.base.display());
        }
        open(&self.base)
    }
}

fn cache_dir() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("PURSER_CACHE") {
        return Ok(std::path::absolute(dir)?);
    }
    if let Some(dir) = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
        return Ok(Path::new(&dir).join("purser"));
    }
    let home = std::env::var_os("HOME").context("neither PURSER_CACHE nor HOME is set")?;
    Ok(Path::new(&home).join(".cache/purser"))
}

fn make_dir(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))
}

/// Lets other users pass, whatever the mask says that we were started with.
fn open(dir: &Path) -> Result<()> {
    Ok(fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?)
}
