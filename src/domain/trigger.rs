//! What starts a workflow by itself: the entries of `on:` in its file.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::names::HookName;
use super::schedule::ScheduleSpec;

/// One entry of `on:`; the key that it has and no other has says which it is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum TriggerSpec {
    /// `schedule:`, a time.
    Schedule(ScheduleSpec),
    /// `webhook:`, a message.
    Webhook(WebhookSpec),
}

/// A hook that starts the workflow; the body of a message is the run's inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSpec {
    /// The name of the hook, as it is configured.
    pub webhook: HookName,
}

impl<'de> Deserialize<'de> for TriggerSpec {
    /// By its key, so that an error is about the kind that was meant.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.get("webhook").is_some() {
            serde_json::from_value(value).map(Self::Webhook)
        } else {
            serde_json::from_value(value).map(Self::Schedule)
        }
        .map_err(serde::de::Error::custom)
    }
}
