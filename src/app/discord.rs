//! The bot in Discord: how it is made, and the commands that need nothing else.

use std::path::Path;

use super::secrets::peek;
use super::store::peek_at_identities;
use super::world::{load_config, read_catalog};
use crate::action::Registry;
use crate::catalog::{Catalog, Problem};
use crate::chat::discord::{Bot, Settings, Surroundings, ToldIn};
use crate::cli::{self, Failure};
use crate::config::{Config, ConfigError, DiscordConfig, PlaceConfig};
use crate::domain::finding::{Check, Finding, Remark};
use crate::domain::person::People;
use crate::domain::redact::Redactor;
use crate::domain::secret::Opened;
use crate::domain::words::counted;
use crate::integrations;
use crate::service::catalog_view;

/// Makes the bot ready that the configuration names; `None` where it names none.
pub(super) fn open_bot(
    config: &Config,
    redactor: &Redactor,
    secrets: &Opened,
) -> Result<Option<Bot>, ConfigError> {
    let Some(discord) = &config.discord else {
        return Ok(None);
    };
    let token = discord.open(redactor, secrets);
    let token = token.map_err(|error| config.key_error(&["discord"], &error))?;
    let bot = Bot::new(Settings {
        token,
        api: discord.api.clone(),
        guilds: discord.guilds.clone(),
        direct_messages: discord.direct_messages,
        roles: discord.roles.clone(),
        posts: discord.posts,
    });
    let bot = bot.map_err(|why| config.error_at(&["discord"], format!("[discord]: {why}")));
    bot.map(Some)
}

/// Carries out `purser discord`.
///
/// # Errors
/// The configuration does not do, Discord does not answer, or something is missing there.
pub async fn discord(
    config_path: &Path,
    command: &cli::Discord,
    json: bool,
) -> Result<(), Failure> {
    let config = load_config(config_path)?;
    let redactor = Redactor::new();
    let secrets = peek(&config.store).await;
    let bot = open_bot(&config, &redactor, &secrets);
    let bot = bot.map_err(|error| Failure::usage(error.to_string()))?;
    let (Some(bot), Some(settings)) = (bot, &config.discord) else {
        return Err(Failure::usage(format!(
            "{} has no [discord]: write one with `token_file` and `guilds`",
            config.file.display()
        )));
    };
    match command {
        cli::Discord::Invite => {
            let invitation = bot.invitation().await.map_err(Failure::failed)?;
            let (application, url) = (&invitation.application, &invitation.url);
            cli::show_invitation(application, url, &invitation.permissions, json)
        }
        cli::Discord::Check => {
            let registry = Registry::new(integrations::all());
            let catalog = read_catalog(&config, &registry, secrets.names());
            let wrong = catalog.as_ref().err();
            let mut findings: Vec<_> = wrong
                .map(|wrong| unread(&config, wrong))
                .into_iter()
                .collect();
            findings.extend(examine(&bot, settings, &config, catalog.as_ref().ok()).await);
            let masked = |finding: Finding| finding.edited(|text| redactor.text(text));
            let findings: Vec<_> = findings.into_iter().map(masked).collect();
            cli::show_findings(&findings, json)
        }
    }
}

/// What is missing for the bot to work in Discord as the configuration wants it; `catalog` is `None`
/// where it cannot be read.
pub(super) async fn examine(
    bot: &Bot,
    settings: &DiscordConfig,
    config: &Config,
    catalog: Option<&Catalog>,
) -> Vec<Finding> {
    let links = peek_at_identities(&config.store).await;
    let unknown_links = links.as_ref().err().map(ToString::to_string);
    let people = People::new(config.people.clone()).with_links(links.unwrap_or_default());
    let around = Surroundings {
        token: settings.token.to_string(),
        people: &people,
        unknown_links,
        places: told_in(config),
        commands: catalog.map(|catalog| catalog_view(catalog).commands),
    };
    bot.check(&around).await
}

/// The places that are channels of Discord.
fn told_in(config: &Config) -> Vec<ToldIn<'_>> {
    let places = config
        .places
        .iter()
        .filter_map(|(name, place)| match place {
            PlaceConfig::Discord(place) => Some(ToldIn {
                name,
                channel: &place.channel,
                mention: place.mention.as_ref(),
            }),
            PlaceConfig::Webhook(_) => None,
        });
    places.collect()
}

/// The files of which commands are made have mistakes in them.
fn unread(config: &Config, wrong: &[Problem]) -> Finding {
    let problems = counted(wrong.len(), "problem");
    let remark = Remark::problem(
        format!("which commands there are is not known: {problems} in workflows and commands"),
        "run `purser lint`, which says all of them",
    );
    remark.of(Check::Config, config.file.display().to_string())
}
