//! Which containers a proxy leads to, by whatever routers take the service's requests.

use std::collections::BTreeSet;

use super::super::container::Container;
use super::super::proof::Proof;
use super::proxy_probe::ProxyProbe;
use super::watch::{Watch, visit_of};
use crate::action::Result;
use crate::action::ports::Route;

/// What a service of the proxy's may have beside the containers that it must have.
#[derive(Clone, Copy, Debug)]
pub(in crate::integrations::docker) enum Beside<'a> {
    /// Whatever there is.
    Any,
    /// These containers at most.
    Only(&'a [String]),
}

/// Beside them there may be none.
pub(super) const NONE: Beside<'static> = Beside::Only(&[]);

impl Watch<'_> {
    /// Waits until all requests of the service would reach these containers, by routers that do not lead
    /// to the new set.
    pub(in crate::integrations::docker) async fn until_others_lead_to(
        &self,
        containers: &[String],
    ) -> Result<()> {
        let patience = self.patience("leads to the old containers again");
        while let Err(why) = self.others_lead_to(containers, NONE).await {
            patience.again(&why).await?;
        }
        Ok(())
    }

    /// Waits until these services of the proxy's have these containers, and nothing else.
    pub(in crate::integrations::docker) async fn until_they_have(
        &self,
        services: &[String],
        containers: &[String],
    ) -> Result<()> {
        let patience = self.patience("has the old containers");
        'look: loop {
            for service in services {
                if let Err(why) = self.serves(service, containers, NONE).await {
                    patience.again(&why).await?;
                    continue 'look;
                }
            }
            return Ok(());
        }
    }

    /// Waits until requests of the service reach these containers, among others: by the labels of the
    /// service's own, or by what leads to its set.
    pub(in crate::integrations::docker) async fn until_it_lists(
        &self,
        containers: &[String],
    ) -> Result<()> {
        let patience = self.patience("leads to the new container too");
        while let Err(why) = self.others_lead_to(containers, Beside::Any).await {
            patience.again(&why).await?;
        }
        Ok(())
    }

    /// Waits until they reach these and, beside them, only those that may be there too; says what has
    /// shown it.
    pub(in crate::integrations::docker) async fn until_it_lists_only(
        &self,
        containers: &[String],
        beside: Beside<'_>,
        probe: Option<&ProxyProbe>,
    ) -> Result<Proof> {
        let patience = self.patience("leads to the new containers alone");
        loop {
            let seen = self.lists_only(containers, beside, probe).await;
            match seen {
                Ok(proof) => return Ok(proof),
                Err(why) => patience.again(&why).await?,
            }
        }
    }

    async fn lists_only(
        &self,
        containers: &[String],
        beside: Beside<'_>,
        probe: Option<&ProxyProbe>,
    ) -> Result<Proof, String> {
        let visit = self.others_lead_to(containers, beside);
        let visit = visit.await?.and_then(|route| visit_of(&route, probe));
        self.shown(visit, probe).await
    }

    /// One of the routers that do.
    async fn others_lead_to(
        &self,
        containers: &[String],
        beside: Beside<'_>,
    ) -> Result<Option<Route>, String> {
        let routes = self.routes().await?;
        let mut one = None;
        for led in self.led(false) {
            let is_other = |other: &&Route| other.rule == led.rule && other.name != led.name;
            let working = routes
                .iter()
                .filter(is_other)
                .filter(|other| other.fault.is_none());
            // The highest has the requests.
            let Some(first) = working.max_by_key(|other| other.priority) else {
                return Err(format!("no router that works takes {}", led.rule));
            };
            self.serves(&first.service, containers, beside).await?;
            one.get_or_insert_with(|| first.clone());
        }
        Ok(one)
    }

    /// Whether a service has a server in each of these containers, and beside them only what may be.
    pub(super) async fn serves(
        &self,
        service: &str,
        containers: &[String],
        beside: Beside<'_>,
    ) -> Result<(), String> {
        let servers = self
            .proxy
            .upstreams(service)
            .await
            .map_err(|error| error.message)?;
        let servers = servers.ok_or_else(|| format!("it has no service {service}"))?;
        let hosts = servers.iter().filter_map(|server| host_of(&server.url));
        let mut open: BTreeSet<&str> = hosts.collect();
        let is_down = |address: &str| {
            let mut servers = servers.iter().filter(|server| server.is_down);
            servers.any(|server| host_of(&server.url) == Some(address))
        };
        for id in containers {
            let (name, addresses) = self.addresses(id).await?;
            let found = addresses
                .iter()
                .find(|address| open.remove(address.as_str()));
            match found {
                None => return Err(format!("{service} does not have {name}")),
                Some(address) if is_down(address) => {
                    return Err(format!("it calls {name} at {address} down"));
                }
                Some(_) => {}
            }
        }
        if let Beside::Only(allowed) = beside {
            for id in allowed {
                for address in self.addresses(id).await?.1 {
                    open.remove(address.as_str());
                }
            }
            if let Some(other) = open.first() {
                return Err(format!("{service} has {other} too"));
            }
        }
        Ok(())
    }

    /// The name and the addresses of a container; that of one that is gone is its id.
    async fn addresses(&self, id: &str) -> Result<(String, Vec<String>), String> {
        let container = Container::find(self.docker, id).await;
        let container = container.map_err(|error| error.message)?;
        Ok(match container {
            Some(container) => {
                let addresses = container.addresses();
                (container.name, addresses)
            }
            None => (id.to_owned(), Vec::new()),
        })
    }
}

/// `172.18.0.5` of `http://172.18.0.5:8080`.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    Some(host.trim_matches(['[', ']']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_address() {
        assert_eq!(host_of("http://172.18.0.5:8080"), Some("172.18.0.5"));
        assert_eq!(host_of("https://[fd00::5]:8443/x"), Some("fd00::5"));
    }
}
