//! What a proxy serves, seen through its API and through its entry points.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::super::engine::Docker;
use super::super::proof::{Level, Proof};
use super::labels::{Front, Inner, Led, Provider};
use super::proxy_probe::ProxyProbe;
use super::serves::NONE;
use crate::action::ports::{ProxyView, Route, Visit, Visited};
use crate::action::{ActionError, Result};
use crate::domain::time::Span;

/// How often it is asked.
const PAUSE: Duration = Duration::from_millis(200);

/// A set of containers and the proxy before them.
pub(in crate::integrations::docker) struct Watch<'a> {
    pub(in crate::integrations::docker) docker: &'a Docker,
    /// The proxy's name in the configuration.
    pub(in crate::integrations::docker) name: &'a str,
    pub(in crate::integrations::docker) proxy: &'a Arc<dyn ProxyView>,
    pub(in crate::integrations::docker) front: &'a Front,
    /// What tells the new set from others; empty where no set is.
    pub(in crate::integrations::docker) token: &'a str,
    /// What holds the routers that lead to the new set.
    pub(in crate::integrations::docker) by: Provider,
    /// How long it may take to show what it has to.
    pub(in crate::integrations::docker) within: Duration,
    /// Ends a wait.
    pub(in crate::integrations::docker) cancel: &'a CancellationToken,
}

impl Watch<'_> {
    /// Waits until the proxy has the new set and it answers by the name that leads to it alone:
    /// nobody outside is led there yet.
    pub(in crate::integrations::docker) async fn until_it_reaches(
        &self,
        new: &[String],
    ) -> Result<()> {
        let patience = self.patience("reaches the new containers");
        while let Err(why) = self.reaches(new).await {
            patience.again(&why).await?;
        }
        Ok(())
    }

    async fn reaches(&self, new: &[String]) -> Result<(), String> {
        let routes = self.routes().await?;
        for Inner {
            router,
            service,
            host,
        } in self.front.inner(self.token)
        {
            self.serves(&service, new, NONE).await?;
            let route = find(&routes, &router)?;
            for entry_point in &route.entry_points {
                let visit = Visit {
                    entry_point: entry_point.clone(),
                    host: host.clone(),
                    path: "/".to_owned(),
                    any_certificate: true,
                };
                // As often as there are servers, as they are asked in turn.
                for _ in new {
                    if let Some(answer) = self.visit(&visit).await? {
                        is_of_a_server(&answer)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits until the switch is there, whether or not it leads anybody yet.
    pub(in crate::integrations::docker) async fn until_it_knows(&self, raised: bool) -> Result<()> {
        let patience = self.patience("has the new routers");
        while let Err(why) = self.knows(raised).await {
            patience.again(&why).await?;
        }
        Ok(())
    }

    async fn knows(&self, raised: bool) -> Result<(), String> {
        let routes = self.routes().await?;
        for led in self.led(raised) {
            is_as(find(&routes, &led.name)?, &led)?;
        }
        Ok(())
    }

    /// Waits until all new requests go to the new set and none to another one, and says what has shown it.
    pub(in crate::integrations::docker) async fn until_it_leads(
        &self,
        raised: bool,
        new: &[String],
        probe: Option<&ProxyProbe>,
    ) -> Result<Proof> {
        let patience = self.patience("leads to the new containers alone");
        loop {
            match self.leads(raised, new, probe).await {
                Ok(proof) => return Ok(proof),
                Err(why) => patience.again(&why).await?,
            }
        }
    }

    async fn leads(
        &self,
        raised: bool,
        new: &[String],
        probe: Option<&ProxyProbe>,
    ) -> Result<Proof, String> {
        let routes = self.routes().await?;
        let all = self.led(raised);
        for led in &all {
            let route = find(&routes, &led.name)?;
            is_as(route, led)?;
            if let Some(other) = routes.iter().find(|other| takes_from(other, route, &all)) {
                return Err(format!(
                    "the router {} takes the same requests first",
                    other.name
                ));
            }
            self.serves(&led.service, new, NONE).await?;
        }
        let visit = all
            .iter()
            .find_map(|led| visit_of(find(&routes, &led.name).ok()?, probe));
        self.shown(visit, probe).await
    }

    /// How far the proof goes of a set that is led to by what the proxy's API says.
    pub(super) async fn shown(
        &self,
        visit: Option<Visit>,
        probe: Option<&ProxyProbe>,
    ) -> Result<Proof, String> {
        let routed = format!("the API of `{}`", self.name);
        let answer = match &visit {
            Some(visit) => self.visit(visit).await?.map(|answer| (visit, answer)),
            None => None,
        };
        let Some((visit, answer)) = answer else {
            return Ok(Proof {
                level: Level::Routed,
                by: routed,
            });
        };
        let asked = format!("{}{} through `{}`", visit.host, visit.path, self.name);
        is_of_a_server(&answer)?;
        match probe.and_then(|probe| probe.contains.as_deref()) {
            Some(wanted) if answer.body.contains(wanted) => Ok(Proof {
                level: Level::Versioned,
                by: asked,
            }),
            Some(wanted) => Err(format!("{asked} does not say `{wanted}`")),
            None if answer.status < 400 => Ok(Proof {
                level: Level::Answered,
                by: asked,
            }),
            None if probe.is_some() => {
                Err(format!("{asked} answers with status {}", answer.status))
            }
            None => Ok(Proof {
                level: Level::Routed,
                by: format!("{routed}; {asked} answers with status {}", answer.status),
            }),
        }
    }

    /// Waits until the switch is gone: its set is led to no more.
    pub(in crate::integrations::docker) async fn until_it_forgets(&self) -> Result<()> {
        let patience = self.patience("has forgotten the new routers");
        while let Err(why) = self.has_forgotten().await {
            patience.again(&why).await?;
        }
        Ok(())
    }

    async fn has_forgotten(&self) -> Result<(), String> {
        let routes = self.routes().await?;
        let led = self.led(false);
        match led.iter().find(|led| find(&routes, &led.name).is_ok()) {
            Some(led) => Err(format!("the router {} is there", led.name)),
            None => Ok(()),
        }
    }

    /// The routers that lead to the new set.
    pub(super) fn led(&self, raised: bool) -> Vec<Led> {
        self.front.led(self.token, raised, self.by)
    }

    pub(super) async fn routes(&self) -> Result<Vec<Route>, String> {
        self.proxy.routes().await.map_err(|error| error.message)
    }

    pub(super) async fn visit(&self, visit: &Visit) -> Result<Option<Visited>, String> {
        self.proxy.visit(visit).await.map_err(|error| error.message)
    }

    pub(super) fn patience<'w>(&'w self, what: &'w str) -> Patience<'w> {
        Patience {
            watch: self,
            what,
            begun: Instant::now(),
        }
    }
}

/// How long something is looked for.
pub(super) struct Patience<'w> {
    watch: &'w Watch<'w>,
    what: &'w str,
    begun: Instant,
}

impl Patience<'_> {
    /// Waits a moment before the next look, or gives up.
    pub(super) async fn again(&self, why: &str) -> Result<()> {
        let Watch {
            name,
            within,
            cancel,
            ..
        } = self.watch;
        let what = self.what;
        if self.begun.elapsed() < *within {
            return tokio::select! {
                () = sleep(PAUSE) => Ok(()),
                () = cancel.cancelled() => Err(ActionError::cancelled(format!(
                    "cancelled before it was seen that the proxy `{name}` {what}"
                ))),
            };
        }
        let within = Span::new(*within);
        Err(ActionError::fatal(format!(
            "that the proxy `{name}` {what} was not seen within {within}: {why}"
        )))
    }
}

fn find<'r>(routes: &'r [Route], name: &str) -> Result<&'r Route, String> {
    let found = routes.iter().find(|route| route.name == name);
    let route = found.ok_or_else(|| format!("it has no router {name}"))?;
    match &route.fault {
        None => Ok(route),
        Some(fault) => Err(format!("its router {name} does not work: {fault}")),
    }
}

fn is_as(route: &Route, led: &Led) -> Result<(), String> {
    if (&route.rule, &route.service, route.priority) == (&led.rule, &led.service, led.priority) {
        return Ok(());
    }
    Err(format!(
        "its router {} takes {} with priority {} to {}",
        route.name, route.rule, route.priority, route.service
    ))
}

/// Whether the other router gets requests that this one is meant to get.
fn takes_from(other: &Route, route: &Route, all: &[Led]) -> bool {
    let is_ours = all.iter().any(|led| led.name == other.name);
    let meets = other
        .entry_points
        .iter()
        .any(|point| route.entry_points.contains(point));
    let is_same = other.rule == route.rule && other.service != route.service;
    !is_ours && meets && is_same && other.fault.is_none() && other.priority >= route.priority
}

/// A server has answered, and not the proxy for want of one.
pub(super) fn is_of_a_server(answer: &Visited) -> Result<(), String> {
    match answer.status {
        502..=504 => Err(format!("it answers with status {}", answer.status)),
        _ => Ok(()),
    }
}

/// What somebody outside would ask; `None` where the rule does not tell.
pub(super) fn visit_of(route: &Route, probe: Option<&ProxyProbe>) -> Option<Visit> {
    let host = probe.and_then(|probe| probe.host.clone());
    let path = probe.map(|probe| probe.path.clone());
    let path = path
        .or_else(|| argument(&route.rule, "PathPrefix").or_else(|| argument(&route.rule, "Path")));
    Some(Visit {
        entry_point: route.entry_points.first()?.clone(),
        host: host.or_else(|| argument(&route.rule, "Host"))?,
        path: path.unwrap_or_else(|| "/".to_owned()),
        any_certificate: false,
    })
}

/// The first argument of a matcher that is not denied: of ``Host(`a`)`` it is `a`.
fn argument(rule: &str, matcher: &str) -> Option<String> {
    let (before, rest) = rule.split_once(&format!("{matcher}(`"))?;
    let stands_alone = !before.ends_with(|c: char| c == '!' || c.is_ascii_alphanumeric());
    let (argument, _) = rest.split_once('`')?;
    stands_alone.then(|| argument.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_tells_what_somebody_outside_would_ask() {
        let rule = "Host(`shop.example`) && PathPrefix(`/api`)";
        assert_eq!(argument(rule, "Host").as_deref(), Some("shop.example"));
        assert_eq!(argument(rule, "PathPrefix").as_deref(), Some("/api"));
        assert_eq!(argument("!Host(`shop.example`)", "Host"), None);
        assert_eq!(argument("HostRegexp(`.+`)", "Host"), None);
        assert_eq!(argument("PathPrefix(`/`)", "Path"), None);
    }
}
