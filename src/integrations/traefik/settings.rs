//! What `[systems.NAME]` of a Traefik holds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::time::Span;

/// The table `[systems.NAME]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Where its API is: `http://traefik:8080`, without `/api`.
    pub(super) url: String,
    /// Where its entry points listen, by the names that Traefik has for them: `web = "http://traefik:80"`.
    /// Through these Purser asks as somebody outside would.
    #[serde(default)]
    pub(super) entrypoints: BTreeMap<String, String>,
    /// The folder that its file provider reads (`providers.file.directory`), as it lies for Purser, who then
    /// leads it by files there.
    #[serde(default)]
    pub(super) routes: Option<PathBuf>,
    /// How long an answer may take, 1 s to 30 s.
    #[serde(default = "five_seconds")]
    pub(super) timeout: Span,
}

fn five_seconds() -> Span {
    Span::new(Duration::from_secs(5))
}
