//! A secret that is handed over by a call, and whose digest can be asked for.

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, RequestBuilder, Response, header};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::settings::{HttpSettings, Method};
use crate::action::{ActionError, Connect, Result, web_address};
use crate::domain::cause::{innermost, no_client};
use crate::domain::secret::SecretSource;

/// How long an answer may take.
const WITHIN: Duration = Duration::from_secs(10);
/// More of an answer is not read, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;
/// What the secret takes the place of.
const BLANK: &str = "{{ secret }}";

/// A call. Cheap to clone.
#[derive(Clone)]
pub(super) struct HttpCall {
    settings: Arc<HttpSettings>,
    bearer: Option<SecretString>,
    http: Client,
}

impl HttpCall {
    pub(super) fn connect(settings: &HttpSettings, connect: &Connect<'_>) -> Result<Self, String> {
        let login = "bearer_file = \"…\"";
        for url in [&settings.url, &settings.digest_url] {
            web_address(url, login)?;
        }
        if !settings.body.contains(BLANK) {
            return Err(format!(
                "the `body` has no `{BLANK}`, so the secret would not be sent"
            ));
        }
        let (file, stored) = (settings.bearer_file.clone(), settings.bearer_secret.clone());
        let source = SecretSource::at_most_one("bearer", file, stored)?;
        let bearer = source.map(|source| connect.secret(&source));
        let bearer = bearer.transpose().map_err(|error| error.message)?;
        let http = Client::builder()
            .timeout(WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| no_client(&error))?;
        Ok(Self {
            settings: Arc::new(settings.clone()),
            bearer,
            http,
        })
    }

    pub(super) fn shown(&self) -> String {
        self.settings.url.clone()
    }

    /// Whether what is asked for the digest names this secret's.
    pub(super) async fn has(&self, secret: &SecretString) -> Result<bool> {
        let url = &self.settings.digest_url;
        let answer = self.send(url, self.http.get(url)).await?;
        let digest = hex::encode(Sha256::digest(secret.expose_secret()));
        Ok(answer.to_ascii_lowercase().contains(&digest))
    }

    pub(super) async fn write(
        &self,
        secret: &SecretString,
        expected: &[&SecretString],
    ) -> Result<()> {
        if self.has(secret).await? {
            return Ok(());
        }
        let mut is_expected = false;
        for one in expected {
            is_expected |= self.has(one).await?;
        }
        let url = &self.settings.url;
        if !is_expected {
            return Err(ActionError::fatal(format!(
                "{url} has another secret than the one that counts: somebody else has changed it, and it was \
                 left as it is"
            )));
        }
        let request = match self.settings.method {
            Method::Put => self.http.put(url),
            Method::Post => self.http.post(url),
            Method::Patch => self.http.patch(url),
        };
        let request = self
            .settings
            .headers
            .iter()
            .fold(request, |request, (name, value)| {
                request.header(name, value)
            })
            .header(header::CONTENT_TYPE, &self.settings.content_type)
            .body(self.body(secret).to_string());
        let sent = self.send(url, request).await;
        sent.map(drop).map_err(ActionError::may_have_landed)
    }

    fn body(&self, secret: &SecretString) -> Zeroizing<String> {
        let secret = secret.expose_secret();
        let kind = &self.settings.content_type;
        let told = Zeroizing::new(if kind.contains("json") {
            serde_json::Value::from(secret)
                .to_string()
                .trim_matches('"')
                .to_owned()
        } else if kind.contains("form") {
            utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string()
        } else {
            secret.to_owned()
        });
        Zeroizing::new(self.settings.body.replace(BLANK, &told))
    }

    async fn send(&self, url: &str, request: RequestBuilder) -> Result<String> {
        let request = match &self.bearer {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        };
        let no_answer = |error: reqwest::Error| {
            let why = innermost(&error.without_url());
            ActionError::retryable(format!("{url} gave no answer: {why}"))
        };
        let answer = request.send().await.map_err(no_answer)?;
        let status = answer.status();
        let text = read(answer).await.map_err(no_answer)?;
        // What it says of a refusal may hold what it was sent.
        match status.as_u16() {
            200..300 => Ok(text),
            500.. => Err(ActionError::retryable(format!("{url} answered {status}"))),
            _ => Err(ActionError::fatal(format!("{url} answered {status}"))),
        }
    }
}

async fn read(mut answer: Response) -> reqwest::Result<String> {
    let mut text = Vec::new();
    while let Some(bytes) = answer.chunk().await? {
        text.extend_from_slice(&bytes);
        if text.len() > LONGEST_ANSWER {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}
