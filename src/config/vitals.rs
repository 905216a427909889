//! `[metrics]` and `[heartbeat]`: what other programs are told about Purser itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::address::Address;
use super::document::Origins;
use super::error::header;
use super::hooks::token;
use super::{Wrong, WrongKey};
use crate::domain::names::SecretName;
use crate::domain::redact::Redactor;
use crate::domain::schedule::ScheduleName;
use crate::domain::secret::{Opened, SecretSource};
use crate::domain::time::Span;
use crate::domain::webhook::BearerToken;

/// Beats are not sent more often.
const SHORTEST: Duration = Duration::from_secs(5);

/// `[metrics]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Where `/metrics` is served.
    pub listen: SocketAddr,
    /// Where the token is that whoever asks must have; `None`: nobody needs one.
    pub token: Option<SecretSource>,
}

/// `[heartbeat]`.
#[derive(Clone, Debug)]
pub struct HeartbeatConfig {
    /// Where beats go while all is well.
    pub url: Option<Address>,
    /// Where it is said that something is not.
    pub trouble_url: Option<Address>,
    /// How often.
    pub every: Duration,
    /// Where it goes that a run of a schedule has succeeded.
    pub schedules: BTreeMap<ScheduleName, Address>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricsTable {
    /// Where `/metrics` is served: an address and a port.
    #[schemars(with = "String")]
    listen: SocketAddr,
    /// The file with the token that whoever asks must have.
    token_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    token_secret: Option<SecretName>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeartbeatTable {
    /// Where beats go while all is well.
    #[schemars(with = "Option<String>")]
    url: Option<SecretString>,
    /// The file that holds the same.
    url_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    url_secret: Option<SecretName>,
    /// Where it is said that something is not.
    #[schemars(with = "Option<String>")]
    trouble_url: Option<SecretString>,
    /// The file that holds the same.
    trouble_url_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    trouble_url_secret: Option<SecretName>,
    /// How often; without it, each minute.
    every: Option<Span>,
    /// Where it goes that a run of a schedule has succeeded, by `WORKFLOW.ID`.
    #[serde(default)]
    schedules: IndexMap<String, ScheduleTable>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ScheduleTable {
    /// The address.
    #[schemars(with = "Option<String>")]
    url: Option<SecretString>,
    /// The file that holds the same.
    url_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    url_secret: Option<SecretName>,
}

/// Checks the table; paths are relative to `base`.
pub(super) fn metrics(
    table: MetricsTable,
    base: &Path,
    origins: &Origins,
) -> Result<MetricsConfig, Wrong> {
    let file = table.token_file.map(|file| base.join(file));
    let token = SecretSource::at_most_one("token", file, table.token_secret);
    Ok(MetricsConfig {
        listen: table.listen,
        token: token.map_err(|why| (origins.of(&["metrics"]), format!("[metrics]: {why}")))?,
    })
}

/// Checks the table; paths are relative to `base`.
pub(super) fn heartbeat(
    table: HeartbeatTable,
    base: &Path,
    origins: &Origins,
) -> Result<HeartbeatConfig, Wrong> {
    let wrong = |path: &[&str], message: String| (origins.of(path), message);
    let from_base = |file: Option<PathBuf>| file.map(|file| base.join(file));
    let of_all = |why: String| wrong(&["heartbeat"], format!("[heartbeat]: {why}"));
    let every = table.every.map_or(Duration::from_mins(1), Span::duration);
    if every < SHORTEST {
        let message = format!(
            "a beat is sent at most every {} seconds",
            SHORTEST.as_secs()
        );
        return Err(wrong(&["heartbeat", "every"], message));
    }
    let url = Address::of(
        "url",
        table.url,
        from_base(table.url_file),
        table.url_secret,
    );
    let url = url.map_err(of_all)?;
    let trouble_url = Address::of(
        "trouble_url",
        table.trouble_url,
        from_base(table.trouble_url_file),
        table.trouble_url_secret,
    );
    let trouble_url = trouble_url.map_err(of_all)?;
    let mut schedules = BTreeMap::new();
    for (name, keys) in table.schedules {
        let place = ["heartbeat", "schedules", name.as_str()];
        let parsed = ScheduleName::try_from(name.clone()).map_err(|why| wrong(&place, why))?;
        let url = Address::of("url", keys.url, from_base(keys.url_file), keys.url_secret);
        let url = url.map_err(|why| wrong(&place, format!("{}: {why}", header(&place))))?;
        let Some(url) = url else {
            let message = format!(
                "{} needs `url`, `url_file` or `url_secret`: where it goes that a run has succeeded",
                header(&place)
            );
            return Err(wrong(&place, message));
        };
        schedules.insert(parsed, url);
    }
    if url.is_none() && schedules.is_empty() {
        let message =
            "[heartbeat] needs `url`, `url_file` or `url_secret`: where the beats go".to_owned();
        return Err(wrong(&["heartbeat"], message));
    }
    Ok(HeartbeatConfig {
        url,
        trouble_url,
        every,
        schedules,
    })
}

impl MetricsConfig {
    /// Reads the token, and has it masked from now on.
    ///
    /// # Errors
    /// It cannot be read, or is something else.
    pub fn open(
        &self,
        redactor: &Redactor,
        stored: &Opened,
    ) -> Result<Option<BearerToken>, WrongKey> {
        let open = |source| token("token", source, redactor, stored);
        self.token.as_ref().map(open).transpose()
    }
}

impl HeartbeatConfig {
    /// All addresses, each with the table that names it.
    pub(super) fn urls(&self) -> impl Iterator<Item = (String, &Address)> {
        let own = self.url.iter().chain(&self.trouble_url);
        let of_schedules = self.schedules.iter().map(|(name, url)| {
            let table = header(&["heartbeat", "schedules", &name.to_string()]);
            (table, url)
        });
        own.map(|url| ("[heartbeat]".to_owned(), url))
            .chain(of_schedules)
    }
}
