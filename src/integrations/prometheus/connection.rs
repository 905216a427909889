//! One Prometheus as it is configured, and how it is asked.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, RequestBuilder, Response, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;

use super::answer::Answer;
use super::explain::Trouble;
use super::settings::{Graph, Settings};
use crate::action::{ActionError, Connect, ConnectError, Result, web_address};
use crate::domain::cause::no_client;
use crate::domain::names::SystemName;
use crate::domain::nearest;
use crate::domain::schedule::Zone;
use crate::domain::secret::SecretSource;

/// How long to wait for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// More of an answer is not read, in bytes.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;
/// The most series that an output may be set to hold.
const MOST_SERIES: usize = 200;

/// A Prometheus. Cheap to clone.
#[derive(Clone)]
pub struct Prometheus {
    name: SystemName,
    settings: Arc<Settings>,
    login: Option<Login>,
    http: Client,
}

/// How it is logged in to, and where people put a better secret.
#[derive(Clone)]
struct Login {
    as_whom: Identity,
    secret: SecretString,
    source: SecretSource,
}

#[derive(Clone)]
enum Identity {
    Bearer,
    User(String),
}

impl Login {
    fn of(settings: &Settings, connect: &Connect<'_>) -> Result<Option<Self>, ConnectError> {
        let wrong = |why: String| connect.error(why);
        let (file, stored) = (&settings.bearer_file, &settings.bearer_secret);
        let bearer = SecretSource::at_most_one("bearer", file.clone(), stored.clone());
        let (as_whom, source) = match (bearer.map_err(wrong)?, &settings.basic_auth) {
            (Some(_), Some(_)) => {
                let given = match file {
                    Some(_) => "bearer_file",
                    None => "bearer_secret",
                };
                let why = format!("there is `{given}` and `basic_auth`: keep one of them");
                return Err(connect.error(why));
            }
            (Some(source), None) => (Identity::Bearer, source),
            (None, Some(basic)) => {
                let (file, stored) = (basic.password_file.clone(), basic.password_secret.clone());
                let source = SecretSource::exactly_one("password", file, stored)
                    .map_err(|why| wrong(format!("in `basic_auth`: {why}")))?;
                (Identity::User(basic.username.clone()), source)
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(Self {
            as_whom,
            secret: connect.secret(&source)?,
            source,
        }))
    }
}

impl Prometheus {
    /// Reads the settings and the secrets that they name. Does no other I/O.
    pub(super) fn connect(connect: &Connect<'_>) -> Result<Self, ConnectError> {
        let mut settings: Settings = connect.settings()?;
        let login = "basic_auth = { username = \"…\", password_file = \"…\" }";
        let url = web_address(&settings.url, login).map_err(|wrong| connect.error(wrong))?;
        url.as_str()
            .trim_end_matches('/')
            .clone_into(&mut settings.url);
        if !(1..=MOST_SERIES).contains(&settings.most_series) {
            let (wrong, most) = (settings.most_series, MOST_SERIES);
            return Err(connect.error(format!(
                "`most_series` is {wrong}, and must be from 1 to {most}"
            )));
        }
        let login = Login::of(&settings, connect)?;
        let http = Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(settings.timeout.duration())
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| connect.error(no_client(&error)))?;
        Ok(Self {
            name: connect.name.clone(),
            settings: Arc::new(settings),
            login,
            http,
        })
    }

    /// The name in `[systems.NAME]`.
    pub(super) fn name(&self) -> &SystemName {
        &self.name
    }

    /// Where it is, without a slash at the end.
    pub(super) fn url(&self) -> &str {
        &self.settings.url
    }

    /// Where people put a better token or password; `None` when it is asked without a login.
    pub(super) fn login_source(&self) -> Option<&SecretSource> {
        self.login.as_ref().map(|login| &login.source)
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn zone(&self) -> Zone {
        self.settings.timezone
    }

    /// The saved query of this name.
    pub(super) fn graph(&self, name: &str) -> Result<&Graph> {
        self.settings.graphs.get(name).ok_or_else(|| {
            let names: Vec<_> = self.settings.graphs.keys().map(String::as_str).collect();
            let unknown = nearest::unknown("graph", name, names);
            let table = format!("[systems.{}.graphs]", self.name);
            ActionError::fatal(format!(
                "{unknown} (they are in {table} of the configuration)"
            ))
        })
    }

    /// Asks a query. `path` is `query` or `query_range`; of the answer the first `most` series are
    /// kept, whatever its size.
    pub(super) async fn ask(
        &self,
        path: &str,
        form: &[(&str, &str)],
        most: usize,
    ) -> Result<Answer> {
        if form
            .iter()
            .any(|(name, value)| *name == "query" && value.trim().is_empty())
        {
            return Err(ActionError::fatal(
                "the query is empty: write one, such as `up`",
            ));
        }
        let timeout = format!("{}s", self.settings.timeout.duration().as_secs().max(1));
        let form = form.iter().copied().chain([("timeout", timeout.as_str())]);
        let form: Vec<_> = form
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        let request = self
            .http
            .post(format!("{}/api/v1/{path}", self.url()))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.join("&"));
        let (body, whole) = self.read(self.send(request).await?).await?;
        Answer::read(&body, most, whole)
            .map_err(|error| self.explain(Trouble::Garbled(error.to_string())))
    }

    /// A list or an object that the API keeps under this path.
    pub(super) async fn look<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        #[derive(serde::Deserialize)]
        struct Found<T> {
            data: T,
        }
        let request = self.http.get(format!("{}/api/v1/{path}", self.url()));
        let (body, _) = self.read(self.send(request).await?).await?;
        serde_json::from_slice::<Found<T>>(&body)
            .map(|found| found.data)
            .map_err(|error| self.explain(Trouble::Garbled(error.to_string())))
    }

    /// The names of all metrics.
    pub(super) async fn metrics(&self) -> Result<Vec<String>> {
        self.look("label/__name__/values").await
    }

    pub(super) async fn version(&self) -> Result<String> {
        #[derive(serde::Deserialize)]
        struct Build {
            version: String,
        }
        Ok(self.look::<Build>("status/buildinfo").await?.version)
    }

    /// The head of whatever it answers, if it answers at all.
    pub(super) async fn headers(&self) -> Option<header::HeaderMap> {
        let answer = self.http.get(format!("{}/-/healthy", self.url())).send();
        answer.await.ok().map(|answer| answer.headers().clone())
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let login = self.login.as_ref();
        let login = login.map(|login| (&login.as_whom, login.secret.expose_secret()));
        let request = match login {
            Some((Identity::Bearer, token)) => request.bearer_auth(token),
            Some((Identity::User(user), password)) => request.basic_auth(user, Some(password)),
            None => request,
        };
        request
            .send()
            .await
            .map_err(|error| self.explain(Trouble::no_answer(&error)))
    }

    /// The body of a good answer, and whether it is all of it.
    async fn read(&self, response: Response) -> Result<(Vec<u8>, bool)> {
        let status = response.status().as_u16();
        let location = response.headers().get(header::LOCATION);
        let location = location.and_then(|to| to.to_str().ok()).map(str::to_owned);
        let mut stream = response.bytes_stream();
        let mut body = Vec::new();
        while let Some(bytes) = stream.next().await {
            body.extend_from_slice(
                &bytes.map_err(|error| self.explain(Trouble::no_answer(&error)))?,
            );
            if body.len() > LONGEST_ANSWER {
                return Ok((body, false));
            }
        }
        if status == 200 {
            return Ok((body, true));
        }
        Err(self.explain(Trouble::of_answer(status, location, &body)))
    }
}
