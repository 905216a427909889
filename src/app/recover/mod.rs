//! `purser recover`: puts a backup of Purser's own back on a machine that has no store
//! (decision 17).

mod identity;
mod missing;
mod place;
mod settle;
mod source;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::io::SyncIoBridge;

use super::home::{keep_files_private, not_ours};
use super::machine::MachineClock;
use super::world::{load_config, variables};
use crate::action::Clock as _;
use crate::cli::{self, Failure, Listed, Recover};
use crate::config::Config;
use crate::domain::keys::KEYS;
use crate::integrations::own::manifest::Manifest;
use crate::integrations::own::open::{OpenError, open, peek};
use crate::integrations::own::{ARTIFACTS, DATABASE, is_ours};
use crate::store::sqlite::{Recovery, database_file};
use identity::{Identities, identities};
use place::Placed;
use settle::Found;
use source::Source;

/// Where the files of the backup are while they are looked at.
const UNPACKED: &str = "unpacked";

/// Lists backups, or puts one back.
///
/// # Errors
/// What is wrong; then everything is as it was.
pub async fn recover(config_path: &Path, ask: &Recover, json: bool) -> Result<(), Failure> {
    keep_files_private();
    let source = Source::find(&ask.from, config_path)?;
    if ask.list {
        return list(&source, json).await;
    }
    let target = target(config_path, ask)?;
    let name = source.chosen().await?;
    let backup = Backup {
        keys: Arc::new(identities(ask).await?),
        source,
        name,
    };
    let config = backup.config_at(&target).await?;
    let recovery = Recovery::begin(&config.store.path).map_err(broken)?;
    let mut placed = Placed::default();
    let put = backup.put_into(&recovery, &config, &mut placed).await;
    let committed = put.and_then(|put| recovery.commit().map(|()| put).map_err(broken));
    let put = match committed {
        Ok(put) => put,
        Err(failure) => {
            placed.take_back();
            recovery.give_up();
            return Err(failure);
        }
    };
    recovery.finish().map_err(broken)?;
    backup.told(put, placed, &config).tell(json)
}

/// The configuration by which Purser is to go.
fn target(config_path: &Path, ask: &Recover) -> Result<PathBuf, Failure> {
    if let Some(folder) = &ask.to {
        return Ok(folder.join("purser.toml"));
    }
    if is_way_only(config_path) {
        return Err(Failure::usage(format!(
            "{} names systems and nothing else: it leads to the backup, and is not what Purser is to go \
             by. Say where the backup's configuration belongs, with --to FOLDER",
            config_path.display()
        )));
    }
    Ok(config_path.to_owned())
}

/// Whether a configuration names only systems, as one does that was written to get at a backup.
fn is_way_only(config_path: &Path) -> bool {
    let text = std::fs::read_to_string(config_path).unwrap_or_default();
    let table: toml::Table = text.parse().unwrap_or_default();
    table.len() == 1 && table.contains_key("systems")
}

/// What came of putting a backup into a store.
struct Put {
    manifest: Manifest,
    receipt: u64,
    ended_runs: usize,
}

async fn list(source: &Source, json: bool) -> Result<(), Failure> {
    let all = source.all().await?.into_iter().map(|found| Listed {
        name: found.name,
        made_at: found.at,
        bytes: found.bytes,
    });
    let folder = source.folder.url().to_string();
    cli::list_backups(&folder, &all.collect::<Vec<_>>(), MachineClock.now(), json)
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn broken(error: crate::store::StoreError) -> Failure {
    Failure::failed(error.to_string())
}

fn failed(backup: &str, what: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format!("{backup} cannot be recovered from: {what}"))
}

/// The backup that was chosen, and the keys to it.
struct Backup {
    source: Source,
    name: String,
    keys: Arc<Identities>,
}

impl Backup {
    /// The configuration that will be in force: the one that is there, or else the backup's. What
    /// stands in the way on this machine is told before anything is made.
    async fn config_at(&self, target: &Path) -> Result<Config, Failure> {
        let text = self.read(|from, keys| peek(from, keys)).await?;
        let config = if target.exists() {
            load_config(target)?
        } else {
            let text = String::from_utf8_lossy(&text);
            Config::parse(target, &text, variables()).map_err(|error| {
                Failure::failed(format!(
                    "the configuration in {} does not do on this machine: {error}",
                    self.name
                ))
            })?
        };
        if config.store.url_file.is_some() {
            return Err(Failure::usage(format!(
                "{}: `[store] url_file` has the tables in PostgreSQL, and this backup is of a store in a \
                 folder. Take that line out, recover, and move the store with `purser store migrate`",
                config.file.display()
            )));
        }
        let store = &config.store.path;
        if let Some(why) = not_ours(store) {
            let me = nix::unistd::geteuid();
            return Err(Failure {
                code: Failure::REFUSED,
                message: format!("{why}, or `chown -R {me} {}`", store.display()),
            });
        }
        place::check(&config, &text)?;
        Ok(config)
    }

    /// Reads the backup on a thread of its own.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Read, &Identities) -> Result<T, OpenError> + Send + 'static,
    ) -> Result<T, Failure> {
        let from = self.source.read(&self.name).await?;
        let keys = Arc::clone(&self.keys);
        let work = move || read(&mut SyncIoBridge::new(from), &keys);
        let read = tokio::task::spawn_blocking(work).await;
        read.map_err(|error| Failure::failed(error.to_string()))?
            .map_err(|error| self.failed(&error))
    }

    fn failed(&self, what: &dyn std::fmt::Display) -> Failure {
        failed(&self.name, what)
    }

    async fn put_into(
        &self,
        recovery: &Recovery,
        config: &Config,
        placed: &mut Placed,
    ) -> Result<Put, Failure> {
        let inner = recovery.inner();
        let unpacked = inner.join(UNPACKED);
        let manifest = self.unpack(&unpacked).await?;
        self.check_name(&manifest)?;
        let found = Found {
            backup: &self.name,
            manifest: &manifest,
            config,
        };
        found.check(&unpacked.join(DATABASE)).await?;
        move_store(&unpacked, inner).map_err(|error| self.failed(&error))?;
        let (receipt, ended_runs) = found.settle(inner).await?;
        place(&unpacked, inner, config, placed).map_err(|error| self.failed(&error))?;
        std::fs::remove_dir_all(&unpacked).map_err(|error| self.failed(&error))?;
        Ok(Put {
            manifest,
            receipt,
            ended_runs,
        })
    }

    /// A name that Purser gives says when the backup was made, and whoever takes the newest goes by it.
    fn check_name(&self, manifest: &Manifest) -> Result<(), Failure> {
        if !is_ours(&self.name) || self.name == manifest.name {
            return Ok(());
        }
        Err(self.failed(&format!(
            "it is {} under another name, which says another time: somebody may have put it there for a \
             newer one. To have that one all the same, give it its own name again",
            manifest.name
        )))
    }

    fn told(&self, put: Put, placed: Placed, config: &Config) -> cli::Recovery {
        let manifest = put.manifest;
        cli::Recovery {
            backup: self.name.clone(),
            made_at: manifest.made_at,
            seconds_ago: MachineClock.now().since(manifest.made_at).as_secs(),
            made_by: manifest.purser,
            store: config.store.path.clone(),
            anchor: manifest.head,
            receipt: put.receipt,
            ended_runs: put.ended_runs,
            placed: placed.new,
            left: placed.left,
            config: config.file.clone(),
            beside: placed.beside,
            left_out: manifest.left_out,
            missing: missing::files(config),
        }
    }

    async fn unpack(&self, into: &Path) -> Result<Manifest, Failure> {
        let folder = into.to_owned();
        self.read(move |from, keys| {
            if let Err(error) = std::fs::create_dir(&folder) {
                return Err(OpenError::NotWritten {
                    path: folder,
                    error,
                });
            }
            open(from, keys, &folder)
        })
        .await
    }
}

/// The database and the keys, to where a store has them.
fn move_store(unpacked: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::rename(unpacked.join(DATABASE), database_file(to))?;
    for key in KEYS {
        let from = unpacked.join("store").join(key);
        if from.exists() {
            std::fs::rename(from, to.join(key))?;
        }
    }
    Ok(())
}

/// The files beside the store, to where this configuration looks for them.
fn place(
    unpacked: &Path,
    inner: &Path,
    config: &Config,
    placed: &mut Placed,
) -> std::io::Result<()> {
    let artifacts = unpacked.join(ARTIFACTS);
    if artifacts.exists() {
        let to = match config.artifacts.path.strip_prefix(&config.store.path) {
            Ok(within) => inner.join(within),
            Err(_) => config.artifacts.path.clone(),
        };
        placed.artifacts(&artifacts, &to)?;
    }
    placed.files(unpacked, config)
}
