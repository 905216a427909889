//! Asking another service over plain HTTP: one request, one connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// More of an answer is not read.
const LONGEST: u64 = 64 << 10;

pub(crate) struct Answer {
    /// Its first line.
    pub(crate) line: String,
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Sends `METHOD URL` with these lines of the head and this body. The other side may say nothing for
/// as long as `patience`.
pub(crate) fn ask(
    method: &str,
    url: &str,
    head: &[String],
    body: &str,
    patience: Duration,
) -> io::Result<Answer> {
    let (authority, path) = split(url).ok_or(io::ErrorKind::InvalidInput)?;
    let mut addresses = authority.to_socket_addrs()?;
    let address = addresses.next().ok_or(io::ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let mut lines = vec![
        format!("{method} {path} HTTP/1.1"),
        format!("Host: {authority}"),
        format!("Content-Length: {}", body.len()),
    ];
    lines.extend_from_slice(head);
    let head = lines.join("\r\n");
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes())?;
    read(BufReader::new(stream.take(LONGEST))).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// `http://HOST:PORT/PATH` as host with port, and path.
fn split(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://")?;
    let at = rest.find('/')?;
    Some(rest.split_at(at))
}

/// An answer to its end, and no further: then this side ends the connection. Where the other side does, it
/// remembers that for a minute, and takes the next container of the same address for this one.
fn read(mut from: impl BufRead) -> Option<Answer> {
    let mut head = Vec::new();
    for line in from.by_ref().lines() {
        let line = line.ok()?;
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let line = head.first()?.clone();
    let fields = head.iter().filter_map(|line| line.split_once(':'));
    let mut lengths = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths
        .next()
        .and_then(|(_, length)| length.trim().parse().ok())?;
    let mut body = vec![0; usize::try_from(LONGEST).ok()?.min(length)];
    from.read_exact(&mut body).ok()?;
    Some(Answer {
        status: line.split(' ').nth(1)?.parse().ok()?,
        line,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// The value of a field of a form.
pub(crate) fn escaped(value: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Keeps the connection until the other side ends it.
    fn answers_one(listener: &TcpListener) -> io::Result<usize> {
        let (mut stream, _) = listener.accept()?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let head = lines.by_ref().map_while(Result::ok);
        let head = head.take_while(|line| !line.is_empty()).count();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
        Ok(head + lines.count())
    }

    #[test]
    fn who_asks_ends_the_connection() -> io::Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://{}/healthz", listener.local_addr()?);
        let server = thread::spawn(move || answers_one(&listener));
        let answer = ask("GET", &url, &[], "", Duration::from_secs(2))?;
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
        assert_eq!(server.join().expect("it does not panic")?, 3);
        Ok(())
    }

    #[test]
    fn a_url_has_a_host_and_a_path() {
        let split_up = split("http://10.0.0.1:80/realms/x?y=z");
        assert_eq!(split_up, Some(("10.0.0.1:80", "/realms/x?y=z")));
        assert_eq!(split("https://10.0.0.1/"), None);
        assert_eq!(split("http://10.0.0.1"), None);
    }

    #[test]
    fn nothing_in_a_value_ends_it() {
        assert_eq!(escaped("a-1 &=%ü"), "a-1%20%26%3D%25%C3%BC");
    }
}
