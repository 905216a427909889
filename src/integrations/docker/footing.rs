//! What Purser itself stands on: its database, the proxy that it asks, the way to the engine.

use reqwest::Url;

use super::container::Container;
use super::engine::Docker;
use crate::action::{System as _, Systems};

/// Something that Purser needs to work.
struct Needed {
    what: String,
    host: String,
    port: Option<u16>,
}

/// What of that runs in these containers, each in a sentence for a plan.
pub(super) fn warnings(docker: &Docker, systems: &Systems, on: &[Container]) -> Vec<String> {
    let needed = needed(docker, systems);
    let here = needed.iter().filter_map(|needed| {
        let found = on.iter().find(|one| answers_at(one, needed))?;
        Some((needed, found))
    });
    here.map(|(Needed { what, .. }, container)| {
        format!(
            "Purser itself stands on {}: {what}; while that is away Purser cannot go on, and it does so once it \
             is back",
            container.name
        )
    })
    .collect()
}

fn needed(docker: &Docker, systems: &Systems) -> Vec<Needed> {
    let database = systems.own().ok().and_then(|own| own.database());
    let database = database.map(|(host, port)| Needed {
        what: "its own database is there".to_owned(),
        host,
        port: Some(port),
    });
    let proxy = docker.proxy().and_then(|name| {
        let address = systems.get(name.as_str())?.system.address();
        at(&address, format!("it is the proxy `{name}`"))
    });
    let engine = docker.address();
    let engine = engine.starts_with("tcp://").then(|| {
        let what = format!("it is the way to the engine `{}`", docker.name());
        at(&engine, what)
    });
    database
        .into_iter()
        .chain(proxy)
        .chain(engine.flatten())
        .collect()
}

fn at(address: &str, what: String) -> Option<Needed> {
    let url = Url::parse(address).ok()?;
    Some(Needed {
        what,
        host: url.host_str()?.to_owned(),
        port: url.port_or_known_default(),
    })
}

/// By a name or an address of its own, or by a port of the machine that leads to it.
fn answers_at(container: &Container, needed: &Needed) -> bool {
    let own = container.addresses().contains(&needed.host);
    own || container.names().any(|name| *name == *needed.host) || is_published(container, needed)
}

fn is_published(container: &Container, needed: &Needed) -> bool {
    let Some(port) = needed.port else {
        return false;
    };
    let is_here = needed.host == "localhost" || needed.host.starts_with("127.");
    let settings = container.facts.network_settings.as_ref();
    let ports = settings.and_then(|settings| settings.ports.as_ref());
    let bindings = ports.into_iter().flat_map(|ports| ports.values());
    bindings.flatten().flatten().any(|binding| {
        let leads = binding.host_port.as_deref() == Some(port.to_string().as_str());
        leads && (is_here || binding.host_ip.as_deref() == Some(needed.host.as_str()))
    })
}
