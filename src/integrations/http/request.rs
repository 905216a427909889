//! What is sent: a method, a place on the service, headers and a body.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Url, header};
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::connection::WebService;
use crate::action::{ActionError, Context, Result};
use crate::domain::secret::SecretText;

/// Stands for the effect's key in paths and in the texts of a body.
pub(super) const KEY: &str = "{key}";

/// The header that carries the effect's key.
pub(super) const KEY_HEADER: &str = "idempotency-key";

/// A longer body is not sent, in bytes.
const LONGEST_BODY: usize = 256 * 1024;

/// What a key may hold in a URL as it is.
const AS_IT_IS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// How something is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub(super) enum ChangeMethod {
    #[default]
    Post,
    Put,
    Patch,
    Delete,
}

impl From<ChangeMethod> for Method {
    fn from(method: ChangeMethod) -> Self {
        match method {
            ChangeMethod::Post => Self::POST,
            ChangeMethod::Put => Self::PUT,
            ChangeMethod::Patch => Self::PATCH,
            ChangeMethod::Delete => Self::DELETE,
        }
    }
}

/// The headers of a step, with what stands in its file and what is a secret.
pub(super) type WrittenHeaders = BTreeMap<String, SecretText>;

/// The same, opened.
pub(super) type Headers = Vec<(HeaderName, SecretString)>;

/// A request whose place and headers are known to be good.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Headers,
    pub(super) body: Option<Value>,
}

impl Request {
    /// A request to this path of the service, in which `key` stands for [`KEY`].
    pub(super) fn to(
        service: &WebService,
        method: impl Into<Method>,
        path: &str,
        key: Option<&str>,
    ) -> Result<Self> {
        Ok(Self {
            method: method.into(),
            url: service.place(path, key)?,
            headers: vec![],
            body: None,
        })
    }

    /// With this body, in whose texts `key` stands for [`KEY`].
    pub(super) fn body(mut self, body: Option<&Value>, key: &str) -> Self {
        self.body = body.map(|body| with_key(body.clone(), key));
        self
    }

    /// With these headers too.
    pub(super) fn headers(mut self, headers: &Headers) -> Self {
        self.headers.extend_from_slice(headers);
        self
    }

    /// With the key in its header.
    pub(super) fn keyed(mut self, key: &str) -> Self {
        let header = HeaderName::from_static(KEY_HEADER);
        self.headers.push((header, key.to_owned().into()));
        self
    }

    /// `POST https://billing/api/charges`.
    pub(super) fn named(&self) -> String {
        format!("{} {}", self.method, self.url)
    }
}

/// Puts a key where a path has its place, in a form that is one segment or one value.
pub(super) fn path_with_key(path: &str, key: &str) -> String {
    path.replace(KEY, &utf8_percent_encode(key, AS_IT_IS).to_string())
}

fn with_key(body: Value, key: &str) -> Value {
    match body {
        Value::String(text) => Value::String(text.replace(KEY, key)),
        Value::Array(items) => items.into_iter().map(|item| with_key(item, key)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, with_key(value, key)))
            .collect(),
        plain => plain,
    }
}

/// A body that is not too long.
pub(super) fn check_body(service: &WebService, body: Option<&Value>) -> Result<()> {
    let length = body.map_or(0, |body| body.to_string().len());
    if length <= LONGEST_BODY {
        return Ok(());
    }
    Err(ActionError::fatal(format!(
        "{}: the body has {length} bytes, and no more than {LONGEST_BODY} are sent; nothing was sent",
        service.name()
    )))
}

/// Names of headers that may be set in a workflow, in the order of the file's names.
pub(super) fn check_headers(service: &WebService, headers: &WrittenHeaders) -> Result<()> {
    for name in headers.keys() {
        header_name(service, name)?;
    }
    Ok(())
}

/// The headers with their secrets opened.
pub(super) async fn open_headers(
    ctx: &Context,
    service: &WebService,
    headers: &WrittenHeaders,
) -> Result<Headers> {
    let mut opened = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let value = ctx.secret_text(value).await?;
        if HeaderValue::from_str(value.expose_secret()).is_err() {
            return Err(ActionError::fatal(format!(
                "{}: the value of the header {name} holds what no header can, such as a line end; \
                 nothing was sent",
                service.name()
            )));
        }
        opened.push((header_name(service, name)?, value));
    }
    Ok(opened)
}

/// What Purser sets itself, or what would change whom the request reaches.
const RESERVED: [HeaderName; 5] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    HeaderName::from_static(KEY_HEADER),
];

fn header_name(service: &WebService, name: &str) -> Result<HeaderName> {
    let wrong = |why: &str| {
        ActionError::fatal(format!(
            "{}: `{name}` {why}; nothing was sent",
            service.name()
        ))
    };
    let header: HeaderName = name.parse().map_err(|_| wrong("cannot name a header"))?;
    if RESERVED.contains(&header) {
        return Err(wrong("is a header that Purser sets itself"));
    }
    Ok(header)
}

/// The headers as a plan names them: `x-shop, x-token (secret TOKEN)`.
pub(super) fn named_headers(headers: &WrittenHeaders) -> Option<String> {
    let one = |(name, value): (&String, &SecretText)| match value {
        SecretText::Literal(_) => name.clone(),
        SecretText::Stored(secret) => format!("{name} (secret {secret})"),
    };
    let all: Vec<_> = headers.iter().map(one).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_one_segment_of_a_path_and_itself_in_a_body() {
        let key = "01a/charge/0/send_askable";
        assert_eq!(
            path_with_key("/charges/{key}?by={key}", key),
            "/charges/01a%2Fcharge%2F0%2Fsend_askable?by=01a%2Fcharge%2F0%2Fsend_askable"
        );
        let body = json!({ "ref": "purser {key}", "lines": [{ "of": "{key}" }, 3], "{key}": null });
        assert_eq!(
            with_key(body, "k"),
            json!({ "ref": "purser k", "lines": [{ "of": "k" }, 3], "{key}": null })
        );
    }
}
