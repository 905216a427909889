//! Keeps secrets: sealed in the store, opened only when one is used.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::{Result, SecretRow, Secrets, StoreError, Vault};
use crate::domain::names::{PersonName, SecretName};
use crate::domain::receipt::Draft;
use crate::domain::redact::Redactor;
use crate::domain::secret::{self, Opened};
use crate::domain::time::Timestamp;

/// Keeps secrets, and has each masked that it opens or is given.
pub struct SecretKeeper {
    store: Arc<dyn Secrets>,
    vault: Vault,
    redactor: Arc<Redactor>,
    /// Held while secrets are sealed or opened, so that none is met with a key that is just being
    /// dropped.
    at_work: Mutex<()>,
}

impl SecretKeeper {
    /// A keeper of the secrets in this store.
    pub fn new(store: Arc<dyn Secrets>, vault: Vault, redactor: Arc<Redactor>) -> Self {
        Self {
            store,
            vault,
            redactor,
            at_work: Mutex::new(()),
        }
    }

    /// Sees that there is a key: at the first start one is made. Where there are secrets and none
    /// that opens them, a new one would only hide the loss.
    ///
    /// # Errors
    /// The key is lost, or cannot be made or read.
    pub async fn ready(&self) -> Result<()> {
        if self.vault.exists()? {
            return self.vault.count().map(drop);
        }
        let rows = self.store.secrets().await?;
        if rows.is_empty() {
            return self.vault.make();
        }
        let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
        Err(StoreError::File {
            file: self.vault.file().display().to_string(),
            message: format!(
                "is not there, and without it these secrets cannot be opened: {}. Restore it from a \
                 backup; if it is lost for good, forget each with `purser secret rm NAME --force`, and \
                 set them again",
                names.join(", ")
            ),
        })
    }

    /// Whether a change of the key was cut short: the one before is still there.
    ///
    /// # Errors
    /// The key cannot be read.
    pub fn is_between_keys(&self) -> Result<bool> {
        Ok(self.vault.count()? > 1)
    }

    /// All secrets as they are kept, by name.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn list(&self) -> Result<Vec<SecretRow>> {
        self.store.secrets().await
    }

    /// Opens one; `Ok(Err(_))` says that there is none, or that it cannot be opened, and what to
    /// type.
    ///
    /// # Errors
    /// The store or the key cannot be read.
    pub async fn open(&self, name: &SecretName) -> Result<Result<SecretString, String>> {
        let _alone = self.at_work.lock().await;
        let Some(row) = self.store.secret(name).await? else {
            let rows = self.store.secrets().await?;
            return Ok(Err(secret::not_set(name, rows.iter().map(|row| &row.name))));
        };
        Ok(open(&self.vault, &row)?.inspect(|value| self.learn(value)))
    }

    /// Opens all.
    ///
    /// # Errors
    /// The store or the key cannot be read, or a secret cannot be opened.
    pub async fn open_all(&self) -> Result<Opened> {
        let _alone = self.at_work.lock().await;
        let opened = open_rows(&self.vault, &self.store.secrets().await?)?;
        for value in opened.values() {
            self.learn(value);
        }
        Ok(Opened::all(opened))
    }

    /// Keeps a secret.
    ///
    /// # Errors
    /// The key cannot be read or the store not written: then the secret is as it was.
    pub async fn set(
        &self,
        name: SecretName,
        value: &SecretString,
        (set_by, set_at): (PersonName, Timestamp),
        receipt: Draft,
    ) -> Result<()> {
        self.learn(value);
        let _alone = self.at_work.lock().await;
        self.ready().await?;
        let row = SecretRow {
            name,
            sealed: self.vault.seal(value)?,
            set_at,
            set_by,
        };
        self.store.set_secret(row, receipt).await
    }

    /// Forgets a secret.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn remove(&self, name: SecretName, receipt: Draft) -> Result<()> {
        let _alone = self.at_work.lock().await;
        self.store.remove_secret(name, receipt).await
    }

    /// Seals all secrets for a new key and drops the old one: how many they are.
    ///
    /// Killed anywhere between, all secrets open, because the file has the key of before until every
    /// one is sealed for the new one. Done again, it comes to its end.
    ///
    /// # Errors
    /// The key or the store cannot be read or written, or a secret cannot be opened; then all open as
    /// before.
    pub async fn rekey(&self, receipt: Draft) -> Result<usize> {
        let _alone = self.at_work.lock().await;
        self.ready().await?;
        let opened = open_rows(&self.vault, &self.store.secrets().await?)?;
        self.vault.add_identity()?;
        failpoint("added");
        let sealed: Result<Vec<_>> = opened
            .into_iter()
            .map(|(name, value)| Ok((name, self.vault.seal(&value)?)))
            .collect();
        let sealed = sealed?;
        let count = sealed.len();
        self.store.reseal_secrets(sealed, receipt).await?;
        failpoint("sealed");
        self.vault.keep_last_identity()?;
        failpoint("dropped");
        Ok(count)
    }

    fn learn(&self, value: &SecretString) {
        self.redactor.learn(value.expose_secret());
    }
}

/// Opens what a look at the store has found, without a keeper.
///
/// # Errors
/// The key cannot be read, or one of them cannot be opened.
pub fn open_rows(vault: &Vault, rows: &[SecretRow]) -> Result<BTreeMap<SecretName, SecretString>> {
    rows.iter()
        .map(|row| {
            let value = open(vault, row)?.map_err(StoreError::NotOpened)?;
            Ok((row.name.clone(), value))
        })
        .collect()
}

fn open(vault: &Vault, row: &SecretRow) -> Result<Result<SecretString, String>> {
    let opened = vault.open(&row.sealed)?;
    let name = &row.name;
    Ok(opened.map_err(|why| {
        format!(
            "the secret `{name}` cannot be opened: {why}. Restore the key that belongs to this \
             store, or set it again with `purser secret set {name}`"
        )
    }))
}

/// Ends the process as SIGKILL would, when `PURSER_FAILPOINT` is `secret.rekey/WHERE`.
#[allow(unused_variables, reason = "only used with the feature")]
fn failpoint(place: &str) {
    #[cfg(feature = "failpoints")]
    if std::env::var("PURSER_FAILPOINT").is_ok_and(|at| at == format!("secret.rekey/{place}")) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::SIGKILL);
    }
}
