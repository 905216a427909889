//! The image of containers of which only the labels matter.

use bollard::body_full;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::TryStreamExt as _;

use super::engine::{Docker, or_missing};
use crate::action::{ActionError, Result};
use crate::domain::idle_image::{self, REPOSITORY};

/// Makes it, unless the engine has it, and returns its id.
pub(super) async fn provide(docker: &Docker) -> Result<String> {
    let client = docker.client().await?;
    let failed = |error| docker.failed("the image of switches was made", error);
    let version = client.version().await.map_err(failed)?;
    let architecture = version.arch.unwrap_or_default();
    let archive = idle_image::archive(&architecture).ok_or_else(|| {
        ActionError::fatal(format!(
            "`{}` runs on {architecture}, for which Purser has no image of a switch: leave `proxy` out \
             of [systems.{}]",
            docker.name(),
            docker.name()
        ))
    })?;
    let tag = idle_image::tag(&archive);
    let name = format!("{REPOSITORY}:{tag}");
    let look = || async { or_missing(client.inspect_image(&name).await).map_err(failed) };
    if let Some(id) = look().await?.and_then(|image| image.id) {
        return Ok(id);
    }
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        .repo(REPOSITORY)
        .tag(&tag)
        .build();
    let made = client.create_image(Some(options), Some(body_full(archive.into())), None);
    made.try_for_each(|_| async { Ok(()) })
        .await
        .map_err(failed)?;
    look().await?.and_then(|image| image.id).ok_or_else(|| {
        ActionError::fatal(format!(
            "the image {name} was made on `{}` and is not there",
            docker.name()
        ))
    })
}
