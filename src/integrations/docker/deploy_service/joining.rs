//! Networks that a new container joins only once it is healthy: until then nobody finds it there by the
//! service's name.
//!
//! Docker's DNS gives out the address of each container that runs and has the name, whether it answers yet
//! or not. An endpoint's names are those that it was made with, and one that is made anew has another
//! address: a container that left and came back would lose the connections that it has. So it is a
//! network that it has not joined yet.

use bollard::models::EndpointSettings;

use super::super::container::Container;
use super::super::copy::Copy;
use super::super::create;
use super::super::proof;
use super::super::service::PROJECT;
use super::super::strategy::Strategy;
use super::carry_out::{Deploy, Placed};
use super::choose::Choice;
use super::decide::Replica;
use super::{Input, JOIN_NETWORKS};
use crate::action::Result;

/// Whether the service can do without these networks at first; `Err` says why not.
pub(super) fn check(
    input: &Input,
    choice: &Choice,
    containers: &[Container],
) -> Result<(), String> {
    let wanted = &input.join_once_healthy;
    if wanted.is_empty() {
        return Ok(());
    }
    if choice.strategy != Strategy::Rolling {
        return Err(
            "`join_once_healthy` is for containers that are replaced one by one (`rolling`)"
                .to_owned(),
        );
    }
    if choice.behind.is_some() {
        return Err(
            "`join_once_healthy` is for what others find by its name alone: the proxy in front would not notice \
             which networks a new container joins later"
                .to_owned(),
        );
    }
    for container in containers {
        let networks = networks(container);
        let is_meant = |network: &&String| {
            wanted
                .iter()
                .any(|name| is_named(network, name, container.label(PROJECT)))
        };
        for name in wanted {
            if !networks
                .iter()
                .any(|network| is_named(network, name, container.label(PROJECT)))
            {
                return Err(format!(
                    "{} is in no network `{name}`, but in {}",
                    container.name,
                    networks.join(", ")
                ));
            }
        }
        if networks.iter().all(|network| is_meant(&network)) {
            return Err(format!(
                "{} is in no other network than {}, and would reach nothing while it proves itself: give the \
                 service a second network in its Compose file, and let those who call it share that one",
                container.name,
                networks.join(", ")
            ));
        }
    }
    Ok(())
}

fn networks(container: &Container) -> Vec<String> {
    let settings = container.facts.network_settings.as_ref();
    let networks = settings.and_then(|settings| settings.networks.as_ref());
    let mut names: Vec<_> = networks
        .into_iter()
        .flat_map(|all| all.keys().cloned())
        .collect();
    names.sort();
    names
}

/// Compose puts its project before the names that its file has for networks.
fn is_named(network: &str, name: &str, project: Option<&str>) -> bool {
    let in_project = |project| network.strip_prefix(project)?.strip_prefix('_');
    network == name || project.and_then(in_project) == Some(name)
}

/// Takes the networks that are joined later out of what is made now, and says which they are.
pub(super) fn hold_back(copy: &mut Copy, wanted: &[String]) -> Vec<(String, EndpointSettings)> {
    let labels = copy.body.labels.as_ref();
    let project = labels.and_then(|labels| labels.get(PROJECT)).cloned();
    let project = project.as_deref();
    let is_later = |network: &str| wanted.iter().any(|name| is_named(network, name, project));
    let later = |(network, _): &mut (String, EndpointSettings)| is_later(network);
    let mut held: Vec<_> = copy.networks.extract_if(.., later).collect();
    let first = copy.body.networking_config.as_mut();
    let first = first.and_then(|config| config.endpoints_config.as_mut());
    let Some(first) = first else {
        return held;
    };
    held.extend(first.extract_if(|network, _| is_later(network)));
    if first.is_empty() && !copy.networks.is_empty() {
        let (network, endpoint) = copy.networks.remove(0);
        if let Some(host) = &mut copy.body.host_config {
            host.network_mode = Some(network.clone());
        }
        first.insert(network, endpoint);
    }
    held
}

impl Deploy<'_> {
    /// The new container joins the networks that it was kept out of.
    pub(super) async fn join_rest(&self, old: &Replica, new: &Placed) -> Result<()> {
        let wanted = &self.input.join_once_healthy;
        if wanted.is_empty() {
            return Ok(());
        }
        self.ctx
            .repeatable((JOIN_NETWORKS, old.name.as_str()), |_| async {
                let found = Container::find(self.docker, &new.id).await?;
                let new = found.ok_or_else(|| proof::removed(self.docker, &new.name))?;
                let mut copy = self.copy_of(old).await?;
                let held = hold_back(&mut copy, wanted);
                create::join(self.docker, &new, held).await
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bollard::models::{ContainerCreateBody, HostConfig, NetworkingConfig};

    use super::*;

    fn endpoint(alias: &str) -> EndpointSettings {
        EndpointSettings {
            aliases: Some(vec![alias.to_owned()]),
            ..EndpointSettings::default()
        }
    }

    fn made_in(first: &str, others: &[&str]) -> Copy {
        Copy {
            body: ContainerCreateBody {
                labels: Some(HashMap::from([(PROJECT.to_owned(), "shop".to_owned())])),
                host_config: Some(HostConfig {
                    network_mode: Some(first.to_owned()),
                    ..HostConfig::default()
                }),
                networking_config: Some(NetworkingConfig {
                    endpoints_config: Some(HashMap::from([(first.to_owned(), endpoint(first))])),
                }),
                ..ContainerCreateBody::default()
            },
            networks: others
                .iter()
                .map(|name| ((*name).to_owned(), endpoint(name)))
                .collect(),
        }
    }

    /// In which network it is made, which it joins before it starts, and which later.
    fn held(mut copy: Copy, wanted: &[&str]) -> (String, Vec<String>, Vec<String>) {
        let wanted: Vec<_> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let names = |all: Vec<(String, EndpointSettings)>| all.into_iter().map(|(name, _)| name);
        let later = names(hold_back(&mut copy, &wanted)).collect();
        let first = copy
            .body
            .networking_config
            .and_then(|config| config.endpoints_config);
        let first: Vec<_> = first.unwrap_or_default().into_keys().collect();
        let mode = copy.body.host_config.and_then(|host| host.network_mode);
        assert_eq!(Some(first.join(",")), mode);
        (first.join(","), names(copy.networks).collect(), later)
    }

    #[test]
    fn a_network_is_left_for_later_wherever_it_stands() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(
            held(
                made_in("shop_back", &["shop_front", "shop_logs"]),
                &["front"]
            ),
            (
                "shop_back".to_owned(),
                texts(&["shop_logs"]),
                texts(&["shop_front"])
            )
        );
        assert_eq!(
            held(
                made_in("shop_front", &["shop_back", "shop_logs"]),
                &["shop_front"]
            ),
            (
                "shop_back".to_owned(),
                texts(&["shop_logs"]),
                texts(&["shop_front"])
            )
        );
        assert_eq!(
            held(
                made_in("shop_front", &["shop_back", "outer"]),
                &["front", "outer"]
            ),
            (
                "shop_back".to_owned(),
                texts(&[]),
                texts(&["outer", "shop_front"])
            )
        );
    }
}
