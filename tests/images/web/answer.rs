//! Requests, and what is answered to them.

use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::{is_on, login, store, version};

/// More of a request is not read.
const LONGEST_HEAD: u64 = 64 << 10;
/// How often a stream says something.
const BEAT: Duration = Duration::from_millis(250);

static SERVED: AtomicU64 = AtomicU64::new(0);
/// It is about to end, and its health check says so.
pub(crate) static LEAVES: AtomicBool = AtomicBool::new(false);

pub(crate) struct Request {
    method: String,
    path: String,
    authorization: Option<String>,
    /// What came with it, if it is one that brings something to be kept.
    body: String,
    /// How many seconds its answer is to take.
    seconds: f64,
    /// How many bytes came with it, if it is one that brings some.
    brought: Option<u64>,
    /// The other side wants no further answer on this connection.
    pub(crate) is_last: bool,
}

impl Request {
    /// The next one with all that it brings; `None` where that makes no sense.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        for line in reader.by_ref().take(LONGEST_HEAD).lines() {
            let line = line?;
            if line.is_empty() {
                break;
            }
            head.push(line);
        }
        let mut words = head
            .first()
            .map(String::as_str)
            .unwrap_or_default()
            .split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Ok(None);
        };
        let header = |name: &str| {
            let mut fields = head.iter().skip(1).filter_map(|line| line.split_once(':'));
            let found = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim())
        };
        let length = header("content-length").and_then(|length| length.parse().ok());
        let length: u64 = length.unwrap_or(0);
        let mut body = String::new();
        let mut rest = reader.by_ref().take(length);
        let came = if method == "PUT" && length <= LONGEST_HEAD {
            rest.read_to_string(&mut body)? as u64
        } else {
            io::copy(&mut rest, &mut io::sink())?
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let seconds = query.strip_prefix("seconds=");
        Ok((came == length).then(|| Self {
            method: method.to_owned(),
            authorization: header("authorization").map(str::to_owned),
            body,
            path: path.to_owned(),
            seconds: seconds
                .and_then(|seconds| seconds.parse().ok())
                .unwrap_or(0.0),
            brought: (method == "POST").then_some(length),
            is_last: header("connection").is_some_and(|how| how.eq_ignore_ascii_case("close")),
        }))
    }

    fn lasts(&self) -> Duration {
        Duration::try_from_secs_f64(self.seconds).unwrap_or_default()
    }
}

/// Answers. `goes_on` is asked at the last moment whether the connection is kept; so is it then.
pub(crate) fn answer(
    request: &Request,
    mut stream: &TcpStream,
    goes_on: impl Fn() -> bool,
) -> io::Result<bool> {
    let (status, body) = match request.path.as_str() {
        "/stream" => return tell(request, stream, goes_on()),
        "/" => {
            SERVED.fetch_add(1, Ordering::Relaxed);
            let brought = request.brought.map(|bytes| format!("{bytes} bytes\n"));
            let brought = brought.unwrap_or_default();
            ("200 OK", format!("web {}\n{brought}", version()))
        }
        "/slow" => {
            thread::sleep(request.lasts());
            ("200 OK", format!("web {}\n", version()))
        }
        "/healthz" if LEAVES.load(Ordering::Relaxed) => {
            ("503 Service Unavailable", "leaving\n".to_owned())
        }
        "/healthz" if is_on("SICK") => ("503 Service Unavailable", "sick\n".to_owned()),
        "/healthz" if is_on("CHECK_LOGIN") => match login::now() {
            Ok(()) => ("200 OK", "can log in\n".to_owned()),
            Err(why) => ("503 Service Unavailable", format!("{why}\n")),
        },
        "/healthz" => ("200 OK", "well\n".to_owned()),
        "/logins" => ("200 OK", login::shown()),
        path if path.starts_with("/secret") && is_on("STORE") => {
            let authorization = request.authorization.as_deref();
            store::answer(&request.method, path, authorization, &request.body)
        }
        "/count" => ("200 OK", format!("{}\n", SERVED.load(Ordering::Relaxed))),
        _ => ("404 Not Found", "not found\n".to_owned()),
    };
    let goes_on = goes_on();
    let length = body.len();
    let head = head(status, &format!("Content-Length: {length}"), goes_on);
    stream.write_all(format!("{head}{body}").as_bytes())?;
    Ok(goes_on)
}

/// Says the version over and over, and `end` at last.
fn tell(request: &Request, mut stream: &TcpStream, goes_on: bool) -> io::Result<bool> {
    let head = head("200 OK", "Transfer-Encoding: chunked", goes_on);
    stream.write_all(head.as_bytes())?;
    let mut chunk = |text: &str| {
        let chunk = format!("{:x}\r\n{text}\r\n", text.len());
        stream.write_all(chunk.as_bytes())
    };
    let begun = Instant::now();
    while begun.elapsed() < request.lasts() {
        chunk(&format!("web {}\n", version()))?;
        thread::sleep(BEAT);
    }
    chunk("end\n")?;
    chunk("")?;
    Ok(goes_on)
}

fn head(status: &str, length: &str, goes_on: bool) -> String {
    let connection = if goes_on { "keep-alive" } else { "close" };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n{length}\r\nConnection: {connection}\r\n\r\n"
    )
}
