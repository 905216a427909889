//! `purser recover`: puts a backup of Purser's own back on a machine that has no store
//! (decision 17).

mod identity;
mod missing;
mod place;
mod source;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use tokio_util::io::SyncIoBridge;

use super::keys::read_key;
use super::machine::{MachineClock, MachineEntropy};
use super::world::{load_config, variables};
use crate::action::Clock as _;
use crate::cli::{self, Failure, Listed, Recover};
use crate::config::Config;
use crate::domain::person::People;
use crate::domain::receipt::{Anchor, Chain, Draft, Subject};
use crate::domain::redact::Redactor;
use crate::engine::{Entropy as _, Recovered, seal_waiting};
use crate::integrations::own::manifest::Manifest;
use crate::integrations::own::open::{OpenError, open, peek};
use crate::integrations::own::{ARTIFACTS, DATABASE, KEYS, RECEIPTS_KEY};
use crate::store::sqlite::{Recovery, SqliteStore, damage, database_file, newest_schema};
use crate::store::{Receipts as _, Store};
use identity::{Identities, identities};
use place::Placed;
use source::Source;

/// Where the files of the backup are while they are looked at.
const UNPACKED: &str = "unpacked";

/// Lists backups, or puts one back.
///
/// # Errors
/// What is wrong; then everything is as it was.
pub async fn recover(config_path: &Path, ask: &Recover, json: bool) -> Result<(), Failure> {
    nix::sys::stat::umask(nix::sys::stat::Mode::S_IRWXG | nix::sys::stat::Mode::S_IRWXO);
    let source = Source::find(&ask.from, config_path).await?;
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
        Failure::failed(format!("{} cannot be recovered from: {what}", self.name))
    }

    async fn put_into(
        &self,
        recovery: &Recovery,
        config: &Config,
    ) -> Result<cli::Recovery, Failure> {
        let inner = recovery.inner();
        let unpacked = inner.join(UNPACKED);
        let manifest = self.unpack(&unpacked).await?;
        self.check(&unpacked, &manifest).await?;
        move_store(&unpacked, inner).map_err(|error| self.failed(&error))?;
        let (receipt, ended_runs) = self.settle(inner, config, &manifest).await?;
        let placed = self
            .place(&unpacked, inner, config)
            .map_err(|error| self.failed(&error))?;
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

    /// Whether this version can work on the store, and whether it is whole.
    async fn check(&self, unpacked: &Path, manifest: &Manifest) -> Result<(), Failure> {
        if manifest.schema > newest_schema() {
            return Err(self.failed(&format!(
                "it was made by purser {}, whose tables are at version {}, and this is purser {} \
                 and knows version {}: use that version, or a newer one",
                manifest.purser,
                manifest.schema,
                env!("CARGO_PKG_VERSION"),
                newest_schema()
            )));
        }
        match damage(&unpacked.join(DATABASE)).await.map_err(broken)? {
            None => Ok(()),
            Some(what) => Err(self.failed(&format!("its database is damaged: {what}"))),
        }
    }

    /// Verifies the receipts, ends what had not ended, and seals the receipt that says so: its place,
    /// and how many runs were ended.
    async fn settle(
        &self,
        folder: &Path,
        config: &Config,
        manifest: &Manifest,
    ) -> Result<(u64, usize), Failure> {
        let key = read_key(&folder.join(RECEIPTS_KEY))?;
        let store = SqliteStore::open(folder, Arc::new(Redactor::new()))
            .await
            .map_err(broken)?;
        let store = Arc::new(store);
        let settled = self.settle_in(&store, &key, config, manifest).await;
        if let Some(store) = Arc::into_inner(store) {
            store.close().await;
        }
        settled
    }

    async fn settle_in(
        &self,
        store: &Arc<SqliteStore>,
        key: &SigningKey,
        config: &Config,
        manifest: &Manifest,
    ) -> Result<(u64, usize), Failure> {
        let head = self.verify(store, key).await?;
        if head != manifest.head {
            return Err(self.failed(&"its receipts are not those that its manifest names"));
        }
        let recovered = Recovered {
            store: Arc::clone(store) as Arc<dyn Store>,
            clock: Arc::new(MachineClock),
            entropy: Arc::new(MachineEntropy),
            backup: self.name.clone(),
            made_at: manifest.made_at,
        };
        let ended_runs = recovered.end_runs().await.map_err(broken)?;
        recovered.forget_schedules().await.map_err(broken)?;
        let receipt = self.receipt(config, manifest, ended_runs);
        store.add_receipt(receipt).await.map_err(broken)?;
        seal_waiting(store.as_ref(), key).await.map_err(broken)?;
        let last = store.last_receipt().await.map_err(broken)?;
        Ok((last.map_or(0, |(seq, _)| seq), ended_runs))
    }

    /// The last receipt of a chain that holds.
    async fn verify(
        &self,
        store: &SqliteStore,
        key: &SigningKey,
    ) -> Result<Option<Anchor>, Failure> {
        const PAGE: u32 = 500;
        let (mut chain, key) = (Chain::default(), key.verifying_key());
        loop {
            let after = chain.head().map_or(0, |(seq, _)| *seq);
            let page = store.receipts_after(after, PAGE).await.map_err(broken)?;
            if page.is_empty() {
                let head = chain.head().cloned();
                return Ok(head.map(|(seq, hash)| Anchor { seq, hash }));
            }
            for receipt in &page {
                chain
                    .next(receipt, &key)
                    .map_err(|wrong| self.failed(&wrong))?;
            }
        }
    }

    fn receipt(&self, config: &Config, manifest: &Manifest, ended_runs: usize) -> Draft {
        let by = People::new(config.people.clone()).by_uid(nix::unistd::getuid().as_raw());
        let behind = manifest.head.as_ref().map_or_else(
            || "no receipt".to_owned(),
            |head| format!("receipt {} ({})", head.seq, head.hash.short()),
        );
        let summary = format!(
            "{by} recovered the store from {}, made at {}: what happened behind {behind} until now \
             is not in these receipts. Runs that had not ended then, and are stuck now: {ended_runs}.",
            self.name, manifest.made_at
        );
        let subject = Subject::Recovered {
            backup: self.name.clone(),
            made_at: manifest.made_at,
            anchor: manifest.head.clone(),
            ended_runs,
        };
        Draft::without_run(
            subject,
            by,
            MachineClock.now(),
            &summary,
            MachineEntropy.bytes(),
        )
    }

    fn place(&self, unpacked: &Path, inner: &Path, config: &Config) -> std::io::Result<Placed> {
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
