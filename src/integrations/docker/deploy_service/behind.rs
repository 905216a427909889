//! Whether a proxy stands in front of a service, and how it is led from one set to the next.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::super::container::{self, Container};
use super::super::engine::Docker;
use super::super::front::{FRONT, Front, RAISED, SWITCH, Watch};
use super::super::service::{self, Service};
use crate::action::ports::ProxyView;
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
        systems.proxy(proxy.as_str())?;
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
        let switches = container::list(docker, Some(format!("{SWITCH}={}", service.name))).await?;
        let (switch, was_raised) = match &switches[..] {
            [] => (None, false),
            [one] => {
                let labels = one.labels.as_ref();
                let raised = labels.and_then(|labels| labels.get(RAISED));
                let switch = Switch {
                    id: one.id.clone().unwrap_or_default(),
                    name: service::name_of(one),
                };
                (Some(switch), raised.is_some_and(|raised| raised == "true"))
            }
            more => {
                let names: Vec<_> = more.iter().map(service::name_of).collect();
                return Err(ActionError::fatal(format!(
                    "{} switches lead to {} on `{}` ({}), where one at most does between deploys: finish or \
                     undo the run that has made the other one, or remove it",
                    more.len(),
                    service.name,
                    docker.name(),
                    names.join(", ")
                )));
            }
        };
        Ok(Ok(Some(Self {
            proxy: proxy.clone(),
            front: front.clone(),
            old_switch: switch,
            // Containers that Compose has made anew serve by their own labels: no switch leads to them.
            raised: !(was_raised && containers.iter().all(|one| one.label(FRONT).is_some())),
        })))
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
            within,
            cancel,
        }
    }
}
