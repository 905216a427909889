//! Who posts to hooks.

use std::time::SystemTime;

use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use crate::support::program::Home;

/// A message that is not signed yet.
pub(super) struct Message {
    pub(super) id: String,
    pub(super) timestamp: i64,
    pub(super) body: String,
}

/// What is sent: headers and a body.
#[derive(Clone)]
pub(super) struct Signed {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) kind: String,
    pub(super) body: Value,
}

impl Message {
    /// A message as of now.
    pub(super) fn of(id: &str, body: &str) -> Self {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        Self {
            id: id.to_owned(),
            timestamp: i64::try_from(now).unwrap(),
            body: body.to_owned(),
        }
    }

    /// The same, made so long ago.
    pub(super) fn aged(mut self, seconds: i64) -> Self {
        self.timestamp -= seconds;
        self
    }

    pub(super) fn with_signature(&self, signature: &str) -> Signed {
        Signed {
            headers: vec![
                ("webhook-id", self.id.clone()),
                ("webhook-timestamp", self.timestamp.to_string()),
                ("webhook-signature", signature.to_owned()),
            ],
            body: self.body.clone(),
        }
    }
}

impl Signed {
    /// With a bearer token instead of a signature.
    pub(super) fn by_token(token: &str, body: &str) -> Self {
        Self {
            headers: vec![("authorization", format!("Bearer {token}"))],
            body: body.to_owned(),
        }
    }

    /// Without this header.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| *header != name);
        self
    }
}

impl Answer {
    /// The run that was started.
    pub(super) fn run(&self) -> &str {
        self.body["run"]
            .as_str()
            .unwrap_or_else(|| panic!("{self:?}"))
    }

    /// `401 unproven: SENTENCE` of a problem.
    pub(super) fn problem(&self) -> String {
        assert_eq!(self.kind, "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], self.status, "{self:?}");
        let text = |key: &str| self.body[key].as_str().unwrap_or_default().to_owned();
        format!("{} {}: {}", self.status, text("title"), text("detail"))
    }
}

/// A program that posts to a server's hooks.
pub(super) struct Sender {
    http: reqwest::Client,
    base: String,
}

impl Sender {
    pub(super) fn to(home: &Home) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            http: reqwest::Client::new(),
            base: format!("http://{}", home.address()),
        }
    }

    pub(super) async fn send(&self, hook: &str, signed: &Signed) -> Answer {
        let mut request = self.http.post(format!("{}/hooks/{hook}", self.base));
        for (name, value) in &signed.headers {
            request = request.header(*name, value);
        }
        answer(request.body(signed.body.clone())).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        answer(self.http.get(format!("{}{path}", self.base))).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer { status, kind, body }
}
