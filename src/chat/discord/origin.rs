//! Who has begun an interaction, and where.

use secrecy::SecretString;
use serenity::model::Permissions;
use serenity::model::application::{CommandInteraction, ComponentInteraction, ModalInteraction};
use serenity::model::channel::{ChannelType, PartialChannel};
use serenity::model::guild::Member;

use super::live::PLATFORM;
use super::rights;
use crate::domain::chat::ChatChannel;

/// Who has begun an interaction, and where.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The interaction.
    pub(super) id: String,
    /// Lets us answer it, for 15 minutes.
    pub(super) token: SecretString,
    /// The server; `None` in a direct message.
    pub(super) guild: Option<String>,
    /// The channel or thread.
    pub(super) channel: String,
    is_thread: bool,
    /// Whoever it was.
    pub(super) user: String,
    /// Their roles in that server.
    pub(super) roles: Vec<String>,
    /// What Purser may do there; `None` where Discord does not say.
    rights: Option<Permissions>,
}

/// The fields that all sorts of interactions have.
macro_rules! origin {
    ($interaction:expr, $member:expr) => {
        Origin {
            id: $interaction.id.to_string(),
            token: SecretString::from($interaction.token.clone()),
            guild: $interaction.guild_id.map(|guild| guild.to_string()),
            channel: $interaction.channel_id.to_string(),
            is_thread: $interaction.channel.as_ref().is_some_and(is_thread),
            user: $interaction.user.id.to_string(),
            roles: $member.map(roles).unwrap_or_default(),
            rights: $interaction.app_permissions,
        }
    };
}

impl From<&CommandInteraction> for Origin {
    fn from(command: &CommandInteraction) -> Self {
        origin!(command, command.member.as_deref())
    }
}

impl From<&ComponentInteraction> for Origin {
    fn from(click: &ComponentInteraction) -> Self {
        origin!(click, click.member.as_ref())
    }
}

impl From<&ModalInteraction> for Origin {
    fn from(modal: &ModalInteraction) -> Self {
        origin!(modal, modal.member.as_ref())
    }
}

fn is_thread(channel: &PartialChannel) -> bool {
    matches!(
        channel.kind,
        ChannelType::PublicThread | ChannelType::PrivateThread | ChannelType::NewsThread
    )
}

fn roles(member: &Member) -> Vec<String> {
    member.roles.iter().map(ToString::to_string).collect()
}

impl Origin {
    /// The channel as a place to show runs in. Where Purser may make no threads none is made.
    pub(super) fn channel(&self) -> ChatChannel {
        let may = self
            .rights
            .is_none_or(|had| had.contains(rights::FOR_THREADS));
        ChatChannel {
            platform: PLATFORM.to_owned(),
            channel: self.channel.clone(),
            takes_threads: !self.is_thread && may,
        }
    }

    /// What Purser needs here to show a run, and may not.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let Some(had) = self.rights else {
            return vec![];
        };
        let needed = if self.is_thread {
            rights::IN_THREAD
        } else {
            rights::IN_CHANNEL
        };
        rights::missing(needed, had)
    }
}
