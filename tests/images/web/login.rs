//! A client of Keycloak that logs in again and again, and counts what comes of it.

use std::env;
use std::io;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::ask::{Answer, ask, escaped};
use crate::held::Held;

const EVERY: Duration = Duration::from_millis(100);
/// How long Keycloak may take to say something.
const PATIENCE: Duration = Duration::from_secs(5);

static HELD: LazyLock<Held> = LazyLock::new(Held::default);
static COUNTS: Mutex<Counts> = Mutex::new(Counts {
    ok: 0,
    failed: 0,
    unreachable: 0,
    last_failure: None,
});

struct Counts {
    ok: u64,
    /// Answered, and not with a token.
    failed: u64,
    /// Not answered at all.
    unreachable: u64,
    last_failure: Option<String>,
}

/// Begins to log in, if the environment wants that. An error says what the environment lacks.
pub(crate) fn start() -> Result<(), String> {
    let Ok(url) = env::var("LOGIN_URL") else {
        return Ok(());
    };
    let client = env::var("LOGIN_CLIENT").map_err(|_| "give LOGIN_CLIENT")?;
    let every = match env::var("LOGIN_EVERY_MS").map(|every| every.parse()) {
        Ok(every) => Duration::from_millis(every.map_err(|_| "LOGIN_EVERY_MS is no number")?),
        Err(_) => EVERY,
    };
    Held::start(&HELD)?;
    thread::spawn(move || {
        loop {
            let begun = Instant::now();
            if let Some(secret) = HELD.secret() {
                count(log_in(&url, &client, &secret));
            }
            thread::sleep(every.saturating_sub(begun.elapsed()));
        }
    });
    Ok(())
}

fn log_in(url: &str, client: &str, secret: &str) -> io::Result<Answer> {
    let form = "Content-Type: application/x-www-form-urlencoded".to_owned();
    let (client, secret) = (escaped(client), escaped(secret));
    let body = format!("grant_type=client_credentials&client_id={client}&client_secret={secret}");
    ask("POST", url, &[form], &body, PATIENCE)
}

fn count(answer: io::Result<Answer>) {
    let mut counts = counts();
    match answer {
        Ok(answer) if answer.status == 200 => counts.ok += 1,
        Ok(answer) => {
            counts.failed += 1;
            counts.last_failure = Some(format!("{} {}", answer.status, plain(&answer.body)));
        }
        Err(_) => counts.unreachable += 1,
    }
}

/// The beginning of a text, without what has a meaning in JSON.
fn plain(text: &str) -> String {
    let is_plain = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '{' | '}');
    text.chars().filter(is_plain).take(200).collect()
}

/// What came of it, as a JSON object.
pub(crate) fn shown() -> String {
    let counts = counts();
    let last_failure = counts.last_failure.as_deref();
    let last_failure = last_failure.map_or("null".to_owned(), |text| format!("\"{text}\""));
    format!(
        "{{\"ok\":{},\"failed\":{},\"unreachable\":{},\"last_failure\":{last_failure},{}}}\n",
        counts.ok,
        counts.failed,
        counts.unreachable,
        HELD.shown()
    )
}

fn counts() -> MutexGuard<'static, Counts> {
    COUNTS.lock().unwrap_or_else(PoisonError::into_inner)
}
