//! `docker.list_services`: what runs on the engine, in which state.

use std::collections::BTreeSet;

use bollard::models::PortSummary;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::container::{Container, Health};
use super::engine::Docker;
use super::image;
use super::service::{self, Service};
use crate::action::{Action, ActionSpec, Context, ReadContext, Result, Risk};
use crate::domain::plan::Plan;

/// Lists services.
pub(super) struct ListServices;

/// Nothing but the system.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {}

/// The services of the engine.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// By name; jobs and Compose's one-off containers are left out.
    services: Vec<Row>,
}

/// One service.
#[derive(Serialize, JsonSchema)]
struct Row {
    /// `project/service`, or the container's name.
    name: String,
    /// The references that its containers were created from; more than one is half a deploy.
    image: String,
    /// The first twelve digits of the image's id.
    image_id: String,
    /// `running`, `exited`, …; of several: `1 exited, 2 running`.
    state: String,
    /// The worst of `unhealthy`, `starting`, `healthy`, `no check`; `-` when nothing runs.
    health: &'static str,
    /// How many of its containers run.
    running: usize,
    /// How many containers it has.
    replicas: usize,
    /// Since when all that run have been running (RFC 3339).
    since: Option<String>,
    /// `8080/tcp` inside, or `0.0.0.0:80→8080/tcp` when published.
    ports: Vec<String>,
}

impl Action for ListServices {
    type System = Docker;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "docker.list_services",
        summary: "List the services of a Docker engine with image, state and health",
        risk: Risk::Read,
        service: None,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, docker: &Docker, _: Input) -> Result<Plan> {
        Ok(Plan::new(format!("list the services of {}", docker.name())))
    }

    async fn run(&self, _: &Context, docker: &Docker, _: Input) -> Result<Output> {
        let mut services = Vec::new();
        for service in service::all(docker).await? {
            let containers = service.inspect(docker).await?;
            if !containers.is_empty() {
                services.push(row(service, &containers));
            }
        }
        Ok(Output { services })
    }
}

fn row(service: Service, containers: &[Container]) -> Row {
    let running: Vec<_> = containers.iter().filter(|c| c.is_running()).collect();
    let ports = service
        .containers
        .iter()
        .flat_map(|c| c.ports.iter().flatten());
    let ports: BTreeSet<_> = ports.map(port).collect();
    Row {
        name: service.name,
        image: distinct(containers.iter().map(Container::image)),
        image_id: distinct(containers.iter().map(|c| image::short(c.image_id()))),
        state: states(containers),
        health: health(&running),
        running: running.len(),
        replicas: containers.len(),
        since: running
            .iter()
            .filter_map(|c| c.started_at())
            .max()
            .map(|at| at.to_string()),
        ports: ports.into_iter().collect(),
    }
}

fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
        .join(", ")
}

fn states(containers: &[Container]) -> String {
    let states: Vec<_> = containers.iter().map(Container::state).collect();
    let kinds: BTreeSet<_> = states.iter().collect();
    if let (1, Some(only)) = (kinds.len(), kinds.first()) {
        return (*only).clone();
    }
    let counted = kinds.iter().map(|kind| {
        let count = states.iter().filter(|state| state == kind).count();
        format!("{count} {kind}")
    });
    counted.collect::<Vec<_>>().join(", ")
}

fn health(running: &[&Container]) -> &'static str {
    let is = |health| running.iter().any(|container| container.health() == health);
    if running.is_empty() {
        "-"
    } else if is(Health::Unhealthy) {
        "unhealthy"
    } else if is(Health::Starting) {
        "starting"
    } else if is(Health::Unchecked) {
        "no check"
    } else {
        "healthy"
    }
}

/// One port as people read it.
pub(super) fn port(port: &PortSummary) -> String {
    let kind = port
        .typ
        .map_or_else(|| "tcp".to_owned(), |kind| kind.to_string());
    match (&port.ip, port.public_port) {
        (Some(ip), Some(public)) if ip.contains(':') => {
            format!("[{ip}]:{public}→{}/{kind}", port.private_port)
        }
        (Some(ip), Some(public)) => format!("{ip}:{public}→{}/{kind}", port.private_port),
        _ => format!("{}/{kind}", port.private_port),
    }
}
