//! What one container is, and the few touches that several actions share.

use std::collections::HashMap;

use bollard::models::{ContainerInspectResponse, ContainerSummary, HealthStatusEnum};
use bollard::query_parameters::{
    InspectContainerOptions, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
    StartContainerOptions, StopContainerOptions,
};
use chrono::{DateTime, Datelike as _};

use super::engine::{Docker, or_already, or_missing, status};
use crate::action::ports::{Checked, HealthCheck};
use crate::action::{ActionError, Result};
use crate::domain::effect::EffectKey;
use crate::domain::time::Timestamp;

/// Which run made a container.
pub(super) const LABEL_RUN: &str = "purser.run";
/// Which step of that run.
pub(super) const LABEL_STEP: &str = "purser.step";
/// The key of the effect that made it: how it is found again.
pub(super) const LABEL_EFFECT: &str = "purser.effect";

/// Networks in which the engine allows no names.
pub(super) const NAMELESS: [&str; 3] = ["bridge", "host", "none"];

/// A container as `inspect` shows it.
#[derive(Clone, Debug)]
pub(super) struct Container {
    /// 64 hexadecimal digits.
    pub(super) id: String,
    /// Without the slash in front.
    pub(super) name: String,
    /// What the engine knows of it.
    pub(super) facts: ContainerInspectResponse,
}

/// What a container's own HEALTHCHECK says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// It has none.
    Unchecked,
    /// No verdict yet.
    Starting,
    /// The last check passed.
    Healthy,
    /// As many checks failed as it allows.
    Unhealthy,
}

impl Container {
    /// The container of this id or name; `None` when there is none.
    pub(super) async fn find(docker: &Docker, id: &str) -> Result<Option<Self>> {
        let client = docker.client().await?;
        let found = or_missing(
            client
                .inspect_container(id, None::<InspectContainerOptions>)
                .await,
        )
        .map_err(|error| docker.failed(&format!("the container {id} was looked at"), error))?;
        Ok(found.map(|facts| Self {
            id: facts.id.clone().unwrap_or_default(),
            name: facts
                .name
                .clone()
                .unwrap_or_default()
                .trim_start_matches('/')
                .to_owned(),
            facts,
        }))
    }

    /// It runs (also when it is paused).
    pub(super) fn is_running(&self) -> bool {
        let state = self.facts.state.as_ref();
        state.is_some_and(|s| s.running == Some(true) && s.restarting != Some(true))
    }

    /// It died, and the engine is about to start it again.
    pub(super) fn is_restarting(&self) -> bool {
        self.facts.state.as_ref().and_then(|s| s.restarting) == Some(true)
    }

    /// How often the engine has started it again by itself since it was last started on purpose.
    pub(super) fn restarts(&self) -> i64 {
        self.facts.restart_count.unwrap_or(0)
    }

    /// The state in the engine's own word.
    pub(super) fn state(&self) -> String {
        let state = self.facts.state.as_ref().and_then(|s| s.status);
        state.map_or_else(|| "unknown".to_owned(), |status| status.to_string())
    }

    /// When it was last started; `None` when it never was.
    pub(super) fn started_at(&self) -> Option<Timestamp> {
        instant(self.facts.state.as_ref()?.started_at.as_deref()?)
    }

    /// When it last ended.
    pub(super) fn finished_at(&self) -> Option<Timestamp> {
        instant(self.facts.state.as_ref()?.finished_at.as_deref()?)
    }

    /// How it ended; meaningless while it runs.
    pub(super) fn exit_code(&self) -> i64 {
        self.facts
            .state
            .as_ref()
            .and_then(|s| s.exit_code)
            .unwrap_or(0)
    }

    /// The kernel ended it for want of memory.
    pub(super) fn is_out_of_memory(&self) -> bool {
        self.facts.state.as_ref().and_then(|s| s.oom_killed) == Some(true)
    }

    /// What its own check says.
    pub(super) fn health(&self) -> Health {
        let health = self.facts.state.as_ref().and_then(|s| s.health.as_ref());
        match health.and_then(|h| h.status) {
            None | Some(HealthStatusEnum::EMPTY | HealthStatusEnum::NONE) => Health::Unchecked,
            Some(HealthStatusEnum::STARTING) => Health::Starting,
            Some(HealthStatusEnum::HEALTHY) => Health::Healthy,
            Some(HealthStatusEnum::UNHEALTHY) => Health::Unhealthy,
        }
    }

    /// Its own check, and what the last one that has ended came to.
    pub(super) fn check(&self) -> Option<HealthCheck> {
        if self.health() == Health::Unchecked {
            return None;
        }
        let health = self.facts.state.as_ref()?.health.as_ref()?;
        let ended = health.log.iter().flatten().filter_map(|one| {
            Some(Checked {
                began: instant(one.start.as_deref()?)?,
                passed: one.exit_code? == 0,
            })
        });
        Some(HealthCheck {
            last: ended.max_by_key(|one| one.began),
        })
    }

    /// The value of a label.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        let labels = self.facts.config.as_ref()?.labels.as_ref()?;
        labels.get(name).map(String::as_str)
    }

    /// Its addresses in all its networks.
    pub(super) fn addresses(&self) -> Vec<String> {
        let settings = self.facts.network_settings.as_ref();
        let networks = settings.and_then(|settings| settings.networks.as_ref());
        let endpoints = networks.into_iter().flat_map(|networks| networks.values());
        endpoints
            .flat_map(|endpoint| [&endpoint.ip_address, &endpoint.global_ipv6_address])
            .flatten()
            .filter(|address| !address.is_empty())
            .cloned()
            .collect()
    }

    /// What it is called by: its own name, and those by which others find it in its networks.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let settings = self.facts.network_settings.as_ref();
        let networks = settings.and_then(|settings| settings.networks.as_ref());
        let endpoints = networks.into_iter().flat_map(|networks| networks.values());
        let aliases = endpoints.flat_map(|endpoint| endpoint.aliases.iter().flatten());
        aliases.map(String::as_str).chain([self.name.as_str()])
    }

    /// It is in a network in which others find it by a name.
    pub(super) fn goes_by_name(&self) -> bool {
        let settings = self.facts.network_settings.as_ref();
        let networks = settings.and_then(|settings| settings.networks.as_ref());
        let mut names = networks.into_iter().flat_map(|networks| networks.keys());
        names.any(|name| !NAMELESS.contains(&name.as_str()))
    }

    /// All its labels.
    pub(super) fn labels(&self) -> HashMap<String, String> {
        let config = self.facts.config.as_ref();
        config
            .and_then(|config| config.labels.clone())
            .unwrap_or_default()
    }

    /// The reference that it was created from: `shop/web:v1`.
    pub(super) fn image(&self) -> &str {
        let config = self.facts.config.as_ref();
        config.and_then(|c| c.image.as_deref()).unwrap_or_default()
    }

    /// The image that it runs: `sha256:…`.
    pub(super) fn image_id(&self) -> &str {
        self.facts.image.as_deref().unwrap_or_default()
    }

    /// Starts it; it may run already.
    pub(super) async fn start(docker: &Docker, id: &str) -> Result<()> {
        let client = docker.client().await?;
        or_already(
            client
                .start_container(id, None::<StartContainerOptions>)
                .await,
        )
        .map_err(|error| docker.failed(&format!("the container {id} was started"), error))
    }

    /// Stops it by its own signal, waits for its own grace period and then kills it. It may be
    /// stopped already; `false` when there is no such container.
    pub(super) async fn stop(docker: &Docker, id: &str) -> Result<bool> {
        let client = docker.patient_client().await?;
        let stopped = or_already(
            client
                .stop_container(id, None::<StopContainerOptions>)
                .await,
        );
        or_missing(stopped)
            .map(|found| found.is_some())
            .map_err(|error| docker.failed(&format!("the container {id} was stopped"), error))
    }

    /// Removes it, running or not; it may be gone already. Volumes without a name go with it
    /// only `with_volumes`.
    pub(super) async fn remove(docker: &Docker, id: &str, with_volumes: bool) -> Result<()> {
        let options = RemoveContainerOptionsBuilder::new()
            .force(true)
            .v(with_volumes)
            .build();
        let client = docker.client().await?;
        match client.remove_container(id, Some(options)).await {
            Ok(()) => Ok(()),
            Err(error) if status(&error) == Some(404) => Ok(()),
            // The engine is at it already.
            Err(error) if status(&error) == Some(409) => Self::gone(docker, id, error).await,
            Err(error) => Err(docker.failed(&format!("the container {id} was removed"), error)),
        }
    }

    async fn gone(docker: &Docker, id: &str, error: bollard::errors::Error) -> Result<()> {
        for _ in 0..50 {
            if Self::find(docker, id).await?.is_none() {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Err(docker.failed(&format!("the container {id} was removed"), error))
    }
}

/// All containers, stopped ones too, that have this label (and value).
pub(super) async fn list(docker: &Docker, label: Option<String>) -> Result<Vec<ContainerSummary>> {
    let mut options = ListContainersOptionsBuilder::new().all(true);
    if let Some(label) = label {
        options = options.filters(&HashMap::from([("label", vec![label])]));
    }
    let client = docker.client().await?;
    client
        .list_containers(Some(options.build()))
        .await
        .map_err(|error| docker.failed("its containers were listed", error))
}

/// The container that this effect has made, if it is there.
pub(super) async fn made_by(docker: &Docker, key: &EffectKey) -> Result<Option<Container>> {
    let summaries = list(docker, Some(format!("{LABEL_EFFECT}={key}"))).await?;
    match summaries.into_iter().find_map(|summary| summary.id) {
        Some(id) => Container::find(docker, &id).await,
        None => Ok(None),
    }
}

/// The labels of a container that this effect makes.
pub(super) fn labels(key: &EffectKey) -> HashMap<String, String> {
    HashMap::from([
        (LABEL_RUN.to_owned(), key.run.to_string()),
        (LABEL_STEP.to_owned(), key.step.to_string()),
        (LABEL_EFFECT.to_owned(), key.to_string()),
    ])
}

/// `name` belongs to a container that this effect has not made.
pub(super) fn name_is_taken(docker: &Docker, name: &str) -> ActionError {
    ActionError::fatal(format!(
        "a container named {name} exists on `{}` and was not made by this step; nothing was \
         created: remove or rename it, then try again",
        docker.name()
    ))
}

/// The engine writes year 1 for "never".
fn instant(text: &str) -> Option<Timestamp> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    (at.year() > 1).then(|| Timestamp::from_micros(at.timestamp_micros()))
}
