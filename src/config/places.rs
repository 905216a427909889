//! `[places.NAME]`: where people are told; and `[notify]`: who is told of what.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::address::Address;
use super::document::Origins;
use super::{Wrong, WrongKey, check_name, discord, hooks};
use crate::domain::chat::Mention;
use crate::domain::names::{PlaceName, SecretName};
use crate::domain::nearest;
use crate::domain::notice::{Loudness, On};
use crate::domain::redact::Redactor;
use crate::domain::schedule::{Expression, Timing, Zone};
use crate::domain::secret::{Opened, SecretSource};
use crate::domain::time::Span;
use crate::places::{Format, WebhookSettings};

/// How long a place may fail before the fallback gets what it has not taken.
const PATIENCE: Span = Span::new(Duration::from_mins(10));

/// `[places.NAME]`.
#[derive(Clone, Debug)]
pub enum PlaceConfig {
    /// An address of another program.
    Webhook(WebhookConfig),
    /// A channel of Discord.
    Discord(ChannelConfig),
}

/// A place that is an address.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Where its address is.
    pub address: Address,
    /// What is sent.
    pub format: Format,
    /// Where the signing secrets are.
    pub secrets: Option<SecretSource>,
    /// What stands before a loud message.
    pub mention: Option<String>,
}

/// A place that is a channel or thread of Discord.
#[derive(Clone, Debug)]
pub struct ChannelConfig {
    /// Its id.
    pub channel: String,
    /// Who is called by a loud message.
    pub mention: Option<Mention>,
}

/// `[notify]`.
#[derive(Clone, Debug, Default)]
pub struct NotifyConfig {
    /// Where runs report that nobody started by hand.
    pub scheduled: Option<PlaceName>,
    /// How loudly.
    pub on: On,
    /// When the digest is due.
    pub digest: Option<Timing>,
    /// Who gets what a place does not take, and after how long.
    pub fallback: Option<(PlaceName, Duration)>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceTable {
    /// The address that is posted to.
    #[schemars(with = "Option<String>")]
    webhook: Option<SecretString>,
    /// The file that holds the same.
    webhook_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    webhook_secret: Option<SecretName>,
    /// In the place of an address: the id of a channel of Discord, in which Purser's bot tells people.
    discord: Option<String>,
    /// What is sent to an address: `text` for people, `event` for programs.
    format: Option<Format>,
    /// The file with signing secrets, `whsec_…`, one a line.
    secret_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    secret_secret: Option<SecretName>,
    /// What stands before a loud message; in Discord `<@&ROLE>` or `<@USER>`.
    mention: Option<String>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct NotifyTable {
    /// Where runs report that nobody started by hand.
    scheduled: Option<PlaceName>,
    /// How loudly.
    on: OnTable,
    /// When the digest is due, as a schedule is written.
    digest: Option<String>,
    /// By which clock.
    timezone: Option<Zone>,
    /// Who gets what a place does not take.
    fallback: Option<PlaceName>,
    /// After how long.
    fallback_after: Option<Span>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct OnTable {
    success: Option<Loudness>,
    failure: Option<Loudness>,
    waiting: Option<Loudness>,
}

/// What is wrong with a place, and the key that says it where it is not the table as a whole.
type WrongPlace = (Option<&'static str>, String);

/// Checks the tables; paths are relative to `base`. A channel of Discord needs the bot that is configured
/// elsewhere.
pub(super) fn places(
    tables: IndexMap<PlaceName, PlaceTable>,
    has_bot: bool,
    base: &Path,
    origins: &Origins,
) -> Result<BTreeMap<PlaceName, PlaceConfig>, Wrong> {
    let mut places = BTreeMap::new();
    for (name, table) in tables {
        check_name("place", "places", name.as_str(), origins)?;
        let place = if table.discord.is_some() {
            channel(table, has_bot)
        } else {
            webhook(table, base).map_err(|why| (None, why))
        };
        let place = place.map_err(|(key, why)| {
            let path: Vec<_> = ["places", name.as_str()].into_iter().chain(key).collect();
            let key = key.map(|key| format!(" {key}")).unwrap_or_default();
            (origins.of(&path), format!("[places.{name}]{key}: {why}"))
        })?;
        places.insert(name, place);
    }
    Ok(places)
}

fn webhook(table: PlaceTable, base: &Path) -> Result<PlaceConfig, String> {
    let from_base = |file: Option<PathBuf>| file.map(|file| base.join(file));
    let file = from_base(table.webhook_file);
    let address = Address::of("webhook", table.webhook, file, table.webhook_secret)?;
    let Some(address) = address else {
        return Err(
            "it needs `webhook`, the address to post to, or `discord`, the id of a channel; \
             `webhook_file` and `webhook_secret` say where an address is kept"
                .to_owned(),
        );
    };
    let format = table.format.unwrap_or_default();
    if table.mention.is_some() && format == Format::Event {
        return Err(
            "`mention` is for `format = \"text\"`; without it the place gets events for programs"
                .to_owned(),
        );
    }
    let file = from_base(table.secret_file);
    Ok(PlaceConfig::Webhook(WebhookConfig {
        address,
        format,
        secrets: SecretSource::at_most_one("secret", file, table.secret_secret)?,
        mention: table.mention,
    }))
}

fn channel(table: PlaceTable, has_bot: bool) -> Result<PlaceConfig, WrongPlace> {
    let wrong = |key, why: &str| Err((Some(key), why.to_owned()));
    let is_webhook =
        table.webhook.is_some() || table.webhook_file.is_some() || table.webhook_secret.is_some();
    if is_webhook {
        let why = "a place is an address or a channel of Discord: keep `webhook` or `discord`";
        return wrong("discord", why);
    }
    if !has_bot {
        let why = "there is no [discord], which says where the bot's token is";
        return wrong("discord", why);
    }
    if table.format.is_some() {
        return wrong(
            "format",
            "it is for addresses; a channel of Discord gets text for people",
        );
    }
    let signed = [
        ("secret_file", table.secret_file.is_some()),
        ("secret_secret", table.secret_secret.is_some()),
    ];
    if let Some((key, _)) = signed.into_iter().find(|(_, is_there)| *is_there) {
        return wrong(
            key,
            "it is for addresses; what goes to Discord is not signed",
        );
    }
    let channel = table.discord.unwrap_or_default();
    discord::check_id(&channel).map_err(|why| (Some("discord"), why))?;
    let mention = table.mention.as_deref().map(discord::mention);
    let mention = mention.transpose().map_err(|why| (Some("mention"), why))?;
    Ok(PlaceConfig::Discord(ChannelConfig { channel, mention }))
}

/// Checks the table against the places; `zone` is the clock of schedules that name none.
pub(super) fn notify(
    table: NotifyTable,
    places: &BTreeMap<PlaceName, PlaceConfig>,
    zone: Zone,
    origins: &Origins,
) -> Result<NotifyConfig, Wrong> {
    let wrong = |key: &str, message: String| (origins.of(&["notify", key]), message);
    for (key, place) in [
        ("scheduled", &table.scheduled),
        ("fallback", &table.fallback),
    ] {
        if let Some(place) = place
            && !places.contains_key(place)
        {
            let names: Vec<_> = places.keys().map(PlaceName::as_str).collect();
            let unknown = nearest::unknown("place", place.as_str(), names);
            return Err(wrong(key, format!("[notify] {key}: {unknown}")));
        }
    }
    if table.fallback.is_some() && table.fallback == table.scheduled {
        let message = "[notify] fallback: what a place does not take cannot go to the same place";
        return Err(wrong("fallback", message.to_owned()));
    }
    if table.fallback.is_none() && table.fallback_after.is_some() {
        let message = "[notify] fallback_after: there is no `fallback`";
        return Err(wrong("fallback_after", message.to_owned()));
    }
    let digest = match table.digest {
        None => None,
        Some(_) if table.scheduled.is_none() => {
            let message = "[notify] digest: it goes to the place of `scheduled`, which is not set";
            return Err(wrong("digest", message.to_owned()));
        }
        Some(text) => {
            let expression: Expression = text
                .parse()
                .map_err(|error| wrong("digest", format!("[notify] digest: {error}")))?;
            Some(Timing::new(expression, table.timezone.unwrap_or(zone)))
        }
    };
    let default = On::default();
    Ok(NotifyConfig {
        scheduled: table.scheduled,
        on: On {
            success: table.on.success.unwrap_or(default.success),
            failure: table.on.failure.unwrap_or(default.failure),
            waiting: table.on.waiting.unwrap_or(default.waiting),
        },
        digest,
        fallback: table
            .fallback
            .map(|place| (place, table.fallback_after.unwrap_or(PATIENCE).duration())),
    })
}

impl WebhookConfig {
    /// Reads its address and secrets, and has them masked from now on.
    ///
    /// # Errors
    /// One of them cannot be read, or is something else.
    pub fn open(&self, redactor: &Redactor, stored: &Opened) -> Result<WebhookSettings, WrongKey> {
        let url = self.address.open(redactor, stored)?;
        let secrets = match &self.secrets {
            Some(source) => hooks::secrets("secret", source, redactor, stored)?,
            None => vec![],
        };
        Ok(WebhookSettings {
            url,
            format: self.format,
            secrets,
            mention: self.mention.clone(),
        })
    }
}
