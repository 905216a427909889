//! Whether a container may run twice at once, and why not.

use std::fmt;

use bollard::models::HostConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::container::Container;

/// How the new container takes the old one's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Strategy {
    /// One by one: both run until the new one has proven itself.
    #[serde(alias = "beside")]
    Rolling,
    /// A whole new set beside the old one; then the proxy in front switches from one to the other.
    BlueGreen,
    /// The old one is stopped first.
    Recreate,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rolling => "beside the old one",
            Self::BlueGreen => "beside the old set, and switched at the proxy",
            Self::Recreate => "in the old one's place",
        })
    }
}

/// Why this container cannot run twice at once; empty when it can.
pub(super) fn obstacles(container: &Container, parallel: bool) -> Vec<String> {
    let mut found = Vec::new();
    let host = container.facts.host_config.clone().unwrap_or_default();
    found.extend(published(&host).map(|port| format!("it publishes the host's port {port}")));
    if let Some(mode) = shared_network(&host) {
        found.push(format!("it uses the network of {mode}"));
    }
    if !has_generated_name(container) {
        found.push(format!("it is called {} by name", container.name));
    }
    found.extend(fixed_addresses(container).map(|ip| format!("it has the fixed address {ip}")));
    if !parallel {
        found.extend(written(container).map(|path| format!("it writes to the volume at {path}")));
    }
    found.sort();
    found.dedup();
    found
}

/// Host ports that are asked for by number; the engine chooses the others anew each time.
fn published(host: &HostConfig) -> impl Iterator<Item = &str> {
    let bindings = host
        .port_bindings
        .iter()
        .flat_map(|ports| ports.values().flatten().flatten());
    bindings
        .filter_map(|binding| binding.host_port.as_deref())
        .filter(|port| !port.is_empty() && *port != "0")
}

fn shared_network(host: &HostConfig) -> Option<&'static str> {
    match host.network_mode.as_deref()? {
        "host" => Some("the host"),
        mode if mode.starts_with("container:") => Some("another container"),
        _ => None,
    }
}

/// `project-service-1` (or with `_`) is Compose's own choice: nobody calls it by that name.
fn has_generated_name(container: &Container) -> bool {
    let label = |name: &str| container.label(&format!("com.docker.compose.{name}"));
    let (Some(project), Some(service)) = (label("project"), label("service")) else {
        return false;
    };
    ["-", "_"].iter().any(|between| {
        let rest = container
            .name
            .strip_prefix(&format!("{project}{between}{service}{between}"));
        rest.is_some_and(|number| number.parse::<u32>().is_ok())
    })
}

fn fixed_addresses(container: &Container) -> impl Iterator<Item = String> {
    let settings = container.facts.network_settings.as_ref();
    let networks = settings.and_then(|settings| settings.networks.as_ref());
    let fixed = networks.into_iter().flat_map(|networks| networks.values());
    fixed
        .filter_map(|endpoint| endpoint.ipam_config.as_ref())
        .flat_map(|fixed| [fixed.ipv4_address.clone(), fixed.ipv6_address.clone()])
        .flatten()
        .filter(|address| !address.is_empty())
}

fn written(container: &Container) -> impl Iterator<Item = &str> {
    let mounts = container.facts.mounts.iter().flatten();
    mounts
        .filter(|mount| mount.rw != Some(false) && mount.typ.as_deref() != Some("tmpfs"))
        .filter_map(|mount| mount.destination.as_deref())
}
