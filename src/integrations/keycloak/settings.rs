//! The table `[systems.NAME]` of a realm of Keycloak.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::names::SecretName;
use crate::domain::time::Span;
use crate::rotation::ConsumerSettings;

/// The table `[systems.NAME]`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Its address, with the path that it is served below, if there is one: `https://sso.example.org/auth`.
    pub(super) url: String,
    /// The realm whose clients these are.
    pub(super) realm: String,
    /// The client that Purser logs in as, by its service account.
    pub(super) client_id: String,
    /// The file with the secret of that client.
    pub(super) client_secret_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    pub(super) client_secret_secret: Option<SecretName>,
    /// The realm of that client; left out, `realm`.
    pub(super) login_realm: Option<String>,
    /// How long an answer may take: from 1s to 15s.
    #[serde(default = "ten_seconds")]
    pub(super) timeout: Span,
    /// How old the secret of a client may become: `90d`; left out, any age will do.
    pub(super) maximum_age: Option<Span>,
    /// What is known of single clients, by their client id.
    #[serde(default)]
    pub(super) clients: BTreeMap<String, ClientSettings>,
}

/// What is known of one client.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientSettings {
    /// How old its secret may become; left out, what is said for all.
    pub(super) maximum_age: Option<Span>,
    /// Who logs in by its secret, in the order in which they are given another one.
    #[serde(default)]
    pub(super) consumers: Vec<ConsumerSettings>,
}

fn ten_seconds() -> Span {
    Span::new(Duration::from_secs(10))
}
