//! The table `[systems.NAME]` of a web service.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::names::SecretName;
use crate::domain::time::Span;

/// The table `[systems.NAME]`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Its address; with a path, every request goes below that.
    pub(super) url: String,
    /// The file with the token that is sent with every request, if it wants one.
    pub(super) token_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    pub(super) token_secret: Option<SecretName>,
    /// The header that the token is sent in as it is; left out, `Authorization: Bearer TOKEN`.
    pub(super) token_header: Option<String>,
    /// How long an answer may take: from 1s to 15s.
    #[serde(default = "usual")]
    pub(super) timeout: Span,
    /// Where it says that it is well, below `url`; left out, any answer will do.
    pub(super) health: Option<String>,
}

fn usual() -> Span {
    Span::new(Duration::from_secs(15))
}
