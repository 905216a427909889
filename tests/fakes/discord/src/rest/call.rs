//! A request as the handlers see it.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::body::Body;
use axum::extract::{FromRequest as _, Multipart};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::check::form::Form;
use crate::ids::{AppId, UserId};
use crate::refusal::{NOT_JSON, Refusal, UNAUTHORIZED};
use crate::state::posting::Upload;

/// A request, read to its end.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// The path after `/api/v10`, cut at its slashes.
    pub(crate) segments: Vec<String>,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) body: Value,
    pub(crate) files: Vec<Upload>,
    /// Whose token came with it.
    pub(crate) app: Option<AppId>,
}

impl Call {
    /// The id at a place of the path: 50035 if it is none.
    pub(crate) fn id<T: FromStr>(&self, at: usize) -> Result<T, Refusal> {
        let text = self.segment(at);
        text.parse().map_err(|_| {
            let mut form = Form::default();
            let message = format!("Value \"{text}\" is not snowflake.");
            let before = self.segment(at.saturating_sub(1)).trim_end_matches('s');
            form.refuse(&format!("{before}_id"), "NUMBER_TYPE_COERCE", message);
            form.finish().err().unwrap_or(UNAUTHORIZED)
        })
    }

    pub(crate) fn segment(&self, at: usize) -> &str {
        self.segments.get(at).map_or("", String::as_str)
    }

    /// The bot that asks: 401 if it is none.
    pub(crate) fn bot(&self) -> Result<UserId, Refusal> {
        self.app.map(AppId::bot).ok_or(UNAUTHORIZED)
    }

    /// The application in the path, which has to be the one that asks.
    pub(crate) fn own_app(&self, at: usize) -> Result<AppId, Refusal> {
        let app: AppId = self.id(at)?;
        if self.app == Some(app) {
            Ok(app)
        } else {
            Err(crate::refusal::MISSING_ACCESS)
        }
    }

    /// How many things `limit` asks for, which is between 1 and `most`.
    pub(crate) fn page_size(&self, form: &mut Form, most: u64, default: u64) -> usize {
        let mut size = default;
        if let Some(text) = self.query.get("limit") {
            let value = text
                .parse::<u64>()
                .map_or_else(|_| Value::from(text.as_str()), Value::from);
            size = form
                .number("limit", &value, &(1..=most))
                .unwrap_or_default();
        }
        usize::try_from(size).unwrap_or_default()
    }

    pub(crate) fn asks(&self, name: &str) -> bool {
        self.query
            .get(name)
            .is_some_and(|value| value == "true" || value == "1")
    }
}

/// The parts of a path, decoded: some clients write `@original` as `%40original`.
pub(crate) fn segments(path: &str) -> Vec<String> {
    path.trim_matches('/').split('/').map(decoded).collect()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The parts of a query string.
pub(crate) fn query(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// Reads a body: JSON, or a form with `payload_json` and `files[n]`.
pub(crate) async fn read(
    headers: &HeaderMap,
    bytes: Bytes,
) -> Result<(Value, Vec<Upload>), Refusal> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or("");
    if kind.starts_with("multipart/form-data") {
        return read_form(kind, bytes).await.ok_or(NOT_JSON);
    }
    if bytes.is_empty() {
        return Ok((json!({}), Vec::new()));
    }
    let body = serde_json::from_slice(&bytes).map_err(|_| NOT_JSON)?;
    Ok((body, Vec::new()))
}

async fn read_form(kind: &str, bytes: Bytes) -> Option<(Value, Vec<Upload>)> {
    let request = Request::post("/")
        .header(CONTENT_TYPE, kind)
        .body(Body::from(bytes))
        .ok()?;
    let mut form = Multipart::from_request(request, &()).await.ok()?;
    let (mut body, mut files) = (json!({}), Vec::new());
    while let Some(field) = form.next_field().await.ok()? {
        let name = field.name().unwrap_or_default().to_owned();
        let number = name
            .strip_prefix("files[")
            .and_then(|rest| rest.strip_suffix(']'));
        if name == "payload_json" {
            body = serde_json::from_slice(&field.bytes().await.ok()?).ok()?;
        } else if let Some(number) = number {
            files.push(Upload {
                number: number.parse().ok()?,
                name: field.file_name().unwrap_or("file").to_owned(),
                content_type: field
                    .content_type()
                    .unwrap_or("application/octet-stream")
                    .to_owned(),
                bytes: field.bytes().await.ok()?,
            });
        } else {
            let text = field.text().await.ok()?;
            body[name] = text.into();
        }
    }
    Some((body, files))
}
