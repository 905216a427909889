//! Names for people to choose from while they type.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::deploy_service;
use super::engine::Docker;
use super::image::Reference;
use super::service::{self, Service};
use crate::action::{ActionError, Offers, ReadContext, Result, ports};
use crate::domain::nearest;

/// What can be completed.
pub(super) const LISTS: &[&str] = &["deploys", "projects", "services", "tags"];

/// Completes `projects`, those whose folders are configured, `services`, and the `tags` and earlier
/// `deploys` of a service.
pub(super) struct Suggestions(pub(super) Arc<Docker>);

impl ports::Suggest for Suggestions {
    fn offers<'a>(
        &'a self,
        ctx: &'a ReadContext,
        what: &'a str,
        of: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Offers>> {
        async move {
            match (what, of) {
                ("projects", _) => {
                    let names = self.0.projects().names().map(str::to_owned);
                    Ok(names.collect::<Vec<_>>().into())
                }
                ("services", _) => {
                    let services = service::all(&self.0).await?;
                    let names = services.into_iter().map(|service| service.name);
                    Ok(names.collect::<Vec<_>>().into())
                }
                ("tags", Some(service)) => Ok(tags(&self.0, service).await?.into()),
                ("deploys", Some(service)) => {
                    let service = Service::find(&self.0, service).await?;
                    deploy_service::offers(&self.0, &ctx.systems, &service).await
                }
                ("deploys", None) => Err(ActionError::fatal(
                    "deploys are those of a service: write docker.deploys(OPTION), with the option that \
                     names it",
                )),
                ("tags", None) => Err(ActionError::fatal(
                    "tags are those of a service: write docker.tags(OPTION), with the option that \
                     names it",
                )),
                _ => {
                    let why = nearest::unknown("list of Docker names", what, LISTS.to_vec());
                    Err(ActionError::fatal(why))
                }
            }
        }
        .boxed()
    }
}

/// The tags that the engine has of the image that the service runs. Those that only its registry
/// has are not among them: the engine cannot list them.
async fn tags(docker: &Docker, service: &str) -> Result<Vec<String>> {
    let service = Service::find(docker, service).await?;
    let containers = service.inspect(docker).await?;
    let Some(container) = containers.first() else {
        return Ok(vec![]);
    };
    Reference::parse(container.image())?.tags(docker).await
}
