//! Names for people to choose from while they type.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::engine::Docker;
use super::image::Reference;
use super::service::{self, Service};
use crate::action::{ActionError, Result, ports};
use crate::domain::nearest;

/// Completes `services`, and the `tags` of a service.
pub(super) struct Suggestions(pub(super) Arc<Docker>);

impl ports::Suggest for Suggestions {
    fn names<'a>(
        &'a self,
        what: &'a str,
        of: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<String>>> {
        async move {
            match (what, of) {
                ("services", _) => {
                    let services = service::all(&self.0).await?;
                    Ok(services.into_iter().map(|service| service.name).collect())
                }
                ("tags", Some(service)) => tags(&self.0, service).await,
                ("tags", None) => Err(ActionError::fatal(
                    "tags are those of a service: write docker.tags(OPTION), with the option that \
                     names it",
                )),
                _ => {
                    let known = ["services", "tags"];
                    let why = nearest::unknown("list of Docker names", what, known);
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
