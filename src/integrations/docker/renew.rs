//! Has a service's containers take up what has changed around them: by a signal, by a restart, or made
//! anew with other variables in their environment.

use std::collections::BTreeSet;
use std::time::Duration;

use bollard::query_parameters::{KillContainerOptionsBuilder, RestartContainerOptions};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::container::Container;
use super::deploy_service::DeployService;
use super::engine::Docker;
use super::proof::{self, Expected};
use super::service::Service;
use crate::action::ports::{Renewal, Signal};
use crate::action::{Action as _, ActionError, Context, Result, Undone};
use crate::domain::time::{Span, Timestamp};

type Input = <DeployService as crate::action::Action>::Input;

impl Docker {
    /// See [`Containers::mark`](crate::action::ports::Containers::mark).
    pub(super) async fn mark(&self) -> Result<Timestamp> {
        let info = self.client().await?.info().await;
        let info = info.map_err(|error| self.failed("its time was asked", error))?;
        info.system_time
            .and_then(|at| at.parse().ok())
            .ok_or_else(|| {
                ActionError::fatal(format!("`{}` does not say what time it is", self.name()))
            })
    }

    /// See [`Containers::signal`](crate::action::ports::Containers::signal).
    pub(super) async fn signal(&self, service: &str, signal: Signal) -> Result<()> {
        let service = Service::find(self, service).await?;
        let client = self.client().await?;
        for container in running(self, &service).await? {
            let options = KillContainerOptionsBuilder::new().signal(&signal.to_string());
            let sent = client.kill_container(&container.id, Some(options.build()));
            let what = format!("{} was sent {signal}", container.name);
            sent.await.map_err(|error| self.failed(&what, error))?;
        }
        Ok(())
    }

    /// See [`Containers::start`](crate::action::ports::Containers::start).
    pub(super) async fn start(&self, names: &BTreeSet<String>) -> Result<()> {
        for name in names {
            if let Some(container) = Container::find(self, name).await?
                && !container.is_running()
            {
                Container::start(self, &container.id).await?;
            }
        }
        Ok(())
    }

    /// See [`Containers::restart`](crate::action::ports::Containers::restart).
    pub(super) async fn restart(
        &self,
        service: &str,
        within: Duration,
        cancel: Option<&CancellationToken>,
    ) -> Result<()> {
        let service = Service::find(self, service).await?;
        let expected = Expected {
            within,
            probe: None,
            cancel,
        };
        for container in running(self, &service).await? {
            let client = self.patient_client().await?;
            let done = client.restart_container(&container.id, None::<RestartContainerOptions>);
            let what = format!("{} was restarted", container.name);
            done.await.map_err(|error| self.failed(&what, error))?;
            proof::prove(self, &container.id, &expected).await?;
        }
        Ok(())
    }
}

async fn running(docker: &Docker, service: &Service) -> Result<Vec<Container>> {
    let mut containers = service.inspect(docker).await?;
    if let Some(own) = containers.iter().find(|one| docker.is_own(&one.id)) {
        return Err(ActionError::fatal(format!(
            "Purser itself runs in {} on `{}`, and does not restart itself",
            own.name,
            docker.name()
        )));
    }
    containers.retain(Container::is_running);
    if containers.is_empty() {
        return Err(ActionError::fatal(format!(
            "no container of {} runs on `{}`: start it first (`/start`)",
            service.name,
            docker.name()
        )));
    }
    Ok(containers)
}

/// See [`Containers::recreate`](crate::action::ports::Containers::recreate): a deploy of the image that
/// runs, without its last stage.
pub(super) async fn make(ctx: &Context, docker: &Docker, renewal: Renewal<'_>) -> Result<()> {
    let (part, input) = deploy(ctx, docker, renewal).await?;
    let standing = Box::pin(DeployService::prove(&part, docker, &input)).await?;
    standing.last_look().await
}

/// See [`Containers::settle`](crate::action::ports::Containers::settle).
pub(super) async fn settle(ctx: &Context, docker: &Docker, renewal: Renewal<'_>) -> Result<()> {
    let (part, input) = deploy(ctx, docker, renewal).await?;
    Box::pin(DeployService.run(&part, docker, input))
        .await
        .map(drop)
}

/// See [`Containers::take_back`](crate::action::ports::Containers::take_back).
pub(super) async fn take_back(
    ctx: &Context,
    docker: &Docker,
    renewal: Renewal<'_>,
) -> Result<Undone> {
    let input = input(renewal, None)?;
    DeployService.undo(&as_deploy(ctx), docker, input).await
}

/// The part of a step, with the effects of a deploy.
fn as_deploy(ctx: &Context) -> Context {
    Context {
        spec: DeployService::SPEC,
        ..ctx.clone()
    }
}

async fn deploy(ctx: &Context, docker: &Docker, renewal: Renewal<'_>) -> Result<(Context, Input)> {
    let part = as_deploy(ctx);
    let image = part.record("image", || image_of(docker, renewal.service));
    let image = image.await?;
    let input = input(renewal, Some(image))?;
    Ok((part, input))
}

fn input(renewal: Renewal<'_>, image: Option<(String, String)>) -> Result<Input> {
    let (image, image_id) = image.unzip();
    let input = json!({
        "service": renewal.service,
        "image": image,
        "image_id": image_id,
        "healthy_within": Span::new(renewal.within),
    });
    let input: Input = serde_json::from_value(input).map_err(|error| {
        ActionError::fatal(format!("{} cannot be made anew: {error}", renewal.service))
    })?;
    Ok(input.with_environment(renewal.environment))
}

/// The one image that all containers of a service run, and its id.
async fn image_of(docker: &Docker, service: &str) -> Result<(String, String)> {
    let service = Service::find(docker, service).await?;
    let containers = running(docker, &service).await?;
    let image = |one: &Container| (one.image().to_owned(), one.image_id().to_owned());
    let (first, others) = containers.split_first().map_or_else(
        || (Default::default(), [].as_slice()),
        |(first, others)| (image(first), others),
    );
    if others.iter().any(|other| image(other) != first) {
        return Err(ActionError::fatal(format!(
            "the containers of {} on `{}` do not all run the same image, so they are not made anew: deploy it first",
            service.name,
            docker.name()
        )));
    }
    Ok(first)
}
