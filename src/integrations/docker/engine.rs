//! One Docker engine as a system: how it is reached, and how its refusals are put into words.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bollard::API_DEFAULT_VERSION;
use bollard::errors::Error;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::compose::Projects;
use super::leftovers::Leftovers;
use super::registries::{self, Registries};
use super::running::Running;
use super::suggest::Suggestions;
use super::watch::Watch;
use crate::action::{
    ActionError, Clock, Connect, ConnectError, Examination, Ports, Result, System, Uses,
};
use crate::domain::names::SystemName;

/// How long an answer may take; what waits for a container to stop has [`PATIENCE`].
const ANSWER_SECONDS: u64 = 60;

/// How long a container may take to stop: `stop_grace_period` is the service's own business.
pub(super) const PATIENCE: Duration = Duration::from_mins(10);

/// The engine that `[systems.NAME]` names.
pub(crate) struct Docker {
    name: SystemName,
    host: String,
    /// The version of the API is agreed on at the first use; an engine that is down then is
    /// asked again at the next.
    client: OnceCell<bollard::Docker>,
    /// The system that stands in front of its services.
    proxy: Option<SystemName>,
    /// The logins for registries.
    registries: Registries,
    /// The folders of Compose projects.
    projects: Projects,
    /// By which Purser knows its own container.
    hostname: String,
}

/// The table `[systems.NAME]`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Where the engine listens: `unix:///var/run/docker.sock` or `tcp://HOST:2375`.
    #[serde(default = "local_socket")]
    host: String,
    /// The system, of kind `traefik`, that stands in front of its services: a deploy is then switched there,
    /// and done when that proxy serves the new containers.
    #[serde(default)]
    proxy: Option<SystemName>,
    /// Logins for registries that want one, by the registry as it stands in front of an image's name:
    /// `registry.example.com:5000`; for Docker Hub `docker.io`.
    #[serde(default)]
    registries: BTreeMap<String, registries::Settings>,
    /// Compose projects whose versions Purser may pin, each with its folder as it lies for Purser:
    /// `shop = "/srv/shop"`. There it reads the Compose files, and reads and writes `.env`.
    #[serde(default)]
    projects: BTreeMap<String, PathBuf>,
}

fn local_socket() -> String {
    "unix:///var/run/docker.sock".to_owned()
}

/// Reads the settings; talks to nobody.
pub(super) fn connect(connect: &Connect<'_>) -> Result<Arc<dyn System>, ConnectError> {
    let Settings {
        host,
        proxy,
        registries,
        projects,
    } = connect.settings()?;
    if !["unix://", "tcp://"].iter().any(|s| host.starts_with(s)) {
        return Err(connect.error(format!(
            "`host = \"{host}\"` is not an address of a Docker engine: write \
             unix:///var/run/docker.sock or tcp://HOST:2375"
        )));
    }
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Ok(Arc::new(Docker {
        name: connect.name.clone(),
        host,
        proxy,
        client: OnceCell::new(),
        registries: Registries::connect(registries, connect)?,
        projects: Projects::connect(projects, connect)?,
        hostname: hostname.trim().to_owned(),
    }))
}

impl System for Docker {
    fn address(&self) -> String {
        self.host.clone()
    }

    fn ports(self: Arc<Self>) -> Ports {
        Ports {
            containers: Some(Arc::new(Running(Arc::clone(&self)))),
            sweeps: Some(Arc::new(Leftovers(Arc::clone(&self)))),
            watches: Some(Arc::new(Watch(Arc::clone(&self)))),
            suggest: Some(Arc::new(Suggestions(self))),
            ..Ports::default()
        }
    }

    fn check(&self) -> BoxFuture<'_, Result<String>> {
        async {
            let version = self.client().await?.version().await;
            let version = version.map_err(|error| self.failed("its version was asked", error))?;
            Ok(format!(
                "Docker {} (API {})",
                version.version.unwrap_or_default(),
                version.api_version.unwrap_or_default()
            ))
        }
        .boxed()
    }

    fn examine<'a>(&'a self, uses: &'a Uses, clock: &'a dyn Clock) -> BoxFuture<'a, Examination> {
        self.looked_at(uses, clock).boxed()
    }
}

impl Docker {
    /// What it is called in the configuration.
    pub(super) fn system_name(&self) -> &SystemName {
        &self.name
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The system that stands in front of its services, by its name in the configuration.
    pub(super) fn proxy(&self) -> Option<&SystemName> {
        self.proxy.as_ref()
    }

    /// The client, with a version of the API that both sides speak.
    pub(super) async fn client(&self) -> Result<&bollard::Docker> {
        self.client
            .get_or_try_init(|| async {
                let client = match self.host.strip_prefix("unix://") {
                    Some(path) => bollard::Docker::connect_with_unix(
                        path,
                        ANSWER_SECONDS,
                        API_DEFAULT_VERSION,
                    ),
                    None => bollard::Docker::connect_with_http(
                        &self.host,
                        ANSWER_SECONDS,
                        API_DEFAULT_VERSION,
                    ),
                };
                let client = client?.with_request_modifier(registries::url_safe);
                client.negotiate_version().await
            })
            .await
            .map_err(|error| self.unreachable(error))
    }

    /// A client for requests that last as long as a container takes to stop.
    pub(super) async fn patient_client(&self) -> Result<bollard::Docker> {
        Ok(self.client().await?.clone().with_timeout(PATIENCE))
    }

    /// The logins for registries.
    pub(super) fn registries(&self) -> &Registries {
        &self.registries
    }

    /// The Compose projects whose folders Purser may look into.
    pub(super) fn projects(&self) -> &Projects {
        &self.projects
    }

    /// Whether it is reached by a socket of this machine's file system.
    pub(super) fn is_behind_a_socket(&self) -> bool {
        self.host.starts_with("unix://")
    }

    /// What this machine, or the container that Purser runs in, calls itself.
    pub(super) fn hostname(&self) -> &str {
        &self.hostname
    }

    /// Whether Purser itself runs in this container: then it cannot replace or restart it.
    pub(super) fn is_own(&self, container: &str) -> bool {
        is_own(&self.hostname, container)
    }

    /// `what` failed. The engine's own refusal is definite; a lost answer is not.
    pub(super) fn failed(&self, what: &str, error: Error) -> ActionError {
        match &error {
            Error::DockerResponseServerError {
                status_code,
                message,
            } => {
                let text = format!(
                    "{what}, and `{}` answered: {}",
                    self.name,
                    one_line(message)
                );
                match status_code {
                    503 => ActionError::retryable(text),
                    _ => ActionError::fatal(text),
                }
            }
            Error::DockerStreamError { error } => ActionError::fatal(format!(
                "{what}, and `{}` answered: {}",
                self.name,
                one_line(error)
            )),
            _ => ActionError::retryable(format!(
                "{what}, and no answer came from `{}` at {} ({})",
                self.name,
                self.host,
                root(&error)
            ))
            .because(error)
            .may_have_landed(),
        }
    }

    fn unreachable(&self, error: Error) -> ActionError {
        ActionError::retryable(format!(
            "the Docker engine of `{}` cannot be reached at {} ({error}): check that it runs and \
             that Purser may open its address",
            self.name, self.host
        ))
        .because(error)
    }
}

/// What is at the bottom of it: what is above only says that a client has failed.
fn root(error: &Error) -> String {
    let mut root: &dyn std::error::Error = error;
    while let Some(below) = root.source() {
        root = below;
    }
    root.to_string()
}

/// The status of the engine's refusal, when it is one.
pub(super) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Takes "it is so already" (304) for done.
pub(super) fn or_already(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error) if status(&error) == Some(304) => Ok(()),
        other => other,
    }
}

/// Takes "there is no such thing" (404) for `None`.
pub(super) fn or_missing<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_own(hostname: &str, container: &str) -> bool {
    hostname.len() >= 12 && container.starts_with(hostname)
}

/// The text without line ends.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_ours_when_its_id_begins_with_our_hostname() {
        let id = "4f2a9c1b7d3e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8";
        assert!(is_own("4f2a9c1b7d3e", id));
        assert!(!is_own("4f2a9c1b7d3f", id));
        assert!(!is_own("4f2a", id), "a short name proves nothing");
        assert!(!is_own("", id));
    }
}
