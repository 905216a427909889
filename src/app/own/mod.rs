//! What Purser keeps of its own, for its own backup: the store, its keys, the files that people
//! have written, and what runs have kept for people.

mod ledger;
mod listed;
mod store_copy;

use std::path::PathBuf;
use std::sync::Arc;

use ed25519_dalek::VerifyingKey;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::keys::read_key;
use crate::action::ports::{OwnCopy, OwnFile, OwnOutlook, OwnState};
use crate::action::{ActionError, Result};
use crate::config::Config;
use crate::domain::command::MOST_WORDS;
use crate::domain::keys::RECEIPTS_KEY;
use crate::integrations::own::{ARTIFACTS, COMMANDS, CONFIG, WORKFLOWS};
use crate::store::sqlite::{SqliteStore, database_file};
use crate::store::{Result as StoreResult, SecretRow, Secrets as _, Vault, open_every};
pub(super) use ledger::StoreLedger;
use listed::{Listed, size};
use store_copy::StoreCopy;

/// Artifacts that are more than this together stay out of a backup: they are for people, and the
/// store would be late for them.
const MOST_ARTIFACTS: u64 = 1 << 30;

/// What this server keeps.
pub(super) struct OwnFiles {
    /// `None`: the tables are not ours to copy.
    store: Option<Arc<SqliteStore>>,
    /// Of the key that signs receipts.
    key: VerifyingKey,
    paths: Paths,
    /// Where the tables are, if they are not in the store's folder.
    database: Option<(String, u16)>,
}

/// Where it is.
#[derive(Clone)]
struct Paths {
    store: PathBuf,
    artifacts: PathBuf,
    config: PathBuf,
    workflows: PathBuf,
    commands: PathBuf,
}

impl OwnFiles {
    pub(super) fn new(
        store: Option<Arc<SqliteStore>>,
        database: Option<(String, u16)>,
        key: VerifyingKey,
        config: &Config,
    ) -> Self {
        let paths = Paths {
            store: config.store.path.clone(),
            artifacts: config.artifacts.path.clone(),
            config: config.file.clone(),
            workflows: config.catalog.workflows.clone(),
            commands: config.catalog.commands.clone(),
        };
        Self {
            store,
            key,
            paths,
            database,
        }
    }

    fn store(&self) -> Result<&SqliteStore> {
        self.store.as_deref().ok_or_else(|| {
            ActionError::fatal(format!(
                "the tables of this Purser are in PostgreSQL, and its own backup would not hold them: \
                 back that database up as any other (postgres.backup), and keep the keys in {} with it",
                self.paths.store.display()
            ))
        })
    }

    /// All but the store itself and the key that opens its secrets. There may be many thousand files.
    ///
    /// # Errors
    /// A file without which nothing could be recovered is not there, or not what it has to be.
    async fn beside(&self) -> Result<Beside> {
        let secrets = self.store()?.secrets().await;
        let secrets = secrets.map_err(|error| ActionError::retryable(error.to_string()))?;
        let (paths, key) = (self.paths.clone(), self.key);
        let listed = tokio::task::spawn_blocking(move || {
            paths.check_keys(&key, &secrets)?;
            paths.beside()
        });
        let listed = listed.await;
        listed.unwrap_or_else(|error| Err(ActionError::retryable(error.to_string())))
    }
}

impl Paths {
    /// Whether the keys on disk are those of the store: a backup with others could not be recovered.
    fn check_keys(&self, signs: &VerifyingKey, secrets: &[SecretRow]) -> Result<()> {
        let path = self.store.join(RECEIPTS_KEY);
        let useless = |why: &str| {
            ActionError::fatal(format!("{why}; a backup without it could not be recovered"))
        };
        let key = read_key(&path).map_err(|failure| useless(&failure.message))?;
        if key.verifying_key() != *signs {
            let path = path.display();
            return Err(useless(&format!(
                "{path}: this is not the key that this server signs receipts with"
            )));
        }
        // While the key of the secrets is being changed they may not fit: it is tried again.
        opens(&Vault::of(&self.store), secrets).map_err(|error| {
            ActionError::retryable(format!(
                "{error}; in a backup of it the secrets would be lost"
            ))
        })
    }

    fn beside(&self) -> Result<Beside> {
        let mut files = vec![OwnFile {
            name: CONFIG.to_owned(),
            path: self.config.clone(),
        }];
        let path = self.store.join(RECEIPTS_KEY);
        if path.exists() {
            let name = format!("store/{RECEIPTS_KEY}");
            files.push(OwnFile { name, path });
        }
        let mut left_out = Vec::new();
        let folders = [
            (&self.workflows, WORKFLOWS, 0),
            (&self.commands, COMMANDS, MOST_WORDS - 1),
        ];
        for (folder, name, deeper) in folders {
            let listed = Listed::catalog(folder, name, deeper)?;
            files.extend(listed.files);
            left_out.extend(listed.left_out);
        }
        let artifacts = Listed::artifacts(&self.artifacts, ARTIFACTS)?;
        let bytes = size(&artifacts.files);
        if bytes <= MOST_ARTIFACTS {
            files.extend(artifacts.files);
            left_out.extend(artifacts.left_out);
        } else {
            left_out.push(format!(
                "the artifacts in {}: {} MiB are more than {} MiB",
                self.artifacts.display(),
                bytes >> 20,
                MOST_ARTIFACTS >> 20
            ));
        }
        let database = database_file(&self.store);
        let bytes = size(&files) + std::fs::metadata(database).map_or(0, |file| file.len());
        Ok(Beside {
            files,
            bytes,
            left_out,
        })
    }
}

struct Beside {
    files: Vec<OwnFile>,
    /// The size of the files and of the database.
    bytes: u64,
    left_out: Vec<String>,
}

impl OwnState for OwnFiles {
    fn database(&self) -> Option<(String, u16)> {
        self.database.clone()
    }

    fn outlook(&self) -> BoxFuture<'_, Result<OwnOutlook>> {
        async move {
            let Beside {
                bytes, left_out, ..
            } = self.beside().await?;
            Ok(OwnOutlook { bytes, left_out })
        }
        .boxed()
    }

    fn copy<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<OwnCopy>> {
        async move {
            let store = self.store()?;
            let copy = StoreCopy::make(store, &self.paths.store, token).await?;
            let Beside {
                mut files,
                left_out,
                ..
            } = self.beside().await?;
            // The configuration goes first: whoever opens a backup needs it first.
            files.splice(1..1, copy.files);
            Ok(OwnCopy {
                files,
                head: copy.facts.head,
                schema: copy.facts.schema,
                left_out,
                copied: copy.copied,
            })
        }
        .boxed()
    }
}

/// Whether these secrets can be opened. Before there is one, there need be no key.
fn opens(vault: &Vault, secrets: &[SecretRow]) -> StoreResult<()> {
    if secrets.is_empty() && !vault.exists()? {
        return Ok(());
    }
    vault.count()?;
    open_every(vault, secrets).map(|_| ())
}
