//! One Traefik as it is configured, and how it is asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::folder::Folder;
use super::settings::Settings;
use crate::action::{ActionError, Connect, ConnectError, Result, web_address};
use crate::domain::cause::{innermost, no_client};
use crate::domain::names::SystemName;

/// How long to wait for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// More of an answer of the API is not read, in bytes: a page of a hundred routers is far shorter.
const LONGEST_ANSWER: usize = 4 << 20;
/// No list has more pages of a hundred.
const MOST_PAGES: usize = 100;

/// A Traefik.
pub struct Traefik {
    name: SystemName,
    url: String,
    pub(super) entry_points: BTreeMap<String, Url>,
    pub(super) timeout: Duration,
    /// From where it takes routes, where Purser may write there.
    pub(super) routes: Option<Folder>,
    http: Client,
}

impl Traefik {
    /// Reads the settings. Does no other I/O.
    pub(super) fn connect(connect: &Connect<'_>) -> Result<Self, ConnectError> {
        let settings: Settings = connect.settings()?;
        let address = |text: &str| web_address(text, "an address without one");
        let url = address(&settings.url).map_err(|wrong| connect.error(wrong))?;
        let timeout = settings.timeout.duration();
        if !(Duration::from_secs(1)..=Duration::from_secs(30)).contains(&timeout) {
            let wrong = format!(
                "`timeout` is {}, and must be from 1s to 30s",
                settings.timeout
            );
            return Err(connect.error(wrong));
        }
        let mut entry_points = BTreeMap::new();
        for (name, text) in &settings.entrypoints {
            let url = address(text).and_then(|url| match url.path() {
                "/" => Ok(url),
                path => Err(format!("it must end before the path `{path}`")),
            });
            let url = url.map_err(|wrong| connect.error(format!("entrypoints.{name}: {wrong}")))?;
            entry_points.insert(name.clone(), url);
        }
        let http = client(timeout).build();
        Ok(Self {
            name: connect.name.clone(),
            url: url.as_str().trim_end_matches('/').to_owned(),
            entry_points,
            timeout,
            routes: settings
                .routes
                .map(|folder| Folder::new(connect.base.join(folder))),
            http: http.map_err(|error| connect.error(no_client(&error)))?,
        })
    }

    /// Where its API is, without a slash at the end.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What its API has under this path; `None` when it has nothing there.
    pub(super) async fn look<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        match self.get(path).await? {
            (StatusCode::NOT_FOUND, ..) => Ok(None),
            (_, body, _) => self.read(&body).map(Some),
        }
    }

    /// All pages of a list.
    pub(super) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>> {
        let mut all = Vec::new();
        let mut page = 1;
        for _ in 0..MOST_PAGES {
            let (status, body, next) = self
                .get(&format!("{path}?per_page=100&page={page}"))
                .await?;
            if status == StatusCode::NOT_FOUND {
                return Err(self.no_api());
            }
            all.extend(self.read::<Vec<T>>(&body)?);
            // After the last page it says the first one.
            match next {
                Some(next) if next > page => page = next,
                _ => return Ok(all),
            }
        }
        Err(ActionError::fatal(format!(
            "{} has more than {} of `{path}`: that is more than Purser reads",
            self.name,
            MOST_PAGES * 100
        )))
    }

    pub(super) async fn looked_at(&self) -> Result<String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Version {
            version: String,
        }
        let version = self.look::<Version>("version").await?;
        let version = version.ok_or_else(|| self.no_api())?.version;
        let mut seen = format!("Traefik {version} at {}", self.url);
        if let Some(routes) = self.routes.clone() {
            let _ = write!(seen, ", routes in {routes}");
            if let Some(why) = routes.cannot_write() {
                return Err(ActionError::fatal(format!(
                    "{why}, where the Traefik `{}` is to take routes from: see to the folder, or correct \
                     `routes` in [systems.{}]",
                    self.name, self.name
                )));
            }
        }
        Ok(seen)
    }

    async fn get(&self, path: &str) -> Result<(StatusCode, Vec<u8>, Option<usize>)> {
        let answer = self
            .http
            .get(format!("{}/api/{path}", self.url))
            .send()
            .await;
        let answer = answer.map_err(|error| self.no_answer(&error))?;
        let status = answer.status();
        if !(status.is_success() || status == StatusCode::NOT_FOUND) {
            return Err(self.refused(status));
        }
        let next = answer.headers().get("x-next-page");
        let next = next.and_then(|page| page.to_str().ok()?.parse().ok());
        let (body, is_whole) = beginning(answer, LONGEST_ANSWER)
            .await
            .map_err(|e| self.no_answer(&e))?;
        if !is_whole {
            return Err(self.garbled("its answer is too long"));
        }
        Ok((status, body, next))
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T> {
        serde_json::from_slice(body).map_err(|error| self.garbled(&error.to_string()))
    }

    fn no_answer(&self, error: &reqwest::Error) -> ActionError {
        let why = if error.is_timeout() {
            "it gave no answer in time".to_owned()
        } else {
            innermost(error)
        };
        ActionError::retryable(format!(
            "the API of the Traefik `{}` cannot be asked at {} ({why}): check that it runs and that \
             its API is there",
            self.name, self.url
        ))
    }

    fn refused(&self, status: StatusCode) -> ActionError {
        let text = format!(
            "the API of the Traefik `{}` at {} answered {status}: `url` must lead to its API without \
             a login, such as its entry point `traefik` with `api.insecure`, on a network of its own",
            self.name, self.url
        );
        if status.is_server_error() {
            ActionError::retryable(text)
        } else {
            ActionError::fatal(text)
        }
    }

    fn no_api(&self) -> ActionError {
        self.refused(StatusCode::NOT_FOUND)
    }

    fn garbled(&self, why: &str) -> ActionError {
        ActionError::fatal(format!(
            "what is at {} does not answer like the API of a Traefik ({why}): correct `url` in \
             [systems.{}]",
            self.url, self.name
        ))
    }
}

/// A client that follows nobody anywhere else.
pub(super) fn client(timeout: Duration) -> ClientBuilder {
    Client::builder()
        .connect_timeout(CONNECT_WITHIN)
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
}

/// The first so many bytes of an answer, and whether these are all.
pub(super) async fn beginning(
    mut answer: Response,
    most: usize,
) -> Result<(Vec<u8>, bool), reqwest::Error> {
    let mut body = Vec::new();
    while let Some(bytes) = answer.chunk().await? {
        body.extend_from_slice(&bytes);
        if body.len() > most {
            body.truncate(most);
            return Ok((body, false));
        }
    }
    Ok((body, true))
}
