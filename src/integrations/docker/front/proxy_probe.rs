//! What a step asks through the proxy in front.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::{ActionError, Result};

/// What to ask through the proxy, as somebody outside would.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::integrations::docker) struct ProxyProbe {
    /// What to get, with a query if need be; begins with a slash.
    pub(super) path: String,
    /// Whose name to ask for, where the service's rule does not tell.
    #[serde(default)]
    pub(super) host: Option<String>,
    /// What the answer must hold, so that it is the new version's: `"version": "v2"`.
    #[serde(default)]
    pub(super) contains: Option<String>,
}

impl ProxyProbe {
    /// Refuses what could not be asked.
    pub(in crate::integrations::docker) fn check(&self) -> Result<()> {
        let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_graphic());
        let host = self.host.as_deref().unwrap_or("x");
        if self.path.starts_with('/') && is_plain(&self.path) && is_plain(host) && !host.is_empty()
        {
            return Ok(());
        }
        Err(ActionError::fatal(format!(
            "the proxy's probe of {self} cannot be asked: write a path like /version and a host like \
             shop.example.com"
        )))
    }
}

impl fmt::Display for ProxyProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            self.host.as_deref().unwrap_or_default(),
            self.path
        )
    }
}
