//! A new container that is found by the service's name only once it has proven itself, where Docker's DNS is
//! all that stands in front: that gives out the address of whatever runs and has the name, healthy or not.
//!
//! An endpoint's names are those that it was made with. So the new container is in its networks without
//! them at first, and then leaves each and joins it again with them. The engine gives it the address that it
//! had, the lowest that is free; then the connections that it has by then, to its database for one, are
//! there as before. Where another one got that address first, they would hang: such a container is not taken.

use std::collections::BTreeMap;
use std::fmt;

use bollard::models::{EndpointSettings, NetworkDisconnectRequest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::container::{Container, NAMELESS};
use super::super::copy::Copy;
use super::super::create;
use super::super::engine::Docker;
use super::super::proof::{self, Level};
use super::super::strategy::Strategy;
use super::carry_out::{Deploy, Placed, Shown};
use super::choose::Choice;
use super::decide::Replica;
use super::{Input, JOIN_BY_NAME};
use crate::action::{ActionError, Result};

/// When others find a new container by the service's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Found {
    /// Once it has proven itself.
    #[default]
    OnceHealthy,
    /// As soon as it runs.
    AtOnce,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OnceHealthy => "once_healthy",
            Self::AtOnce => "at_once",
        })
    }
}

/// Whether names come late: there are some, and nothing but DNS leads anybody to the new container while it
/// joins its networks anew.
pub(super) fn come_late(input: &Input, choice: &Choice, containers: &[Container]) -> bool {
    let is_led_by_a_proxy = |container: &Container| {
        let labels = container.labels();
        labels
            .keys()
            .any(|label| label.to_ascii_lowercase().starts_with("traefik."))
    };
    let has_names = |container: &Container| !names(container).is_empty();
    input.found_by_name == Found::OnceHealthy
        && choice.strategy == Strategy::Rolling
        && choice.behind.is_none()
        && choice.unswitched.is_none()
        && containers.iter().any(has_names)
        && !containers.iter().any(is_led_by_a_proxy)
}

/// In which networks a container is found by which names beside its id's.
fn names(container: &Container) -> BTreeMap<String, Vec<String>> {
    let each = endpoints(container).filter_map(|(network, endpoint)| {
        let names = own_names(endpoint, &container.id);
        (!names.is_empty()).then(|| (network.clone(), names))
    });
    each.collect()
}

fn endpoints(container: &Container) -> impl Iterator<Item = (&String, &EndpointSettings)> {
    let settings = container.facts.network_settings.as_ref();
    let networks = settings.and_then(|settings| settings.networks.as_ref());
    let all = networks.into_iter().flatten();
    all.filter(|(network, _)| !NAMELESS.contains(&network.as_str()))
}

fn own_names(endpoint: &EndpointSettings, id: &str) -> Vec<String> {
    let aliases = endpoint.aliases.iter().flatten();
    aliases
        .filter(|name| !id.starts_with(name.as_str()))
        .cloned()
        .collect()
}

/// Takes the names out of what is made now, and says in which networks there were some.
pub(super) fn without_names(copy: &mut Copy) -> Vec<(String, EndpointSettings)> {
    let first = copy.body.networking_config.as_mut();
    let first = first.and_then(|config| config.endpoints_config.as_mut());
    let first = first.into_iter().flatten();
    let others = copy
        .networks
        .iter_mut()
        .map(|(network, endpoint)| (&*network, endpoint));
    let mut named = Vec::new();
    for (network, endpoint) in first.chain(others) {
        if endpoint
            .aliases
            .as_ref()
            .is_some_and(|names| !names.is_empty())
        {
            named.push((network.clone(), endpoint.clone()));
            endpoint.aliases = Some(Vec::new());
        }
    }
    named
}

impl Deploy<'_> {
    /// The new container gets its names in its networks, and has to be as well after that as before.
    pub(super) async fn join_by_name(
        &self,
        old: &Replica,
        new: &Placed,
        shown: &Shown,
    ) -> Result<()> {
        let had = self
            .ctx
            .record(format!("addresses[{}]", old.name), || async {
                Ok(addresses(&self.new_one(new).await?))
            })
            .await?;
        self.ctx
            .repeatable((JOIN_BY_NAME, old.name.as_str()), |_| async {
                let named = without_names(&mut self.copy_of(old).await?);
                for (network, endpoint) in named {
                    join(self.docker, &self.new_one(new).await?, network, endpoint).await?;
                }
                let has = addresses(&self.new_one(new).await?);
                same_addresses(&had, &has).map_err(|why| self.lost_its_address(new, &why))
            })
            .await?;
        if shown.proof.level > Level::Started {
            proof::prove(self.docker, &new.id, &self.last_look_at()).await?;
        }
        Ok(())
    }

    async fn new_one(&self, new: &Placed) -> Result<Container> {
        let found = Container::find(self.docker, &new.id).await?;
        found.ok_or_else(|| proof::removed(self.docker, &new.name))
    }

    fn lost_its_address(&self, new: &Placed, why: &str) -> ActionError {
        ActionError::fatal(format!(
            "{} on `{}` joined its networks anew, under the service's name, and did not get its address back \
             ({why}): connections that it had would hang; deploy again, or with `found_by_name: {}`, by which others \
             find it before it is healthy",
            new.name,
            self.docker.name(),
            Found::AtOnce
        ))
    }
}

/// Joins a network with names, where it is not in it with them.
async fn join(
    docker: &Docker,
    container: &Container,
    network: String,
    endpoint: EndpointSettings,
) -> Result<()> {
    let present = endpoints(container).find(|(name, _)| **name == network);
    let wanted = endpoint.aliases.iter().flatten();
    if let Some((_, present)) = present {
        let has = own_names(present, &container.id);
        if wanted.clone().all(|name| has.contains(name)) {
            return Ok(());
        }
        let request = NetworkDisconnectRequest {
            container: container.id.clone(),
            force: Some(false),
        };
        let client = docker.client().await?;
        let left = client.disconnect_network(&network, request).await;
        left.map_err(|error| docker.failed(&format!("{} left {network}", container.name), error))?;
    }
    create::connect(docker, container, &network, endpoint).await
}

fn addresses(container: &Container) -> BTreeMap<String, String> {
    let of = |(network, endpoint): (&String, &EndpointSettings)| {
        let all = [&endpoint.ip_address, &endpoint.global_ipv6_address];
        let all: Vec<_> = all.into_iter().flatten().map(String::as_str).collect();
        (network.clone(), all.join(" ").trim().to_owned())
    };
    endpoints(container).map(of).collect()
}

fn same_addresses(
    had: &BTreeMap<String, String>,
    has: &BTreeMap<String, String>,
) -> Result<(), String> {
    for (network, before) in had {
        let now = has.get(network).map_or("none", String::as_str);
        if now != before {
            return Err(format!("in {network} it had {before} and has {now}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bollard::models::{ContainerCreateBody, NetworkingConfig};

    use super::*;

    fn endpoint(names: &[&str]) -> EndpointSettings {
        EndpointSettings {
            aliases: Some(names.iter().map(|name| (*name).to_owned()).collect()),
            ..EndpointSettings::default()
        }
    }

    #[test]
    fn names_are_left_for_later_in_every_network() {
        let mut copy = Copy {
            body: ContainerCreateBody {
                networking_config: Some(NetworkingConfig {
                    endpoints_config: Some(HashMap::from([(
                        "front".to_owned(),
                        endpoint(&["web"]),
                    )])),
                }),
                ..ContainerCreateBody::default()
            },
            networks: vec![
                ("back".to_owned(), endpoint(&["web", "shop"])),
                ("logs".to_owned(), endpoint(&[])),
            ],
        };
        let named = without_names(&mut copy);
        assert_eq!(
            named,
            [
                ("front".to_owned(), endpoint(&["web"])),
                ("back".to_owned(), endpoint(&["web", "shop"])),
            ]
        );
        assert_eq!(without_names(&mut copy), []);
        assert_eq!(copy.networks.len(), 2);
    }

    #[test]
    fn another_address_in_any_network_is_told() {
        let of = |address: &str| BTreeMap::from([("shop_net".to_owned(), address.to_owned())]);
        assert_eq!(same_addresses(&of("172.18.0.3"), &of("172.18.0.3")), Ok(()));
        insta::assert_snapshot!(same_addresses(&of("172.18.0.3"), &of("172.18.0.2")).unwrap_err(), @"in shop_net it had 172.18.0.3 and has 172.18.0.2");
        insta::assert_snapshot!(same_addresses(&of("172.18.0.3"), &BTreeMap::new()).unwrap_err(), @"in shop_net it had 172.18.0.3 and has none");
    }
}
