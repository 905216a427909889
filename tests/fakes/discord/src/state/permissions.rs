//! Who may do what, computed as Discord documents it: roles, then the channel's overwrites.

use std::collections::BTreeSet;
use std::ops::{BitAnd, BitOr, BitOrAssign, Not};

use super::State;
use super::model::{Channel, Guild, Home, Whom};
use crate::ids::{ChannelId, RoleId, UserId};
use crate::refusal::{MISSING_ACCESS, MISSING_PERMISSIONS, Refusal, UNKNOWN_CHANNEL};

/// A set of Discord's permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(pub u64);

impl Permissions {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Everything, whatever a channel denies.
    pub const ADMINISTRATOR: Self = Self(1 << 3);
    /// React to messages.
    pub const ADD_REACTIONS: Self = Self(1 << 6);
    /// See a channel at all.
    pub const VIEW_CHANNEL: Self = Self(1 << 10);
    /// Post in a channel.
    pub const SEND_MESSAGES: Self = Self(1 << 11);
    /// Delete what others have posted, lock threads.
    pub const MANAGE_MESSAGES: Self = Self(1 << 13);
    /// Have embeds in one's messages.
    pub const EMBED_LINKS: Self = Self(1 << 14);
    /// Have files on one's messages.
    pub const ATTACH_FILES: Self = Self(1 << 15);
    /// Read what was posted before.
    pub const READ_MESSAGE_HISTORY: Self = Self(1 << 16);
    /// Ping everyone and any role.
    pub const MENTION_EVERYONE: Self = Self(1 << 17);
    /// Use slash commands.
    pub const USE_APPLICATION_COMMANDS: Self = Self(1 << 31);
    /// Begin a thread that only its members see.
    pub const CREATE_PRIVATE_THREADS: Self = Self(1 << 36);
    /// Archive and lock any thread.
    pub const MANAGE_THREADS: Self = Self(1 << 34);
    /// Begin a thread that all see.
    pub const CREATE_PUBLIC_THREADS: Self = Self(1 << 35);
    /// Post in threads.
    pub const SEND_MESSAGES_IN_THREADS: Self = Self(1 << 38);

    const ALL: Self = Self(u64::MAX >> 10);

    /// What everybody has in a new guild, as far as it matters here.
    pub(crate) const EVERYONE: Self = Self(
        Self::ADD_REACTIONS.0
            | Self::VIEW_CHANNEL.0
            | Self::SEND_MESSAGES.0
            | Self::EMBED_LINKS.0
            | Self::ATTACH_FILES.0
            | Self::READ_MESSAGE_HISTORY.0
            | Self::USE_APPLICATION_COMMANDS.0
            | Self::CREATE_PUBLIC_THREADS.0
            | Self::SEND_MESSAGES_IN_THREADS.0,
    );

    /// What two have in the messages between them.
    const DIRECT: Self = Self(
        Self::ADD_REACTIONS.0
            | Self::VIEW_CHANNEL.0
            | Self::SEND_MESSAGES.0
            | Self::EMBED_LINKS.0
            | Self::ATTACH_FILES.0
            | Self::READ_MESSAGE_HISTORY.0
            | Self::USE_APPLICATION_COMMANDS.0,
    );

    /// Whether all of these are in it.
    #[must_use]
    pub fn has(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }
}

impl BitOr for Permissions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Permissions {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOrAssign for Permissions {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl Not for Permissions {
    type Output = Self;

    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl State {
    /// What somebody may do in a channel; in a thread the channel that it hangs under decides.
    pub(crate) fn permissions(&self, user: UserId, channel: ChannelId) -> Permissions {
        let Some(found) = self.channels.get(&channel) else {
            return Permissions::NONE;
        };
        if let Home::Direct { person, bot } = found.home {
            let takes_part = user == person || user == bot;
            return if takes_part {
                Permissions::DIRECT
            } else {
                Permissions::NONE
            };
        }
        let Some(guild) = self.guild_of(channel) else {
            return Permissions::NONE;
        };
        let Some(member) = guild.members.get(&user) else {
            return Permissions::NONE;
        };
        let base = Self::permissions_in(user, guild);
        if base == Permissions::ALL {
            return base;
        }
        let everyone = guild.id.everyone();
        let of_channel = self.channels.get(&found.ruled_by()).unwrap_or(found);
        let result = overwritten(base, of_channel, user, everyone, &member.roles);
        let outside = found
            .thread
            .as_ref()
            .is_some_and(|thread| thread.private && !thread.members.contains(&user));
        if outside && !result.has(Permissions::MANAGE_THREADS) {
            return Permissions::NONE;
        }
        result
    }

    /// What somebody may do in a guild, as far as no channel says otherwise.
    pub(crate) fn permissions_in(user: UserId, guild: &Guild) -> Permissions {
        let Some(member) = guild.members.get(&user) else {
            return Permissions::NONE;
        };
        if guild.owner == user {
            return Permissions::ALL;
        }
        let mut base = Permissions::NONE;
        for role in member.roles.iter().chain([&guild.id.everyone()]) {
            base |= guild
                .roles
                .get(role)
                .map_or(Permissions::NONE, |role| role.permissions);
        }
        if base.has(Permissions::ADMINISTRATOR) {
            Permissions::ALL
        } else {
            base
        }
    }

    /// What it takes to post in a channel or thread.
    pub(crate) fn to_post_in(&self, channel: ChannelId) -> Permissions {
        match self.thread(channel) {
            Some(_) => Permissions::SEND_MESSAGES_IN_THREADS,
            None => Permissions::SEND_MESSAGES,
        }
    }

    /// Whether somebody sees a channel.
    pub(crate) fn sees(&self, user: UserId, channel: ChannelId) -> bool {
        self.permissions(user, channel)
            .has(Permissions::VIEW_CHANNEL)
    }

    /// The channel, if the user may do this in it: 10003, 50001 or 50013 else.
    pub(crate) fn may(
        &self,
        user: UserId,
        channel: ChannelId,
        what: Permissions,
    ) -> Result<&Channel, Refusal> {
        let found = self.channels.get(&channel).ok_or(UNKNOWN_CHANNEL)?;
        let permissions = self.permissions(user, channel);
        if !permissions.has(Permissions::VIEW_CHANNEL) {
            return Err(MISSING_ACCESS);
        }
        if permissions.has(what) {
            Ok(found)
        } else {
            Err(MISSING_PERMISSIONS)
        }
    }
}

/// Everybody's overwrite first, then those of the roles together, then the member's own.
fn overwritten(
    base: Permissions,
    channel: &Channel,
    user: UserId,
    everyone: RoleId,
    roles: &BTreeSet<RoleId>,
) -> Permissions {
    let apply = |to: Permissions, concerns: &dyn Fn(Whom) -> bool| {
        let (mut allow, mut deny) = (Permissions::NONE, Permissions::NONE);
        for overwrite in channel.overwrites.iter().filter(|one| concerns(one.whom)) {
            allow |= overwrite.allow;
            deny |= overwrite.deny;
        }
        (to & !deny) | allow
    };
    let result = apply(base, &|whom| whom == Whom::Role(everyone));
    let of_roles =
        |whom| matches!(whom, Whom::Role(role) if role != everyone && roles.contains(&role));
    let result = apply(result, &of_roles);
    let result = apply(result, &|whom| whom == Whom::Member(user));
    if result.has(Permissions::VIEW_CHANNEL) {
        result
    } else {
        Permissions::NONE
    }
}
