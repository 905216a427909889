//! Secrets: set, listed by name, removed, sealed for another key. A value goes in and never comes
//! out.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{OPERATOR, Result, Service, ServiceError};
use crate::action::Clock;
use crate::catalog::Catalog;
use crate::domain::names::{PersonName, SecretName};
use crate::domain::person::Actor;
use crate::domain::receipt::{Draft, Subject};
use crate::domain::secret;
use crate::domain::time::Timestamp;
use crate::engine::Entropy;
use crate::store::{SecretKeeper, SecretRow};

/// A secret as people see it: everything but its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretView {
    /// Its name.
    pub name: SecretName,
    /// Who has set it last, and when; `None`: something names it, and it is not set.
    pub set: Option<SetBy>,
    /// The systems and hooks of the configuration that read it when the server starts.
    pub used_by_configuration: Vec<String>,
    /// The workflows of which a step opens it.
    pub used_by_workflows: Vec<String>,
    /// Whether its value, and the password in one that is a URL, are long enough to be masked where
    /// other programs print them; known only when it was just set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked: Option<bool>,
}

impl SecretView {
    /// Who names it, if anybody does: `[systems.orders-db], the workflow migrate`.
    pub fn users(&self) -> Option<String> {
        let workflows = self.used_by_workflows.iter();
        let workflows = workflows.map(|name| format!("the workflow {name}"));
        let tables = self.used_by_configuration.iter().cloned();
        let all: Vec<_> = tables.chain(workflows).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

/// Who has set a secret, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetBy {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: PersonName,
}

/// Who names which secrets.
#[derive(Clone, Debug, Default)]
pub struct SecretUses {
    /// Tables of the configuration.
    pub configuration: BTreeMap<SecretName, Vec<String>>,
    /// Workflows.
    pub workflows: BTreeMap<SecretName, Vec<String>>,
}

impl SecretUses {
    /// Those of the configuration and of these workflows.
    pub fn new(configuration: BTreeMap<SecretName, Vec<String>>, catalog: &Catalog) -> Self {
        let mut workflows: BTreeMap<SecretName, Vec<String>> = BTreeMap::new();
        for loaded in catalog.workflows() {
            for secret in loaded.workflow.secrets() {
                let name = loaded.workflow.name.to_string();
                workflows.entry(secret).or_default().push(name);
            }
        }
        Self {
            configuration,
            workflows,
        }
    }

    /// All that are set, and those that something names and are not, by name.
    pub fn list(&self, rows: &[SecretRow]) -> Vec<SecretView> {
        let mut views: Vec<_> = rows.iter().map(|row| self.view_of(row)).collect();
        let named = self.configuration.keys().chain(self.workflows.keys());
        let named: BTreeSet<_> = named.collect();
        let is_set = |name: &SecretName| rows.iter().any(|row| row.name == *name);
        let missing = named.into_iter().filter(|name| !is_set(name));
        views.extend(missing.map(|name| self.view(name, None)));
        views.sort_by(|a, b| a.name.cmp(&b.name));
        views
    }

    fn view_of(&self, row: &SecretRow) -> SecretView {
        let set = SetBy {
            at: row.set_at,
            by: row.set_by.clone(),
        };
        self.view(&row.name, Some(set))
    }

    fn view(&self, name: &SecretName, set: Option<SetBy>) -> SecretView {
        let of = |uses: &BTreeMap<SecretName, Vec<String>>| uses.get(name).cloned();
        SecretView {
            name: name.clone(),
            set,
            used_by_configuration: of(&self.configuration).unwrap_or_default(),
            used_by_workflows: of(&self.workflows).unwrap_or_default(),
            masked: None,
        }
    }
}

/// Changes secrets, each change with its receipt. Whoever stands at it has been let in already.
pub struct SecretDesk<'a> {
    /// Where they are kept.
    pub keeper: &'a SecretKeeper,
    /// When.
    pub clock: &'a dyn Clock,
    /// Salts of receipts.
    pub entropy: &'a dyn Entropy,
    /// Who names which.
    pub uses: SecretUses,
}

impl SecretDesk<'_> {
    /// See [`SecretUses::list`].
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn list(&self) -> Result<Vec<SecretView>> {
        Ok(self.uses.list(&self.keeper.list().await?))
    }

    /// Keeps a value under this name; one of before is replaced.
    ///
    /// # Errors
    /// The value does not do, or it cannot be kept: then the secret is as it was.
    pub async fn set(
        &self,
        by: &Actor,
        name: SecretName,
        value: &SecretString,
    ) -> Result<SecretView> {
        if let Some(why) = secret::why_not_kept(value) {
            return Err(ServiceError::Invalid(why));
        }
        let now = self.clock.now();
        let summary = format!("the secret {name} was set by {by}");
        let receipt = self.receipt(by, now, format!("secret {name}"), &summary);
        let set_by = (by.person.clone(), now);
        let masked = self
            .keeper
            .set(name.clone(), value, set_by, receipt)
            .await?;
        let set = SetBy {
            at: now,
            by: by.person.clone(),
        };
        Ok(SecretView {
            masked: Some(masked),
            ..self.uses.view(&name, Some(set))
        })
    }

    /// Forgets a secret.
    ///
    /// # Errors
    /// There is none of this name, or something names it and `force` is not said.
    pub async fn remove(&self, by: &Actor, name: &SecretName, force: bool) -> Result<SecretView> {
        let rows = self.keeper.list().await?;
        let Some(row) = rows.iter().find(|row| row.name == *name) else {
            let set = rows.iter().map(|row| row.name.as_str());
            let unknown =
                crate::domain::nearest::unknown("secret", name.as_str(), set.collect::<Vec<_>>());
            return Err(ServiceError::Missing(unknown));
        };
        let view = self.uses.view_of(row);
        if let Some(users) = view.users().filter(|_| !force) {
            return Err(ServiceError::Conflict(format!(
                "the secret {name} was not removed: {users} would be without it. Take it out there, \
                 or remove it all the same with --force"
            )));
        }
        let summary = format!("the secret {name} was removed by {by}");
        let receipt = self.receipt(by, self.clock.now(), format!("secret {name}"), &summary);
        self.keeper.remove(name.clone(), receipt).await?;
        Ok(SecretView { set: None, ..view })
    }

    /// Seals all secrets for a new key: how many they are.
    ///
    /// # Errors
    /// As [`SecretKeeper::rekey`].
    pub async fn rekey(&self, by: &Actor) -> Result<usize> {
        let summary = format!("the secrets were sealed for a new key by {by}");
        let what = "key of the secrets".to_owned();
        let receipt = self.receipt(by, self.clock.now(), what, &summary);
        Ok(self.keeper.rekey(receipt).await?)
    }

    fn receipt(&self, by: &Actor, now: Timestamp, what: String, summary: &str) -> Draft {
        let subject = Subject::Changed { what };
        Draft::without_run(subject, by.clone(), now, summary, self.entropy.bytes())
    }
}

impl Service {
    /// See [`SecretDesk::list`].
    ///
    /// # Errors
    /// The person is no operator, or the store cannot be read.
    pub async fn secrets(&self, by: &Actor) -> Result<Vec<SecretView>> {
        self.desk_for(by, "list the secrets").await?.list().await
    }

    /// See [`SecretDesk::set`].
    ///
    /// # Errors
    /// The person is no operator, the name or the value does not do, or it cannot be kept.
    pub async fn set_secret(
        &self,
        by: &Actor,
        name: &str,
        value: &SecretString,
    ) -> Result<SecretView> {
        let name = named(name)?;
        let asked = format!("set the secret {name}");
        self.desk_for(by, &asked).await?.set(by, name, value).await
    }

    /// See [`SecretDesk::remove`].
    ///
    /// # Errors
    /// The person is no operator, there is no such secret, or something names it.
    pub async fn remove_secret(&self, by: &Actor, name: &str, force: bool) -> Result<SecretView> {
        let name = named(name)?;
        let desk = self
            .desk_for(by, &format!("remove the secret {name}"))
            .await?;
        desk.remove(by, &name, force).await
    }

    /// See [`SecretDesk::rekey`].
    ///
    /// # Errors
    /// The person is no operator, or it cannot be done: then all secrets open as before.
    pub async fn rekey_secrets(&self, by: &Actor) -> Result<usize> {
        let desk = self.desk_for(by, "change the key of the secrets").await?;
        desk.rekey(by).await
    }

    /// The desk, for operators only.
    async fn desk_for(&self, by: &Actor, asked: &str) -> Result<SecretDesk<'_>> {
        self.known(by, asked).await?;
        if !by.has_one_of(&[OPERATOR.into()]) {
            let why = format!("{by} may not {asked}: that takes the role {OPERATOR}");
            return Err(self.refuse(by, asked, why).await);
        }
        let configuration = self.parts.configured_secrets.clone();
        Ok(SecretDesk {
            keeper: &self.parts.secrets,
            clock: self.parts.clock.as_ref(),
            entropy: self.parts.entropy.as_ref(),
            uses: SecretUses::new(configuration, &self.catalog()),
        })
    }
}

fn named(name: &str) -> Result<SecretName> {
    name.parse()
        .map_err(|error: crate::domain::names::NoSecretName| {
            ServiceError::Invalid(error.to_string())
        })
}
