//! A place that is an address of another program: a chat's incoming webhook, n8n, a relay.

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::action::{Place, SecretUrl};
use crate::domain::cause::{innermost, no_client};
use crate::domain::notice::Notice;
use crate::domain::notice::delivery::Outcome;
use crate::domain::time::Timestamp;
use crate::domain::webhook::SigningSecret;

/// How long to wait for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long to wait for the whole answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Of an answer so many bytes are read, and so many characters shown.
const LONGEST_ANSWER: usize = 1024;
const LONGEST_SHOWN: usize = 120;

/// What is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `{type, timestamp, data}`, for programs.
    #[default]
    Event,
    /// `{text}`, as chats take it.
    Text,
}

/// What a webhook is made of.
#[derive(Debug)]
pub struct WebhookSettings {
    /// Where it is. Whoever knows the address of a chat's webhook may post there.
    pub url: SecretUrl,
    /// What is sent.
    pub format: Format,
    /// Each signs every message: two while they are being changed.
    pub secrets: Vec<SigningSecret>,
    /// What stands before a loud message.
    pub mention: Option<String>,
}

/// An address that is posted to, as Standard Webhooks says. No redirect is followed.
pub struct Webhook {
    settings: WebhookSettings,
    http: Client,
}

impl Webhook {
    /// Makes it ready; nothing is sent.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn new(settings: WebhookSettings) -> Result<Self, String> {
        let http = Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("purser/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| no_client(&error))?;
        Ok(Self { settings, http })
    }

    fn request(&self, notice: &Notice, at: Timestamp) -> RequestBuilder {
        let body = match self.settings.format {
            Format::Event => notice.event(),
            Format::Text => json!({ "text": notice.text(self.settings.mention.as_deref(), at) }),
        }
        .to_string();
        let id = notice.id.as_str();
        let seconds = at.micros().div_euclid(1_000_000);
        let sign = |secret: &SigningSecret| secret.sign(id, seconds, body.as_bytes());
        let signatures: Vec<_> = self.settings.secrets.iter().map(sign).collect();
        let request = self
            .http
            .post(self.settings.url.expose().clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds);
        match signatures.as_slice() {
            [] => request,
            some => request.header("webhook-signature", some.join(" ")),
        }
        .body(body)
    }
}

impl Place for Webhook {
    fn sort(&self) -> &'static str {
        match self.settings.format {
            Format::Event => "webhook, events for programs",
            Format::Text => "webhook, text for people",
        }
    }

    fn is_for_people(&self) -> bool {
        self.settings.format == Format::Text
    }

    fn deliver<'a>(&'a self, notice: &'a Notice, at: Timestamp) -> BoxFuture<'a, Outcome> {
        async move {
            match self.request(notice, at).send().await {
                Ok(response) => outcome(response, &self.settings.url).await,
                Err(error) => Outcome::Later {
                    why: why(&error.without_url()),
                    pause: None,
                },
            }
        }
        .boxed()
    }
}

fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it gave no answer in time".to_owned();
    }
    let innermost = innermost(error);
    if error.is_connect() {
        format!("it cannot be reached: {innermost}")
    } else {
        format!("the connection broke: {innermost}")
    }
}

async fn outcome(response: Response, address: &SecretUrl) -> Outcome {
    let status = response.status();
    let pause = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|seconds| seconds.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    if status.is_success() {
        let answer = format!("it answered {status}");
        return Outcome::Taken { answer };
    }
    let said = first_words(response, address).await;
    let why = match said.as_str() {
        "" => format!("it answered {status}"),
        said => format!("it answered {status}: {said}"),
    };
    if status.is_redirection() {
        let why = format!("{why}; redirects are not followed");
        return Outcome::PlaceRefuses { why };
    }
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Outcome::Later { why, pause }
        }
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Outcome::Refused { why },
        _ if status.is_client_error() => Outcome::PlaceRefuses { why },
        _ => Outcome::Later { why, pause },
    }
}

/// The beginning of what it said, on one line. The rest is not read.
async fn first_words(response: Response, address: &SecretUrl) -> String {
    let mut bytes = vec![];
    let mut stream = response.bytes_stream();
    while let Some(Ok(chunk)) = stream.next().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= LONGEST_ANSWER {
            break;
        }
    }
    bytes.truncate(LONGEST_ANSWER);
    let text = String::from_utf8_lossy(&bytes);
    let first = address.hidden_in(text.lines().next().unwrap_or_default().trim());
    let plain = first.chars().filter(|c| !c.is_control());
    plain.take(LONGEST_SHOWN).collect()
}
