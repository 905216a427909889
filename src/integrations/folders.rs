//! Local folders as folders of objects: `file:///PATH` on Purser's own machine.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;

use crate::action::objects::{ObjectUrl, Objects};
use crate::action::ports::Folders;
use crate::action::{ActionError, Result};

/// Opens folders of this machine. What is written there is on the disk when a write returns.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalFolders;

impl Folders for LocalFolders {
    fn open(&self, path: &Path) -> Result<Arc<dyn Objects>> {
        let url = ObjectUrl::File {
            path: path.to_owned(),
        };
        let prefix = object_store::path::Path::from_absolute_path(path).map_err(|error| {
            ActionError::fatal(format!("`{url}` cannot be used as a folder: {error}"))
        })?;
        let files = LocalFileSystem::new().with_fsync(true);
        Ok(Arc::new(Folder {
            store: Arc::new(PrefixStore::new(files, prefix)),
            path: path.to_owned(),
            url,
        }))
    }
}

struct Folder {
    store: Arc<dyn ObjectStore>,
    path: PathBuf,
    url: ObjectUrl,
}

impl Objects for Folder {
    fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    fn url(&self) -> &ObjectUrl {
        &self.url
    }

    fn abort_uploads<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<usize>> {
        let begins = self.path.join(prefix);
        async move {
            let removed = tokio::task::spawn_blocking(move || remove_staged(&begins)).await;
            removed
                .map_err(io::Error::other)
                .and_then(|removed| removed)
                .map_err(|error| {
                    self.failed(&format!("clear unfinished files of {prefix}"), &error)
                })
        }
        .boxed()
    }

    fn explain<'a>(
        &'a self,
        what: &'a str,
        error: object_store::Error,
    ) -> BoxFuture<'a, ActionError> {
        let explained = match &error {
            object_store::Error::NotFound { path, .. } => ActionError::fatal(format!(
                "could not {what}: there is no `{path}` under {}",
                self.url
            )),
            object_store::Error::AlreadyExists { path, .. } => ActionError::fatal(format!(
                "could not {what}: `{path}` exists already, and is left as it is"
            )),
            other => match io_error(other) {
                Some(io) => self.failed(what, io),
                None => ActionError::fatal(format!("could not {what} in {}: {error}", self.url)),
            },
        };
        std::future::ready(explained.because(error)).boxed()
    }
}

impl Folder {
    fn failed(&self, what: &str, error: &io::Error) -> ActionError {
        let folder = self.path.display();
        match error.kind() {
            io::ErrorKind::PermissionDenied => ActionError::fatal(format!(
                "could not {what}: Purser's user may not write to {folder}; give it that folder"
            )),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ActionError::retryable(
                format!("could not {what}: the disk that holds {folder} is full; make room there"),
            ),
            io::ErrorKind::ReadOnlyFilesystem => ActionError::fatal(format!(
                "could not {what}: {folder} is on a file system that is mounted read-only"
            )),
            _ => ActionError::retryable(format!("could not {what} in {folder}: {error}")),
        }
    }
}

/// The library writes `NAME` as `NAME#1` first and renames it at the end.
fn remove_staged(begins: &Path) -> io::Result<usize> {
    let (Some(folder), Some(name)) = (begins.parent(), begins.file_name()) else {
        return Ok(0);
    };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let is_staged = entry.file_type()?.is_file()
            && is_staged_name(
                &entry.file_name().to_string_lossy(),
                &name.to_string_lossy(),
            );
        if is_staged {
            std::fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn is_staged_name(file: &str, begins: &str) -> bool {
    file.starts_with(begins)
        && file.rsplit_once('#').is_some_and(|(_, count)| {
            !count.is_empty() && count.bytes().all(|digit| digit.is_ascii_digit())
        })
}

fn io_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;
    use object_store::ObjectStoreExt as _;

    use crate::action::ports::Folders as _;
    use crate::integrations::folders::LocalFolders;

    #[tokio::test]
    async fn a_folder_is_made_at_the_first_write_and_what_a_dead_process_left_is_cleared() {
        let temp = tempfile::tempdir().unwrap();
        let objects = LocalFolders.open(&temp.path().join("new/folder")).unwrap();
        let none: Vec<_> = objects.store().list(None).try_collect().await.unwrap();
        assert!(none.is_empty());

        let path = object_store::path::Path::from("b/dump.zst");
        let mut upload = objects.store().put_multipart(&path).await.unwrap();
        upload.put_part("half".into()).await.unwrap();
        std::mem::forget(upload);
        assert_eq!(objects.abort_uploads("b/dump.zst").await.unwrap(), 1);
        assert_eq!(objects.abort_uploads("b/dump.zst").await.unwrap(), 0);

        objects.store().put(&path, "whole".into()).await.unwrap();
        assert_eq!(
            std::fs::read(temp.path().join("new/folder/b/dump.zst")).unwrap(),
            b"whole"
        );
    }

    #[tokio::test]
    async fn a_missing_file_and_one_that_exists_are_explained() {
        let temp = tempfile::tempdir().unwrap();
        let objects = LocalFolders.open(temp.path()).unwrap();
        let path = object_store::path::Path::from("m.json");
        let error = objects.store().get(&path).await.unwrap_err();
        let error = objects.explain("read the manifest", error).await;
        assert!(error.message.contains("there is no `"), "{error}");
    }
}
