//! The logins for registries that want one: each is sent for images of its registry, and for no others.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bollard::BollardRequest;
use bollard::auth::DockerCredentials;
use hyper::header::HeaderValue;
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::image::HUB;
use crate::action::{Connect, ConnectError};
use crate::domain::names::SecretName;
use crate::domain::secret::SecretSource;

/// The header in which an engine is handed a login.
const HEADER: &str = "x-registry-auth";

/// What Docker Hub calls itself in a login.
const HUB_LOGIN: &str = "https://index.docker.io/v1/";

/// The table `[systems.NAME.registries."REGISTRY"]`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Who logs in.
    username: String,
    /// The file with the password or token.
    password_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    password_secret: Option<SecretName>,
}

/// A login, and where people put a better password.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) username: String,
    password: SecretString,
    pub(super) source: SecretSource,
}

/// All logins of an engine, by registry.
#[derive(Clone, Default)]
pub(super) struct Registries(BTreeMap<String, Login>);

impl Registries {
    /// Reads the passwords, and has them masked.
    pub(super) fn connect(
        tables: BTreeMap<String, Settings>,
        connect: &Connect<'_>,
    ) -> Result<Self, ConnectError> {
        let mut logins = BTreeMap::new();
        for (registry, table) in tables {
            let place = |why: String| connect.error(format!("registries.\"{registry}\": {why}"));
            check_name(&registry).map_err(&place)?;
            if table.username.is_empty() || table.username.contains(':') {
                return Err(place(
                    "`username` is who logs in: not empty, and without a colon".to_owned(),
                ));
            }
            let (file, stored) = (table.password_file, table.password_secret);
            let source = SecretSource::exactly_one("password", file, stored).map_err(&place)?;
            let login = Login {
                password: connect.secret(&source)?,
                username: table.username,
                source,
            };
            // As registries and engines are sent it.
            let pair = format!("{}:{}", login.username, login.password.expose_secret());
            connect.redactor.learn(&pair);
            let sent = serde_json::to_string(&login.credentials(&registry)).unwrap_or_default();
            connect.redactor.learn(&URL_SAFE.encode(sent));
            logins.insert(registry, login);
        }
        Ok(Self(logins))
    }

    /// The login for this registry, if there is one.
    pub(super) fn login(&self, registry: &str) -> Option<&Login> {
        self.0.get(registry)
    }

    /// What the engine is sent for an image of this registry.
    pub(super) fn credentials(&self, registry: &str) -> Option<DockerCredentials> {
        Some(self.login(registry)?.credentials(registry))
    }

    /// Those that there are logins for.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Login {
    fn credentials(&self, registry: &str) -> DockerCredentials {
        let address = if registry == HUB { HUB_LOGIN } else { registry };
        DockerCredentials {
            username: Some(self.username.clone()),
            password: Some(self.password.expose_secret().to_owned()),
            serveraddress: Some(address.to_owned()),
            ..DockerCredentials::default()
        }
    }
}

/// A key has to be what stands in front of an image's name, or no image would ever have that login.
fn check_name(registry: &str) -> Result<(), String> {
    let written = |better: &str| Err(format!("write the registry as images name it: `{better}`"));
    let bare = registry
        .trim_start_matches("https://")
        .trim_start_matches("http://");
    let host = bare.split('/').next().unwrap_or_default();
    if matches!(
        host,
        "index.docker.io" | "registry-1.docker.io" | "hub.docker.com"
    ) {
        return written(HUB);
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-:".contains(c);
    let is_host = host.contains(['.', ':']) || host == "localhost";
    if !is_host || !host.chars().all(is_plain) {
        return written("registry.example.com:5000");
    }
    if host != registry {
        return written(host);
    }
    Ok(())
}

/// The engine reads a login in the alphabet of base64 for URLs, and takes one that it cannot read for
/// none; bollard writes the other alphabet.
pub(super) fn url_safe(mut request: BollardRequest) -> BollardRequest {
    if let Some(header) = request.headers_mut().get_mut(HEADER) {
        let safe = |byte: &u8| match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => *other,
        };
        let written: Vec<u8> = header.as_bytes().iter().map(safe).collect();
        if let Ok(mut written) = HeaderValue::from_bytes(&written) {
            written.set_sensitive(true);
            *header = written;
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_written_as_images_name_it() {
        for good in [
            "docker.io",
            "ghcr.io",
            "registry.example.com:5000",
            "localhost",
            "127.0.0.1:5000",
        ] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let said: Vec<_> = [
            "https://registry.example.com",
            "registry.example.com/shop",
            "index.docker.io",
            "https://index.docker.io/v1/",
            "registry",
            "",
        ]
        .iter()
        .map(|wrong| check_name(wrong).unwrap_err())
        .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        write the registry as images name it: `registry.example.com`
        write the registry as images name it: `registry.example.com`
        write the registry as images name it: `docker.io`
        write the registry as images name it: `docker.io`
        write the registry as images name it: `registry.example.com:5000`
        write the registry as images name it: `registry.example.com:5000`
        ");
    }
}
