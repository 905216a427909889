//! Systems: the configured instances that actions act on, and the ports that they lend each other.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};

use super::context::Clock;
use super::error::{ActionError, Result};
use super::examine::{Examination, Uses};
use super::objects::{ObjectUrl, Objects};
use super::ports;
use super::secrets::read_secret;
use crate::domain::finding::Remark;
use crate::domain::names::{Environment, SystemName};
use crate::domain::nearest;
use crate::domain::redact::Redactor;
use crate::domain::secret::{Opened, SecretSource};

/// A configured instance of an integration: a Docker engine, a database server, an object store.
pub trait System: Any + Send + Sync {
    /// Where it is, without a secret: `unix:///var/run/docker.sock`, `db:5432`. A run records
    /// it, and parks when it has changed in mid-run (decision 5).
    fn address(&self) -> String;

    /// What other integrations may use of it.
    fn ports(self: Arc<Self>) -> Ports;

    /// Reaches it and says its version, or what is wrong and what to do about it.
    fn check(&self) -> BoxFuture<'_, Result<String>>;

    /// Reaches it with the rights that these steps need. Changes nothing.
    fn examine<'a>(&'a self, _uses: &'a Uses, _clock: &'a dyn Clock) -> BoxFuture<'a, Examination> {
        async {
            let mut found = Examination::default();
            found.add(self.check().await.map(Remark::well));
            found
        }
        .boxed()
    }
}

/// The ports that one system offers.
#[derive(Clone, Default)]
pub struct Ports {
    /// It keeps objects.
    pub objects: Option<Arc<dyn ports::ObjectStorage>>,
    /// It can complete values for people.
    pub suggest: Option<Arc<dyn ports::Suggest>>,
    /// It runs containers.
    pub containers: Option<Arc<dyn ports::Containers>>,
    /// It stands in front of services, and says what it serves.
    pub proxy: Option<Arc<dyn ports::ProxyView>>,
    /// Steps make things on it that have to be cleared away.
    pub sweeps: Option<Arc<dyn ports::Sweeps>>,
    /// It tells what changes on it.
    pub watches: Option<Arc<dyn ports::Watches>>,
    /// It keeps the secrets of others.
    pub keeps_secrets: Option<Arc<dyn ports::KeepsSecrets>>,
}

/// What an integration is handed to connect a system: its own table of the configuration.
pub struct Connect<'a> {
    /// The key in `[systems.NAME]`.
    pub name: &'a SystemName,
    /// The table without `kind` and `environment`.
    pub settings: toml::Table,
    /// Learns every secret that is read; a system that reads secrets later keeps it.
    pub redactor: &'a Arc<Redactor>,
    /// The secrets of the store.
    pub secrets: &'a Opened,
    /// Relative paths in the configuration are relative to this folder.
    pub base: &'a Path,
}

/// A system whose settings do not do.
#[derive(Debug, thiserror::Error)]
#[error("[systems.{system}]: {message}")]
pub struct ConnectError {
    /// Which.
    pub system: SystemName,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Connect<'_> {
    /// Reads the settings as the integration's own type; unknown keys name the nearest known one.
    pub fn settings<T: serde::de::DeserializeOwned>(&self) -> Result<T, ConnectError> {
        self.settings
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| {
                self.error(nearest::explain_toml(error.message(), &error.to_string()))
            })
    }

    /// Reads a secret from where the settings say that it is, and has it masked from now on.
    pub fn secret(&self, source: &SecretSource) -> Result<SecretString, ConnectError> {
        let value = self.read(source)?;
        self.redactor.learn(value.expose_secret());
        Ok(value)
    }

    /// As [`Self::secret`], for a value that is none by itself when it comes from a file.
    pub fn text(&self, source: &SecretSource) -> Result<String, ConnectError> {
        let value = self.read(source)?;
        if matches!(source, SecretSource::Stored(_)) {
            self.redactor.learn(value.expose_secret());
        }
        Ok(value.expose_secret().to_owned())
    }

    fn read(&self, source: &SecretSource) -> Result<SecretString, ConnectError> {
        read_secret(source, self.base, self.secrets).map_err(|why| self.error(why))
    }

    /// An error that names the system.
    pub fn error(&self, message: impl Into<String>) -> ConnectError {
        ConnectError {
            system: self.name.clone(),
            message: message.into(),
        }
    }
}

/// One configured system.
#[derive(Clone)]
pub struct SystemEntry {
    /// The integration that it belongs to.
    pub kind: &'static str,
    /// Where it stands.
    pub environment: Environment,
    /// The instance itself.
    pub system: Arc<dyn System>,
    /// What it lends to others.
    pub ports: Ports,
}

/// All configured systems by name, and the ports that belong to none (local folders).
#[derive(Clone, Default)]
pub struct Systems {
    entries: BTreeMap<SystemName, SystemEntry>,
    folders: Option<Arc<dyn ports::Folders>>,
    own: Arc<OnceLock<Arc<dyn ports::OwnState>>>,
    history: Arc<OnceLock<Arc<dyn ports::History>>>,
    ledger: Arc<OnceLock<Arc<dyn ports::Ledger>>>,
}

impl Systems {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a system; a second one of the same name replaces the first.
    pub fn insert(
        &mut self,
        name: SystemName,
        kind: &'static str,
        environment: Environment,
        system: Arc<dyn System>,
    ) {
        let ports = Arc::clone(&system).ports();
        self.entries.insert(
            name,
            SystemEntry {
                kind,
                environment,
                system,
                ports,
            },
        );
    }

    /// Sets who opens `file:///` folders.
    pub fn set_folders(&mut self, folders: Arc<dyn ports::Folders>) {
        self.folders = Some(folders);
    }

    /// Sets who knows what Purser keeps of its own: once, as soon as its store is open.
    pub fn set_own(&self, own: Arc<dyn ports::OwnState>) {
        let _ = self.own.set(own);
    }

    /// What Purser keeps of its own.
    pub fn own(&self) -> Result<&Arc<dyn ports::OwnState>> {
        self.own
            .get()
            .ok_or_else(|| ActionError::fatal("Purser's own store is not open here"))
    }

    /// Sets who knows what has been done before: once, as soon as the store is open.
    pub fn set_history(&self, history: Arc<dyn ports::History>) {
        let _ = self.history.set(history);
    }

    /// What has been done before.
    pub fn history(&self) -> Result<&Arc<dyn ports::History>> {
        self.history
            .get()
            .ok_or_else(|| ActionError::fatal("Purser's receipts are not open here"))
    }

    /// Sets who knows what has changed on all systems: once, as soon as the store is open.
    pub fn set_ledger(&self, ledger: Arc<dyn ports::Ledger>) {
        let _ = self.ledger.set(ledger);
    }

    /// What has changed on all systems.
    pub fn ledger(&self) -> Result<&Arc<dyn ports::Ledger>> {
        self.ledger
            .get()
            .ok_or_else(|| ActionError::fatal("Purser's own store is not open here"))
    }

    /// The system of this name.
    pub fn get(&self, name: &str) -> Option<&SystemEntry> {
        self.entries.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&SystemName, &SystemEntry)> {
        self.entries.iter()
    }

    /// The names of the systems of one kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a SystemName> + Clone {
        self.entries
            .iter()
            .filter(move |(_, entry)| entry.kind == kind)
            .map(|(name, _)| name)
    }

    /// The proxy of this name.
    pub fn proxy(&self, name: &str) -> Result<&Arc<dyn ports::ProxyView>> {
        let proxies = self.entries.iter().filter(|(_, e)| e.ports.proxy.is_some());
        let names = proxies.map(|(name, _)| name.as_str()).collect::<Vec<_>>();
        match self
            .entries
            .get(name)
            .map(|entry| (entry.kind, &entry.ports.proxy))
        {
            Some((_, Some(proxy))) => Ok(proxy),
            Some((kind, None)) => Err(ActionError::fatal(format!(
                "the system `{name}` is of kind {kind} and is no proxy"
            ))),
            None => Err(ActionError::fatal(nearest::unknown("proxy", name, names))),
        }
    }

    /// Opens the folder of objects that a URL names.
    pub fn objects(&self, url: &ObjectUrl) -> Result<Arc<dyn Objects>> {
        match url {
            ObjectUrl::File { path } => self
                .folders
                .as_ref()
                .ok_or_else(|| ActionError::fatal("local folders are not available here"))?
                .open(path),
            ObjectUrl::S3 {
                system,
                bucket,
                prefix,
            } => {
                let storages = || {
                    self.entries
                        .iter()
                        .filter(|(_, e)| e.ports.objects.is_some())
                        .map(|(n, _)| n)
                };
                let Some(entry) = self.entries.get(system) else {
                    let names = storages().map(SystemName::as_str).collect::<Vec<_>>();
                    return Err(ActionError::fatal(format!(
                        "in `{url}`: {}",
                        nearest::unknown("object store", system.as_str(), names)
                    )));
                };
                let Some(storage) = &entry.ports.objects else {
                    return Err(ActionError::fatal(format!(
                        "in `{url}`: the system `{system}` is of kind {} and keeps no objects",
                        entry.kind
                    )));
                };
                storage.open(bucket, prefix)
            }
        }
    }
}
