//! One web service as it is configured, and how it is spoken to.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Method, Url, header};
use secrecy::{ExposeSecret as _, SecretString};

use super::answer::Answer;
use super::explain::Trouble;
use super::request::{Request, path_with_key};
use super::settings::Settings;
use crate::action::{ActionError, Connect, ConnectError, Result, web_address};
use crate::domain::cause::no_client;
use crate::domain::names::SystemName;
use crate::domain::secret::SecretSource;

/// How long to wait for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// No answer may take longer: what is sent has to be over before its effect is given up.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(15);

/// A web service. Cheap to clone.
#[derive(Clone)]
pub struct WebService {
    name: SystemName,
    settings: Arc<Settings>,
    base: Url,
    token: Option<Token>,
    http: Client,
}

/// What it wants with every request, and where people put a better one.
#[derive(Clone)]
struct Token {
    header: HeaderName,
    value: HeaderValue,
    source: SecretSource,
}

impl Token {
    fn of(settings: &Settings, connect: &Connect<'_>) -> Result<Option<Self>, ConnectError> {
        let wrong = |why: String| connect.error(why);
        let (file, stored) = (&settings.token_file, &settings.token_secret);
        let source = SecretSource::at_most_one("token", file.clone(), stored.clone());
        let Some(source) = source.map_err(wrong)? else {
            return match settings.token_header {
                Some(_) => Err(connect.error(
                    "there is `token_header` and no token: add `token_file` or `token_secret`",
                )),
                None => Ok(None),
            };
        };
        let secret = connect.secret(&source)?;
        let (header, value) = match &settings.token_header {
            None => (
                header::AUTHORIZATION,
                SecretString::from(format!("Bearer {}", secret.expose_secret())),
            ),
            Some(name) => {
                let header = name.parse().map_err(|_| {
                    connect.error(format!("`token_header`: `{name}` cannot name a header"))
                })?;
                (header, secret)
            }
        };
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| {
            connect.error(format!(
                "the token in {source} holds what no header can, such as a line end"
            ))
        })?;
        value.set_sensitive(true);
        Ok(Some(Self {
            header,
            value,
            source,
        }))
    }
}

impl WebService {
    /// Reads the settings and the secret that they name. Does no other I/O.
    pub(super) fn connect(connect: &Connect<'_>) -> Result<Self, ConnectError> {
        let mut settings: Settings = connect.settings()?;
        let base = web_address(&settings.url, "token_file = \"…\"")
            .map_err(|wrong| connect.error(wrong))?;
        base.as_str()
            .trim_end_matches('/')
            .clone_into(&mut settings.url);
        let (shortest, longest) = (Duration::from_secs(1), LONGEST_TIMEOUT);
        if !(shortest..=longest).contains(&settings.timeout.duration()) {
            return Err(connect.error(format!(
                "`timeout` is {}, and must be from 1s to {}s",
                settings.timeout,
                longest.as_secs()
            )));
        }
        let token = Token::of(&settings, connect)?;
        let http = Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(settings.timeout.duration())
            .redirect(reqwest::redirect::Policy::none())
            // One that the service is just about to close would look like a lost answer.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| connect.error(no_client(&error)))?;
        let service = Self {
            name: connect.name.clone(),
            settings: Arc::new(settings),
            base,
            token,
            http,
        };
        if let Some(health) = &service.settings.health {
            let found = service.place_or_why(health, None);
            found.map_err(|why| connect.error(format!("`health`: {why}")))?;
        }
        Ok(service)
    }

    /// The name in `[systems.NAME]`.
    pub(super) fn name(&self) -> &SystemName {
        &self.name
    }

    /// Where it is, without a slash at the end.
    pub(super) fn url(&self) -> &str {
        &self.settings.url
    }

    /// How long an answer may take.
    pub(super) fn timeout(&self) -> crate::domain::time::Span {
        self.settings.timeout
    }

    /// What to do about a token that is refused.
    pub(super) fn token_advice(&self) -> String {
        match &self.token {
            Some(token) => format!("put the right token into {}", token.source),
            None => format!("set `token_file` in [systems.{}]", self.name),
        }
    }

    /// A place on the service: nowhere else, whatever the path says (decision 19).
    pub(super) fn place(&self, path: &str, key: Option<&str>) -> Result<Url> {
        self.place_or_why(path, key)
            .map_err(|why| ActionError::fatal(format!("{}: {why}; nothing was sent", self.name)))
    }

    fn place_or_why(&self, path: &str, key: Option<&str>) -> Result<Url, String> {
        let wrong = |why: &str| format!("the path `{path}` {why}");
        if !path.starts_with('/') {
            return Err(wrong("must begin with a slash"));
        }
        if path.contains('#') {
            return Err(wrong("must end before any `#`"));
        }
        let path = key.map_or_else(|| path.to_owned(), |key| path_with_key(path, key));
        let url =
            Url::parse(&format!("{}{path}", self.url())).map_err(|_| wrong("makes no address"))?;
        let below = self.base.path().trim_end_matches('/');
        let is_below = url
            .path()
            .strip_prefix(below)
            .is_some_and(|rest| rest.starts_with('/'));
        if url.origin() != self.base.origin() || !is_below {
            return Err(wrong(&format!("leads away from {}", self.url())));
        }
        Ok(url)
    }

    /// Sends a request and reads its answer.
    pub(super) async fn send(&self, request: &Request) -> Result<Answer, Trouble> {
        let mut building = self
            .http
            .request(request.method.clone(), request.url.clone());
        if let Some(token) = &self.token {
            building = building.header(&token.header, &token.value);
        }
        for (name, value) in &request.headers {
            building = building.header(name, value.expose_secret());
        }
        if let Some(body) = &request.body {
            building = building.json(body);
        }
        let response = building.send().await.map_err(|e| Trouble::no_answer(&e))?;
        Ok(Answer::read(response).await)
    }

    /// Whether it can be reached, and says that it is well where it says so at all.
    pub(super) async fn looked_at(&self) -> Result<String> {
        let health = self.settings.health.as_deref();
        let request = Request::to(self, Method::GET, health.unwrap_or("/"), None)?;
        let answer = self.send(&request).await;
        let answer = answer.map_err(|trouble| self.not_read(&request, &trouble))?;
        if health.is_some() && !answer.is_success() {
            return Err(self.not_expected(&request, &answer, &[]));
        }
        Ok(match health {
            Some(_) => format!("{} says that it is well", request.url),
            None => format!("{} answers, with status {}", self.url(), answer.status),
        })
    }
}
