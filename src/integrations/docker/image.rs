//! Images: what a reference means, which image it names, and how a missing one is fetched.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use bollard::query_parameters::{
    CreateImageOptionsBuilder, ListImagesOptions, ListImagesOptionsBuilder,
};
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};

use super::engine::{Docker, or_missing};
use crate::action::{ActionError, Context, Result};
use crate::domain::effect::{EffectSort, EffectSpec};
use crate::domain::nearest;

/// Fetches an image that the engine does not have: it fetches no layer twice.
pub(super) const PULL_IMAGE: EffectSpec = EffectSpec {
    name: "pull_image",
    sort: EffectSort::Repeatable,
    limit: Duration::from_mins(30),
};

/// `repository:tag`, `repository@digest`, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Which image a reference names now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Named {
    /// The engine has it under this id.
    Local(String),
    /// Its registry has it under this digest, and the engine would fetch it.
    Remote(String),
}

impl Named {
    /// The id or digest, `sha256:…`.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Local(id) | Self::Remote(id) => id,
        }
    }
}

impl Reference {
    /// Reads a reference; one without a tag means `latest`, as everywhere with Docker.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins_well || text.contains("//") || text.contains("..") || !text.chars().all(allowed)
        {
            return Err(ActionError::fatal(format!(
                "`{text}` is not the name of an image: write it like registry/shop/web:v2"
            )));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.to_owned())),
            None => (text, None),
        };
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag.to_owned())),
            _ => (name, None),
        };
        let tag = tag.or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Ok(Self {
            repository: repository.to_owned(),
            tag,
            digest,
        })
    }

    /// The same repository at another tag; `None` when this is an image's id.
    pub(super) fn at(&self, tag: &str) -> Option<String> {
        (self.repository != "sha256").then(|| format!("{}:{tag}", self.repository))
    }

    /// The tags of its repository that the engine has.
    pub(super) async fn tags(&self, docker: &Docker) -> Result<Vec<String>> {
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

    /// Which image it names: the engine's own one, else the registry's. Fetches nothing.
    pub(super) async fn resolve(&self, docker: &Docker) -> Result<Named> {
        if let Some(id) = self.local_id(docker).await? {
            return Ok(Named::Local(id));
        }
        let client = docker.client().await?;
        match client.inspect_registry_image(&self.to_string(), None).await {
            Ok(found) => Ok(Named::Remote(found.descriptor.digest.unwrap_or_default())),
            Err(error) => Err(self.nowhere(docker, &error).await),
        }
    }

    /// The id of the image, fetched first where the engine does not have it. What it names must
    /// still be what it named when the step began.
    pub(super) async fn provide(
        &self,
        ctx: &Context,
        docker: &Docker,
        named: &Named,
    ) -> Result<String> {
        match named {
            Named::Local(id) => Ok(id.clone()),
            Named::Remote(digest) => {
                ctx.repeatable(PULL_IMAGE.name, |_| self.pull(docker, digest))
                    .await
            }
        }
    }

    /// The id that the engine has it under.
    pub(super) async fn local_id(&self, docker: &Docker) -> Result<Option<String>> {
        let client = docker.client().await?;
        let image = or_missing(client.inspect_image(&self.to_string()).await)
            .map_err(|error| docker.failed(&format!("the image {self} was looked at"), error))?;
        Ok(image.and_then(|image| image.id))
    }

    async fn pull(&self, docker: &Docker, digest: &str) -> Result<String> {
        let client = docker.client().await?;
        let version = self.digest.as_ref().or(self.tag.as_ref());
        let options = CreateImageOptionsBuilder::new()
            .from_image(&self.repository)
            .tag(version.map_or("latest", String::as_str))
            .build();
        let pulled = client
            .create_image(Some(options), None, None)
            .try_for_each(|_| async { Ok(()) });
        if let Err(error) = pulled.await {
            return Err(self.nowhere(docker, &error).await);
        }
        let image = client
            .inspect_image(&self.to_string())
            .await
            .map_err(|error| docker.failed(&format!("the image {self} was fetched"), error))?;
        let digests = image.repo_digests.unwrap_or_default();
        if !digest.is_empty() && !digests.iter().any(|known| known.ends_with(digest)) {
            return Err(ActionError::fatal(format!(
                "{self} was moved to another image at its registry while it was being fetched; \
                 nothing was changed but the engine's store of images: plan it again"
            )));
        }
        Ok(image.id.unwrap_or_default())
    }

    async fn nowhere(&self, docker: &Docker, error: &bollard::errors::Error) -> ActionError {
        let known = local_names(docker).await;
        let hint = match nearest::nearest(&self.to_string(), known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`, which it has?"),
            None => "build or push it, or correct its name".to_owned(),
        };
        let why = match error {
            bollard::errors::Error::DockerResponseServerError { message, .. } => message.clone(),
            other => other.to_string(),
        };
        let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
        ActionError::fatal(format!(
            "the image {self} does not exist on `{}` and could not be pulled ({why}); {hint}",
            docker.name()
        ))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// The first twelve digits of an image's id.
pub(super) fn short(id: &str) -> &str {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.get(..12).unwrap_or(digits)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        Reference::parse(text).unwrap().to_string()
    }

    #[test]
    fn a_reference_without_a_tag_means_latest() {
        assert_eq!(written("shop/web"), "shop/web:latest");
        assert_eq!(written("localhost:5000/web"), "localhost:5000/web:latest");
        assert_eq!(written("localhost:5000/web:v1"), "localhost:5000/web:v1");
        assert_eq!(written("web@sha256:00ff"), "web@sha256:00ff");
    }

    #[test]
    fn another_version_is_another_tag_of_the_same_repository() {
        let at = |text| Reference::parse(text).unwrap().at("v2");
        assert_eq!(
            at("localhost:5000/web:v1").unwrap(),
            "localhost:5000/web:v2"
        );
        assert_eq!(at("web:v1@sha256:00ff").unwrap(), "web:v2");
        assert_eq!(at("sha256:00ff"), None);
    }

    #[test]
    fn what_could_be_a_path_of_the_api_is_refused() {
        for text in ["", "../json", "web?x=1", "web v1", "/web", "a//b", "-web"] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }
}
