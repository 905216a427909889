//! As much of HTTP/1.1 as one request on a connection needs.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::Sort;

/// Whoever sends no whole request within this time is left alone.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest head and the longest body, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// What was asked.
pub(super) struct Request {
    pub(super) method: String,
    /// Without its query.
    pub(super) path: String,
    query: String,
    /// Of the header `Idempotency-Key`.
    pub(super) key: Option<String>,
}

impl Request {
    pub(super) fn read(stream: &TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(stream.take(LONGEST));
        let line = line(&mut reader)?;
        let mut words = line.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            key: None,
        };
        let mut length = 0;
        loop {
            let header = self::line(&mut reader)?;
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').unwrap_or((&header, ""));
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or(0),
                "idempotency-key" => request.key = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        let read = io::copy(&mut reader.take(length), &mut io::sink())?;
        if read < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(request)
    }

    /// What the first part of the path says.
    pub(super) fn sort(&self) -> Option<Sort> {
        let is_meant = |sort: &Sort| {
            let rest = self.path.strip_prefix(sort.path());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        [Sort::Keyed, Sort::Askable, Sort::Once]
            .into_iter()
            .find(is_meant)
    }

    /// The `key=…` of the query, decoded.
    pub(super) fn key_of_query(&self) -> Option<String> {
        let mut fields = self.query.split('&');
        let value = fields.find_map(|field| field.strip_prefix("key="))?;
        Some(decoded(value))
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let code = if byte == b'%' {
            let digits: String = rest.by_ref().take(2).map(char::from).collect();
            u8::from_str_radix(&digits, 16).unwrap_or(b'%')
        } else {
            byte
        };
        bytes.push(code);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What is answered.
pub(super) struct Answer {
    status: u16,
    location: Option<&'static str>,
    body: String,
}

impl Answer {
    pub(super) fn of(status: u16, body: &str) -> Self {
        Self {
            status,
            location: None,
            body: body.to_owned(),
        }
    }

    pub(super) fn sends_on(to: &'static str) -> Self {
        Self {
            location: Some(to),
            ..Self::of(302, "")
        }
    }

    /// Writes it; whoever asked may be gone by now.
    pub(super) fn write(&self, stream: &mut TcpStream) {
        let Self { status, body, .. } = self;
        let media_type = if body.starts_with('{') {
            "application/json"
        } else {
            "text/plain"
        };
        let location = self.location.map(|to| format!("Location: {to}\r\n"));
        let head = format!(
            "HTTP/1.1 {status} So\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n{}\
             Connection: close\r\n\r\n",
            body.len(),
            location.unwrap_or_default()
        );
        let _ = stream.write_all(format!("{head}{body}").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_a_query_is_what_it_was() {
        assert_eq!(decoded("01a%2Fcharge%2F0"), "01a/charge/0");
        assert_eq!(decoded("plain"), "plain");
    }
}
