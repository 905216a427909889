//! Purser's API over its Unix socket: one request on a connection.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::exchange::{Request, exchange};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Why there is no answer of Purser's to be had.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server is away, or went away: whether it took the request is not known.
    Away,
    /// It refused, with this status and text.
    Refused(u16, String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Away => f.write_str("the server went away"),
            Self::Refused(status, text) => write!(f, "the server says {status}: {text}"),
        }
    }
}

impl std::error::Error for Failure {}

/// `GET`.
pub(super) fn get(socket: &Path, path: &str) -> Result<Value, Failure> {
    let (status, body) = call(socket, "GET", path, "").map_err(|_| Failure::Away)?;
    judge(status, &body)
}

/// `POST` of JSON.
pub(super) fn post(socket: &Path, path: &str, body: &Value) -> Result<Value, Failure> {
    let sent = call(socket, "POST", path, &body.to_string());
    let (status, body) = sent.map_err(|_| Failure::Away)?;
    judge(status, &body)
}

/// Whether the server takes calls.
pub(super) fn is_ready(socket: &Path) -> bool {
    call(socket, "GET", "/readyz", "").is_ok_and(|(status, _)| status == 200)
}

fn judge(status: u16, body: &str) -> Result<Value, Failure> {
    if !(200..300).contains(&status) {
        return Err(Failure::Refused(status, body.to_owned()));
    }
    serde_json::from_str(body).map_err(|_| Failure::Away)
}

fn call(socket: &Path, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = Request {
        method,
        path,
        headers: &[("Content-Type", "application/json")],
        body,
    };
    exchange(stream, "purser", &request)
}
