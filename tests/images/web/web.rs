//! The service that tests and benchmarks deploy, and the job that they run: one static program.
//!
//! `web` serves on port 8080. `/` says `web VERSION`, and how many bytes came with a POST.
//! `/healthz` is 200 (503 with `SICK=1`), `/count` is how often `/` was served. `/slow?seconds=N`
//! says the version after that time, `/stream?seconds=N` all that time, and `end` at last.
//!
//! `CRASH=1` ends it at once with code 3, as does `CRASH_IF=FILE` while that file is there.
//! `SLOW_START=N` lets it listen only after N seconds, `KEEP_ALIVE=1` keeps connections for further requests. Told to stop (SIGTERM) it dies at once;
//! with `ON_STOP=finish` it takes no more requests, and ends when it has answered those that it has; with
//! `ON_STOP=drain` it does that five seconds later, in which only its health check says that it leaves.
//!
//! With `LOGIN_URL` (Keycloak's, for tokens or to look at them) and `LOGIN_CLIENT` it logs in as that client every
//! `LOGIN_EVERY_MS` (100), and `/logins` counts what came of it. The secret is in `LOGIN_SECRET`, in
//! the file `LOGIN_SECRET_FILE` (read again at SIGHUP), or in `LOGIN_SECRET_POLL_FILE` or at
//! `LOGIN_SECRET_POLL_URL`, which are read five times a second. `STUCK=1` is deaf to SIGHUP; `LIE=1`
//! reads a new secret and shows its digest, and goes on with the first. With `CHECK_LOGIN=1` `/healthz` logs
//! in too, and is 200 only when that gave a token.
//!
//! With `STORE=1` it keeps a secret itself for whoever brings `STORE_TOKEN` as a bearer: `PUT` and `GET`
//! of `/secret`, and its SHA-256 at `/secret/digest`.
//!
//! `web check` is the health check: code 0 or 1.
//! `web job --lines N --seconds S --exit CODE [--stderr]` prints numbered lines and ends.

mod answer;
mod ask;
mod held;
mod job;
mod login;
mod serve;
mod store;
mod work;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use ask::ask;

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
    let url = format!("http://127.0.0.1:{PORT}/healthz");
    match ask("GET", &url, &[], "", Duration::from_secs(1)) {
        Ok(answer) if answer.status == 200 => ExitCode::SUCCESS,
        Ok(answer) => {
            println!("{}", answer.line);
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn version() -> String {
    env::var("VERSION").unwrap_or_else(|_| "unknown".to_owned())
}

fn is_on(name: &str) -> bool {
    env::var(name).is_ok_and(|value| value == "1")
}
