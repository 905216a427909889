//! `docker.list_networks`: the networks of the engine, and who is in them.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::Network;
use bollard::query_parameters::ListNetworksOptions;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::engine::Docker;
use super::service;
use crate::action::{Action, ActionSpec, Context, ReadContext, Result, Risk};
use crate::domain::plan::Plan;
use crate::domain::table::{Column, table};

/// Lists networks.
pub(super) struct ListNetworks;

/// Nothing but the system.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {}

/// The networks of the engine.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// By name.
    networks: Vec<Row>,
    /// All of it for people.
    text: String,
}

/// One network.
#[derive(Serialize, JsonSchema)]
struct Row {
    name: String,
    /// `bridge`, `host`, `overlay`, …
    driver: String,
    /// Its ranges of addresses: `10.0.3.0/24`.
    subnets: Vec<String>,
    /// Nothing in it reaches anything outside.
    internal: bool,
    /// The services, running or not, that have a container in it, and `job NAME`.
    services: Vec<String>,
}

impl Action for ListNetworks {
    type System = Docker;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "docker.list_networks",
        summary: "List the networks of a Docker engine with their addresses and the services in them",
        risk: Risk::Read,
        service: None,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, docker: &Docker, _: Input) -> Result<Plan> {
        Ok(Plan::new(format!("list the networks of {}", docker.name())))
    }

    async fn run(&self, _: &Context, docker: &Docker, _: Input) -> Result<Output> {
        let client = docker.client().await?;
        let networks = client
            .list_networks(None::<ListNetworksOptions>)
            .await
            .map_err(|error| docker.failed("its networks were listed", error))?;
        let mut inside: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (owner, container) in service::owned(docker).await? {
            let joined = container.network_settings.and_then(|s| s.networks);
            for network in joined.unwrap_or_default().into_keys() {
                inside.entry(network).or_default().insert(owner.clone());
            }
        }
        let mut networks: Vec<_> = networks
            .into_iter()
            .map(|network| row(network, &mut inside))
            .collect();
        networks.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Output {
            text: text(&networks),
            networks,
        })
    }
}

fn row(network: Network, inside: &mut BTreeMap<String, BTreeSet<String>>) -> Row {
    let name = network.name.unwrap_or_default();
    let ranges = network.ipam.and_then(|ipam| ipam.config);
    let ranges = ranges.into_iter().flatten();
    let services = inside.remove(&name).unwrap_or_default();
    Row {
        driver: network.driver.unwrap_or_default(),
        subnets: ranges.filter_map(|range| range.subnet).collect(),
        internal: network.internal == Some(true),
        services: services.into_iter().collect(),
        name,
    }
}

fn text(networks: &[Row]) -> String {
    let columns = ["NETWORK", "DRIVER", "SUBNET", "SERVICES"].map(|heading| Column {
        heading,
        right: false,
    });
    let listed = |all: &[String]| match all {
        [] => "-".to_owned(),
        all => all.join(", "),
    };
    let rows: Vec<_> = networks
        .iter()
        .map(|network| {
            let internal = if network.internal { ", internal" } else { "" };
            vec![
                network.name.clone(),
                format!("{}{internal}", network.driver),
                listed(&network.subnets),
                listed(&network.services),
            ]
        })
        .collect();
    table(&columns, &rows)
}
