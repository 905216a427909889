//! Logins with a client's own id and secret: Purser's, and one to try out a secret.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::time::Instant;

use super::connection::{Answer, Keycloak};
use super::explain::{Trouble, told};
use crate::action::{ActionError, Result};

/// A token is not used in its last moments: it would be too old when it arrives.
const SPARE: Duration = Duration::from_secs(10);

/// What the admin API is asked with.
pub(super) struct Token {
    value: SecretString,
    until: Instant,
}

/// What a login is answered with.
#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    expires_in: u64,
}

/// What became of a login.
#[derive(Debug)]
enum Login {
    Granted(SecretString, Duration),
    /// There is no such realm.
    NoRealm,
    /// No such client is known, or it is disabled.
    NoClient,
    /// Not with this secret.
    WrongSecret,
    /// The client has no service account; whether the secret is right is then said too.
    NoServiceAccount,
    /// Its own words.
    Told(String),
}

impl Keycloak {
    /// A token that is still good, and not `refused`.
    pub(super) async fn token(
        &self,
        what: &str,
        refused: Option<&SecretString>,
    ) -> Result<SecretString> {
        let mut kept = self.token.lock().await;
        let is_refused = |token: &SecretString| {
            refused.is_some_and(|refused| refused.expose_secret() == token.expose_secret())
        };
        if let Some(token) = kept.as_ref().filter(|token| token.until > Instant::now())
            && !is_refused(&token.value)
        {
            return Ok(token.value.clone());
        }
        let token = self.made_now(what).await?;
        let value = token.value.clone();
        *kept = Some(token);
        Ok(value)
    }

    /// A token that was made just now, and is kept nowhere.
    pub(super) async fn new_token(&self, what: &str) -> Result<SecretString> {
        Ok(self.made_now(what).await?.value)
    }

    async fn made_now(&self, what: &str) -> Result<Token> {
        let asked = Instant::now();
        let (realm, client) = (self.login_realm(), &self.settings().client_id);
        match self.log_in(what, realm, client, self.own_secret()).await? {
            Login::Granted(value, lasts) => Ok(Token {
                value,
                until: asked + lasts.saturating_sub(SPARE),
            }),
            refused => Err(self.no_token(what, refused)),
        }
    }

    /// Whether this secret of the client is taken.
    pub(super) async fn try_login(&self, client_id: &str, secret: &SecretString) -> Result<bool> {
        let what = format!("log in as `{client_id}`");
        let name = self.name();
        match self.log_in(&what, self.realm(), client_id, secret).await? {
            // Without a service account there is no token, which is said only to whom the secret is right.
            Login::Granted(..) | Login::NoServiceAccount => Ok(true),
            Login::WrongSecret => Ok(false),
            Login::NoRealm => Err(self.no_realm(&what, self.realm(), "realm")),
            Login::NoClient => Err(ActionError::fatal(format!(
                "{name}: cannot {what}: the realm `{}` has no such client, or it is disabled; look at it \
                 in the admin console",
                self.realm()
            ))),
            Login::Told(why) => Err(ActionError::fatal(format!(
                "{name}: cannot {what}: it answered {why}; look at the client in the admin console"
            ))),
        }
    }

    /// The token that this client is given for this secret; `None` when it is refused.
    pub(super) async fn token_of(
        &self,
        client_id: &str,
        secret: &SecretString,
    ) -> Result<Option<SecretString>> {
        let what = format!("log in as `{client_id}`");
        match self.log_in(&what, self.realm(), client_id, secret).await? {
            Login::Granted(token, _) => Ok(Some(token)),
            _ => Ok(None),
        }
    }

    async fn log_in(
        &self,
        what: &str,
        realm: &str,
        client_id: &str,
        secret: &SecretString,
    ) -> Result<Login> {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", secret.expose_secret()),
        ];
        let form = form
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .join("&");
        let request = self
            .http
            .post(format!(
                "{}/protocol/openid-connect/token",
                self.realm_url(realm)
            ))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        // A login changes nothing: that it may have happened is nothing to say.
        let trouble = |trouble| self.explain_login(what, trouble);
        let answer = self.answer_to(request).await.map_err(trouble)?;
        Login::of(&answer).map_err(trouble)
    }

    fn no_token(&self, what: &str, login: Login) -> ActionError {
        let (name, client) = (self.name(), &self.settings().client_id);
        let (realm, source) = (self.login_realm(), self.secret_source());
        let setting = match self.settings().login_realm {
            Some(_) => "login_realm",
            None => "realm",
        };
        let why = match login {
            Login::NoRealm => return self.no_realm(what, realm, setting),
            Login::NoClient => format!(
                "the realm `{realm}` has no client `{client}`, or it is disabled; correct `client_id` in \
                 [systems.{name}]"
            ),
            Login::WrongSecret => {
                format!("the secret of `{client}` is refused; put the right one into {source}")
            }
            Login::NoServiceAccount => format!(
                "the client `{client}` has no service account; switch on `Client authentication` and \
                 `Service account roles` in its settings"
            ),
            Login::Told(why) => format!(
                "the login as `{client}` is refused ({why}); look at that client in the admin console"
            ),
            Login::Granted(..) => "the login succeeded".to_owned(),
        };
        ActionError::fatal(format!("{name}: cannot {what}: {why}"))
    }

    /// There is no realm of this name, which the setting says.
    pub(super) fn no_realm(&self, what: &str, realm: &str, setting: &str) -> ActionError {
        let (name, url) = (self.name(), self.url());
        ActionError::fatal(format!(
            "{name}: cannot {what}: there is no realm `{realm}` at {url}; correct `{setting}` in \
             [systems.{name}]"
        ))
    }
}

impl Login {
    fn of(answer: &Answer) -> Result<Self, Trouble> {
        #[derive(Default, Deserialize)]
        struct Refusal {
            #[serde(default)]
            error: String,
            #[serde(default)]
            error_description: String,
        }
        if answer.status == 200 {
            let granted: Granted = serde_json::from_slice(&answer.body)
                .map_err(|_| Trouble::Garbled("no token in the answer to a login".to_owned()))?;
            let lasts = Duration::from_secs(granted.expires_in);
            return Ok(Self::Granted(granted.access_token, lasts));
        }
        let Ok(refusal) = serde_json::from_slice::<Refusal>(&answer.body) else {
            return Err(Trouble::of(answer));
        };
        let description = refusal.error_description.as_str();
        match (answer.status, refusal.error.as_str()) {
            (404, "Realm does not exist") => Ok(Self::NoRealm),
            (400 | 401, _) if description.contains("to retrieve service account") => {
                Ok(Self::NoServiceAccount)
            }
            (400 | 401, "unauthorized_client") => Ok(Self::WrongSecret),
            (401, "invalid_client") => Ok(Self::NoClient),
            (400 | 401 | 403, _) => Ok(Self::Told(told(answer))),
            _ => Err(Trouble::of(answer)),
        }
    }
}
