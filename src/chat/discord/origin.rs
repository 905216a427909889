//! Who has begun an interaction, and where.

use secrecy::SecretString;
use serenity::model::Permissions;
use serenity::model::application::{
    CommandInteraction, ComponentInteraction, InteractionContext, ModalInteraction,
};
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
    /// Whether these are the messages between a person and the bot.
    pub(super) is_direct: bool,
    /// Whoever it was.
    pub(super) user: String,
    /// Their roles in that server.
    pub(super) roles: Vec<String>,
    /// What Purser may do there; `None` where Discord does not say.
    rights: Option<Permissions>,
}

/// The fields that all sorts of interactions have.
macro_rules! origin {
    ($interaction:expr, $member:expr, $context:expr) => {
        Origin {
            id: $interaction.id.to_string(),
            token: SecretString::from($interaction.token.clone()),
            guild: $interaction.guild_id.map(|guild| guild.to_string()),
            channel: $interaction.channel_id.to_string(),
            is_thread: $interaction.channel.as_ref().is_some_and(is_thread),
            is_direct: $interaction.guild_id.is_none()
                && $interaction.channel.as_ref().is_some_and(is_direct)
                && matches!($context, None | Some(InteractionContext::BotDm)),
            user: $interaction.user.id.to_string(),
            roles: $member.map(roles).unwrap_or_default(),
            rights: $interaction.app_permissions,
        }
    };
}

impl From<&CommandInteraction> for Origin {
    fn from(command: &CommandInteraction) -> Self {
        origin!(command, command.member.as_deref(), command.context)
    }
}

impl From<&ComponentInteraction> for Origin {
    fn from(click: &ComponentInteraction) -> Self {
        origin!(click, click.member.as_ref(), click.context)
    }
}

impl From<&ModalInteraction> for Origin {
    fn from(modal: &ModalInteraction) -> Self {
        // Where it was opened is not told; only a click that was let in opens one.
        origin!(modal, modal.member.as_ref(), None::<InteractionContext>)
    }
}

fn is_thread(channel: &PartialChannel) -> bool {
    matches!(
        channel.kind,
        ChannelType::PublicThread | ChannelType::PrivateThread | ChannelType::NewsThread
    )
}

fn is_direct(channel: &PartialChannel) -> bool {
    channel.kind == ChannelType::Private
}

fn roles(member: &Member) -> Vec<String> {
    member.roles.iter().map(ToString::to_string).collect()
}

impl Origin {
    /// The channel as a place to show runs in; `None` in a direct message, where the answer shows them. Where
    /// Purser may make no threads none is made.
    pub(super) fn channel(&self) -> Option<ChatChannel> {
        let may = self
            .rights
            .is_none_or(|had| had.contains(rights::FOR_THREADS));
        (!self.is_direct).then(|| ChatChannel {
            platform: PLATFORM.to_owned(),
            channel: self.channel.clone(),
            takes_threads: !self.is_thread && may,
        })
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
