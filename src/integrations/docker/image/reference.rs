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
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.to_owned())),
            None => (text, None),
        };
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag.to_owned())),
            _ => (name, None),
        };
        let is_good = is_repository(repository)
            && tag.as_deref().is_none_or(is_tag)
            && digest.as_deref().is_none_or(is_digest);
        if !is_good {
            return Err(ActionError::fatal(format!(
                "`{text}` is not the name of an image: write it like registry/shop/web:v2"
            )));
        }
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

/// <https://pkg.go.dev/github.com/distribution/reference>: a host with a port, if there is one, and names
/// in small letters.
fn is_repository(text: &str) -> bool {
    let (host, path) = match text.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => {
            (Some(host), path)
        }
        _ => (None, text),
    };
    host.is_none_or(is_host) && path.split('/').all(is_name)
}

fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "0"));
    let is_of_names = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(is_of_names)
        && port.parse::<u16>().is_ok()
}

fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(is_plain)
        && text.ends_with(is_plain)
        && text.chars().all(|c| is_plain(c) || "._-".contains(c))
        && !text.contains("..")
}

fn is_tag(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(is_word)
        && text.len() <= 128
        && text.chars().all(|c| is_word(c) || ".-".contains(c))
}

fn is_digest(text: &str) -> bool {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    text.split_once(':').is_some_and(|(algorithm, hash)| {
        is_name(algorithm) && !hash.is_empty() && hash.chars().all(is_hex)
    })
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
            (
                "Registry.example.com:443/a_b/c-d.e:V1.0_x",
                "Registry.example.com:443",
            ),
            ("registry.example.com:v1", HUB),
        ] {
            assert_eq!(of(image), registry, "{image}");
        }
    }

    #[test]
    fn what_could_be_a_path_of_the_api_is_refused() {
        for text in [
            "",
            "../json",
            "web?x=1",
            "web v1",
            "/web",
            "a//b",
            "-web",
            "Web",
            "--privileged",
            "shop/web:-v/:/host",
            "shop/web:-v",
            "a:b/web",
            "web@sha256",
            "web:v1:v2",
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }
}
