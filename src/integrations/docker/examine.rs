//! Whether the engine lets Purser do what workflows need. A proxy before its socket may let some
//! requests pass and others not: each sort is asked for in a way that cannot come to anything. And
//! whether registries take the logins for them.

use std::time::Duration;

use bollard::errors::Error;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{CreateContainerOptions, RestartContainerOptions};
use futures_util::future::join_all;
use tokio::time::timeout;

use super::container;
use super::engine::{Docker, status};
use super::image::{Place, Reference, Trouble};
use crate::action::{Clock, ClockReading, Examination, Result, System as _, Uses};
use crate::domain::finding::Remark;
use crate::domain::time::Span;

/// A name that no container has.
const NOBODY: &str = "purser-doctor-asks-whether-it-may";

/// How long a registry may take, which is less than the whole examination may.
const REGISTRY_WITHIN: Duration = Duration::from_secs(5);

impl Docker {
    pub(super) async fn looked_at(&self, uses: &Uses, clock: &dyn Clock) -> Examination {
        let mut found = Examination::default();
        let reached = self.check().await;
        let is_up = reached.is_ok();
        found.add(reached.map(Remark::well));
        if !is_up {
            return found;
        }
        found.add(container::list(self, None).await.map(|all| {
            Remark::well(format!(
                "its containers may be listed; there are {}",
                all.len()
            ))
        }));
        if uses.change() {
            found.add(self.may_change().await);
        }
        let asked = self.registries().names();
        for remark in join_all(asked.map(|registry| self.may_fetch(registry))).await {
            found.add(remark);
        }
        found.remarks.extend(self.projects().examine().await);
        found.clock = self.read_clock(clock).await;
        found
    }

    /// Has the engine ask a registry for an image that a container here was made of, with the login for
    /// that registry. Where there is none, for one that is not there: many registries say at once then
    /// that the login is wrong.
    async fn may_fetch(&self, registry: &str) -> Result<Remark> {
        let containers = container::list(self, None).await?;
        let names = containers.iter().filter_map(|one| one.image.as_deref());
        let known = names.filter_map(|name| Reference::parse(name).ok());
        let known = known.into_iter().find(|image| image.registry() == registry);
        let is_known = known.is_some();
        let image = match known {
            Some(image) => image,
            None => Reference::parse(&format!("{registry}/{NOBODY}:{NOBODY}"))?,
        };
        let client = self.client().await?.clone();
        let login = self.registries().credentials(registry);
        let name = image.to_string();
        let asked = client.inspect_registry_image(&name, login);
        let Ok(asked) = timeout(REGISTRY_WITHIN, asked).await else {
            return Ok(Remark::problem(
                format!(
                    "the registry {registry} has said nothing for {}",
                    Span::new(REGISTRY_WITHIN)
                ),
                "see that it runs, and that the engine's machine reaches it",
            ));
        };
        let place = Place {
            docker: self,
            image: &image,
        };
        match asked {
            Ok(_) => Ok(Remark::well(format!(
                "the registry {registry} takes the login for it"
            ))),
            Err(error) => match Trouble::of(&error, true) {
                Some(Trouble::NotFound | Trouble::NoPlatform) => Ok(not_refused(registry)),
                Some(Trouble::Closed) if !is_known => Ok(not_refused(registry)),
                Some(trouble) if !is_known => Ok(place.remark(trouble, &error)),
                _ => Err(place.explain(error, None)),
            },
        }
    }

    /// Asks to restart what is not there, and to make what is no container: an engine that would do
    /// it answers that it cannot.
    async fn may_change(&self) -> Result<Remark> {
        let client = self.client().await?;
        let restart = client
            .restart_container(NOBODY, None::<RestartContainerOptions>)
            .await;
        let create = client
            .create_container(
                None::<CreateContainerOptions>,
                ContainerCreateBody::default(),
            )
            .await;
        let mut refused = vec![];
        for (what, answer) in [("restart", restart), ("make", create.map(drop))] {
            match answer {
                Err(error) if is_refusal(&error) => refused.push(what),
                Err(error) if status(&error).is_none() => {
                    return Err(self.failed("it was asked what it allows", error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(if refused.is_empty() {
            Remark::well("containers may be made and restarted")
        } else {
            Remark::problem(
                format!(
                    "it refuses to {} containers, and workflows need it",
                    refused.join(" and to ")
                ),
                format!(
                    "allow POST to /containers in what stands before {}",
                    self.address()
                ),
            )
        })
    }

    /// An engine behind a Unix socket has this machine's own clock.
    async fn read_clock(&self, clock: &dyn Clock) -> Option<ClockReading> {
        if self.address().starts_with("unix://") {
            return None;
        }
        let before = clock.now();
        let info = self.client().await.ok()?.info().await.ok()?;
        Some(ClockReading {
            before,
            theirs: info.system_time?.parse().ok()?,
            after: clock.now(),
            coarse: std::time::Duration::ZERO,
        })
    }
}

fn not_refused(registry: &str) -> Remark {
    Remark::well(format!(
        "the registry {registry} does not refuse the login for it"
    ))
}

/// The engine itself says 400 and 404 to such requests; only what stands before it forbids.
fn is_refusal(error: &Error) -> bool {
    matches!(status(error), Some(401 | 403 | 405))
}
