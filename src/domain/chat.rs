//! Where a run is shown that somebody asked for in a chat.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A channel of a chat in which a run is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChatPlace {
    /// The chat system: `discord`.
    pub platform: String,
    /// The channel, as the platform calls it.
    pub channel: String,
    /// Whether the run is shown in a thread of its own, which hangs from a headline in the channel.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_thread: bool,
}

/// A channel in which somebody asks for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatChannel {
    /// The chat system: `discord`.
    pub platform: String,
    /// The channel, as the platform calls it.
    pub channel: String,
    /// Whether a thread can hang from a message here; none can in a thread.
    pub takes_threads: bool,
}

/// A message in which a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessagePart {
    /// Where it stands, in short: what hangs in the channel when the whole is in a thread.
    Headline,
    /// Everything.
    Whole,
}

impl MessagePart {
    /// As a store writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Headline => "headline",
            Self::Whole => "whole",
        }
    }
}

impl ChatPlace {
    /// In this channel, in a thread of its own if that is wanted and can be.
    pub fn within(channel: ChatChannel, wants_thread: bool) -> Self {
        Self {
            platform: channel.platform,
            channel: channel.channel,
            in_thread: wants_thread && channel.takes_threads,
        }
    }

    /// The messages in which a run is shown here, in the order in which they are made.
    pub fn parts(&self) -> &'static [MessagePart] {
        if self.in_thread {
            &[MessagePart::Headline, MessagePart::Whole]
        } else {
            &[MessagePart::Whole]
        }
    }
}

/// Who is called in a chat, by an id there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mention {
    /// Everybody with a role.
    Role(String),
    /// One user.
    User(String),
}
