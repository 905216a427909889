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

/// Where it logs in, and as whom.
struct Door {
    url: String,
    client: String,
}

impl Door {
    /// The one that the environment names, if it names one; an error says what it lacks.
    fn named() -> Result<Option<Self>, String> {
        let Ok(url) = env::var("LOGIN_URL") else {
            return Ok(None);
        };
        let client = env::var("LOGIN_CLIENT").map_err(|_| "give LOGIN_CLIENT")?;
        Ok(Some(Self { url, client }))
    }

    fn knock(&self, secret: &str) -> io::Result<Answer> {
        let form = "Content-Type: application/x-www-form-urlencoded".to_owned();
        let (client, secret) = (escaped(&self.client), escaped(secret));
        // Where tokens are looked at, as a service does that only takes them, there has to be one.
        let body = format!(
            "grant_type=client_credentials&client_id={client}&client_secret={secret}&token=none"
        );
        ask("POST", &self.url, &[form], &body, PATIENCE)
    }
}

/// Begins to log in, if the environment wants that. An error says what the environment lacks.
pub(crate) fn start() -> Result<(), String> {
    let Some(door) = Door::named()? else {
        return Ok(());
    };
    let every = match env::var("LOGIN_EVERY_MS").map(|every| every.parse()) {
        Ok(every) => Duration::from_millis(every.map_err(|_| "LOGIN_EVERY_MS is no number")?),
        Err(_) => EVERY,
    };
    Held::start(&HELD)?;
    thread::spawn(move || {
        loop {
            let begun = Instant::now();
            if let Some(secret) = HELD.secret() {
                count(door.knock(&secret));
            }
            thread::sleep(every.saturating_sub(begun.elapsed()));
        }
    });
    Ok(())
}

/// Logs in once more, beside the others; why not, if it is not let in.
pub(crate) fn now() -> Result<(), String> {
    let door = Door::named()?.ok_or("give LOGIN_URL")?;
    let secret = HELD.secret().ok_or("there is no secret yet")?;
    match door.knock(&secret) {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(format!("{} {}", answer.status, plain(&answer.body))),
        Err(error) => Err(error.to_string()),
    }
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
