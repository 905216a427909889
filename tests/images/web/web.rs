//! The service that tests and benchmarks deploy, and the job that they run: one static program.
//!
//! `web` serves on port 8080. `/` says `web VERSION`, and how many bytes came with a POST.
//! `/healthz` is 200 (503 with `SICK=1`), `/count` is how often `/` was served. `/slow?seconds=N`
//! says the version after that time, `/stream?seconds=N` all that time, and `end` at last.
//!
//! `CRASH=1` ends it at once with code 3, `SLOW_START=N` lets it listen only after N seconds,
//! `KEEP_ALIVE=1` keeps connections for further requests. Told to stop (SIGTERM) it dies at once;
//! with `ON_STOP=finish` it takes no more requests, and ends when it has answered those that it has; with
//! `ON_STOP=drain` it does that five seconds later, in which only its health check says that it leaves.
//!
//! `web check` is the health check: code 0 or 1.
//! `web job --lines N --seconds S --exit CODE [--stderr]` prints numbered lines and ends.

mod answer;
mod job;
mod serve;
mod work;

use std::env;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

const PORT: u16 = 8080;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        None => serve::serve(),
        Some("check") => check(),
        Some("job") => job::job(&args[1..]),
        Some(other) => {
            eprintln!("unknown command: {other}");
            ExitCode::from(2)
        }
    }
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
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn version() -> String {
    env::var("VERSION").unwrap_or_else(|_| "unknown".to_owned())
}

fn is_on(name: &str) -> bool {
    env::var(name).is_ok_and(|value| value == "1")
}
