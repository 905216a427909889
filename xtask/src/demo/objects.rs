//! Where backups lie, seen from outside: a bucket asked by `curl`, or a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::sh;
use crate::stack::need::must_find;

/// The demo's bucket.
const BUCKET: &str = "purser-demo";
/// The folder in it.
const PREFIX: &str = "orders/";

/// A place for backups.
pub(crate) enum Objects {
    /// A bucket of an S3 server: its endpoint, and a file that tells `curl` the keys.
    Bucket {
        endpoint: String,
        keys: PathBuf,
        /// Where the server keeps it.
        disk: PathBuf,
    },
    /// A folder of this machine.
    Folder(PathBuf),
}

impl Objects {
    /// The place as Purser's actions name it.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Bucket { .. } => format!("s3://minio/{BUCKET}/orders"),
            Self::Folder(folder) => format!("file://{}", folder.display()),
        }
    }

    /// What it is called when something is asserted of it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Bucket { .. } => "S3",
            Self::Folder(_) => "folder",
        }
    }

    /// Where it is, for people.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Bucket { endpoint, disk, .. } => {
                let disk = disk.join(BUCKET);
                format!("bucket {BUCKET} at {endpoint}, on disk {}", disk.display())
            }
            Self::Folder(folder) => folder.display().to_string(),
        }
    }

    /// Makes it anew, empty.
    pub(crate) fn create(&self) -> Result<()> {
        match self {
            Self::Bucket { .. } => {
                if self.curl(&["--head"], "").is_ok() {
                    self.keys()?.iter().try_for_each(|key| self.remove(key))?;
                    self.curl(&["--request", "DELETE"], "")?;
                }
                self.curl(&["--request", "PUT"], "").map(drop)
            }
            Self::Folder(folder) => Ok(fs::create_dir_all(folder)?),
        }
    }

    /// The keys of all objects, in order, each with its folder.
    pub(crate) fn keys(&self) -> Result<Vec<String>> {
        let mut keys = match self {
            Self::Bucket { .. } => {
                let listed = self.curl(&[], "?list-type=2")?;
                let pieces = listed.split("<Key>").skip(1);
                let key = |piece: &str| piece.split_once("</Key>").map(|(key, _)| key.to_owned());
                pieces.filter_map(key).collect()
            }
            Self::Folder(folder) => {
                let mut keys = Vec::new();
                for backup in fs::read_dir(folder)?.flatten() {
                    let files = fs::read_dir(backup.path())?.flatten();
                    keys.extend(files.map(|file| {
                        let (folder, name) = (backup.file_name(), file.file_name());
                        format!("{PREFIX}{}/{}", folder.display(), name.display())
                    }));
                }
                keys
            }
        };
        keys.sort();
        Ok(keys)
    }

    /// Copies an object to a file.
    pub(crate) fn fetch(&self, key: &str, to: &Path) -> Result<()> {
        match self {
            Self::Bucket { .. } => {
                let to = to.to_str().context("an unusual path")?;
                self.curl(&["--output", to], &format!("/{key}")).map(drop)
            }
            Self::Folder(folder) => {
                fs::copy(folder.join(key.trim_start_matches(PREFIX)), to)?;
                Ok(())
            }
        }
    }

    /// Removes an object.
    pub(crate) fn remove(&self, key: &str) -> Result<()> {
        match self {
            Self::Bucket { .. } => self
                .curl(&["--request", "DELETE"], &format!("/{key}"))
                .map(drop),
            Self::Folder(folder) => Ok(fs::remove_file(
                folder.join(key.trim_start_matches(PREFIX)),
            )?),
        }
    }

    fn curl(&self, args: &[&str], rest: &str) -> Result<String> {
        let Self::Bucket { endpoint, keys, .. } = self else {
            anyhow::bail!("a folder is not asked by HTTP")
        };
        let mut curl = Command::new(must_find("curl")?);
        curl.args([
            "--silent",
            "--show-error",
            "--fail",
            "--max-time",
            "20",
            "--config",
        ])
        .arg(keys);
        curl.args(args).arg(format!("{endpoint}/{BUCKET}{rest}"));
        sh::output(&mut curl)
    }
}

/// What `curl` must be told to sign its requests; the keys must not stand on a command line.
pub(crate) fn curl_config(access_key: &str, secret_key: &str, region: &str) -> String {
    format!("user = \"{access_key}:{secret_key}\"\naws-sigv4 = \"aws:amz:{region}:s3\"\n")
}
