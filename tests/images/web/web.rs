//! The service that tests deploy, and the job that they run: one static program without a crate.
//!
//! `web` serves on port 8080: `/` says `web VERSION`, `/healthz` is 200 (503 with `SICK=1`),
//! `/count` is how often `/` was served. `CRASH=1` ends it at once with code 3, `SLOW_START=N`
//! lets it listen only after N seconds.
//! `web check` is the health check: code 0 or 1.
//! `web job --lines N --seconds S --exit CODE [--stderr]` prints numbered lines and ends.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const PORT: u16 = 8080;
const PATIENCE: Duration = Duration::from_secs(5);

static SERVED: AtomicU64 = AtomicU64::new(0);

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        None => serve(),
        Some("check") => check(),
        Some("job") => job(&args[1..]),
        Some(other) => {
            eprintln!("unknown command: {other}");
            ExitCode::from(2)
        }
    }
}

fn serve() -> ExitCode {
    if is_on("CRASH") {
        eprintln!("web: told to crash");
        return ExitCode::from(3);
    }
    thread::sleep(Duration::from_secs_f64(number("SLOW_START")));
    let listener = match TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("web: cannot listen on port {PORT}: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("web {} listens on port {PORT}", version());
    for stream in listener.incoming().flatten() {
        thread::spawn(move || answer(stream));
    }
    ExitCode::SUCCESS
}

/// Answers one request and closes. An error is the other side's loss.
fn answer(mut stream: TcpStream) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let mut head = Vec::new();
    for line in BufReader::new(&stream).lines().map_while(Result::ok) {
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else { return };
    let (status, body) = match path.split('?').next().unwrap_or_default() {
        "/" => {
            SERVED.fetch_add(1, Ordering::Relaxed);
            ("200 OK", format!("web {}\n", version()))
        }
        "/healthz" if is_on("SICK") => ("503 Service Unavailable", "sick\n".to_owned()),
        "/healthz" => ("200 OK", "well\n".to_owned()),
        "/count" => ("200 OK", format!("{}\n", SERVED.load(Ordering::Relaxed))),
        _ => ("404 Not Found", "not found\n".to_owned()),
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
}

fn check() -> ExitCode {
    match ask("/healthz") {
        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => ExitCode::SUCCESS,
        Ok(answer) => {
            println!("{}", answer.lines().next().unwrap_or("no answer"));
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn ask(path: &str) -> std::io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn job(args: &[String]) -> ExitCode {
    let value = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<f64>().ok()
    };
    let lines = value("--lines").unwrap_or(1.0) as u64;
    let pause = value("--seconds").unwrap_or(0.0) / lines.max(1) as f64;
    let to_stderr = args.iter().any(|arg| arg == "--stderr");
    for line in 1..=lines {
        if to_stderr {
            eprintln!("line {line}");
        } else {
            println!("line {line}");
        }
        thread::sleep(Duration::from_secs_f64(pause));
    }
    ExitCode::from(value("--exit").unwrap_or(0.0) as u8)
}

fn version() -> String {
    env::var("VERSION").unwrap_or_else(|_| "unknown".to_owned())
}

fn is_on(name: &str) -> bool {
    env::var(name).is_ok_and(|value| value == "1")
}

fn number(name: &str) -> f64 {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(0.0)
}
