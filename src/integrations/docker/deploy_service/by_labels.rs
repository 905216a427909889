//! A proxy in front that goes by the labels of the service's own containers, and is not switched: what it
//! leads to is looked at before an old container goes, and in the end.
//!
//! Where the service drains itself, that is enough to drop nothing: told to stop, it fails its HEALTHCHECK
//! and goes on answering until the proxy has noticed.

use std::time::Duration;

use super::super::container::Container;
use super::super::engine::Docker;
use super::super::front::Beside;
use super::super::proof::Proof;
use super::super::service::Service;
use super::Input;
use super::behind::Behind;
use super::blue_green::unseen;
use super::carry_out::{Deploy, Placed, Replaced};
use super::decide::{Decision, Replica};
use super::undo::Undo;
use crate::action::{ActionError, Result, Systems};
use crate::domain::time::{Span, Timestamp};

/// The engine's own defaults of a HEALTHCHECK, and of the time from SIGTERM to SIGKILL.
const INTERVAL: Duration = Duration::from_secs(30);
const RETRIES: u32 = 3;
const GRACE: Duration = Duration::from_secs(10);

/// Traefik's own default for how soon it takes a change in, at the latest.
const THROTTLE: Duration = Duration::from_secs(2);

impl Deploy<'_> {
    /// Waits until the proxy leads to a new container, and says when it did.
    pub(super) async fn until_listed(
        &self,
        behind: &Behind,
        old: &Replica,
        new: &Placed,
    ) -> Result<Timestamp> {
        let proxy = self.proxy(behind)?;
        let watch = behind.watch(self.docker, &proxy, "", self.patience());
        self.ctx.progress(format!(
            "waiting until {} leads to the new {}",
            behind.proxy, old.name
        ));
        let listed = self.ctx.record(format!("listed[{}]", old.name), || async {
            watch.until_it_lists(std::slice::from_ref(&new.id)).await?;
            Ok(self.ctx.read.clock.now())
        });
        listed.await
    }

    /// Waits until it leads to no old container any more, and says what has shown it.
    pub(super) async fn until_alone(
        &self,
        decision: &Decision,
        behind: &Behind,
        replaced: &[Replaced],
    ) -> Result<Proof> {
        let proxy = self.proxy(behind)?;
        let watch = behind.watch(self.docker, &proxy, "", self.patience());
        let new: Vec<_> = replaced.iter().map(|one| one.new.id.clone()).collect();
        let probe = self.input.proxy_probe.as_ref();
        self.ctx
            .record("front", || async {
                let others = others(self.docker, &decision.service, &new).await?;
                watch
                    .until_it_lists_only(&new, Beside::Only(&others), probe)
                    .await
            })
            .await
    }
}

/// The containers of a service that run and are none of these.
async fn others(docker: &Docker, service: &str, new: &[String]) -> Result<Vec<String>> {
    let service = Service::find(docker, service).await?;
    let containers = service.inspect(docker).await?;
    let others = containers
        .into_iter()
        .filter(|one| one.is_running() && !new.contains(&one.id));
    Ok(others.map(|one| one.id).collect())
}

/// The proxy in front of a deploy that is taken back and that has switched nothing.
pub(super) enum Listed {
    /// There is none, or none whose routers can be told.
    Nowhere,
    By(Behind),
    /// Nobody knows any more whether there is one.
    Unknown(ActionError),
}

impl Listed {
    /// As it was decided; where that is lost, as the containers are now.
    pub(super) async fn find(
        docker: &Docker,
        systems: &Systems,
        decision: Option<&Decision>,
        container: Option<&String>,
    ) -> Self {
        match (decision, container) {
            (Some(decision), _) => decision.listed().cloned().map_or(Self::Nowhere, Self::By),
            (None, Some(container)) => Self::now(docker, systems, container)
                .await
                .unwrap_or_else(Self::Unknown),
            (None, None) => Self::Nowhere,
        }
    }

    async fn now(docker: &Docker, systems: &Systems, container: &str) -> Result<Self> {
        if docker.proxy().is_none() {
            return Ok(Self::Nowhere);
        }
        let service = Service::find(docker, container).await?;
        let containers = service.inspect(docker).await?;
        let behind = Behind::find(docker, systems, &service, &containers).await?;
        Ok(match behind {
            Ok(Some(behind)) => Self::By(behind.by_labels()),
            Ok(None) | Err(_) => Self::Nowhere,
        })
    }
}

impl Undo<'_> {
    /// Waits until the proxy leads to an old container again; what was not seen of that, in words.
    pub(super) async fn listed_again(&self, old: &Container) -> Option<String> {
        match &self.listed {
            Listed::Nowhere => None,
            Listed::Unknown(why) => Some(unseen(why)),
            Listed::By(behind) => {
                let seen = self.lists(behind, old).await;
                seen.err().map(|why| unseen(&why))
            }
        }
    }

    async fn lists(&self, behind: &Behind, old: &Container) -> Result<()> {
        let proxy = self.ctx.read.systems.proxy(behind.proxy.as_str())?;
        let watch = behind.watch(self.docker, proxy, "", self.patience());
        watch.until_it_lists(std::slice::from_ref(&old.id)).await
    }
}

/// Why the service cannot be said to drain itself; `None` where it was not said, or can be.
pub(super) fn cannot_drain(input: &Input, containers: &[Container]) -> Option<String> {
    if !input.drains_itself {
        return None;
    }
    containers.iter().find_map(|container| {
        let config = container.facts.config.as_ref();
        let check = config.and_then(|config| config.healthcheck.as_ref());
        let test = check.and_then(|check| check.test.as_deref());
        // `["NONE"]` switches the image's off.
        if test.is_none_or(|test| test.len() < 2) {
            return Some(format!(
                "{} has no HEALTHCHECK by which the proxy could notice that it is about to end",
                container.name
            ));
        }
        let nanos = check.and_then(|check| check.interval);
        let retries = check.and_then(|check| check.retries);
        let grace = config.and_then(|config| config.stop_timeout);
        let needs = noticed_within(nanos, retries);
        let has = grace.and_then(|seconds| u64::try_from(seconds).ok());
        let has = has.map_or(GRACE, Duration::from_secs);
        (needs > has).then(|| {
            format!(
                "the proxy may need {} to notice that {} is about to end, by its HEALTHCHECK, and it is \
                 killed {} after it was told to: give it a longer stop_grace_period, or a HEALTHCHECK with a \
                 shorter interval and fewer retries",
                Span::new(needs),
                container.name,
                Span::new(has)
            )
        })
    })
}

/// How long after its last good answer a container may still be led to: so many checks have to fail, and
/// the proxy takes that in.
fn noticed_within(interval: Option<i64>, retries: Option<i64>) -> Duration {
    let interval = interval.and_then(|nanos| u64::try_from(nanos).ok());
    let interval = interval.filter(|nanos| *nanos > 0);
    let interval = interval.map_or(INTERVAL, Duration::from_nanos);
    let retries = retries.and_then(|retries| u32::try_from(retries).ok());
    let retries = retries.filter(|retries| *retries > 0).unwrap_or(RETRIES);
    interval.saturating_mul(retries) + THROTTLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_notices_after_so_many_checks_and_its_own_pause() {
        assert_eq!(noticed_within(None, None), Duration::from_secs(92));
        assert_eq!(noticed_within(Some(0), Some(0)), Duration::from_secs(92));
        assert_eq!(
            noticed_within(Some(1_000_000_000), Some(2)),
            Duration::from_secs(4)
        );
    }
}
