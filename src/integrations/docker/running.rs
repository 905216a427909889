//! What runs on the engine, for whoever wants to know which products there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::{ContainerSummary, PortSummary, PortSummaryTypeEnum};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::container::{self, Container};
use super::engine::Docker;
use super::renew;
use super::service::{self, PROJECT, SERVICE, Service};
use crate::action::ports::{ContainerPort, Containers, Renewal, RunningContainer, Signal};
use crate::action::{Context, Result, Undone};
use crate::domain::time::Timestamp;

/// Lists what runs.
pub(super) struct Running(pub(super) Arc<Docker>);

impl Containers for Running {
    fn running<'a>(
        &'a self,
        project: Option<&'a str>,
        variables: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<RunningContainer>>> {
        async move {
            let label = project.map(|project| format!("{PROJECT}={project}"));
            let mut found = Vec::new();
            for summary in container::list(&self.0, label).await? {
                let none = HashMap::new();
                let labels = summary.labels.as_ref().unwrap_or(&none);
                if service::is_job(labels) {
                    continue;
                }
                let Some(container) =
                    Container::find(&self.0, summary.id.as_deref().unwrap_or_default()).await?
                else {
                    continue;
                };
                if container.is_running() {
                    found.push(facts(&summary, &container, variables));
                }
            }
            found.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(found)
        }
        .boxed()
    }

    fn of_service<'a>(
        &'a self,
        service: &'a str,
        variables: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<RunningContainer>>> {
        async move {
            let service = Service::find(&self.0, service).await?;
            let mut found = Vec::new();
            for summary in &service.containers {
                let id = summary.id.as_deref().unwrap_or_default();
                if let Some(container) = Container::find(&self.0, id).await?
                    && container.is_running()
                {
                    found.push(facts(summary, &container, variables));
                }
            }
            Ok(found)
        }
        .boxed()
    }

    fn mark(&self) -> BoxFuture<'_, Result<Timestamp>> {
        self.0.mark().boxed()
    }

    fn signal<'a>(&'a self, service: &'a str, signal: Signal) -> BoxFuture<'a, Result<()>> {
        self.0.signal(service, signal).boxed()
    }

    fn start<'a>(&'a self, names: &'a BTreeSet<String>) -> BoxFuture<'a, Result<()>> {
        self.0.start(names).boxed()
    }

    fn restart<'a>(
        &'a self,
        service: &'a str,
        within: Duration,
        cancel: Option<&'a CancellationToken>,
    ) -> BoxFuture<'a, Result<()>> {
        self.0.restart(service, within, cancel).boxed()
    }

    fn recreate<'a>(&'a self, ctx: &'a Context, renewal: Renewal<'a>) -> BoxFuture<'a, Result<()>> {
        renew::make(ctx, &self.0, renewal).boxed()
    }

    fn settle<'a>(&'a self, ctx: &'a Context, renewal: Renewal<'a>) -> BoxFuture<'a, Result<()>> {
        renew::settle(ctx, &self.0, renewal).boxed()
    }

    fn take_back<'a>(
        &'a self,
        ctx: &'a Context,
        renewal: Renewal<'a>,
    ) -> BoxFuture<'a, Result<Undone>> {
        renew::take_back(ctx, &self.0, renewal).boxed()
    }
}

fn facts(
    summary: &ContainerSummary,
    container: &Container,
    variables: &[&str],
) -> RunningContainer {
    let compose = container.label(PROJECT).zip(container.label(SERVICE));
    let ports = summary.ports.iter().flatten();
    RunningContainer {
        name: container.name.clone(),
        image: container.image().to_owned(),
        compose: compose.map(|(project, service)| (project.to_owned(), service.to_owned())),
        ports: ports.filter_map(port).collect(),
        addresses: addresses(summary),
        environment: environment(container, variables),
        check: container.check(),
    }
}

fn port(port: &PortSummary) -> Option<ContainerPort> {
    let is_tcp = matches!(port.typ, None | Some(PortSummaryTypeEnum::TCP));
    let ip = port.ip.as_deref().and_then(|ip| ip.parse().ok());
    is_tcp.then_some(ContainerPort {
        inner: port.private_port,
        published: ip.zip(port.public_port),
    })
}

fn addresses(summary: &ContainerSummary) -> BTreeMap<String, IpAddr> {
    let settings = summary.network_settings.as_ref();
    let networks = settings.and_then(|settings| settings.networks.as_ref());
    networks
        .into_iter()
        .flatten()
        .filter_map(|(name, endpoint)| {
            let address = endpoint.ip_address.as_deref()?.parse().ok()?;
            Some((name.clone(), address))
        })
        .collect()
}

fn environment(container: &Container, wanted: &[&str]) -> BTreeMap<String, SecretString> {
    let config = container.facts.config.as_ref();
    let set = config.and_then(|config| config.env.as_ref());
    set.into_iter()
        .flatten()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| wanted.contains(name))
        .map(|(name, value)| (name.to_owned(), SecretString::from(value)))
        .collect()
}
