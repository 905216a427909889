//! `[metrics]` and `[heartbeat]`: what other programs are told about Purser itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::Wrong;
use super::document::Origins;
use super::hooks::{read, token};
use crate::domain::redact::Redactor;
use crate::domain::schedule::ScheduleName;
use crate::domain::time::Span;
use crate::domain::webhook::BearerToken;

/// Beats are not sent more often.
const SHORTEST: Duration = Duration::from_secs(5);

/// `[metrics]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Where `/metrics` is served.
    pub listen: SocketAddr,
    /// The file with the token that whoever asks must have; `None`: nobody needs one.
    pub token_file: Option<PathBuf>,
}

/// `[heartbeat]`.
#[derive(Clone, Debug)]
pub struct HeartbeatConfig {
    /// Where beats go while all is well.
    pub url: Option<BeatUrl>,
    /// Where it is said that something is not.
    pub trouble_url: Option<BeatUrl>,
    /// How often.
    pub every: Duration,
    /// Where it goes that a run of a schedule has succeeded.
    pub schedules: BTreeMap<ScheduleName, BeatUrl>,
}

/// An address that often is all the secret that there is.
#[derive(Clone, Debug)]
pub enum BeatUrl {
    /// As it stands in the configuration.
    Plain(SecretString),
    /// The file that holds it.
    File(PathBuf),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricsTable {
    listen: SocketAddr,
    token_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeartbeatTable {
    url: Option<SecretString>,
    url_file: Option<PathBuf>,
    trouble_url: Option<SecretString>,
    trouble_url_file: Option<PathBuf>,
    every: Option<Span>,
    #[serde(default)]
    schedules: IndexMap<String, ScheduleTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleTable {
    url: Option<SecretString>,
    url_file: Option<PathBuf>,
}

pub(super) fn metrics(table: MetricsTable, base: &Path) -> MetricsConfig {
    MetricsConfig {
        listen: table.listen,
        token_file: table.token_file.map(|file| base.join(file)),
    }
}

/// Checks the table; paths are relative to `base`.
pub(super) fn heartbeat(
    table: HeartbeatTable,
    base: &Path,
    origins: &Origins,
) -> Result<HeartbeatConfig, Wrong> {
    let wrong = |path: &[&str], message: String| (origins.of(path), message);
    let one = |name: &str, plain, file: Option<PathBuf>| match (plain, file) {
        (None, None) => Ok(None),
        (Some(url), None) => Ok(Some(BeatUrl::Plain(url))),
        (None, Some(file)) => Ok(Some(BeatUrl::File(base.join(file)))),
        (Some(_), Some(_)) => {
            let message = format!("there is `{name}` and `{name}_file`: keep one of them");
            Err(wrong(&["heartbeat", name], message))
        }
    };
    let every = table.every.map_or(Duration::from_mins(1), Span::duration);
    if every < SHORTEST {
        let message = format!(
            "a beat is sent at most every {} seconds",
            SHORTEST.as_secs()
        );
        return Err(wrong(&["heartbeat", "every"], message));
    }
    let url = one("url", table.url, table.url_file)?;
    let trouble_url = one("trouble_url", table.trouble_url, table.trouble_url_file)?;
    let mut schedules = BTreeMap::new();
    for (name, ScheduleTable { url, url_file }) in table.schedules {
        let place = ["heartbeat", "schedules", name.as_str()];
        let parsed = ScheduleName::try_from(name.clone()).map_err(|why| wrong(&place, why))?;
        let url = one("url", url, url_file).map_err(|(_, message)| wrong(&place, message))?;
        let Some(url) = url else {
            let message = format!(
                "[heartbeat.schedules.\"{name}\"] needs `url` or `url_file`: where it goes that a \
                 run has succeeded"
            );
            return Err(wrong(&place, message));
        };
        schedules.insert(parsed, url);
    }
    if url.is_none() && schedules.is_empty() {
        let message = "[heartbeat] needs `url` or `url_file`: where the beats go".to_owned();
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
    /// One sentence: the file cannot be read, or holds something else.
    pub fn open(&self, redactor: &Redactor) -> Result<Option<BearerToken>, String> {
        let file = self.token_file.as_deref();
        file.map(|file| token(file, redactor)).transpose()
    }
}

impl BeatUrl {
    /// Reads the address, and has it masked from now on.
    ///
    /// # Errors
    /// One sentence: the file cannot be read, or holds no address.
    pub fn open(&self, redactor: &Redactor) -> Result<SecretString, String> {
        let url = match self {
            Self::Plain(url) => url.clone(),
            Self::File(file) => SecretString::from(read(file)?.trim()),
        };
        let text = url.expose_secret();
        redactor.learn(text);
        let is_http = text.starts_with("http://") || text.starts_with("https://");
        if is_http && text.parse::<reqwest::Url>().is_ok() {
            return Ok(url);
        }
        Err("it is no address that begins with http:// or https://".to_owned())
    }
}
