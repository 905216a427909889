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
use super::{Wrong, WrongKey, check_name, hooks};
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
pub struct PlaceConfig {
    /// Where its address is.
    pub address: Address,
    /// What is sent.
    pub format: Format,
    /// Where the signing secrets are.
    pub secrets: Option<SecretSource>,
    /// What stands before a loud message.
    pub mention: Option<String>,
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
    /// What is sent: `text` for people, `event` for programs.
    #[serde(default)]
    format: Format,
    /// The file with signing secrets, `whsec_…`, one a line.
    secret_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    secret_secret: Option<SecretName>,
    /// What stands before a loud message.
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

/// Checks the tables; paths are relative to `base`.
pub(super) fn places(
    tables: IndexMap<PlaceName, PlaceTable>,
    base: &Path,
    origins: &Origins,
) -> Result<BTreeMap<PlaceName, PlaceConfig>, Wrong> {
    let mut places = BTreeMap::new();
    for (name, table) in tables {
        check_name("place", "places", name.as_str(), origins)?;
        let wrong = |why: String| {
            let message = format!("[places.{name}]: {why}");
            (origins.of(&["places", name.as_str()]), message)
        };
        let from_base = |file: Option<PathBuf>| file.map(|file| base.join(file));
        let file = from_base(table.webhook_file);
        let address = Address::of("webhook", table.webhook, file, table.webhook_secret);
        let Some(address) = address.map_err(wrong)? else {
            let why = "it needs `webhook`, the address to post to; `webhook_file` and \
                       `webhook_secret` say where it is kept";
            return Err(wrong(why.to_owned()));
        };
        let file = from_base(table.secret_file);
        let secrets = SecretSource::at_most_one("secret", file, table.secret_secret);
        if table.mention.is_some() && table.format == Format::Event {
            let why = "`mention` is for `format = \"text\"`; without it the place gets events for \
                       programs";
            return Err(wrong(why.to_owned()));
        }
        let place = PlaceConfig {
            address,
            format: table.format,
            secrets: secrets.map_err(wrong)?,
            mention: table.mention,
        };
        places.insert(name, place);
    }
    Ok(places)
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

impl PlaceConfig {
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
