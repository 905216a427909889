//! What is missing for Purser to work in Discord. It asks, and changes nothing there.

mod application;
mod commands;
mod direct;
mod guild;
mod people;
mod place;

use super::api::{ApiError, Route};
use super::bot::{Application, Bot};
use crate::domain::chat::Mention;
use crate::domain::finding::{Check, Finding, Remark};
use crate::domain::names::PlaceName;
use crate::domain::person::People;
use crate::service::CatalogEntry;
use guild::OwnGuild;

/// What the rest of the configuration says.
pub struct Surroundings<'a> {
    /// Where the token is kept: a path, or the name of a secret.
    pub token: String,
    /// Everybody whom Purser knows.
    pub people: &'a People,
    /// Why it is not known who has linked themselves, if it is not.
    pub unknown_links: Option<String>,
    /// The commands that are to be there; `None` where they cannot be read.
    pub commands: Option<Vec<CatalogEntry>>,
    /// Where people are told in Discord.
    pub places: Vec<ToldIn<'a>>,
}

/// A place that is a channel or thread of Discord.
#[derive(Clone, Copy, Debug)]
pub struct ToldIn<'a> {
    /// What the configuration calls it.
    pub name: &'a PlaceName,
    /// Its id in Discord.
    pub channel: &'a str,
    /// Who is called there by what is loud.
    pub mention: Option<&'a Mention>,
}

/// What is known when the servers are looked at.
struct View<'a> {
    bot: &'a Bot,
    us: &'a Application,
    /// The servers that the bot is in.
    ours: &'a [OwnGuild],
    around: &'a Surroundings<'a>,
}

impl Bot {
    /// Looks at everything, and says how it stands: what is wrong first.
    pub async fn check(&self, around: &Surroundings<'_>) -> Vec<Finding> {
        let mut found = people::look(around.people, around.unknown_links.as_deref());
        match self.ask::<Application>(&Route::own_application()).await {
            Ok(us) => {
                found.push(Remark::well("Discord knows it").of(Check::Discord, "token"));
                found.extend(application::look(&us, self.settings.posts.is_some()));
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
            Err(error) => {
                let remark = unasked(&error, "which servers the bot is in");
                return vec![remark.of(Check::Discord, "servers")];
            }
        };
        let view = View {
            bot: self,
            us,
            ours: &ours,
            around,
        };
        let mut found = view.servers().await;
        found.extend(view.direct_messages().await);
        found.extend(view.roles().await);
        found.extend(view.places().await);
        found
    }
}

/// Discord did not say something.
fn unasked(error: &ApiError, what: &str) -> Remark {
    Remark::problem(
        format!("{what} is not known: {error}"),
        "run `purser discord check` again; if that stays so, see that this machine reaches Discord",
    )
}
