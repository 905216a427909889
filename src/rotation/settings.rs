//! A consumer as the configuration declares it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::ports::Signal;
use crate::domain::names::{SecretName, SystemName};
use crate::domain::time::Span;

/// A program that logs in by the secret, and where it has it from. One of `env_file`, `file` and `http`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsumerSettings {
    /// What people call it.
    pub(super) name: String,
    /// The Docker system on which it runs; left out, the only one that there is.
    pub(super) docker: Option<SystemName>,
    /// The service that it is: `project/service`, or a container's name.
    pub(super) service: Option<String>,
    /// The file of variables from which its containers are made (`env_file` in Compose), as it lies for
    /// Purser. The containers are made anew.
    pub(super) env_file: Option<PathBuf>,
    /// The variable in it that holds the secret.
    pub(super) variable: Option<String>,
    /// The file that holds nothing but the secret, as it lies for Purser.
    pub(super) file: Option<PathBuf>,
    /// Where the secret is sent to.
    pub(super) http: Option<HttpSettings>,
    /// The signal at which it reads the secret again.
    pub(super) signal: Option<Signal>,
    /// It reads the secret only when it starts: it is restarted.
    #[serde(default)]
    pub(super) restart: bool,
    /// It reads the secret again by itself, at the latest after this.
    pub(super) reads_again: Option<Span>,
    /// From where it logs in, as the system that it logs in to sees it; left out, the addresses of its
    /// containers.
    #[serde(default)]
    pub(super) addresses: Vec<IpAddr>,
    /// An address that answers 200 only while it can log in, for what is not seen to log in.
    pub(super) probe: Option<String>,
    /// The HEALTHCHECK of its containers passes only while they can log in, for what is not seen to log in.
    #[serde(default)]
    pub(super) healthcheck: bool,
    /// How long it may take to log in after it was given a secret.
    #[serde(default = "a_minute")]
    pub(super) within: Span,
}

/// A call that hands the secret over.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpSettings {
    /// To where.
    pub(super) url: String,
    /// By which method.
    #[serde(default)]
    pub(super) method: Method,
    /// What is sent, with `{{ secret }}` in it.
    #[serde(default = "only_the_secret")]
    pub(super) body: String,
    /// What kind of text that is.
    #[serde(default = "plain")]
    pub(super) content_type: String,
    /// Headers that are no secrets.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// The file with a bearer token.
    pub(super) bearer_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    pub(super) bearer_secret: Option<SecretName>,
    /// What answers with the secret's SHA-256, in hexadecimal digits, anywhere in its text.
    pub(super) digest_url: String,
}

/// How a secret is handed over.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
pub(super) enum Method {
    /// It takes the place of what was there.
    #[default]
    #[serde(rename = "PUT")]
    Put,
    /// It is handed in.
    #[serde(rename = "POST")]
    Post,
    /// A part is changed.
    #[serde(rename = "PATCH")]
    Patch,
}

fn a_minute() -> Span {
    Span::new(Duration::from_mins(1))
}

fn only_the_secret() -> String {
    "{{ secret }}".to_owned()
}

fn plain() -> String {
    "text/plain".to_owned()
}
