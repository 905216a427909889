//! Artifacts as files in a folder, each under the digest of its bytes (decision 13).

use std::collections::BTreeSet;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{Result, StoreError};
use crate::domain::digest::Digest;
use crate::domain::time::Timestamp;

/// What the name of a file ends with that is not whole yet.
const HALF: &str = "half";

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many files.
    pub files: u64,
    /// Their size together.
    pub bytes: u64,
}

/// Where the bytes of artifacts are.
pub trait Artifacts: Send + Sync {
    /// Keeps bytes and returns after they are on disk; the same bytes are kept once.
    fn keep(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<Digest>>;

    /// The bytes of this digest; `None` when they are not there.
    fn bytes<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Vec<u8>>>>;

    /// Whether the bytes of this digest are there.
    fn has<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<bool>>;

    /// The beginnings of digests by which all that is kept can be gone through, a part at a time.
    fn parts(&self) -> BoxFuture<'_, Result<Vec<Digest>>>;

    /// Removes what is in a part, was written before an instant, and is not wanted; also what was
    /// begun before it and never came to its end. What [`Self::keep`] is given again counts as written
    /// then.
    fn sweep<'a>(
        &'a self,
        part: &'a Digest,
        wanted: BTreeSet<Digest>,
        written_before: Timestamp,
    ) -> BoxFuture<'a, Result<Swept>>;
}

/// A folder of artifacts.
#[derive(Clone)]
pub struct ArtifactFolder {
    folder: Arc<Path>,
    /// Held while a file gets its name, or loses it: what is kept again is not swept meanwhile.
    names: Arc<Mutex<()>>,
}

impl ArtifactFolder {
    /// The artifacts in this folder, which is made at the first one.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into().into(),
            names: Arc::default(),
        }
    }

    /// `ab/abcd…`: a folder of some hundred files is listed faster than one of many thousand.
    fn path(&self, digest: &Digest) -> Option<PathBuf> {
        let hex = digest.as_str().strip_prefix("sha256:")?;
        is_hex(hex, 64).then(|| self.folder.join(&hex[..2]).join(hex))
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<Digest> {
        let digest = Digest::of_bytes(bytes);
        let path = self.path(&digest).ok_or(ErrorKind::InvalidInput)?;
        let folder = path.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(folder)?;
        // Under a name of its own until it is whole: another run may be keeping the same bytes. What is
        // there already is written again: it may be old enough to be swept, and no run name it yet.
        let (mut file, half) = half_file(folder, &path)?;
        let whole = file.write_all(bytes).and_then(|()| file.sync_all());
        if let Err(error) = whole {
            // On a full disk what is half there is in the way.
            let _ = std::fs::remove_file(&half);
            return Err(error);
        }
        {
            let _names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            std::fs::rename(&half, &path)?;
        }
        std::fs::File::open(folder)?.sync_all()?;
        Ok(digest)
    }

    /// The folders of files, as the beginnings of the digests in them.
    fn folders(&self) -> std::io::Result<Vec<Digest>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
            entries => entries?,
        };
        let mut parts = vec![];
        for entry in entries {
            let name = entry?.file_name();
            let name = name.to_str().filter(|name| is_hex(name, 2));
            parts.extend(name.map(|name| Digest::from(format!("sha256:{name}"))));
        }
        parts.sort();
        Ok(parts)
    }

    fn sweep_folder(
        &self,
        part: &Digest,
        wanted: &BTreeSet<Digest>,
        written_before: Timestamp,
    ) -> std::io::Result<Swept> {
        let mut swept = Swept::default();
        let Some(folder) = part.as_str().strip_prefix("sha256:") else {
            return Ok(swept);
        };
        for entry in std::fs::read_dir(self.folder.join(folder))? {
            let path = entry?.path();
            if !is_ours(&path, folder) || is_wanted(&path, wanted) {
                continue;
            }
            let _names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            let file = match std::fs::metadata(&path) {
                // What was half there has become whole.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                found => found?,
            };
            if file.is_file() && written(&file)? < written_before {
                std::fs::remove_file(&path)?;
                swept.files += 1;
                swept.bytes += file.len();
            }
        }
        Ok(swept)
    }

    /// Does what blocks where it holds nobody up.
    async fn blocking<T: Send + 'static>(
        &self,
        what: &str,
        work: impl FnOnce(&Self) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&this)).await;
        done.unwrap_or_else(|error| Err(std::io::Error::other(error)))
            .map_err(|error| self.broken(what, &error))
    }

    fn broken(&self, what: &str, error: &std::io::Error) -> StoreError {
        let why = match error.kind() {
            ErrorKind::StorageFull => "the disk of that folder is full: make room there".to_owned(),
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
    let half = folder.join(format!("{name}.{count}.{HALF}"));
    Ok((std::fs::File::create(&half)?, half))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether we have written it: by its name, which begins with that of its folder.
fn is_ours(path: &Path, folder: &str) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| {
        let digits = name.split('.').next().unwrap_or_default();
        let is_whole = digits.len() == name.len();
        let is_half = path.extension().is_some_and(|ending| ending == HALF);
        is_hex(digits, 64) && digits.starts_with(folder) && (is_whole || is_half)
    })
}

/// A half is wanted by nobody: whoever writes it knows its name alone.
fn is_wanted(path: &Path, wanted: &BTreeSet<Digest>) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| wanted.contains(&Digest::from(format!("sha256:{name}"))))
}

fn written(file: &std::fs::Metadata) -> std::io::Result<Timestamp> {
    let since = file.modified()?.duration_since(UNIX_EPOCH);
    let since = since.unwrap_or(Duration::ZERO);
    Ok(Timestamp::from_micros(0).plus(since))
}

impl Artifacts for ArtifactFolder {
    fn keep(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<Digest>> {
        self.blocking("written", move |this| this.write(&bytes))
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
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(self.broken("read", &error)),
            }
        }
        .boxed()
    }

    fn has<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<bool>> {
        async move {
            let Some(path) = self.path(digest) else {
                return Ok(false);
            };
            let is_there = tokio::fs::try_exists(&path).await;
            is_there.map_err(|error| self.broken("found", &error))
        }
        .boxed()
    }

    fn parts(&self) -> BoxFuture<'_, Result<Vec<Digest>>> {
        self.blocking("listed", Self::folders).boxed()
    }

    fn sweep<'a>(
        &'a self,
        part: &'a Digest,
        wanted: BTreeSet<Digest>,
        written_before: Timestamp,
    ) -> BoxFuture<'a, Result<Swept>> {
        let part = part.clone();
        self.blocking("swept", move |this| {
            this.sweep_folder(&part, &wanted, written_before)
        })
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
    async fn what_is_old_and_wanted_by_nobody_is_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = ArtifactFolder::new(folder.path());
        assert_eq!(artifacts.parts().await.unwrap(), []);
        let mut paths = vec![];
        for name in ["wanted", "old", "again"] {
            let digest = artifacts.keep(name.into()).await.unwrap();
            paths.push((digest.clone(), artifacts.path(&digest).unwrap()));
        }
        let (old, kept_again) = (&paths[1].1, &paths[2].1);
        let half = old.with_extension("7.half");
        let stranger = old.with_file_name("notes.txt");
        std::fs::write(&half, "ha").unwrap();
        std::fs::write(&stranger, "mine").unwrap();
        let long_ago = UNIX_EPOCH + Duration::from_hours(1);
        let all = paths.iter().map(|(_, path)| path);
        for path in all.chain([&half, &stranger]) {
            let file = std::fs::File::options().append(true).open(path).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        artifacts.keep("again".into()).await.unwrap();

        let (mut swept, day) = (Swept::default(), Duration::from_hours(24));
        for part in artifacts.parts().await.unwrap() {
            let wanted = BTreeSet::from([paths[0].0.clone()]);
            let before = Timestamp::from_micros(0).plus(day);
            let more = artifacts.sweep(&part, wanted, before).await.unwrap();
            swept.files += more.files;
            swept.bytes += more.bytes;
        }
        assert_eq!(swept, Swept { files: 2, bytes: 5 });
        assert!(!old.exists() && !half.exists());
        assert!(paths[0].1.exists() && kept_again.exists() && stranger.exists());
        assert!(!artifacts.has(&paths[1].0).await.unwrap());
        assert!(artifacts.has(&paths[2].0).await.unwrap());
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
