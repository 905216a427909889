//! What a store is told that came back from a backup: first whether it is whole, then that it came
//! back.

use std::path::Path;
use std::sync::Arc;

use ed25519_dalek::SigningKey;

use super::{broken, failed};
use crate::action::Clock as _;
use crate::app::keys::read_key;
use crate::app::machine::{MachineClock, MachineEntropy};
use crate::cli::Failure;
use crate::config::Config;
use crate::domain::keys::RECEIPTS_KEY;
use crate::domain::person::People;
use crate::domain::receipt::{Anchor, Chain, Draft, Subject};
use crate::domain::redact::Redactor;
use crate::engine::{Entropy as _, Recovered, seal_waiting};
use crate::integrations::own::manifest::Manifest;
use crate::store::sqlite::{SqliteStore, damage, newest_schema};
use crate::store::{Receipts as _, Store};

/// A backup that was opened, and the configuration that will be in force.
pub(super) struct Found<'a> {
    pub(super) backup: &'a str,
    pub(super) manifest: &'a Manifest,
    pub(super) config: &'a Config,
}

impl Found<'_> {
    /// Whether this version can work on the store, and whether it is whole.
    pub(super) async fn check(&self, database: &Path) -> Result<(), Failure> {
        let manifest = self.manifest;
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
        match damage(database).await.map_err(broken)? {
            None => Ok(()),
            Some(what) => Err(self.failed(&format!("its database is damaged: {what}"))),
        }
    }

    /// Verifies the receipts, ends what had not ended, and seals the receipt that says so: its place,
    /// and how many runs were ended.
    pub(super) async fn settle(&self, folder: &Path) -> Result<(u64, usize), Failure> {
        let key = read_key(&folder.join(RECEIPTS_KEY))?;
        let store = SqliteStore::open(folder, Arc::new(Redactor::new()))
            .await
            .map_err(broken)?;
        let store = Arc::new(store);
        let settled = self.settle_in(&store, &key).await;
        if let Some(store) = Arc::into_inner(store) {
            store.close().await;
        }
        settled
    }

    async fn settle_in(
        &self,
        store: &Arc<SqliteStore>,
        key: &SigningKey,
    ) -> Result<(u64, usize), Failure> {
        let head = self.verify(store, key).await?;
        if head != self.manifest.head {
            return Err(self.failed(&"its receipts are not those that its manifest names"));
        }
        let recovered = Recovered {
            store: Arc::clone(store) as Arc<dyn Store>,
            clock: Arc::new(MachineClock),
            entropy: Arc::new(MachineEntropy),
            backup: self.backup.to_owned(),
            made_at: self.manifest.made_at,
        };
        let ended_runs = recovered.end_runs().await.map_err(broken)?;
        recovered.forget_schedules().await.map_err(broken)?;
        let receipt = self.receipt(ended_runs);
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

    fn receipt(&self, ended_runs: usize) -> Draft {
        let manifest = self.manifest;
        let by = People::new(self.config.people.clone()).by_uid(nix::unistd::getuid().as_raw());
        let last = manifest.head.as_ref().map_or_else(
            || "which held no receipt".to_owned(),
            |head| format!("whose last receipt is {} ({})", head.seq, head.hash.short()),
        );
        let summary = format!(
            "{by} recovered the store from {}, made at {}, {last}: what was sealed elsewhere after \
             that is not in these books. Runs that had not ended then, and are stuck now: {ended_runs}.",
            self.backup, manifest.made_at
        );
        let subject = Subject::Recovered {
            backup: self.backup.to_owned(),
            made_at: self.manifest.made_at,
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

    fn failed(&self, what: &dyn std::fmt::Display) -> Failure {
        failed(self.backup, what)
    }
}
