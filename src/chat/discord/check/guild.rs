//! A server of Discord that Purser is to answer in.

use std::collections::BTreeSet;

use serde::Deserialize;
use serenity::model::Permissions;

use super::{View, commands, unasked};
use crate::chat::discord::api::Route;
use crate::chat::discord::bot::{Application, link};
use crate::chat::discord::publish::{self, Where};
use crate::chat::discord::render::markdown::one_line;
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
    pub(super) name: String,
    /// Whether anybody may call it.
    pub(super) mentionable: bool,
}

impl View<'_> {
    /// The servers in which Purser is to answer.
    pub(super) async fn servers(&self) -> Vec<Finding> {
        let mut found = vec![];
        for id in &self.bot.settings.guilds {
            let Some(guild) = self.ours.iter().find(|guild| guild.id == *id) else {
                found.push(not_there(self.us, id));
                continue;
            };
            let about = format!("server {}", one_line(&guild.name));
            let commands = self.commands(guild).await;
            let remarks = [rights(self.us, guild)].into_iter().chain(commands);
            found.extend(remarks.map(|remark| remark.of(Check::Discord, &about)));
        }
        found
    }

    async fn commands(&self, guild: &OwnGuild) -> Option<Remark> {
        let wanted = publish::all(self.around.commands.clone()?, Where::Server);
        let there = self
            .bot
            .ask(&Route::commands(&self.us.id, Some(&guild.id)))
            .await;
        Some(match there {
            Ok(there) => commands::look(&wanted, &there, Where::Server),
            Err(error) if error.is_forbidden() => no_commands(self.us, guild),
            Err(error) => unasked(&error, "which commands it has"),
        })
    }

    /// The roles of Discord that stand for some of Purser's. Which there are is not known while one of the
    /// servers is not.
    pub(super) async fn roles(&self) -> Vec<Finding> {
        let settings = &self.bot.settings;
        let mut there = BTreeSet::new();
        for id in settings
            .guilds
            .iter()
            .filter(|_| !settings.roles.is_empty())
        {
            if !self.ours.iter().any(|guild| guild.id == *id) {
                return vec![];
            }
            match self.bot.ask::<Vec<Role>>(&Route::roles(id)).await {
                Ok(roles) => there.extend(roles.into_iter().map(|role| role.id)),
                Err(error) => {
                    let remark = unasked(&error, "which roles it has");
                    return vec![remark.of(Check::Discord, format!("server {id}"))];
                }
            }
        }
        let unknown = settings.roles.keys().filter(|id| !there.contains(*id));
        unknown.map(|id| no_role(id)).collect()
    }
}

/// The bot was never let in, or is in no more.
fn not_there(us: &Application, id: &str) -> Finding {
    let next = format!(
        "see that the id in `guilds` of [discord] is right; then somebody who may manage that server opens {}",
        link(&us.id, Some(id))
    );
    Remark::problem("the bot is not in it", next).of(Check::Discord, format!("server {id}"))
}

/// Whether the bot may do there what it has to.
fn rights(us: &Application, guild: &OwnGuild) -> Remark {
    let missing = rights::missing(rights::IN_SERVER, guild.permissions);
    if missing.is_empty() {
        return Remark::well("the bot is in it, with the permissions that it needs");
    }
    Remark::problem(
        format!("the bot is in it without {}", missing.join(", ")),
        format!(
            "give its role these permissions in Server Settings, Roles, or let it in anew: {}",
            link(&us.id, Some(&guild.id))
        ),
    )
}

/// The bot was let in, and its commands were not.
fn no_commands(us: &Application, guild: &OwnGuild) -> Remark {
    Remark::problem(
        "the bot may have no commands there: it was invited without `applications.commands`",
        format!(
            "somebody who may manage that server opens {}",
            link(&us.id, Some(&guild.id))
        ),
    )
}

/// A role of Discord that stands for one of Purser's, and that nobody can have.
fn no_role(id: &str) -> Finding {
    let next = "copy the id anew: Server Settings, Roles, with Discord's developer mode on; then correct [discord.roles]";
    let remark = Remark::problem("no server of `guilds` has it", next);
    remark.of(Check::Discord, format!("role {id}"))
}
