//! What a Discord holds: plain data.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use serde_json::Value;

use super::permissions::Permissions;
use crate::ids::{
    AppId, AttachmentId, ChannelId, CommandId, GuildId, InteractionId, MessageId, RoleId, UserId,
};

/// An application and its bot.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) name: String,
    pub(crate) token: String,
    /// A token that was taken away opens nothing any more.
    pub(crate) revoked: bool,
    /// What HTTP interactions are signed with.
    pub(crate) key: SigningKey,
    /// The privileged intents that its owner has enabled.
    pub(crate) privileged: u64,
    /// Where its interactions go, if not through the gateway.
    pub(crate) endpoint: Option<String>,
    /// Identifies that are left today.
    pub(crate) starts_left: u32,
}

#[derive(Debug)]
pub(crate) struct Guild {
    pub(crate) id: GuildId,
    pub(crate) name: String,
    pub(crate) owner: UserId,
    pub(crate) roles: BTreeMap<RoleId, Role>,
    pub(crate) members: BTreeMap<UserId, Member>,
}

#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) permissions: Permissions,
    /// Whether anybody may ping it, not only who may ping all.
    pub(crate) mentionable: bool,
    /// The bot whose role it is.
    pub(crate) of_bot: Option<AppId>,
}

#[derive(Debug, Default)]
pub(crate) struct Member {
    pub(crate) roles: BTreeSet<RoleId>,
    pub(crate) joined_ms: u64,
}

#[derive(Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) bot: bool,
}

/// What a channel allows or denies a role or a member, beside what their roles say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overwrite {
    pub(crate) whom: Whom,
    pub(crate) allow: Permissions,
    pub(crate) deny: Permissions,
}

/// Who is allowed or denied something in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// All who have the role; `GuildId::everyone` is everybody's.
    Role(RoleId),
    /// One person or bot.
    Member(UserId),
}

impl From<RoleId> for Whom {
    fn from(role: RoleId) -> Self {
        Self::Role(role)
    }
}

impl From<UserId> for Whom {
    fn from(user: UserId) -> Self {
        Self::Member(user)
    }
}

/// Where a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    Guild(GuildId),
    /// Between a person and a bot.
    Direct {
        person: UserId,
        bot: UserId,
    },
}

/// A text channel, a thread in one, or the messages between two.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) id: ChannelId,
    pub(crate) home: Home,
    pub(crate) name: String,
    pub(crate) overwrites: Vec<Overwrite>,
    pub(crate) thread: Option<Thread>,
}

impl Channel {
    pub(crate) fn guild(&self) -> Option<GuildId> {
        match self.home {
            Home::Guild(guild) => Some(guild),
            Home::Direct { .. } => None,
        }
    }

    /// The channel whose rights hold here: a thread has those of the channel that it is in.
    pub(crate) fn ruled_by(&self) -> ChannelId {
        self.thread.as_ref().map_or(self.id, |thread| thread.parent)
    }
}

#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) parent: ChannelId,
    /// Seen only by its members and by those who manage threads.
    pub(crate) private: bool,
    pub(crate) owner: UserId,
    pub(crate) archived: bool,
    pub(crate) locked: bool,
    /// Minutes without a message after which it archives itself.
    pub(crate) auto_archive: u64,
    /// When it was archived or the opposite, or begun.
    pub(crate) changed_ms: u64,
    /// When something was last said in it.
    pub(crate) active_ms: u64,
    /// All messages that were ever posted in it.
    pub(crate) posted: u64,
    pub(crate) members: BTreeSet<UserId>,
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: MessageId,
    pub(crate) channel: ChannelId,
    pub(crate) author: UserId,
    pub(crate) kind: u64,
    pub(crate) content: String,
    pub(crate) embeds: Vec<Value>,
    pub(crate) components: Vec<Value>,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) flags: u64,
    pub(crate) nonce: Option<Value>,
    pub(crate) edited_ms: Option<u64>,
    pub(crate) replies_to: Option<MessageId>,
    /// The interaction that it answers.
    pub(crate) interaction: Option<InteractionId>,
    /// The only person who sees it.
    pub(crate) only_for: Option<UserId>,
    pub(crate) mentions: Mentions,
    pub(crate) reactions: BTreeMap<String, BTreeSet<UserId>>,
}

/// Whom a message pings, after `allowed_mentions`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mentions {
    pub(crate) everyone: bool,
    pub(crate) users: BTreeSet<UserId>,
    pub(crate) roles: BTreeSet<RoleId>,
}

#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub(crate) id: AttachmentId,
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) description: Option<String>,
    pub(crate) bytes: Bytes,
    pub(crate) ephemeral: bool,
}

/// A command as an application has registered it.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) id: CommandId,
    pub(crate) app: AppId,
    /// None: in every guild.
    pub(crate) guild: Option<GuildId>,
    /// A number that grows with each change.
    pub(crate) version: u64,
    pub(crate) body: Value,
}

impl Command {
    /// Whether it can be used in the messages between a person and the bot.
    pub(crate) fn is_direct(&self) -> bool {
        self.guild.is_none() && self.is_for(1) && self.body["dm_permission"] != false
    }

    /// Whether it can be used in this guild.
    pub(crate) fn is_in(&self, guild: GuildId) -> bool {
        match self.guild {
            Some(of) => of == guild,
            None => self.is_for(0),
        }
    }

    /// Whether a global one names this context, or none.
    fn is_for(&self, context: u64) -> bool {
        let contexts = self.body["contexts"].as_array();
        contexts.is_none_or(|contexts| contexts.iter().any(|one| *one == context))
    }

    pub(crate) fn name(&self) -> &str {
        self.body["name"].as_str().unwrap_or_default()
    }
}

/// The same nonce from the same author within a while is the same message.
#[derive(Debug)]
pub(crate) struct Nonce {
    pub(crate) author: UserId,
    pub(crate) channel: ChannelId,
    pub(crate) text: String,
    pub(crate) message: MessageId,
    pub(crate) at_ms: u64,
}
