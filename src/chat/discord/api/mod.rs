//! Requests to Discord's REST API, version 10: bounded in time, within its rate limits.

mod error;
mod limits;
mod routes;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

pub(super) use error::ApiError;
use limits::{Bucket, Limits, Told};
pub(super) use routes::Route;

/// One request takes no longer, its body and its answer included.
const LONGEST_REQUEST: Duration = Duration::from_secs(20);

/// No answer that is read is longer, in bytes: a page of a hundred messages with embeds is not.
const LONGEST_ANSWER: usize = 4 << 20;

/// A file that goes with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attachment {
    /// Its name, with an ending that says what it is.
    pub(super) name: String,
    /// Its type.
    pub(super) media_type: String,
    /// What it holds.
    pub(super) bytes: Vec<u8>,
}

/// Discord, with one bot's token.
pub(super) struct Api {
    client: Client,
    base: String,
    token: SecretString,
    limits: Mutex<Limits>,
    /// Tells when an answer has told something about limits.
    heard: Notify,
}

impl Api {
    /// The API at this address, which is `https://discord.com` or a proxy for it.
    ///
    /// # Errors
    /// This machine has no TLS.
    pub(super) fn new(base: &str, token: &SecretString) -> Result<Self, String> {
        let client = Client::builder()
            .user_agent(concat!(
                "DiscordBot (purser, ",
                env!("CARGO_PKG_VERSION"),
                ")"
            ))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(LONGEST_REQUEST)
            .build();
        Ok(Self {
            client: client.map_err(|error| error.to_string())?,
            base: base.to_owned(),
            token: token.clone(),
            limits: Mutex::default(),
            heard: Notify::new(),
        })
    }

    /// When a call would be taken, as far as is known: now, or later.
    pub(super) fn ready_at(&self, route: &Route, now: Instant) -> Instant {
        let limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        route
            .bucket()
            .map_or(now, |bucket| limits.ready_at(bucket, now))
    }

    /// Makes a call, waits for its turn before that if need be, and returns what Discord answers.
    ///
    /// # Errors
    /// Its turn does not come within `patience`, or it is not carried out, or nobody knows.
    pub(super) async fn call(
        &self,
        route: &Route,
        body: Option<&Value>,
        files: &[Attachment],
        patience: Duration,
    ) -> Result<Value, ApiError> {
        let deadline = Instant::now() + patience;
        loop {
            self.wait_for_turn(route.bucket(), deadline).await?;
            match self.try_once(route, body, files).await {
                Err(ApiError::TooMany(after)) if Instant::now() + after <= deadline => {}
                answer => return answer,
            }
        }
    }

    async fn wait_for_turn(
        &self,
        bucket: Option<&Bucket>,
        deadline: Instant,
    ) -> Result<(), ApiError> {
        let Some(bucket) = bucket else {
            return Ok(());
        };
        loop {
            let heard = self.heard.notified();
            let now = Instant::now();
            let taken = {
                let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
                limits.take(bucket, now)
            };
            let Err(ready_at) = taken else {
                return Ok(());
            };
            if now >= deadline {
                return Err(ApiError::TooMany(ready_at - now));
            }
            tokio::select! {
                () = sleep_until(ready_at.min(deadline)) => {}
                () = heard => {}
            }
        }
    }

    async fn try_once(
        &self,
        route: &Route,
        body: Option<&Value>,
        files: &[Attachment],
    ) -> Result<Value, ApiError> {
        let request = self.request(route, body, files)?;
        let answer = request.send().await;
        let now = Instant::now();
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                self.note(route, None, now);
                return Err(no_answer(&error));
            }
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response).await;
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(self.too_many(route, &headers, &body.unwrap_or_default(), now));
        }
        self.note(route, told(&headers), now);
        if status.is_success() {
            return body;
        }
        Err(refusal(status, body))
    }

    fn request(
        &self,
        route: &Route,
        body: Option<&Value>,
        files: &[Attachment],
    ) -> Result<RequestBuilder, ApiError> {
        let unclear = |error: reqwest::Error| ApiError::Unreached(bare(&error));
        let url = format!("{}/api/v10{}", self.base, route.path);
        let header = HeaderValue::from_str(&format!("Bot {}", self.token.expose_secret()));
        let mut header = header.map_err(|_| ApiError::Token)?;
        header.set_sensitive(true);
        let request = self.client.request(route.method.clone(), url);
        let request = request.header(AUTHORIZATION, header);
        let Some(body) = body else {
            return Ok(request);
        };
        if files.is_empty() {
            return Ok(request.json(body));
        }
        let mut form = Form::new().text("payload_json", body.to_string());
        for (n, file) in files.iter().enumerate() {
            let part = Part::bytes(file.bytes.clone()).file_name(file.name.clone());
            let part = part.mime_str(&file.media_type).map_err(unclear)?;
            form = form.part(format!("files[{n}]"), part);
        }
        Ok(request.multipart(form))
    }

    fn note(&self, route: &Route, told: Option<Told>, now: Instant) {
        if let Some(bucket) = route.bucket() {
            let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
            limits.heard(bucket, told, now);
            drop(limits);
            self.heard.notify_waiters();
        }
    }

    fn too_many(&self, route: &Route, headers: &HeaderMap, body: &Value, now: Instant) -> ApiError {
        let seconds = body["retry_after"].as_f64();
        let seconds = seconds.or_else(|| number(headers, "retry-after"));
        let after = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let after = after.unwrap_or(Duration::from_secs(1));
        let is_global = body["global"].as_bool() == Some(true);
        if let Some(bucket) = route.bucket() {
            let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
            limits.refused(bucket, after, is_global, now);
        }
        tracing::debug!(
            ?after,
            is_global,
            "Discord takes no more requests for a while"
        );
        ApiError::TooMany(after)
    }
}

/// What an answer holds. It was carried out, whether that can be read or not.
async fn read(mut response: Response) -> Result<Value, ApiError> {
    let mut bytes = Vec::new();
    let whole = async {
        while let Some(chunk) = response.chunk().await.transpose() {
            let chunk = chunk.map_err(|error| ApiError::Unclear(bare(&error)))?;
            if bytes.len() + chunk.len() > LONGEST_ANSWER {
                return Err(ApiError::Unclear("its answer is too long".to_owned()));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(())
    };
    let in_time = timeout(LONGEST_REQUEST, whole).await;
    in_time.unwrap_or_else(|_| Err(ApiError::Unclear("its answer did not end".to_owned())))?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|error| ApiError::Unclear(error.to_string()))
}

fn no_answer(error: &reqwest::Error) -> ApiError {
    let why = bare(error);
    if error.is_connect() || error.is_builder() {
        ApiError::Unreached(why)
    } else {
        ApiError::Unclear(why)
    }
}

/// Without the address, which may hold the token of an interaction.
fn bare(error: &reqwest::Error) -> String {
    let mut causes = vec![];
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    match causes.pop() {
        Some(last) => last,
        None if error.is_timeout() => "it gave no answer in time".to_owned(),
        None => "the connection failed".to_owned(),
    }
}

fn refusal(status: StatusCode, body: Result<Value, ApiError>) -> ApiError {
    if status.is_server_error() {
        return ApiError::Unclear(format!("it answered {status}"));
    }
    let body = body.unwrap_or_default();
    // An interaction's token that is over is refused so too, with a code of its own.
    if status == StatusCode::UNAUTHORIZED && body["code"].as_u64().unwrap_or(0) == 0 {
        return ApiError::Token;
    }
    let mut message = body["message"].as_str().unwrap_or("no reason").to_owned();
    if let Some(errors) = body.get("errors") {
        message = format!("{message}: {errors}");
    }
    ApiError::Refused {
        status: status.as_u16(),
        code: body["code"].as_u64().unwrap_or(0),
        message,
    }
}

fn told(headers: &HeaderMap) -> Option<Told> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let after = number(headers, "x-ratelimit-reset-after")?;
    Some(Told {
        name: text("x-ratelimit-bucket")?.to_owned(),
        remaining: text("x-ratelimit-remaining")?.parse().ok()?,
        resets_after: Duration::try_from_secs_f64(after).ok()?,
    })
}

fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}
