//! The three ways of a deploy, and what can come of one.

use std::time::Duration;

use serde::Serialize;

/// How new containers take the old ones' places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    Rolling,
    Recreate,
    /// Behind Traefik.
    BlueGreen,
}

use Way::{BlueGreen, Recreate, Rolling};

/// What a version is like that is to be put live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    /// It is put live.
    Deploy,
    /// It is sick: its deploy takes itself back, and nobody meets it.
    Sick,
    /// It does not say what it was to say: its deploy takes itself back after the switch.
    Unproven,
}

impl Deed {
    /// How a run of it has to end, however often Purser is killed.
    pub(super) fn end(self) -> &'static str {
        match self {
            Self::Deploy => "succeeded",
            Self::Sick | Self::Unproven => "rolled_back",
        }
    }
}

impl Way {
    pub(super) const ALL: [Self; 3] = [Rolling, Recreate, BlueGreen];

    pub(super) fn name(self) -> &'static str {
        match self {
            Rolling => "rolling",
            Recreate => "recreate",
            BlueGreen => "blue_green",
        }
    }

    /// How a container is started, beside what Compose says of it.
    pub(super) fn options(self) -> &'static [&'static str] {
        match self {
            Rolling | BlueGreen => &[],
            // What is written there goes over to the new container.
            Recreate => &["--volume", "/data"],
        }
    }

    pub(super) fn workflow(self) -> String {
        match self {
            Rolling | Recreate => {
                include_str!("files/deploy.yaml").replace("@STRATEGY@", self.name())
            }
            BlueGreen => include_str!("files/deploy-at-proxy.yaml").to_owned(),
        }
    }

    /// Of ten deploys so many of each.
    pub(super) fn deeds(self) -> &'static [Deed] {
        use Deed::{Deploy, Sick, Unproven};
        match self {
            Rolling | Recreate => &[
                Deploy, Deploy, Deploy, Deploy, Deploy, Deploy, Sick, Sick, Sick, Sick,
            ],
            BlueGreen => &[
                Deploy, Deploy, Deploy, Deploy, Deploy, Deploy, Sick, Unproven, Unproven, Unproven,
            ],
        }
    }

    /// About how long a deploy takes at most that nobody disturbs.
    pub(super) fn lasts(self) -> Duration {
        match self {
            Rolling | Recreate => Duration::from_secs(7),
            BlueGreen => Duration::from_secs(11),
        }
    }
}
