//! Artifacts as files in a folder, each under the digest of its bytes (decision 13).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{Result, StoreError};
use crate::domain::digest::Digest;

/// Where the bytes of artifacts are.
pub trait Artifacts: Send + Sync {
    /// Keeps bytes and returns after they are on disk; the same bytes are kept once.
    fn keep(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<Digest>>;

    /// The bytes of this digest; `None` when they are not there.
    fn bytes<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Vec<u8>>>>;
}

/// A folder of artifacts.
#[derive(Clone)]
pub struct ArtifactFolder {
    folder: Arc<Path>,
}

impl ArtifactFolder {
    /// The artifacts in this folder, which is made at the first one.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into().into(),
        }
    }

    /// `ab/abcd…`: a folder of some hundred files is listed faster than one of many thousand.
    fn path(&self, digest: &Digest) -> Option<PathBuf> {
        let hex = digest.as_str().strip_prefix("sha256:")?;
        let is_hex = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        is_hex.then(|| self.folder.join(&hex[..2]).join(hex))
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<Digest> {
        let digest = Digest::of_bytes(bytes);
        let path = self.path(&digest).ok_or(std::io::ErrorKind::InvalidInput)?;
        if path.exists() {
            return Ok(digest);
        }
        let folder = path.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(folder)?;
        // Under a name of its own until it is whole: another run may be keeping the same bytes.
        let (mut file, half) = half_file(folder, &path)?;
        let whole = file.write_all(bytes).and_then(|()| file.sync_all());
        if let Err(error) = whole {
            // On a full disk what is half there is in the way.
            let _ = std::fs::remove_file(&half);
            return Err(error);
        }
        std::fs::rename(&half, &path)?;
        std::fs::File::open(folder)?.sync_all()?;
        Ok(digest)
    }

    fn broken(&self, what: &str, error: &std::io::Error) -> StoreError {
        let why = match error.kind() {
            std::io::ErrorKind::StorageFull => {
                "the disk of that folder is full: make room there".to_owned()
            }
            _ => error.to_string(),
        };
        StoreError::Unavailable {
            place: self.folder.display().to_string(),
            message: format!("an artifact cannot be {what}: {why}"),
        }
    }
}

fn half_file(folder: &Path, path: &Path) -> std::io::Result<(std::fs::File, PathBuf)> {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().display();
    let half = folder.join(format!("{name}.{count}.half"));
    Ok((std::fs::File::create(&half)?, half))
}

impl Artifacts for ArtifactFolder {
    fn keep(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<Digest>> {
        let this = self.clone();
        async move {
            let written = tokio::task::spawn_blocking(move || this.write(&bytes)).await;
            written
                .unwrap_or_else(|error| Err(std::io::Error::other(error)))
                .map_err(|error| self.broken("written", &error))
        }
        .boxed()
    }

    fn bytes<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        async move {
            let Some(path) = self.path(digest) else {
                return Ok(None);
            };
            match tokio::fs::read(&path).await {
                Ok(bytes) if Digest::of_bytes(&bytes) == *digest => Ok(Some(bytes)),
                Ok(_) => Err(self.broken(
                    "read",
                    &std::io::Error::other(format!("{} was changed on disk", path.display())),
                )),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(self.broken("read", &error)),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_same_bytes_are_kept_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = ArtifactFolder::new(folder.path());
        let one = artifacts.keep(b"chart".to_vec()).await.unwrap();
        assert_eq!(artifacts.keep(b"chart".to_vec()).await.unwrap(), one);
        let read = artifacts.bytes(&one).await.unwrap();
        assert_eq!(read.as_deref(), Some(&b"chart"[..]));
        let inner = artifacts.path(&one).unwrap();
        let files = std::fs::read_dir(inner.parent().unwrap()).unwrap().count();
        assert_eq!(files, 1);
    }

    #[tokio::test]
    async fn what_is_gone_or_was_changed_is_never_passed_off_as_it() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = ArtifactFolder::new(folder.path());
        let digest = artifacts.keep(b"chart".to_vec()).await.unwrap();
        std::fs::write(artifacts.path(&digest).unwrap(), "other").unwrap();
        let error = artifacts.bytes(&digest).await.unwrap_err().to_string();
        assert!(error.contains("was changed on disk"), "{error}");
        std::fs::remove_file(artifacts.path(&digest).unwrap()).unwrap();
        assert_eq!(artifacts.bytes(&digest).await.unwrap(), None);
        let elsewhere = Digest::from("sha256:../../etc/passwd".to_owned());
        assert_eq!(artifacts.bytes(&elsewhere).await.unwrap(), None);
    }
}
