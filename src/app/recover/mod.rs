//! `purser recover`: puts a backup of Purser's own back on a machine that has no store
//! (decision 17).

mod identity;
mod missing;
mod place;
mod settle;
mod source;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use tokio_util::io::SyncIoBridge;

use super::machine::MachineClock;
use super::world::{load_config, variables};
use crate::action::Clock as _;
use crate::cli::{self, Failure, Listed, Recover};
use crate::config::Config;
use crate::integrations::own::manifest::Manifest;
use crate::integrations::own::open::{OpenError, open, peek};
use crate::integrations::own::{ARTIFACTS, DATABASE, KEYS};
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
    nix::sys::stat::umask(nix::sys::stat::Mode::S_IRWXG | nix::sys::stat::Mode::S_IRWXO);
    let source = Source::find(&ask.from, config_path)?;
    if ask.list {
        return list(&source, json).await;
    }
    let name = source.chosen().await?;
    let target = match &ask.to {
        Some(folder) => folder.join("purser.toml"),
        None => config_path.to_owned(),
    };
    let backup = Backup {
        keys: Arc::new(identities(ask)?),
        source,
        name,
    };
    let config = backup.config_at(&target).await?;
    let recovery = Recovery::begin(&config.store.path).map_err(broken)?;
    let done = backup.put_into(&recovery, &config).await;
    let told = match done {
        Ok(told) => told,
        Err(failure) => {
            recovery.give_up();
            return Err(failure);
        }
    };
    recovery.finish().map_err(broken)?;
    told.tell(json)
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
    /// The configuration that will be in force: the one that is there, or else the backup's.
    async fn config_at(&self, target: &Path) -> Result<Config, Failure> {
        if target.exists() {
            // A key that does not fit is told before anything is made.
            self.read(|from, keys| peek(from, keys)).await?;
            return load_config(target);
        }
        let text = self.read(|from, keys| peek(from, keys)).await?;
        let text = String::from_utf8_lossy(&text).into_owned();
        Config::parse(target, &text, variables()).map_err(|error| {
            Failure::failed(format!(
                "the configuration in {} does not do on this machine: {error}",
                self.name
            ))
        })
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
    ) -> Result<cli::Recovery, Failure> {
        let inner = recovery.inner();
        let unpacked = inner.join(UNPACKED);
        let manifest = self.unpack(&unpacked).await?;
        let found = Found {
            backup: &self.name,
            manifest: &manifest,
            config,
        };
        found.check(&unpacked.join(DATABASE)).await?;
        move_store(&unpacked, inner).map_err(|error| self.failed(&error))?;
        let (receipt, ended_runs) = found.settle(inner).await?;
        let placed = place(&unpacked, inner, config).map_err(|error| self.failed(&error))?;
        std::fs::remove_dir_all(&unpacked).map_err(|error| self.failed(&error))?;
        Ok(cli::Recovery {
            backup: self.name.clone(),
            made_at: manifest.made_at,
            seconds_ago: MachineClock.now().since(manifest.made_at).as_secs(),
            made_by: manifest.purser,
            store: config.store.path.clone(),
            anchor: manifest.head,
            receipt,
            ended_runs,
            placed: placed.new,
            left: placed.left,
            left_out: manifest.left_out,
            missing: missing::files(config),
        })
    }

    async fn unpack(&self, into: &Path) -> Result<Manifest, Failure> {
        let folder = into.to_owned();
        self.read(move |from, keys| {
            std::fs::create_dir(&folder)?;
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
fn place(unpacked: &Path, inner: &Path, config: &Config) -> std::io::Result<Placed> {
    let artifacts = unpacked.join(ARTIFACTS);
    if artifacts.exists() {
        let to = match config.artifacts.path.strip_prefix(&config.store.path) {
            Ok(within) => inner.join(within),
            Err(_) => config.artifacts.path.clone(),
        };
        place::artifacts(&artifacts, &to)?;
    }
    place::files(unpacked, config)
}
