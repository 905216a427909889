//! One realm of a Keycloak as it is configured, and how its admin API is asked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client as Http, Method, RequestBuilder, Response, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;

use super::explain::Trouble;
use super::settings::Settings;
use super::token::Token;
use crate::action::{Connect, ConnectError, Result, web_address};
use crate::domain::cause::no_client;
use crate::domain::names::SystemName;
use crate::domain::redact::Redactor;
use crate::domain::secret::SecretSource;
use crate::domain::time::Span;
use crate::rotation::Consumer;

/// How long to wait for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// No answer may take longer: what is sent has to be over before its effect is given up.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(15);
/// More of an answer is not read, in bytes: a page of two hundred clients is far shorter.
const LONGEST_ANSWER: usize = 8 << 20;
/// What stands for itself in a part of a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A realm of a Keycloak.
pub struct Keycloak {
    name: SystemName,
    settings: Settings,
    secret: SecretString,
    source: SecretSource,
    redactor: Arc<Redactor>,
    consumers: BTreeMap<String, Vec<Consumer>>,
    pub(super) http: Http,
    pub(super) token: Mutex<Option<Token>>,
}

/// The role of the client `realm-management` that a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    ViewClients,
    ManageClients,
    ViewEvents,
    ViewRealm,
    ManageRealm,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ViewClients => "view-clients",
            Self::ManageClients => "manage-clients",
            Self::ViewEvents => "view-events",
            Self::ViewRealm => "view-realm",
            Self::ManageRealm => "manage-realm",
        })
    }
}

/// One call of the admin API.
pub(super) struct Call<'a> {
    /// What it is for, behind `cannot`: `read its clients`.
    pub(super) what: &'a str,
    /// What the service account needs for it.
    pub(super) right: Right,
    pub(super) method: Method,
    /// Below the realm; with a slash before it, below the server.
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
}

impl<'a> Call<'a> {
    /// A look at this path.
    pub(super) fn get(what: &'a str, right: Right, path: impl Into<String>) -> Self {
        Self::new(what, right, Method::GET, path)
    }

    /// Any call without a body.
    pub(super) fn new(
        what: &'a str,
        right: Right,
        method: Method,
        path: impl Into<String>,
    ) -> Self {
        Self {
            what,
            right,
            method,
            path: path.into(),
            query: vec![],
            body: None,
        }
    }

    pub(super) fn with_query(mut self, query: Vec<(&'static str, String)>) -> Self {
        self.query = query;
        self
    }

    pub(super) fn with_body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

/// What was answered. Its body may hold secrets, so it is never shown.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Keycloak {
    /// Reads the settings and the secret that they name. Does no other I/O.
    pub(super) fn connect(connect: &Connect<'_>) -> Result<Self, ConnectError> {
        let mut settings: Settings = connect.settings()?;
        let login = "client_id = \"…\"` and `client_secret_file = \"…\"";
        let url = web_address(&settings.url, login).map_err(|wrong| connect.error(wrong))?;
        url.as_str()
            .trim_end_matches('/')
            .clone_into(&mut settings.url);
        let login_realm = settings.login_realm.as_deref();
        for (key, realm) in [
            ("realm", Some(settings.realm.as_str())),
            ("login_realm", login_realm),
        ] {
            if realm.is_some_and(|realm| matches!(realm, "" | "." | "..")) {
                return Err(connect.error(format!("`{key}` must be the name of a realm")));
            }
        }
        let (shortest, longest) = (Duration::from_secs(1), LONGEST_TIMEOUT);
        if !(shortest..=longest).contains(&settings.timeout.duration()) {
            return Err(connect.error(format!(
                "`timeout` is {}, and must be from 1s to {}s",
                settings.timeout,
                longest.as_secs()
            )));
        }
        let (file, stored) = (
            settings.client_secret_file.clone(),
            settings.client_secret_secret.clone(),
        );
        let source = SecretSource::exactly_one("client_secret", file, stored)
            .map_err(|why| connect.error(why))?;
        let http = Http::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(settings.timeout.duration())
            .redirect(reqwest::redirect::Policy::none())
            // One that it is just about to close would look like a lost answer.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| connect.error(no_client(&error)))?;
        Ok(Self {
            name: connect.name.clone(),
            secret: connect.secret(&source)?,
            source,
            redactor: Arc::clone(connect.redactor),
            consumers: consumers(&settings, connect)?,
            settings,
            http,
            token: Mutex::new(None),
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

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The realm whose clients are looked at.
    pub(super) fn realm(&self) -> &str {
        &self.settings.realm
    }

    /// The realm of the client that Purser logs in as.
    pub(super) fn login_realm(&self) -> &str {
        let login = self.settings.login_realm.as_deref();
        login.unwrap_or(&self.settings.realm)
    }

    pub(super) fn own_secret(&self) -> &SecretString {
        &self.secret
    }

    /// Where people put a better secret of that client.
    pub(super) fn secret_source(&self) -> &SecretSource {
        &self.source
    }

    /// From now on it is masked wherever it turns up.
    pub(super) fn have_masked(&self, secret: &SecretString) {
        self.redactor.learn(secret.expose_secret());
    }

    /// How old the secret of this client may become, if anybody has said so.
    pub(super) fn maximum_age(&self, client_id: &str) -> Option<Span> {
        let own = self.settings.clients.get(client_id);
        let own = own.and_then(|client| client.maximum_age);
        own.or(self.settings.maximum_age)
    }

    /// Who reads the secret of this client, as far as the configuration says.
    pub(super) fn consumers_of(&self, client_id: &str) -> &[Consumer] {
        self.consumers.get(client_id).map_or(&[], Vec::as_slice)
    }

    /// The address of a realm for whoever logs in there.
    pub(super) fn realm_url(&self, realm: &str) -> String {
        format!("{}/realms/{}", self.url(), part(realm))
    }

    /// What it answers to a look, as JSON.
    pub(super) async fn look<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T> {
        let answer = self.send(call).await?;
        if answer.status != 200 {
            return Err(self.refused(call, &answer));
        }
        // What serde says may quote what it has read.
        serde_json::from_slice(&answer.body)
            .map_err(|error| self.explain(call, Trouble::Garbled(place_of(&error))))
    }

    /// Carries out a change. An error of which it may have happened all the same says so.
    pub(super) async fn change(&self, call: &Call<'_>) -> Result<()> {
        let answer = self.send(call).await?;
        match answer.status {
            200..=299 => Ok(()),
            _ => Err(self.refused(call, &answer)),
        }
    }

    /// Sends a call with a token; once more with a new one when that is refused.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Answer> {
        let token = self.token(call.what, None).await?;
        let answer = self.once(call, &token).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let token = self.token(call.what, Some(&token)).await?;
        self.once(call, &token).await
    }

    async fn once(&self, call: &Call<'_>, token: &SecretString) -> Result<Answer> {
        let (server, realm) = (self.url(), part(self.realm()));
        let url = match call.path.strip_prefix('/') {
            Some(path) => format!("{server}/admin/{path}"),
            None => format!("{server}/admin/realms/{realm}/{}", call.path),
        };
        let mut request = self
            .http
            .request(call.method.clone(), url)
            .bearer_auth(token.expose_secret());
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let answer = self.answer_to(request).await;
        answer.map_err(|trouble| self.explain(call, trouble))
    }

    pub(super) async fn answer_to(&self, request: RequestBuilder) -> Result<Answer, Trouble> {
        let response = request.send().await;
        read(response.map_err(|error| Trouble::no_answer(&error))?).await
    }
}

/// Who logs in by the secrets of which clients.
fn consumers(
    settings: &Settings,
    connect: &Connect<'_>,
) -> Result<BTreeMap<String, Vec<Consumer>>, ConnectError> {
    let mut all = BTreeMap::new();
    for (client, declared) in &settings.clients {
        let of = format!("the client `{client}`");
        let mut consumers: Vec<Consumer> = Vec::new();
        for one in declared.consumers.iter().cloned() {
            let one = Consumer::connect(one, &of, connect)?;
            if consumers.iter().any(|other| other.name() == one.name()) {
                let name = one.name();
                return Err(connect.error(format!("{of} has two consumers called `{name}`")));
            }
            consumers.push(one);
        }
        all.insert(client.clone(), consumers);
    }
    Ok(all)
}

/// All of an answer.
async fn read(mut response: Response) -> Result<Answer, Trouble> {
    let location = response.headers().get(header::LOCATION);
    let mut answer = Answer {
        status: response.status().as_u16(),
        location: location.and_then(|to| to.to_str().ok()).map(str::to_owned),
        body: vec![],
    };
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => answer.body.extend_from_slice(&bytes),
            Ok(None) => return Ok(answer),
            Err(error) => return Err(Trouble::no_answer(&error)),
        }
        if answer.body.len() > LONGEST_ANSWER {
            return Err(Trouble::Garbled("its answer is too long".to_owned()));
        }
    }
}

/// One part of a path.
pub(super) fn part(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

fn place_of(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    format!("not the JSON that was expected, at {line}:{column}")
}
