//! Fetching an image: by the digest that was planned, so that nothing else can come.

use std::time::Duration;

use bollard::query_parameters::{CreateImageOptionsBuilder, TagImageOptionsBuilder};
use futures_util::TryStreamExt as _;
use tokio::time::MissedTickBehavior;

use super::super::engine::Docker;
use super::platform::Platform;
use super::progress::Progress;
use super::room::Room;
use super::{Named, PULL_IMAGE, Reference, short};
use crate::action::{ActionError, Context, Result};

/// People are not told more often how far it has come.
const EVERY: Duration = Duration::from_secs(1);

impl Reference {
    /// The id of the image, fetched first where the engine does not have it. What it names must
    /// still be what it named when the step began.
    pub(in crate::integrations::docker) async fn provide(
        &self,
        ctx: &Context,
        docker: &Docker,
        named: &Named,
    ) -> Result<String> {
        match named {
            Named::Local(id) => Ok(id.clone()),
            Named::Remote(digest) => {
                ctx.repeatable(PULL_IMAGE.name, |_| self.pull(ctx, docker, digest))
                    .await
            }
        }
    }

    /// Fetches the image of this digest, and then gives it its tag: a tag that was moved at the
    /// registry meanwhile brings no other image in.
    async fn pull(&self, ctx: &Context, docker: &Docker, digest: &str) -> Result<String> {
        ctx.progress(format!("fetching {self}"));
        tokio::select! {
            fetched = self.fetch(ctx, docker, digest) => fetched?,
            () = ctx.cancel.cancelled() => return Err(ActionError::cancelled(format!(
                "cancelled while `{}` fetched the image {self}: it has got no new image; to drop or to \
                 keep the layers that had come is up to the engine",
                docker.name()
            ))),
        }
        let fetched = Self {
            tag: None,
            digest: Some(digest.to_owned()),
            ..self.clone()
        };
        let Some(image) = fetched.local(docker).await? else {
            return Err(ActionError::retryable(format!(
                "`{}` has fetched the image {self} and does not have it as {fetched}: somebody else has \
                 removed it at once; try again",
                docker.name()
            )));
        };
        let platform = Platform::of(image.os.as_deref(), image.architecture.as_deref());
        self.check_platform(docker, platform.as_slice()).await?;
        let id = image.id.unwrap_or_default();
        self.give_tag(docker, &fetched, &id).await?;
        Ok(id)
    }

    async fn fetch(&self, ctx: &Context, docker: &Docker, digest: &str) -> Result<()> {
        let room = Room::of(docker).await?;
        let client = docker.patient_client().await?;
        let options = CreateImageOptionsBuilder::new()
            .from_image(&self.repository)
            .tag(digest)
            .build();
        let login = docker.registries().credentials(self.registry());
        let mut told = client.create_image(Some(options), None, login);
        let mut progress = Progress::default();
        let (mut is_new, mut pause) = (false, tokio::time::interval(EVERY));
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let line = tokio::select! {
                line = told.try_next() => line,
                _ = pause.tick(), if is_new => {
                    ctx.progress(format!("fetching {self}: {progress}"));
                    is_new = false;
                    continue;
                }
            };
            match line {
                Ok(Some(line)) => progress.take(&line),
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.nowhere(docker, error).await),
            }
            is_new = true;
            let bytes = progress.to_fetch();
            if room.is_too_little_for(bytes) {
                // Whoever hangs up has the engine stop.
                return Err(self.no_room(docker, &room, bytes));
            }
        }
    }

    /// An image that was fetched by its digest has no tag by that. Nobody else's is taken away.
    async fn give_tag(&self, docker: &Docker, fetched: &Self, id: &str) -> Result<()> {
        let (Some(tag), None) = (&self.tag, &self.digest) else {
            return Ok(());
        };
        if let Some(there) = self.local(docker).await? {
            let there = there.id.unwrap_or_default();
            if there == id {
                return Ok(());
            }
            return Err(ActionError::fatal(format!(
                "somebody else has named another image of `{}` {self} ({}) while {} was fetched; both \
                 are there, and no container was made: plan it again",
                docker.name(),
                short(&there),
                short(id)
            )));
        }
        let options = TagImageOptionsBuilder::new()
            .repo(&self.repository)
            .tag(tag)
            .build();
        let client = docker.client().await?;
        client
            .tag_image(&fetched.to_string(), Some(options))
            .await
            .map_err(|error| docker.failed(&format!("the image {self} was given its tag"), error))
    }
}
