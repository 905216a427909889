//! What is missing for Purser to work in Discord. It asks, and changes nothing there.

mod application;
mod commands;
mod guild;
mod people;

use std::collections::BTreeSet;

use super::api::{ApiError, Route};
use super::bot::{Application, Bot};
use super::render::markdown::one_line;
use crate::catalog::Catalog;
use crate::domain::finding::{Check, Finding, Remark};
use crate::domain::person::Person;
use guild::OwnGuild;

/// What the rest of the configuration says.
pub struct Surroundings<'a> {
    /// Where the token is kept: a path, or the name of a secret.
    pub token: String,
    /// Everybody whom Purser knows.
    pub people: &'a [Person],
    /// The commands that are to be there; `None` where they cannot be read.
    pub catalog: Option<&'a Catalog>,
}

impl Bot {
    /// Looks at everything, and says how it stands: what is wrong first.
    pub async fn check(&self, around: &Surroundings<'_>) -> Vec<Finding> {
        let mut found = people::look(around.people, &self.settings.roles);
        match self.ask::<Application>(&Route::own_application()).await {
            Ok(us) => {
                found.push(Remark::well("Discord knows it").of(Check::Discord, "token"));
                found.extend(application::look(&us));
                found.extend(self.look_at_guilds(&us, around).await);
            }
            Err(error) => found.push(application::unknown(&error, around)),
        }
        found.sort_by_key(|finding| finding.remark.verdict.state());
        found
    }

    async fn look_at_guilds(&self, us: &Application, around: &Surroundings<'_>) -> Vec<Finding> {
        let ours: Vec<OwnGuild> = match self.ask(&Route::own_guilds()).await {
            Ok(ours) => ours,
            Err(error) => return vec![unasked(&error, "which servers the bot is in", "servers")],
        };
        let mut found = vec![];
        let mut roles = Some(BTreeSet::new());
        for id in &self.settings.guilds {
            let Some(guild) = ours.iter().find(|guild| guild.id == *id) else {
                found.push(guild::not_there(us, id));
                roles = None;
                continue;
            };
            let about = format!("server {}", one_line(&guild.name));
            let mut remarks = vec![guild::rights(us, guild)];
            remarks.extend(self.look_at_commands(us, guild, around).await);
            found.extend(
                remarks
                    .into_iter()
                    .map(|remark| remark.of(Check::Discord, &about)),
            );
            match self.ask::<Vec<guild::Role>>(&Route::roles(id)).await {
                Ok(there) => {
                    let there = there.into_iter().map(|role| role.id);
                    roles = roles.map(|known| known.into_iter().chain(there).collect());
                }
                Err(error) => {
                    found.push(unasked(&error, "which roles it has", &about));
                    roles = None;
                }
            }
        }
        if let Some(roles) = roles {
            let named = self.settings.roles.keys();
            found.extend(
                named
                    .filter(|id| !roles.contains(*id))
                    .map(|id| guild::no_role(id)),
            );
        }
        found
    }

    async fn look_at_commands(
        &self,
        us: &Application,
        guild: &OwnGuild,
        around: &Surroundings<'_>,
    ) -> Option<Remark> {
        let wanted = super::publish::all(around.catalog?);
        let there = self.ask(&Route::commands(&us.id, &guild.id)).await;
        Some(match there {
            Ok(there) => commands::look(&wanted, &there),
            Err(error) if error.is_forbidden() => guild::no_commands(us, guild),
            Err(error) => unasked(&error, "which commands it has", "").remark,
        })
    }
}

/// Discord did not say something.
fn unasked(error: &ApiError, what: &str, about: &str) -> Finding {
    let next =
        "run `purser discord check` again; if that stays so, see that this machine reaches Discord";
    Remark::problem(format!("{what} is not known: {error}"), next).of(Check::Discord, about)
}
