//! What stopping and starting a service have in common: how its containers were, who is concerned,
//! and how one that ran is brought back.

use std::time::Duration;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum, RestartPolicyNameEnum};
use serde::{Deserialize, Serialize};

use super::container::{Container, Health};
use super::engine::Docker;
use super::list_services;
use super::proof::{self, Expected};
use super::service::{self, PROJECT, Service};
use crate::action::{ActionError, EffectRecord, Result};
use crate::domain::time::Timestamp;

/// By which a container says what its Compose file has it depend on: `db:service_healthy:true,…`.
const DEPENDS_ON: &str = "com.docker.compose.depends_on";

/// A container as it was before it was stopped or started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Was {
    pub(super) id: String,
    pub(super) name: String,
    /// It ran, or the engine was about to start it again.
    pub(super) ran: bool,
    /// It ran, and nothing said that it was sick.
    pub(super) well: bool,
    pub(super) started_at: Option<Timestamp>,
}

impl Was {
    /// As it is now.
    pub(super) fn of(container: &Container) -> Self {
        Self {
            id: container.id.clone(),
            name: container.name.clone(),
            ran: container.is_running() || container.is_restarting(),
            well: container.is_running()
                && matches!(container.health(), Health::Healthy | Health::Unchecked),
            started_at: container.started_at(),
        }
    }

    /// The container, which must still be there.
    pub(super) async fn present(&self, docker: &Docker, what: &str) -> Result<Container> {
        let found = Container::find(docker, &self.id).await?;
        found.ok_or_else(|| {
            ActionError::fatal(format!(
                "{} was removed from `{}` by someone else before it could be {what}",
                self.name,
                docker.name()
            ))
        })
    }

    /// Starts it again, and waits until it is as well as it was.
    pub(super) async fn bring_back(&self, docker: &Docker, within: Duration) -> Result<()> {
        Container::start(docker, &self.id).await?;
        if !self.well {
            return Ok(());
        }
        let expected = Expected {
            within,
            probe: None,
            cancel: None,
        };
        match proof::prove(docker, &self.id, &expected).await {
            Ok(_) => Ok(()),
            Err(why) => Err(ActionError::new(
                why.kind.clone(),
                format!("{} was started again but is not well: {why}", self.name),
            )
            .because(why)),
        }
    }
}

/// The service's full name, and how these containers of it are.
pub(super) fn recorded((service, containers): (Service, Vec<Container>)) -> (String, Vec<Was>) {
    (service.name, containers.iter().map(Was::of).collect())
}

/// The containers that these effects have touched and not taken back, the latest first.
pub(super) fn touched(effects: &[EffectRecord]) -> Vec<String> {
    let live = effects.iter().rev().filter(|effect| effect.is_live());
    live.filter_map(|effect| effect.effect.item.clone())
        .collect()
}

/// What nobody answers at while the service is stopped: `0.0.0.0:80→8080/tcp`.
pub(super) fn published(service: &Service) -> Vec<String> {
    let ports = service
        .containers
        .iter()
        .flat_map(|container| container.ports.iter().flatten());
    let mut ports: Vec<_> = ports
        .filter(|port| port.public_port.is_some())
        .map(list_services::port)
        .collect();
    ports.sort();
    ports.dedup();
    ports
}

/// The engine starts a container with such a policy when it starts itself, although it was stopped.
pub(super) fn comes_back(container: &Container) -> bool {
    let host = container.facts.host_config.as_ref();
    let policy = host.and_then(|host| host.restart_policy.as_ref());
    policy.and_then(|policy| policy.name) == Some(RestartPolicyNameEnum::ALWAYS)
}

/// The running services that depend on this one, as their Compose file says.
pub(super) async fn dependants(docker: &Docker, service: &Service) -> Result<Vec<String>> {
    let others = service::all(docker).await?;
    let concerned = others.into_iter().filter(|other| {
        other.name != service.name
            && project(other) == project(service)
            && other.containers.iter().any(is_up)
            && depends_on(other).contains(&service.short)
    });
    Ok(concerned.map(|other| other.name).collect())
}

/// The services that this one depends on, as its Compose file says, and that do not run.
pub(super) async fn missing(docker: &Docker, service: &Service) -> Result<Vec<String>> {
    let needed = depends_on(service);
    let others = service::all(docker).await?;
    let down = others.into_iter().filter(|other| {
        project(other) == project(service)
            && needed.contains(&other.short)
            && !other.containers.iter().any(is_up)
    });
    Ok(down.map(|other| other.name).collect())
}

fn is_up(container: &ContainerSummary) -> bool {
    container.state == Some(ContainerSummaryStateEnum::RUNNING)
}

fn label<'a>(service: &'a Service, name: &str) -> Option<&'a str> {
    let labels = service.containers.first()?.labels.as_ref()?;
    labels.get(name).map(String::as_str)
}

fn project(service: &Service) -> Option<&str> {
    service.is_compose.then(|| label(service, PROJECT))?
}

fn depends_on(service: &Service) -> Vec<String> {
    named(label(service, DEPENDS_ON).unwrap_or_default())
}

/// The names in `db:service_healthy:true,cache:service_started:false`.
fn named(label: &str) -> Vec<String> {
    let names = label.split(',').filter_map(|one| one.split(':').next());
    names
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_depends_on_stands_in_its_label() {
        let label = "db:service_healthy:true,cache:service_started:false";
        assert_eq!(named(label), ["db", "cache"]);
        assert_eq!(named(""), [""; 0]);
    }
}
