//! The channels in which people are told of what happened while nobody watched.

use serde::Deserialize;
use serenity::model::Permissions;

use super::guild::{OwnGuild, Role};
use super::{ToldIn, View, unasked};
use crate::chat::discord::api::{ApiError, Route};
use crate::chat::discord::render::markdown::one_line;
use crate::chat::discord::rights;
use crate::domain::chat::Mention;
use crate::domain::finding::{Check, Finding, Remark};

/// Types of channels that hold no messages of their own: categories, directories, forums, media.
const WITHOUT_MESSAGES: [u8; 4] = [4, 14, 15, 16];

/// Types of threads.
const THREADS: [u8; 3] = [10, 11, 12];

#[derive(Debug, Deserialize)]
struct Channel {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    guild_id: Option<String>,
    #[serde(default)]
    parent_id: Option<String>,
    #[serde(default)]
    permission_overwrites: Vec<Overwrite>,
}

/// What a channel allows or denies a role or a member, by its id.
#[derive(Debug, Deserialize)]
struct Overwrite {
    id: String,
    allow: Permissions,
    deny: Permissions,
}

#[derive(Debug, Deserialize)]
struct OwnUser {
    id: String,
}

#[derive(Debug, Deserialize)]
struct OwnMember {
    roles: Vec<String>,
}

impl View<'_> {
    /// Whether the bot can tell people there.
    pub(super) async fn places(&self) -> Vec<Finding> {
        let mut found = vec![];
        for told in &self.around.places {
            let looked = self.place(told).await;
            let remark = looked.unwrap_or_else(|error| unseen(&error));
            found.push(remark.of(Check::Discord, format!("place {}", told.name)));
        }
        found
    }

    async fn place(&self, told: &ToldIn<'_>) -> Result<Remark, ApiError> {
        let channel: Channel = self.bot.ask(&Route::channel(told.channel)).await?;
        let guild = channel.guild_id.as_ref();
        let guild = guild.and_then(|id| self.ours.iter().find(|guild| guild.id == *id));
        let (Some(guild), false) = (guild, WITHOUT_MESSAGES.contains(&channel.kind)) else {
            return Ok(Remark::problem(
                "nobody can post in it: it is no channel of messages in a server",
                other_id(),
            ));
        };
        let is_thread = THREADS.contains(&channel.kind);
        let had = self.rights_in(&channel, is_thread, guild).await?;
        let needed = if is_thread {
            rights::TO_TELL_IN_THREAD
        } else {
            rights::TO_TELL
        };
        let name = format!("#{}", one_line(channel.name.as_deref().unwrap_or_default()));
        let missing = rights::missing(needed, had);
        if !missing.is_empty() {
            return Ok(Remark::problem(
                format!("the bot is in {name} without {}", missing.join(", ")),
                "give its role these permissions in that channel: Edit Channel, Permissions",
            ));
        }
        if let Some(Mention::Role(id)) = told.mention
            && let Some(remark) = self.uncalled(id, guild, had).await?
        {
            return Ok(remark);
        }
        Ok(Remark::well(format!("the bot may tell people in {name}")))
    }

    /// What the bot may do in a channel, or in a thread, where the channel decides that it hangs under.
    async fn rights_in(
        &self,
        channel: &Channel,
        is_thread: bool,
        guild: &OwnGuild,
    ) -> Result<Permissions, ApiError> {
        let us: OwnUser = self.bot.ask(&Route::own_user()).await?;
        let member: OwnMember = self.bot.ask(&Route::member(&guild.id, &us.id)).await?;
        let parent: Option<Channel> = match channel.parent_id.as_ref().filter(|_| is_thread) {
            Some(parent) => Some(self.bot.ask(&Route::channel(parent)).await?),
            None => None,
        };
        let overwrites = &parent.as_ref().unwrap_or(channel).permission_overwrites;
        Ok(within(guild, overwrites, &member.roles, &us.id))
    }

    /// Why nobody is called by a mention of this role, if nobody is.
    async fn uncalled(
        &self,
        id: &str,
        guild: &OwnGuild,
        had: Permissions,
    ) -> Result<Option<Remark>, ApiError> {
        let roles: Vec<Role> = self.bot.ask(&Route::roles(&guild.id)).await?;
        let Some(role) = roles.iter().find(|role| role.id == id) else {
            return Ok(Some(Remark::problem(
                format!("its mention calls nobody: its server has no role {id}"),
                "correct `mention`: <@&ROLE>, or <@USER> for one user",
            )));
        };
        let may = Permissions::ADMINISTRATOR | Permissions::MENTION_EVERYONE;
        if role.mentionable || had.intersects(may) {
            return Ok(None);
        }
        let name = one_line(&role.name);
        Ok(Some(Remark::warning(
            format!("its mention of {name} calls nobody: Discord lets only some mention that role"),
            format!("in Server Settings, Roles, {name}: allow anyone to mention it"),
        )))
    }
}

/// What a channel leaves of what the bot may do in its server, as Discord documents it: first what concerns
/// everybody, then the roles together, then the bot itself.
fn within(guild: &OwnGuild, overwrites: &[Overwrite], roles: &[String], us: &str) -> Permissions {
    if guild.permissions.contains(Permissions::ADMINISTRATOR) {
        return guild.permissions;
    }
    let apply = |to: Permissions, concerns: &dyn Fn(&str) -> bool| {
        let concerned = overwrites.iter().filter(|one| concerns(&one.id));
        let nothing = (Permissions::empty(), Permissions::empty());
        let (allow, deny) = concerned.fold(nothing, |(allow, deny), one| {
            (allow | one.allow, deny | one.deny)
        });
        to.difference(deny) | allow
    };
    // Everybody's role has the id of its server.
    let rights = apply(guild.permissions, &|id| id == guild.id);
    let rights = apply(rights, &|id| {
        id != guild.id && roles.iter().any(|role| role == id)
    });
    let rights = apply(rights, &|id| id == us);
    if rights.contains(Permissions::VIEW_CHANNEL) {
        rights
    } else {
        Permissions::empty()
    }
}

/// Discord did not show the channel.
fn unseen(error: &ApiError) -> Remark {
    if error.is_gone_channel() {
        return Remark::problem("there is no such channel", other_id());
    }
    if error.is_forbidden() {
        return Remark::problem(
            "the bot does not see it",
            "give its role View Channel, Send Messages and Attach Files in that channel: Edit Channel, Permissions",
        );
    }
    unasked(error, "whether the bot may post in it")
}

fn other_id() -> &'static str {
    "copy the id of a channel with Copy Channel ID, with Discord's developer mode on; then correct `discord` of that place"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guild() -> OwnGuild {
        OwnGuild {
            id: "1".to_owned(),
            name: "shop".to_owned(),
            permissions: rights::TO_TELL,
        }
    }

    fn overwrite(id: &str, allow: Permissions, deny: Permissions) -> Overwrite {
        Overwrite {
            id: id.to_owned(),
            allow,
            deny,
        }
    }

    #[test]
    fn what_concerns_the_bot_itself_is_stronger_than_its_roles_and_those_than_everybody() {
        let (send, none) = (Permissions::SEND_MESSAGES, Permissions::empty());
        let closed = overwrite("1", none, send);
        let to_role = overwrite("2", send, none);
        let not_to_us = overwrite("9", none, send);
        let other_role = overwrite("3", send, none);
        let may = |overwrites: &[Overwrite]| {
            within(&guild(), overwrites, &["2".to_owned()], "9").contains(send)
        };
        assert!(may(&[]));
        assert!(!may(&[closed]));
        let closed = || overwrite("1", none, send);
        assert!(!may(&[other_role, closed()]));
        assert!(may(&[to_role, closed()]));
        let to_role = overwrite("2", send, none);
        assert!(!may(&[not_to_us, to_role, closed()]));
    }

    #[test]
    fn who_does_not_see_a_channel_may_do_nothing_in_it() {
        let unseen = overwrite("1", Permissions::empty(), Permissions::VIEW_CHANNEL);
        assert_eq!(within(&guild(), &[unseen], &[], "9"), Permissions::empty());
    }
}
