//! One HTTP request on a connection of its own, for those who ask servers of this machine.

use std::fmt::Write as _;
use std::io::{Read, Write};

use anyhow::{Context, Result, bail};

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET`.
    pub method: &'a str,
    /// With its query.
    pub path: &'a str,
    /// Name and value of each further header.
    pub headers: &'a [(&'a str, &'a str)],
    /// Empty, where nothing is sent along.
    pub body: &'a str,
}

impl<'a> Request<'a> {
    /// One that asks for something.
    pub const fn get(path: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            headers: &[],
            body: "",
        }
    }
}

/// Status and body of the whole answer.
///
/// # Errors
/// There is none, or it breaks off.
pub fn exchange(
    mut stream: impl Read + Write,
    host: &str,
    request: &Request,
) -> Result<(u16, String)> {
    let Request {
        method,
        path,
        headers,
        body,
    } = request;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in *headers {
        write!(head, "{name}: {value}\r\n")?;
    }
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len())?;
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
