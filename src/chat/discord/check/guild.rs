//! A server of Discord that Purser is to answer in.

use serde::Deserialize;
use serenity::model::Permissions;

use crate::chat::discord::bot::{Application, link};
use crate::chat::discord::rights;
use crate::domain::finding::{Check, Finding, Remark};

/// A server that the bot is in.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct OwnGuild {
    pub(super) id: String,
    pub(super) name: String,
    /// What the bot may do in it, as far as no channel says otherwise.
    pub(super) permissions: Permissions,
}

/// A role of a server.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Role {
    pub(super) id: String,
}

/// The bot was never let in, or is in no more.
pub(super) fn not_there(us: &Application, id: &str) -> Finding {
    let next = format!(
        "somebody who may manage that server opens {}; if the id is another one, correct `guilds` in [discord]",
        link(&us.id, Some(id))
    );
    Remark::problem("the bot is not in it", next).of(Check::Discord, format!("server {id}"))
}

/// Whether the bot may do there what it has to.
pub(super) fn rights(us: &Application, guild: &OwnGuild) -> Remark {
    let missing = rights::missing(rights::IN_SERVER, guild.permissions);
    if missing.is_empty() {
        return Remark::well("the bot is in it, with the permissions that it needs");
    }
    Remark::problem(
        format!("the bot is in it without {}", missing.join(", ")),
        format!(
            "give its role these permissions in Server Settings, Roles; or open {}",
            link(&us.id, Some(&guild.id))
        ),
    )
}

/// The bot was let in, and its commands were not.
pub(super) fn no_commands(us: &Application, guild: &OwnGuild) -> Remark {
    Remark::problem(
        "the bot may have no commands there: it was invited without `applications.commands`",
        format!(
            "somebody who may manage that server opens {}",
            link(&us.id, Some(&guild.id))
        ),
    )
}

/// A role of Discord that stands for one of Purser's, and that nobody can have.
pub(super) fn no_role(id: &str) -> Finding {
    let next = "copy the id anew: Server Settings, Roles, with Discord's developer mode on; then correct [discord.roles]";
    let remark = Remark::problem("no server of `guilds` has it", next);
    remark.of(Check::Discord, format!("role {id}"))
}
