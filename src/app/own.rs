//! What Purser keeps of its own, for its own backup: the store, its keys, the files that people
//! have written, and what runs have kept for people.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::own_store::StoreCopy;
use crate::action::ports::{OwnCopy, OwnFile, OwnOutlook, OwnState};
use crate::action::{ActionError, Result};
use crate::config::Config;
use crate::integrations::own::{ARTIFACTS, COMMANDS, CONFIG, RECEIPTS_KEY, WORKFLOWS};
use crate::store::sqlite::{SqliteStore, database_file};

/// Artifacts that are more than this together stay out of a backup: they are for people, and the
/// store would be late for them.
const MOST_ARTIFACTS: u64 = 1 << 30;

/// Folders within folders are followed so far.
const DEEPEST: usize = 8;

/// What this server keeps.
pub(super) struct OwnFiles {
    store: Arc<SqliteStore>,
    paths: Paths,
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
    pub(super) fn new(store: Arc<SqliteStore>, config: &Config) -> Self {
        let paths = Paths {
            store: config.store.path.clone(),
            artifacts: config.artifacts.path.clone(),
            config: config.file.clone(),
            workflows: config.catalog.workflows.clone(),
            commands: config.catalog.commands.clone(),
        };
        Self { store, paths }
    }

    /// All but the store itself and the key that opens its secrets. There may be many thousand files.
    async fn beside(&self) -> Result<Beside> {
        let paths = self.paths.clone();
        let listed = tokio::task::spawn_blocking(move || paths.beside()).await;
        listed.unwrap_or_else(|error| Err(ActionError::retryable(error.to_string())))
    }
}

impl Paths {
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
        files.extend(listed(&self.workflows, WORKFLOWS)?);
        files.extend(listed(&self.commands, COMMANDS)?);
        let mut left_out = Vec::new();
        let artifacts = listed(&self.artifacts, ARTIFACTS)?;
        let bytes = size(&artifacts);
        if bytes <= MOST_ARTIFACTS {
            files.extend(artifacts);
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
            let copy = StoreCopy::make(&self.store, &self.paths.store, token).await?;
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

fn size(files: &[OwnFile]) -> u64 {
    let of = |file: &OwnFile| std::fs::metadata(&file.path).map_or(0, |found| found.len());
    files.iter().map(of).sum()
}

/// The files of a folder, by name; none where there is no folder.
fn listed(folder: &Path, name: &str) -> Result<Vec<OwnFile>> {
    let mut found = Vec::new();
    list_into(folder, name, DEEPEST, &mut found).map_err(|error| {
        ActionError::retryable(format!(
            "the folder {} cannot be read: {error}",
            folder.display()
        ))
    })?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn list_into(
    folder: &Path,
    name: &str,
    deeper: usize,
    found: &mut Vec<OwnFile>,
) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let (path, file) = (entry.path(), entry.file_name());
        // A name that is no text is none of ours, and an artifact that is half there is none yet.
        let is_half = path.extension().is_some_and(|ending| ending == "half");
        let Some(file) = file.to_str().filter(|_| !is_half) else {
            continue;
        };
        let name = format!("{name}/{file}");
        // Of a link what it leads to: that is how files are mounted into containers.
        let Ok(kind) = std::fs::metadata(&path) else {
            continue;
        };
        if kind.is_file() {
            found.push(OwnFile { name, path });
        } else if kind.is_dir() && deeper > 0 {
            list_into(&path, &name, deeper - 1, found)?;
        }
    }
    Ok(())
}
