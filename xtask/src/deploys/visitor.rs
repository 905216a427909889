//! Somebody outside, who asks over plain HTTP/1.1, tries nothing again, and reads which version answers.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::stack::ports;

const PORT: u16 = ports::of("traefik");

/// An answer that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than any answer has.
const LONGEST: u64 = 64 << 10;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A GET over a connection that is kept.
    Get,
    /// A POST over a connection that is kept.
    Post,
    /// A GET over a new connection.
    Connect,
    /// What takes two seconds to be answered.
    Slow,
    /// An answer that goes on for three seconds.
    Stream,
}

/// One who asks for this name, over one connection at a time.
pub(crate) struct Visitor<'a> {
    host: &'a str,
    address: SocketAddr,
    kept: Option<BufReader<TcpStream>>,
}

impl<'a> Visitor<'a> {
    /// One who asks Traefik.
    pub(crate) fn of(host: &'a str) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, PORT).into(), host)
    }

    /// One who asks at this address.
    pub(crate) fn at(address: SocketAddr, host: &'a str) -> Self {
        Self {
            host,
            address,
            kept: None,
        }
    }

    /// The version that has answered, or what went wrong.
    pub(crate) fn ask(&mut self, kind: Kind) -> Result<String, String> {
        self.exchange(kind).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("no answer within {} s", PATIENCE.as_secs())
            }
            _ => error.to_string(),
        })
    }

    fn exchange(&mut self, kind: Kind) -> std::io::Result<String> {
        let mut stream = match self.kept.take() {
            Some(kept) if kind != Kind::Connect => kept,
            _ => connect(self.address)?,
        };
        stream.get_mut().write_all(&kind.request(self.host))?;
        let answer = Answer::read(&mut stream)?;
        let version = kind.version(&answer).ok_or_else(|| odd(&answer))?;
        if answer.is_kept && kind != Kind::Connect {
            self.kept = Some(stream);
        }
        Ok(version)
    }
}

fn connect(address: SocketAddr) -> std::io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}

/// What a POST brings.
const BROUGHT: [u8; 1024] = [b'x'; 1024];

impl Kind {
    fn request(self, host: &str) -> Vec<u8> {
        let line = match self {
            Self::Get | Self::Connect => "GET /",
            Self::Post => "POST /",
            Self::Slow => "GET /slow?seconds=2",
            Self::Stream => "GET /stream?seconds=3",
        };
        let more = match self {
            Self::Post => format!("Content-Length: {}\r\n", BROUGHT.len()),
            Self::Connect => "Connection: close\r\n".to_owned(),
            _ => String::new(),
        };
        let mut request = format!("{line} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n").into_bytes();
        if self == Self::Post {
            request.extend(BROUGHT);
        }
        request
    }

    /// The version that says all of this, if that is a whole answer.
    fn version(self, answer: &Answer) -> Option<String> {
        let mut lines: Vec<&str> = answer.body.lines().collect();
        let last = match self {
            Self::Post => Some(format!("{} bytes", BROUGHT.len())),
            Self::Stream => Some("end".to_owned()),
            _ => None,
        };
        if let Some(last) = last {
            lines.pop_if(|line| *line == last)?;
        }
        let version = lines.first()?.strip_prefix("web ")?;
        let is_one = lines.iter().all(|line| line == &lines[0]);
        (answer.status == "200" && is_one).then(|| version.to_owned())
    }
}

struct Answer {
    status: String,
    body: String,
    is_kept: bool,
}

impl Answer {
    fn read(stream: &mut impl BufRead) -> std::io::Result<Self> {
        let status = line(stream)?;
        let status = status.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut length, mut is_chunked, mut is_kept) = (0, false, true);
        loop {
            let field = line(stream)?.to_ascii_lowercase();
            match field
                .split_once(':')
                .map(|(name, value)| (name, value.trim()))
            {
                Some(("content-length", value)) => length = value.parse().unwrap_or(0),
                Some(("transfer-encoding", "chunked")) => is_chunked = true,
                Some(("connection", "close")) => is_kept = false,
                Some(_) => {}
                None if field.is_empty() => break,
                None => return Err(std::io::Error::other(format!("a header is `{field}`"))),
            }
        }
        let mut body = String::new();
        if is_chunked {
            while chunk(stream, &mut body)? {}
        } else {
            read(stream, length, &mut body)?;
        }
        Ok(Self {
            status,
            body,
            is_kept,
        })
    }
}

/// A line without its end.
fn line(stream: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    stream.take(LONGEST).read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(whole) => Ok(whole.to_owned()),
        None => Err(std::io::Error::other("the connection was closed")),
    }
}

/// Whether another one may follow.
fn chunk(stream: &mut impl BufRead, body: &mut String) -> std::io::Result<bool> {
    let length = line(stream)?;
    let length = u64::from_str_radix(&length, 16).map_err(std::io::Error::other)?;
    read(stream, length, body)?;
    line(stream)?;
    Ok(length > 0)
}

fn read(stream: &mut impl BufRead, length: u64, body: &mut String) -> std::io::Result<()> {
    let read = stream.take(length.min(LONGEST)).read_to_string(body)?;
    if u64::try_from(read).is_ok_and(|read| read == length) {
        return Ok(());
    }
    Err(std::io::Error::other(
        "the connection was closed in the middle",
    ))
}

fn odd(answer: &Answer) -> std::io::Error {
    let begin: String = answer.body.chars().take(60).collect();
    std::io::Error::other(format!("status {}, `{}`", answer.status, begin.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: Kind, answer: &str) -> Result<String, String> {
        let answer = Answer::read(&mut answer.as_bytes()).map_err(|error| error.to_string())?;
        kind.version(&answer)
            .ok_or_else(|| odd(&answer).to_string())
    }

    #[test]
    fn a_whole_answer_tells_its_version() {
        let plain = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nweb v1\n";
        assert_eq!(said(Kind::Get, plain), Ok("v1".to_owned()));
        let posted = "HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\nweb v1\n1024 bytes\n";
        assert_eq!(said(Kind::Post, posted), Ok("v1".to_owned()));
        let stream = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                      7\r\nweb v1\n\r\n7\r\nweb v1\n\r\n4\r\nend\n\r\n0\r\n\r\n";
        assert_eq!(said(Kind::Stream, stream), Ok("v1".to_owned()));
    }

    #[test]
    fn what_is_cut_off_or_of_two_versions_has_failed() {
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nweb v1\n";
        assert!(said(Kind::Get, cut).is_err());
        let without_end = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                           7\r\nweb v1\n\r\n0\r\n\r\n";
        assert!(said(Kind::Stream, without_end).is_err());
        let mixed = "HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\nweb v1\nweb v2\nend\n";
        assert!(said(Kind::Stream, mixed).is_err());
        let bad = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 11\r\n\r\nBad Gateway";
        assert_eq!(
            said(Kind::Get, bad),
            Err("status 502, `Bad Gateway`".to_owned())
        );
    }
}
