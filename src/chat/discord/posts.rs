//! What people do, posted to us by Discord in place of a gateway: signed requests, the same code behind
//! them.
//!
//! Source: Discord's documentation, "Interactions: Receiving and Responding, Security and Authorization":
//! Ed25519 over the timestamp and the body; a PING is answered by a PONG.

use std::sync::Arc;

use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};
use serenity::model::application::Interaction;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::door::Door;
use crate::action::{Posted, SignedPosts};

/// `InteractionType::Ping`.
const PING: u64 = 1;

/// Where posts come in.
pub(super) struct Posts {
    key: VerifyingKey,
    door: watch::Receiver<Option<Arc<Door>>>,
    answering: TaskTracker,
}

impl SignedPosts for Posts {
    fn take(&self, signature: Option<&str>, timestamp: Option<&str>, body: &[u8]) -> Posted {
        if !self.is_signed(signature, timestamp, body) {
            return Posted::Forged;
        }
        let posted: Value = match serde_json::from_slice(body) {
            Ok(posted) => posted,
            Err(error) => return Posted::Unreadable(error.to_string()),
        };
        if posted["type"].as_u64() == Some(PING) {
            return Posted::Answered(json!({ "type": 1 }));
        }
        let interaction: Interaction = match serde_json::from_value(posted) {
            Ok(interaction) => interaction,
            Err(error) => return Posted::Unreadable(error.to_string()),
        };
        let Some(door) = self.door.borrow().clone() else {
            return Posted::NotThere;
        };
        self.answering
            .spawn(async move { door.take(interaction).await });
        Posted::Taken
    }
}

impl Posts {
    pub(super) fn new(
        key: VerifyingKey,
        door: watch::Receiver<Option<Arc<Door>>>,
        answering: TaskTracker,
    ) -> Self {
        Self {
            key,
            door,
            answering,
        }
    }

    fn is_signed(&self, signature: Option<&str>, timestamp: Option<&str>, body: &[u8]) -> bool {
        let signature = signature.and_then(|text| hex::decode(text).ok());
        let signature = signature.and_then(|bytes| Signature::from_slice(&bytes).ok());
        let (Some(signature), Some(timestamp)) = (signature, timestamp) else {
            return false;
        };
        let signed = [timestamp.as_bytes(), body].concat();
        self.key.verify_strict(&signed, &signature).is_ok()
    }
}
