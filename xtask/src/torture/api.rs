//! Purser's API over its Unix socket: one request on a connection.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

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
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: purser\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    read(&String::from_utf8(bytes)?)
}

fn read(answer: &str) -> Result<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n").context("no whole head")?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned())
    };
    let body = if header("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        unchunked(body)?
    } else {
        body.to_owned()
    };
    let length = header("content-length").and_then(|length| length.parse().ok());
    if length.is_some_and(|length: usize| length > body.len()) {
        bail!("half an answer");
    }
    Ok((status.context("no status")?, body))
}

fn unchunked(mut rest: &str) -> Result<String> {
    let mut body = String::new();
    loop {
        let (length, after) = rest.split_once("\r\n").context("half a chunk")?;
        let length = usize::from_str_radix(length.trim(), 16)?;
        if length == 0 {
            return Ok(body);
        }
        body += after.get(..length).context("half a chunk")?;
        rest = after.get(length + 2..).context("half a chunk")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_breaks_off_is_none() {
        let whole = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}";
        assert!(read(whole).is_ok_and(|answer| answer == (202, "{}".to_owned())));
        assert!(read(&whole[..whole.len() - 1]).is_err());
        let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        assert!(read(chunks).is_ok_and(|answer| answer.1 == "{}"));
        assert!(read(&chunks[..chunks.len() - 6]).is_err());
    }
}
