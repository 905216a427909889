//! Which image a reference names, and whether the engine could run it.

use std::collections::HashMap;

use bollard::errors::Error;
use bollard::models::ImageInspect;
use bollard::query_parameters::{ListImagesOptions, ListImagesOptionsBuilder};

use super::super::engine::{Docker, or_missing};
use super::platform::Platform;
use super::room::Room;
use super::{Named, Place, Reference};
use crate::action::{ActionError, Result};
use crate::domain::nearest;
use crate::domain::plan::Plan;
use crate::domain::words::size;

impl Reference {
    /// The tags of its repository that the engine has.
    pub(in crate::integrations::docker) async fn tags(
        &self,
        docker: &Docker,
    ) -> Result<Vec<String>> {
        let client = docker.client().await?;
        let only = HashMap::from([("reference", vec![self.repository.as_str()])]);
        let options = ListImagesOptionsBuilder::new().filters(&only).build();
        let images = client
            .list_images(Some(options))
            .await
            .map_err(|error| docker.failed("its images were listed", error))?;
        let names = images.into_iter().flat_map(|image| image.repo_tags);
        let tag = |name: String| {
            let (repository, tag) = name.rsplit_once(':')?;
            (repository == self.repository).then(|| tag.to_owned())
        };
        Ok(names.filter_map(tag).collect())
    }

    /// Which image it names: the engine's own one, else the registry's. Fetches nothing, and refuses
    /// what the engine could not run or has no room for.
    pub(in crate::integrations::docker) async fn resolve(&self, docker: &Docker) -> Result<Named> {
        if let Some(image) = self.local(docker).await? {
            let platform = Platform::of(image.os.as_deref(), image.architecture.as_deref());
            self.check_platform(docker, platform.as_slice()).await?;
            return Ok(Named::Local(image.id.unwrap_or_default()));
        }
        let client = docker.client().await?;
        let login = docker.registries().credentials(self.registry());
        let found = match client
            .inspect_registry_image(&self.to_string(), login)
            .await
        {
            Ok(found) => found,
            Err(error) => return Err(self.nowhere(docker, error).await),
        };
        let platforms = Platform::of_registry(&found.platforms);
        self.check_platform(docker, &platforms).await?;
        let room = Room::of(docker).await?;
        if room.is_too_little_for(0) {
            return Err(self.no_room(docker, &room, 0));
        }
        let digest = found.descriptor.digest.unwrap_or_default();
        if digest.is_empty() {
            return Err(ActionError::fatal(format!(
                "the registry {} does not say which image {self} is, and what `{}` fetched could be any; \
                 nothing was fetched: name the image by its digest",
                self.registry(),
                docker.name()
            )));
        }
        Ok(Named::Remote(digest))
    }

    /// Adds to a plan what has to be fetched, and what is known of the room for it.
    pub(in crate::integrations::docker) async fn foretell(
        &self,
        docker: &Docker,
        named: &Named,
        plan: Plan,
    ) -> Result<Plan> {
        let Named::Remote(digest) = named else {
            return Ok(plan);
        };
        let room = Room::of(docker).await?;
        Ok(plan
            .changes(
                format!("image {self} on {}", docker.name()),
                None,
                Some(format!("fetched from {}, {digest}", self.registry())),
            )
            .note(format!(
                "the size of the image {self} is known only while it is fetched; {}",
                room.note(docker.name())
            )))
    }

    /// What the engine has by that name.
    pub(in crate::integrations::docker) async fn local(
        &self,
        docker: &Docker,
    ) -> Result<Option<ImageInspect>> {
        let client = docker.client().await?;
        or_missing(client.inspect_image(&self.to_string()).await)
            .map_err(|error| docker.failed(&format!("the image {self} was looked at"), error))
    }

    /// Refuses an image that is not for the engine's platform, where both are known.
    pub(super) async fn check_platform(&self, docker: &Docker, of: &[Platform]) -> Result<()> {
        if of.is_empty() {
            return Ok(());
        }
        let Some(engine) = Platform::of_engine(docker).await? else {
            return Ok(());
        };
        if of.iter().any(|image| engine.runs(image)) {
            return Ok(());
        }
        let made_for: Vec<_> = of.iter().map(Platform::to_string).collect();
        Err(ActionError::fatal(format!(
            "the image {self} is made for {}, and `{}` runs {engine}; no container was made of it: build \
             it for {engine}",
            made_for.join(", "),
            docker.name()
        )))
    }

    /// Says that it does not fit.
    pub(super) fn no_room(&self, docker: &Docker, room: &Room, bytes: u64) -> ActionError {
        let wanted = match bytes {
            0 => String::new(),
            bytes => format!("it is at least {}, and ", size(bytes)),
        };
        ActionError::fatal(format!(
            "the image {self} is not on `{}` and was not fetched, because there is no room for it: \
             {wanted}{}; make room there, as with docker.prune_images, and try again",
            docker.name(),
            room.note(docker.name())
        ))
    }

    /// Says why it cannot be had, with the nearest name that can.
    pub(super) async fn nowhere(&self, docker: &Docker, error: Error) -> ActionError {
        let known = local_names(docker).await;
        let near = nearest::nearest(&self.to_string(), known.iter().map(String::as_str));
        let place = Place {
            docker,
            image: self,
        };
        place.explain(error, near)
    }
}

/// For a hint only: no list is better than a second error.
async fn local_names(docker: &Docker) -> Vec<String> {
    let Ok(client) = docker.client().await else {
        return Vec::new();
    };
    let images = client.list_images(None::<ListImagesOptions>).await;
    images
        .unwrap_or_default()
        .into_iter()
        .flat_map(|image| image.repo_tags)
        .collect()
}
