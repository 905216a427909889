//! What the name of an image says.

use std::fmt;

use crate::action::{ActionError, Result};

/// The registry of names that say none.
pub(in crate::integrations::docker) const HUB: &str = "docker.io";

/// `repository:tag`, `repository@digest`, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::integrations::docker) struct Reference {
    pub(super) repository: String,
    pub(super) tag: Option<String>,
    pub(super) digest: Option<String>,
}

impl Reference {
    /// Reads a reference; one without a tag means `latest`, as everywhere with Docker.
    pub(in crate::integrations::docker) fn parse(text: &str) -> Result<Self> {
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
    pub(in crate::integrations::docker) fn at(&self, tag: &str) -> Option<String> {
        (self.repository != "sha256").then(|| format!("{}:{tag}", self.repository))
    }

    /// The host, with its port, that the engine would fetch it from.
    pub(in crate::integrations::docker) fn registry(&self) -> &str {
        let is_host = |first: &str| first.contains(['.', ':']) || first == "localhost";
        match self.repository.split_once('/') {
            Some(("index.docker.io", _)) | None => HUB,
            Some((first, _)) if is_host(first) => first,
            Some(_) => HUB,
        }
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
    fn the_registry_is_the_host_in_front_or_docker_hub() {
        let of = |text| Reference::parse(text).unwrap().registry().to_owned();
        for (image, registry) in [
            ("web", HUB),
            ("shop/web:v1", HUB),
            ("docker.io/shop/web", HUB),
            ("index.docker.io/shop/web", HUB),
            ("localhost/web", "localhost"),
            ("localhost:5000/web:v1", "localhost:5000"),
            ("registry.example.com/shop/web:v1", "registry.example.com"),
            ("127.0.0.1:5000/a/b@sha256:00ff", "127.0.0.1:5000"),
            ("registry.example.com:v1", HUB),
        ] {
            assert_eq!(of(image), registry, "{image}");
        }
    }

    #[test]
    fn what_could_be_a_path_of_the_api_is_refused() {
        for text in ["", "../json", "web?x=1", "web v1", "/web", "a//b", "-web"] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }
}
