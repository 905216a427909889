//! Containers of jobs whose runs are over: left by a process that died, or by an engine that carried a
//! request out after it had been given up.
//!
//! What `deploy_service` makes carries the id of a run too, and is a service: it is never among these.

use std::sync::Arc;

use bollard::models::ContainerSummary;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::container::{self, Container, LABEL_RUN};
use super::engine::Docker;
use super::service;
use crate::action::Result;
use crate::action::ports::{Leftover, Sweeps};
use crate::domain::time::Timestamp;

/// Finds and removes them.
pub(super) struct Leftovers(pub(super) Arc<Docker>);

impl Sweeps for Leftovers {
    fn leftovers(&self) -> BoxFuture<'_, Result<Vec<Leftover>>> {
        async {
            let ours = container::list(&self.0, Some(LABEL_RUN.to_owned())).await?;
            Ok(ours.iter().filter_map(leftover).collect())
        }
        .boxed()
    }

    /// It may still run: then it is stopped by its own signal first.
    fn sweep<'a>(&'a self, leftover: &'a Leftover) -> BoxFuture<'a, Result<()>> {
        async {
            Container::stop(&self.0, &leftover.id).await?;
            Container::remove(&self.0, &leftover.id, true).await
        }
        .boxed()
    }
}

fn leftover(container: &ContainerSummary) -> Option<Leftover> {
    let labels = container.labels.as_ref()?;
    if !service::is_own_job(labels) {
        return None;
    }
    Some(Leftover {
        id: container.id.clone()?,
        what: format!("the container {}", service::name_of(container)),
        run: labels.get(LABEL_RUN)?.parse().ok()?,
        made_at: Timestamp::from_micros(container.created?.checked_mul(1_000_000)?),
    })
}
