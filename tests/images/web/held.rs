//! Where the secret of a client that logs in comes from, and which one is in use.

use std::env;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use signal_hook::consts::SIGHUP;
use signal_hook::iterator::Signals;

use crate::ask::ask;
use crate::{is_on, store};

/// The pause between two looks of somebody who polls.
const POLL: Duration = Duration::from_millis(200);
/// How long the store may take to say something.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where to read the secret.
enum Source {
    Variable(String),
    /// Read at the start, and at each SIGHUP.
    File(String),
    PolledFile(String),
    PolledUrl(String),
}

impl Source {
    /// The one that the environment names.
    fn from_env() -> Result<Self, String> {
        let named = [
            env::var("LOGIN_SECRET").map(Self::Variable),
            env::var("LOGIN_SECRET_FILE").map(Self::File),
            env::var("LOGIN_SECRET_POLL_FILE").map(Self::PolledFile),
            env::var("LOGIN_SECRET_POLL_URL").map(Self::PolledUrl),
        ];
        let mut named: Vec<Self> = named.into_iter().flatten().collect();
        match (named.pop(), named.is_empty()) {
            (Some(source), true) => Ok(source),
            _ => Err("give exactly one of the places of its secret".to_owned()),
        }
    }

    /// What is there now. Nothing, too, while somebody just writes the file.
    fn read(&self) -> Option<String> {
        let text = match self {
            Self::Variable(value) => Some(value.clone()),
            Self::File(path) | Self::PolledFile(path) => fs::read_to_string(path).ok(),
            Self::PolledUrl(url) => {
                let answer = ask("GET", url, &store::token_line(), "", PATIENCE).ok();
                answer.filter(|it| it.status == 200).map(|it| it.body)
            }
        };
        let text = text?.trim_end_matches(['\r', '\n']).to_owned();
        (!text.is_empty()).then_some(text)
    }
}

/// The secret that is in use.
#[derive(Default)]
pub(crate) struct Held {
    now: Mutex<Now>,
}

#[derive(Default)]
struct Now {
    secret: Option<String>,
    /// The first one that there ever was.
    first: Option<String>,
    loaded_at_ms: u128,
}

impl Held {
    /// Reads the secret, and goes on to read it in its way. An error says what the environment lacks.
    pub(crate) fn start(held: &'static Self) -> Result<(), String> {
        let source = Source::from_env()?;
        let found = source.read();
        if let Some(found) = found {
            held.load(found);
        }
        match source {
            Source::Variable(_) => {}
            Source::File(_) => held.reload_when_told(source)?,
            Source::PolledFile(_) | Source::PolledUrl(_) => {
                thread::spawn(move || held.poll(&source));
            }
        }
        Ok(())
    }

    fn reload_when_told(&'static self, source: Source) -> Result<(), String> {
        let mut signals = Signals::new([SIGHUP]).map_err(|error| error.to_string())?;
        thread::spawn(move || {
            for _ in signals.forever() {
                if let Some(found) = source.read().filter(|_| !is_on("STUCK")) {
                    self.load(found);
                }
            }
        });
        Ok(())
    }

    fn poll(&self, source: &Source) {
        loop {
            thread::sleep(POLL);
            let found = source.read();
            if let Some(found) = found.filter(|found| self.now().secret.as_ref() != Some(found)) {
                self.load(found);
            }
        }
    }

    fn load(&self, secret: String) {
        let mut now = self.now();
        now.first.get_or_insert_with(|| secret.clone());
        now.secret = Some(secret);
        now.loaded_at_ms = UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    }

    /// What to log in with: a liar never takes another one than the first.
    pub(crate) fn secret(&self) -> Option<String> {
        let now = self.now();
        let used = if is_on("LIE") {
            &now.first
        } else {
            &now.secret
        };
        used.clone()
    }

    /// The digest of the secret that it says is in use, and since when: fields of a JSON object.
    pub(crate) fn shown(&self) -> String {
        let now = self.now();
        let digest = now.secret.as_deref().map(digest);
        let digest = digest.map_or("null".to_owned(), |digest| format!("\"{digest}\""));
        let loaded_at = now.loaded_at_ms;
        format!("\"secret_sha256\":{digest},\"loaded_at_ms\":{loaded_at}")
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The SHA-256 of a secret, in hex.
pub(crate) fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}
