//! What a service answered, as far as it is kept.

use futures_util::StreamExt as _;
use reqwest::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// More of an answer is not read, in bytes.
pub(super) const LONGEST_ANSWER: usize = 256 * 1024;

/// An answer: the status is certain, the body is what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// JSON, or the text as it is; null when there was none.
    pub(super) body: Value,
    /// The body was longer than what is read, or broke off.
    pub(super) cut: bool,
    /// Where it sends on to.
    #[serde(skip)]
    pub(super) location: Option<String>,
    /// It calls itself JSON and is none.
    #[serde(skip)]
    pub(super) no_json: Option<String>,
}

impl Answer {
    /// Reads what an answer says, up to [`LONGEST_ANSWER`].
    pub(super) async fn read(response: Response) -> Self {
        let status = response.status().as_u16();
        let text = |name| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let location = text(reqwest::header::LOCATION);
        let media_type = text(reqwest::header::CONTENT_TYPE).unwrap_or_default();
        let (bytes, cut) = bounded(response).await;
        let (body, no_json) = body(&bytes, cut, &media_type);
        Self {
            status,
            body,
            cut,
            location,
            no_json,
        }
    }

    /// Whether its status is one of these, or any 2xx where none are named.
    pub(super) fn is(&self, expected: &[u16]) -> bool {
        if expected.is_empty() {
            return self.is_success();
        }
        expected.contains(&self.status)
    }

    /// Whether its status is 2xx.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Its first words, for an error: `404 Not Found: no such account`.
    pub(super) fn told(&self) -> String {
        const MOST: usize = 200;
        let status = reqwest::StatusCode::from_u16(self.status)
            .map_or_else(|_| self.status.to_string(), |status| status.to_string());
        let text = match &self.body {
            Value::Null => String::new(),
            Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
            json => json.to_string(),
        };
        let mut first: String = text.chars().take(MOST).collect();
        if first.len() < text.len() {
            first.push('…');
        }
        if first.is_empty() {
            status
        } else {
            format!("{status}: {first}")
        }
    }
}

/// The first bytes of a body, and whether there were to be more.
async fn bounded(response: Response) -> (Vec<u8>, bool) {
    let mut stream = response.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(next) = stream.next().await {
        let Ok(next) = next else {
            return (bytes, true);
        };
        bytes.extend_from_slice(&next);
        if bytes.len() > LONGEST_ANSWER {
            bytes.truncate(LONGEST_ANSWER);
            return (bytes, true);
        }
    }
    (bytes, false)
}

/// JSON is read as such where the service says that it is; half of it is text.
fn body(bytes: &[u8], cut: bool, media_type: &str) -> (Value, Option<String>) {
    if bytes.is_empty() {
        return (Value::Null, None);
    }
    let kind = media_type.split(';').next().unwrap_or_default().trim();
    let is_json = kind == "application/json" || kind.ends_with("+json");
    let mut no_json = None;
    if is_json && !cut {
        match serde_json::from_slice(bytes) {
            Ok(value) => return (value, None),
            Err(error) => no_json = Some(error.to_string()),
        }
    }
    (String::from_utf8_lossy(bytes).into_owned().into(), no_json)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_data_and_everything_else_is_text() {
        let json_type = "application/json; charset=utf-8";
        assert_eq!(body(b"{\"a\":1}", false, json_type).0, json!({ "a": 1 }));
        assert_eq!(
            body(b"{\"a\":1", true, json_type),
            (json!("{\"a\":1"), None)
        );
        assert_eq!(body(b"1", false, "text/plain").0, json!("1"));
        assert_eq!(body(b"", false, json_type).0, json!(null));
        let (text, why) = body(b"oops", false, "application/problem+json");
        assert_eq!(text, json!("oops"));
        assert!(why.is_some());
    }
}
