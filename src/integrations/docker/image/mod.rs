//! Images: what a reference means, which image it names, and how a missing one is fetched.

mod platform;
mod progress;
mod pull;
mod reference;
mod resolve;
mod room;
mod trouble;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::effect::{EffectSort, EffectSpec};

pub(super) use reference::{HUB, Reference};
pub(super) use trouble::{Place, Trouble};

/// Fetches an image that the engine does not have. Asked again, the engine fetches what is missing.
pub(super) const PULL_IMAGE: EffectSpec = EffectSpec {
    name: "pull_image",
    sort: EffectSort::Repeatable,
    limit: Duration::from_mins(30),
};

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

/// The first twelve digits of an image's id.
pub(super) fn short(id: &str) -> &str {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.get(..12).unwrap_or(digits)
}
