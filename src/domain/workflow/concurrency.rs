//! What becomes of a run when another one of the same key is under way.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Runs of the same key are never under way at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Concurrency {
    /// The key alone: `deploy-{{ inputs.service }}`. They wait for each other.
    Key(String),
    /// The key, and what to do.
    Policy(ConcurrencyPolicy),
}

/// A key, and what becomes of a run while another one has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConcurrencyPolicy {
    /// Text that may hold `{{ expressions }}`.
    pub key: String,
    /// What to do while another run has the key.
    #[serde(default)]
    pub when_busy: WhenBusy,
}

/// What becomes of a run while another one has its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenBusy {
    /// It waits.
    #[default]
    Queue,
    /// It ends without having begun.
    Skip,
    /// The other one is cancelled, and what it did is taken back; then this one begins.
    Replace,
}

impl WhenBusy {
    /// Whether it is the usual one, which need not be written.
    pub fn is_queue(&self) -> bool {
        *self == Self::Queue
    }
}

impl Concurrency {
    /// The text of the key.
    pub fn key(&self) -> &str {
        match self {
            Self::Key(key) => key,
            Self::Policy(policy) => &policy.key,
        }
    }

    /// What becomes of a run while another one has the key.
    pub fn when_busy(&self) -> WhenBusy {
        match self {
            Self::Key(_) => WhenBusy::Queue,
            Self::Policy(policy) => policy.when_busy,
        }
    }
}
