//! Whether a proxy stands in front of a service, and how it is led from one set to the next.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::super::container::{self, Container};
use super::super::engine::Docker;
use super::super::front::{FRONT, Front, Provider, RAISED, SWITCH, Watch, services_in};
use super::super::service::{self, Service};
use crate::action::ports::{ProxyView, RouteFiles};
use crate::action::{ActionError, Result, Systems};
use crate::domain::names::SystemName;

/// The proxy in front of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Behind {
    /// Its name in the configuration.
    pub(super) proxy: SystemName,
    /// What the containers tell it.
    pub(super) front: Front,
    /// The switch that leads to the present set; `None` where its own labels do.
    pub(super) old_switch: Option<Switch>,
    /// Whether the new switch has a higher priority than the rule itself. One in two has: so the new
    /// one takes the requests from the old one, or leaves them to it until that stops; and no router
    /// ever rises above those of other services.
    pub(super) raised: bool,
    /// What leads to the new set.
    #[serde(default)]
    pub(super) lead: Lead,
}

/// What leads a proxy to a set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Lead {
    /// A container's labels.
    #[default]
    Switch,
    /// A file, in a folder that the proxy reads.
    File(RouteFile),
    /// The labels of the service's own containers: nothing is switched.
    Labels,
}

/// A file that leads to a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RouteFile {
    /// In the proxy's folder.
    pub(super) name: String,
    /// What people call it.
    pub(super) shown: String,
    /// What it said before; `None` when it was not there.
    pub(super) before: Option<String>,
    /// The present containers are led to by it: Compose has not made them anew.
    pub(super) led: bool,
}

/// A container whose labels lead a proxy to a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Switch {
    pub(super) id: String,
    pub(super) name: String,
}

impl Behind {
    /// Looks at the containers' labels and at the switches that there are. `Ok(Err(why))`: there is a
    /// proxy, and it cannot be switched.
    pub(super) async fn find(
        docker: &Docker,
        systems: &Systems,
        service: &Service,
        containers: &[Container],
    ) -> Result<Result<Option<Self>, String>> {
        let Some(proxy) = docker.proxy() else {
            return Ok(Ok(None));
        };
        let view = systems.proxy(proxy.as_str())?;
        let short = service.short.as_str();
        let fronts = containers.iter().map(|one| Front::of(&one.labels(), short));
        let fronts: Vec<_> = match fronts.collect() {
            Ok(fronts) => fronts,
            Err(why) => return Ok(Err(why)),
        };
        let front = match &fronts[..] {
            [Some(front), others @ ..]
                if others.iter().all(|other| other.as_ref() == Some(front)) =>
            {
                front
            }
            [first, others @ ..] if others.iter().any(|other| other != first) => {
                return Ok(Err(
                    "its containers differ in their labels for the proxy".to_owned()
                ));
            }
            _ => return Ok(Ok(None)),
        };
        let (switch, was_raised) = present_switch(docker, service).await?;
        let file = match view.route_files() {
            Some(files) => Some(RouteFile::find(&*files, docker, service, containers).await?),
            None => None,
        };
        if file.is_some()
            && let Err(why) = front.file("", true)
        {
            return Ok(Err(why));
        }
        Ok(Ok(Some(Self {
            proxy: proxy.clone(),
            front: front.clone(),
            old_switch: switch,
            // Containers that Compose has made anew serve by their own labels: no switch leads to them. A
            // file takes the place of the one before it, and is always above the labels' own rule.
            raised: file.is_some()
                || !(was_raised && containers.iter().all(|one| one.label(FRONT).is_some())),
            lead: file.map_or(Lead::Switch, Lead::File),
        })))
    }

    /// The same proxy, which is not switched.
    pub(super) fn by_labels(self) -> Self {
        Self {
            lead: Lead::Labels,
            ..self
        }
    }

    /// The text of the file that leads to the set of this token.
    pub(super) fn routes(&self, token: &str) -> Result<String> {
        self.front.file(token, self.raised).map_err(|why| {
            ActionError::fatal(format!(
                "the proxy `{}` cannot be led by a file: {why}",
                self.proxy
            ))
        })
    }

    /// The proxy's folder.
    pub(super) fn files(&self, proxy: &Arc<dyn ProxyView>) -> Result<Arc<dyn RouteFiles>> {
        proxy.route_files().ok_or_else(|| {
            ActionError::fatal(format!(
                "[systems.{}] has no `routes` any more, the folder with the file that leads to the containers: \
                 put it back",
                self.proxy
            ))
        })
    }

    /// The proxy, looked at for the set of this token.
    pub(super) fn watch<'a>(
        &'a self,
        docker: &'a Docker,
        proxy: &'a Arc<dyn ProxyView>,
        token: &'a str,
        (within, cancel): (Duration, &'a CancellationToken),
    ) -> Watch<'a> {
        Watch {
            docker,
            name: self.proxy.as_str(),
            proxy,
            front: &self.front,
            token,
            by: match self.lead {
                Lead::File(_) => Provider::File,
                Lead::Switch | Lead::Labels => Provider::Docker,
            },
            within,
            cancel,
        }
    }
}

impl RouteFile {
    /// The file of a service, as it is now.
    async fn find(
        files: &dyn RouteFiles,
        docker: &Docker,
        service: &Service,
        containers: &[Container],
    ) -> Result<Self> {
        // No name of a project or a service holds an `@`.
        let name = format!(
            "purser@{}@{}.yml",
            docker.name(),
            service.name.replace('/', "@")
        );
        let before = files.read(&name).await?;
        let shown = files.shown(&name);
        if before
            .as_deref()
            .is_some_and(|text| services_in(text).is_none())
        {
            return Err(ActionError::fatal(format!(
                "{shown}, which leads people to {}, is not as Purser has written it: take that change back; where \
                 it cannot be, move the file away and deploy at once, as nobody is led there in between",
                service.name
            )));
        }
        Ok(Self {
            name,
            shown,
            led: before.is_some() && containers.iter().all(|one| one.label(FRONT).is_some()),
            before,
        })
    }

    /// To which of the proxy's services it led before.
    pub(super) fn led_to(&self) -> Vec<String> {
        let services = self.before.as_deref().and_then(services_in);
        services.unwrap_or_default()
    }
}

/// The switch that leads to the present set, and whether it is raised.
async fn present_switch(docker: &Docker, service: &Service) -> Result<(Option<Switch>, bool)> {
    let switches = container::list(docker, Some(format!("{SWITCH}={}", service.name))).await?;
    match &switches[..] {
        [] => Ok((None, false)),
        [one] => {
            let labels = one.labels.as_ref();
            let raised = labels.and_then(|labels| labels.get(RAISED));
            let switch = Switch {
                id: one.id.clone().unwrap_or_default(),
                name: service::name_of(one),
            };
            Ok((Some(switch), raised.is_some_and(|raised| raised == "true")))
        }
        more => {
            let names: Vec<_> = more.iter().map(service::name_of).collect();
            Err(ActionError::fatal(format!(
                "{} switches lead to {} on `{}` ({}), where one at most does between deploys: finish or \
                 undo the run that has made the other one, or remove it",
                more.len(),
                service.name,
                docker.name(),
                names.join(", ")
            )))
        }
    }
}
