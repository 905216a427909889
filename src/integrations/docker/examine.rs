//! Whether the engine lets Purser do what workflows need. A proxy before its socket may let some
//! requests pass and others not: each sort is asked for in a way that cannot come to anything.

use bollard::errors::Error;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{CreateContainerOptions, RestartContainerOptions};

use super::container;
use super::engine::{Docker, status};
use crate::action::{Clock, ClockReading, Examination, Result, System as _, Uses};
use crate::domain::finding::Remark;

/// A name that no container has.
const NOBODY: &str = "purser-doctor-asks-whether-it-may";

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
        found.clock = self.read_clock(clock).await;
        found
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

/// The engine itself says 400 and 404 to such requests; only what stands before it forbids.
fn is_refusal(error: &Error) -> bool {
    matches!(status(error), Some(401 | 403 | 405))
}
