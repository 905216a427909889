//! The store's database and the key that opens its secrets, copied as they belong together.

use std::io;
use std::path::Path;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, TryFutureExt as _};
use secrecy::{ExposeSecret as _, SecretSlice};

use crate::action::ports::{OwnFile, TemporaryFile};
use crate::action::{ActionError, Result};
use crate::domain::keys::SECRETS_KEY;
use crate::integrations::own::DATABASE;
use crate::store::sqlite::{CopyFacts, SqliteStore};
use crate::store::{Vault, put_key_file};

/// So often the key may be changed while the database is copied.
const TRIES: usize = 5;

/// What was copied.
pub(super) struct StoreCopy {
    pub(super) facts: CopyFacts,
    /// The database, and the key if there is one.
    pub(super) files: Vec<OwnFile>,
    /// Removes them.
    pub(super) copied: Vec<TemporaryFile>,
}

impl StoreCopy {
    /// Copies them beside the store. What is in the key's file before and after the database was
    /// copied opens every secret in it; a file that has changed between may not.
    ///
    /// # Errors
    /// The store or the key cannot be read, or the copies cannot be written.
    pub(super) async fn make(store: &SqliteStore, folder: &Path, token: &str) -> Result<Self> {
        let key = Vault::of(folder).file();
        let database = TemporaryFile(store.copy_path(token));
        let copy = || {
            let copied = store.copy_to(&database.0);
            copied
                .map_err(|error| ActionError::retryable(error.to_string()))
                .boxed()
        };
        let (facts, key) = with_its_key(&key, copy).await?;
        let mut files = vec![file(DATABASE.to_owned(), &database)];
        let mut copied = vec![];
        if let Some(key) = key {
            let path = TemporaryFile(database.0.with_extension("db.key"));
            put_key_file(&path.0, key.expose_secret())
                .map_err(|error| unreadable(&path.0, &error))?;
            files.push(file(format!("store/{SECRETS_KEY}"), &path));
            copied.push(path);
        }
        copied.push(database);
        Ok(Self {
            facts,
            files,
            copied,
        })
    }
}

/// Copies until the key is the same before and after; then that key, or that there is none.
async fn with_its_key<'a, T>(
    path: &Path,
    mut copy: impl FnMut() -> BoxFuture<'a, Result<T>>,
) -> Result<(T, Option<SecretSlice<u8>>)> {
    let mut before = read(path)?;
    for _ in 0..TRIES {
        let copied = copy().await?;
        let after = read(path)?;
        let bytes =
            |key: &Option<SecretSlice<u8>>| key.as_ref().map(|key| key.expose_secret().to_vec());
        if bytes(&before) == bytes(&after) {
            return Ok((copied, after));
        }
        before = after;
    }
    Err(ActionError::retryable(
        "the key of the secrets is being changed again and again: nothing of the store was kept",
    ))
}

fn read(path: &Path) -> Result<Option<SecretSlice<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> ActionError {
    ActionError::retryable(format!(
        "the key {} cannot be copied: {error}",
        path.display()
    ))
}

fn file(name: String, copy: &TemporaryFile) -> OwnFile {
    OwnFile {
        name,
        path: copy.0.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::domain::person::People;
    use crate::domain::receipt::{Draft, Subject};
    use crate::domain::time::Timestamp;
    use crate::store::SecretKeeper;

    fn receipt() -> Draft {
        let by = People::new([].into()).by_uid(0);
        let subject = Subject::Changed { what: "x".into() };
        Draft::without_run(subject, by, Timestamp::from_micros(1), "x", [0; 32])
    }

    async fn opened(folder: &Path) -> (Arc<SqliteStore>, SecretKeeper) {
        let store = SqliteStore::open(folder, Arc::default()).await.unwrap();
        let store = Arc::new(store);
        let keeper = SecretKeeper::new(Arc::clone(&store) as _, Vault::of(folder), Arc::default());
        (store, keeper)
    }

    /// A store with two secrets, and who keeps them.
    async fn a_store(folder: &Path) -> (Arc<SqliteStore>, SecretKeeper) {
        let (store, keeper) = opened(folder).await;
        for name in ["ONE", "TWO"] {
            let set = ("ann".into(), Timestamp::from_micros(1));
            let (name, value) = (name.parse().unwrap(), "a-long-token".into());
            keeper.set(name, &value, set, receipt()).await.unwrap();
        }
        (store, keeper)
    }

    /// Puts a database and a key in a folder of their own: how many secrets open there.
    async fn recovers(database: &Path, key: &[u8]) -> usize {
        let place = tempfile::tempdir().unwrap();
        std::fs::copy(database, place.path().join("purser.db")).unwrap();
        std::fs::write(place.path().join(SECRETS_KEY), key).unwrap();
        let (_store, keeper) = opened(place.path()).await;
        keeper.open_all().await.unwrap().names().unwrap().len()
    }

    #[tokio::test]
    async fn a_key_that_is_changed_after_the_copy_leaves_the_one_that_belongs_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let (store, keeper) = a_store(folder.path()).await;
        let copy = StoreCopy::make(&store, folder.path(), "one").await.unwrap();
        keeper.rekey(receipt()).await.unwrap();
        let [database, key] = <[OwnFile; 2]>::try_from(copy.files).unwrap();
        assert_eq!(
            (database.name.as_str(), key.name.as_str()),
            ("store/purser.db", "store/secrets.key")
        );
        let mode = std::fs::metadata(&key.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let bytes = std::fs::read(&key.path).unwrap();
        assert_eq!(recovers(&database.path, &bytes).await, 2);
        drop(copy.copied);
        assert!(!database.path.exists() && !key.path.exists());
    }

    #[tokio::test]
    async fn a_key_that_is_changed_during_the_copy_has_it_made_again() {
        for rekeyed_before in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let (store, keeper) = a_store(folder.path()).await;
            let (to, times) = (store.copy_path("one"), AtomicUsize::new(0));
            let copy = || {
                let is_first = times.fetch_add(1, Ordering::Relaxed) == 0;
                let (store, keeper, to) = (&store, &keeper, &to);
                async move {
                    if is_first && rekeyed_before {
                        keeper.rekey(receipt()).await.unwrap();
                    }
                    let copied = store.copy_to(to).await;
                    if is_first && !rekeyed_before {
                        keeper.rekey(receipt()).await.unwrap();
                    }
                    copied.map_err(|error| ActionError::retryable(error.to_string()))
                }
                .boxed()
            };
            let key = Vault::of(folder.path()).file();
            let (_, key) = with_its_key(&key, copy).await.unwrap();
            let key = key.unwrap();
            assert_eq!(recovers(&to, key.expose_secret()).await, 2);
            assert_eq!(times.load(Ordering::Relaxed), 2);
        }
    }

    #[tokio::test]
    async fn a_store_without_a_key_is_copied_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = opened(folder.path()).await;
        let copy = StoreCopy::make(&store, folder.path(), "one").await.unwrap();
        assert_eq!(copy.files.len(), 1);
    }
}
