//! The bot: what speaks to Discord under its token.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::api::{Api, ApiError, Route};
use super::render::markdown::one_line;
use super::rights;
use crate::domain::names::Role;

/// How long a question to Discord may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where people let a bot in: a page of Discord's, whatever address its API is reached at.
const INVITE: &str = "https://discord.com/oauth2/authorize";

/// What is configured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The bot's token.
    pub token: SecretString,
    /// Where Discord's API is: `https://discord.com`, or a proxy for it.
    pub api: String,
    /// The servers in which Purser answers, by id.
    pub guilds: Vec<String>,
    /// Whether it answers direct messages of those whom it knows.
    pub direct_messages: bool,
    /// What roles of Discord stand for, by their ids.
    pub roles: BTreeMap<String, Vec<Role>>,
    /// The key with which Discord signs what it posts to us; `None`: we listen at its gateway.
    pub posts: Option<VerifyingKey>,
}

/// The bot. Whatever speaks under its token does so through one of these, or a clone of it: Discord counts
/// all of it together.
#[derive(Clone)]
pub struct Bot {
    pub(super) api: Arc<Api>,
    pub(super) settings: Settings,
}

/// How the bot is let into a server of Discord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// What its application is called.
    pub application: String,
    /// The page to open.
    pub url: String,
    /// What it asks for, as Discord's settings call it.
    pub permissions: Vec<&'static str>,
}

/// An application, as its owner has set it up.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Application {
    pub(super) id: String,
    pub(super) name: String,
    /// Where its interactions are posted; `None`: they come through the gateway.
    #[serde(default)]
    pub(super) interactions_endpoint_url: Option<String>,
    /// Whether an invitation alone does not let the bot in.
    #[serde(default)]
    pub(super) bot_require_code_grant: bool,
}

impl Bot {
    /// Makes it ready; nothing is asked of Discord.
    ///
    /// # Errors
    /// This machine has no TLS.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let api = Arc::new(Api::new(&settings.api, &settings.token)?);
        Ok(Self { api, settings })
    }

    /// How it is let into a server: into the one that is configured, where there is only one.
    ///
    /// # Errors
    /// Discord does not say which application it is, and why.
    pub async fn invitation(&self) -> Result<Invitation, String> {
        let asked = self.ask(&Route::own_application()).await;
        let application: Application = asked.map_err(|error| error.to_string())?;
        let guild = match self.settings.guilds.as_slice() {
            [only] => Some(only.as_str()),
            _ => None,
        };
        Ok(Invitation {
            url: link(&application.id, guild),
            application: one_line(&application.name),
            permissions: rights::names(rights::IN_SERVER),
        })
    }

    /// Asks Discord something that changes nothing.
    pub(super) async fn ask<T: DeserializeOwned>(&self, route: &Route) -> Result<T, ApiError> {
        let answer = self.api.call(route, None, &[], PATIENCE).await?;
        let read = serde_json::from_value(answer);
        read.map_err(|error| ApiError::Unclear(format!("its answer is another one: {error}")))
    }
}

/// The page where an application's bot and commands are let into a server.
pub(super) fn link(application: &str, guild: Option<&str>) -> String {
    let permissions = rights::IN_SERVER.bits();
    let scope = "bot%20applications.commands";
    let link = format!("{INVITE}?client_id={application}&permissions={permissions}&scope={scope}");
    match guild {
        Some(guild) => format!("{link}&guild_id={guild}"),
        None => link,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_asks_for_the_least_and_may_name_a_server() {
        assert_eq!(
            link("157730590492196864", Some("41771983423143937")),
            "https://discord.com/oauth2/authorize?client_id=157730590492196864\
             &permissions=309237763072&scope=bot%20applications.commands&guild_id=41771983423143937"
        );
        assert!(link("1", None).ends_with("commands"));
    }
}
