//! Keeps secrets: sealed in the store, opened only when one is used.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::failpoint::failpoint;
use super::{GivenSecret, Result, SecretRow, Secrets, StoreError, Vault};
use crate::domain::names::{PersonName, RunId, SecretName};
use crate::domain::receipt::Draft;
use crate::domain::redact::Redactor;
use crate::domain::secret::{self, Opened};
use crate::domain::time::Timestamp;

/// Keeps secrets, and has each masked that it opens or is given.
#[derive(Clone)]
pub struct SecretKeeper {
    store: Arc<dyn Secrets>,
    vault: Vault,
    redactor: Arc<Redactor>,
    /// Held while secrets are sealed or opened, so that none is met with a key that is just being
    /// dropped.
    at_work: Arc<Mutex<()>>,
}

impl SecretKeeper {
    /// A keeper of the secrets in this store.
    pub fn new(store: Arc<dyn Secrets>, vault: Vault, redactor: Arc<Redactor>) -> Self {
        Self {
            store,
            vault,
            redactor,
            at_work: Arc::default(),
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
        Ok(open(&self.vault, &row)?.inspect(|value| {
            self.learn(value);
        }))
    }

    /// Opens all.
    ///
    /// # Errors
    /// The store or the key cannot be read, or a secret cannot be opened.
    pub async fn open_all(&self) -> Result<Opened> {
        let _alone = self.at_work.lock().await;
        let opened = open_every(&self.vault, &self.store.secrets().await?)?;
        for value in opened.values() {
            self.learn(value);
        }
        Ok(Opened::all(opened))
    }

    /// Opens what a run was given in a secret input; `Ok(Err(_))` says why it cannot be opened, and
    /// what to do.
    ///
    /// # Errors
    /// The store or the key cannot be read.
    pub async fn open_given(
        &self,
        run: RunId,
        input: &str,
    ) -> Result<Result<SecretString, String>> {
        let _alone = self.at_work.lock().await;
        let Some(given) = self.store.given_secret(run, input).await? else {
            return Ok(Err(format!(
                "run {} was not given the secret `{input}`",
                run.short()
            )));
        };
        Ok(open_given(&self.vault, &given)?.inspect(|value| {
            self.redactor.learn_given(run, value);
        }))
    }

    /// Keeps for a run what one of its steps may need again, and has it masked. What is kept under the same
    /// name stays.
    ///
    /// # Errors
    /// The key cannot be read or the store not written.
    pub async fn hold(&self, run: RunId, name: String, value: &SecretString) -> Result<()> {
        self.redactor.learn_given(run, value);
        let value = value.clone();
        self.alone(|keeper| async move {
            keeper.ready().await?;
            let sealed = keeper.vault.seal(&value)?;
            let held = GivenSecret {
                run,
                input: name,
                sealed,
            };
            keeper.store.hold_secret(held).await
        })
        .await
    }

    /// What is kept for a step of a run; `Ok(Some(Err(_)))` says why it cannot be opened.
    ///
    /// # Errors
    /// The store or the key cannot be read.
    pub async fn held(
        &self,
        run: RunId,
        name: &str,
    ) -> Result<Option<Result<SecretString, String>>> {
        let _alone = self.at_work.lock().await;
        let Some(held) = self.store.given_secret(run, name).await? else {
            return Ok(None);
        };
        Ok(Some(open_held(&self.vault, &held)?.inspect(|value| {
            self.redactor.learn_given(run, value);
        })))
    }

    /// Forgets what was kept for a step of a run.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn let_go(&self, run: RunId, name: String) -> Result<()> {
        self.alone(|keeper| async move { keeper.store.let_secret_go(run, name).await })
            .await
    }

    /// Has what all runs were given masked that have not ended. What does not open is said in the log:
    /// the step that needs it will fail.
    ///
    /// # Errors
    /// The store or the key cannot be read.
    pub async fn learn_given(&self) -> Result<()> {
        let _alone = self.at_work.lock().await;
        for given in self.store.live_given_secrets().await? {
            match open_given(&self.vault, &given)? {
                Ok(value) => {
                    self.redactor.learn_given(given.run, &value);
                }
                Err(why) => tracing::warn!(run = %given.run, "{why}"),
            }
        }
        Ok(())
    }

    /// Seals what a run is given, and has it put into the store with that before anybody changes the key.
    ///
    /// # Errors
    /// The key cannot be read, or whatever `put` fails with.
    pub async fn give<T, F>(
        &self,
        values: BTreeMap<String, SecretString>,
        put: impl FnOnce(Vec<(String, Vec<u8>)>) -> F + Send + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.alone(|keeper| async move {
            let sealed = values.iter();
            let sealed =
                sealed.map(|(input, value)| Ok((input.clone(), keeper.vault.seal(value)?)));
            put(sealed.collect::<Result<_>>()?).await
        })
        .await
    }

    /// Keeps a secret: whether all of it is masked from now on, see [`Redactor::learn`].
    ///
    /// # Errors
    /// The key cannot be read or the store not written: then the secret is as it was.
    pub async fn set(
        &self,
        name: SecretName,
        value: &SecretString,
        (set_by, set_at): (PersonName, Timestamp),
        receipt: Draft,
    ) -> Result<bool> {
        let masked = self.learn(value);
        let value = value.clone();
        self.alone(|keeper| async move {
            keeper.ready().await?;
            let row = SecretRow {
                name,
                sealed: keeper.vault.seal(&value)?,
                set_at,
                set_by,
            };
            keeper.store.set_secret(row, receipt).await?;
            Ok(masked)
        })
        .await
    }

    /// Forgets a secret.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn remove(&self, name: SecretName, receipt: Draft) -> Result<()> {
        self.alone(|keeper| async move { keeper.store.remove_secret(name, receipt).await })
            .await
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
        self.alone(|keeper| async move { keeper.change_key(receipt).await })
            .await
    }

    async fn change_key(&self, receipt: Draft) -> Result<usize> {
        self.ready().await?;
        let opened = open_every(&self.vault, &self.store.secrets().await?)?;
        self.vault.add_identity()?;
        failpoint("secret.rekey/added");
        let sealed: Result<Vec<_>> = opened
            .into_iter()
            .map(|(name, value)| Ok((name, self.vault.seal(&value)?)))
            .collect();
        let sealed = sealed?;
        let count = sealed.len();
        let given = self.reseal_given().await?;
        self.store.reseal_secrets(sealed, given, receipt).await?;
        failpoint("secret.rekey/sealed");
        self.vault.keep_last_identity()?;
        failpoint("secret.rekey/dropped");
        Ok(count)
    }

    /// What runs were given, sealed for the last key, but for what no key of ours opens.
    async fn reseal_given(&self) -> Result<Vec<GivenSecret>> {
        let mut resealed = vec![];
        for given in self.store.given_secrets().await? {
            if let Ok(value) = self.vault.open(&given.sealed)? {
                let sealed = self.vault.seal(&value)?;
                resealed.push(GivenSecret { sealed, ..given });
            }
        }
        Ok(resealed)
    }

    /// Changes secrets while nobody else does, and to the end: whoever asked may go away in the
    /// middle, and what the store has been told by then is done with the key of that moment.
    async fn alone<T, F>(&self, change: impl FnOnce(Self) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let (at_work, change) = (Arc::clone(&self.at_work), change(self.clone()));
        let changed = tokio::spawn(async move {
            let _alone = at_work.lock().await;
            change.await
        });
        changed.await.unwrap_or_else(|error| {
            Err(StoreError::File {
                file: self.vault.file().display().to_string(),
                message: format!("may be half changed: {error}"),
            })
        })
    }

    fn learn(&self, value: &SecretString) -> bool {
        self.redactor.learn(value.expose_secret())
    }
}

/// Opens what a look at the store has found, without a keeper, as far as it can be opened.
///
/// # Errors
/// The key cannot be read.
pub fn open_rows(vault: &Vault, rows: &[SecretRow]) -> Result<Opened> {
    let (values, closed) = open_each(vault, rows)?;
    Ok(Opened::in_part(values, closed))
}

/// Opens all of them.
///
/// # Errors
/// The key cannot be read, or does not open some: a line about each.
pub fn open_every(vault: &Vault, rows: &[SecretRow]) -> Result<BTreeMap<SecretName, SecretString>> {
    let (values, closed) = open_each(vault, rows)?;
    if closed.is_empty() {
        return Ok(values);
    }
    let why: Vec<_> = closed.into_values().collect();
    Err(StoreError::NotOpened(why.join("\n")))
}

type Values = BTreeMap<SecretName, SecretString>;

/// The values of those that open, and why the others do not.
fn open_each(vault: &Vault, rows: &[SecretRow]) -> Result<(Values, BTreeMap<SecretName, String>)> {
    let (mut values, mut closed) = (Values::new(), BTreeMap::new());
    for row in rows {
        let name = row.name.clone();
        match open(vault, row)? {
            Ok(value) => {
                values.insert(name, value);
            }
            Err(why) => {
                closed.insert(name, why);
            }
        }
    }
    Ok((values, closed))
}

fn open_given(vault: &Vault, given: &GivenSecret) -> Result<Result<SecretString, String>> {
    let opened = vault.open(&given.sealed)?;
    Ok(opened.map_err(|why| {
        let (input, run) = (&given.input, given.run.short());
        format!(
            "the secret `{input}` that run {run} was given cannot be opened: {why}. Restore the key \
             that belongs to this store, or start the run again and give it anew"
        )
    }))
}

fn open_held(vault: &Vault, held: &GivenSecret) -> Result<Result<SecretString, String>> {
    let opened = vault.open(&held.sealed)?;
    Ok(opened.map_err(|why| {
        let (name, run) = (&held.input, held.run.short());
        format!(
            "what run {run} had kept as `{name}` cannot be opened: {why}. Restore the key that belongs to \
             this store"
        )
    }))
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Rows;

    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;
    use tokio::sync::Notify;

    use super::*;
    use crate::domain::person::People;
    use crate::domain::receipt::Subject;

    /// A store whose writer is slow, and which writes what it has been given, whoever waits for it.
    #[derive(Default)]
    struct Slow {
        rows: Arc<Rows<BTreeMap<SecretName, SecretRow>>>,
        writes: Arc<Notify>,
        asked: Arc<Notify>,
    }

    impl Secrets for Slow {
        fn secrets(&self) -> BoxFuture<'_, Result<Vec<SecretRow>>> {
            async { Ok(self.rows.lock().unwrap().values().cloned().collect()) }.boxed()
        }

        fn secret<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<Option<SecretRow>>> {
            async { Ok(self.rows.lock().unwrap().get(name).cloned()) }.boxed()
        }

        fn set_secret(&self, row: SecretRow, _: Draft) -> BoxFuture<'_, Result<()>> {
            let (rows, writes) = (Arc::clone(&self.rows), Arc::clone(&self.writes));
            let written = tokio::spawn(async move {
                writes.notified().await;
                rows.lock().unwrap().insert(row.name.clone(), row);
            });
            self.asked.notify_one();
            async {
                written.await.unwrap();
                Ok(())
            }
            .boxed()
        }

        fn remove_secret(&self, _: SecretName, _: Draft) -> BoxFuture<'_, Result<()>> {
            unreachable!("nothing is removed")
        }

        fn reseal_secrets(
            &self,
            sealed: Vec<(SecretName, Vec<u8>)>,
            _: Vec<GivenSecret>,
            _: Draft,
        ) -> BoxFuture<'_, Result<()>> {
            for (name, sealed) in sealed {
                self.rows.lock().unwrap().get_mut(&name).unwrap().sealed = sealed;
            }
            async { Ok(()) }.boxed()
        }

        fn given_secret<'a>(
            &'a self,
            _: RunId,
            _: &'a str,
        ) -> BoxFuture<'a, Result<Option<GivenSecret>>> {
            async { Ok(None) }.boxed()
        }

        fn hold_secret(&self, _: GivenSecret) -> BoxFuture<'_, Result<()>> {
            unreachable!("nothing is kept for a step")
        }

        fn let_secret_go(&self, _: RunId, _: String) -> BoxFuture<'_, Result<()>> {
            unreachable!("nothing is kept for a step")
        }

        fn given_secrets(&self) -> BoxFuture<'_, Result<Vec<GivenSecret>>> {
            async { Ok(vec![]) }.boxed()
        }

        fn live_given_secrets(&self) -> BoxFuture<'_, Result<Vec<GivenSecret>>> {
            self.given_secrets()
        }
    }

    fn receipt() -> Draft {
        let by = People::new([].into()).by_uid(0);
        let subject = Subject::Changed { what: "x".into() };
        Draft::without_run(subject, by, Timestamp::from_micros(1), "x", [0; 32])
    }

    #[tokio::test]
    async fn a_secret_that_nobody_waits_for_any_more_is_not_lost_to_a_change_of_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Slow::default());
        let vault = Vault::of(folder.path());
        let keeper = SecretKeeper::new(Arc::clone(&store) as _, vault, Arc::default());
        let keeper = Arc::new(keeper);
        let name: SecretName = "TOKEN".parse().unwrap();
        let setting = tokio::spawn({
            let (keeper, name) = (Arc::clone(&keeper), name.clone());
            async move {
                let set = ("ann".into(), Timestamp::from_micros(1));
                let value = "a-long-token".into();
                keeper.set(name, &value, set, receipt()).await
            }
        });
        store.asked.notified().await;
        setting.abort();
        assert!(setting.await.unwrap_err().is_cancelled());

        let mut rekeying = tokio::spawn({
            let keeper = Arc::clone(&keeper);
            async move { keeper.rekey(receipt()).await }
        });
        let had_time = async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = &mut rekeying => panic!("it changes the key while a secret is on its way"),
            () = had_time => {}
        }
        store.writes.notify_one();
        assert_eq!(rekeying.await.unwrap(), Ok(1));
        let value = keeper.open(&name).await.unwrap().unwrap();
        assert_eq!(value.expose_secret(), "a-long-token");
    }
}
