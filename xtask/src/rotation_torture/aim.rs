//! When a server is killed.

use std::collections::BTreeSet;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use xtask::exchange::{Request, exchange};
use xtask::torture::Dice;

/// Of a hundred kills so many come shortly after something has been written to the run's log: then an
/// effect is often in hand.
const AIMED: u64 = 60;
/// Such a kill comes up to this long after it.
const SHORTLY: Duration = Duration::from_millis(60);
/// Of a hundred servers that follow a dead one so many are killed when they have hardly begun.
const EARLY: u64 = 12;
/// Such a kill comes up to this long after the start.
const SOON: Duration = Duration::from_millis(300);
/// Between two looks at a log.
const LOOK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(5);

/// An instant that nobody has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// So long after the server was started, which nobody waits for.
    Early(Duration),
    /// So long after somebody has asked for the rotation, or a new server has gone on with it.
    At(Duration),
    /// So long after so much more stands in the log.
    Behind(u64, Duration),
}

/// What a rotation is like that nobody disturbs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Undisturbed {
    pub(super) lasts: Duration,
    /// So many events are in its log.
    pub(super) events: u64,
}

impl Aim {
    /// The aim of the kill of this number.
    pub(super) fn of(kill: u32, usual: Undisturbed, dice: &mut Dice) -> Self {
        if kill > 1 && dice.percent(EARLY) {
            Self::Early(dice.time(SOON))
        } else if dice.percent(AIMED) {
            // What happened before the first kill does not happen again.
            let events = 1 + dice.below(usual.events / u64::from(kill));
            Self::Behind(events, dice.time(SHORTLY))
        } else {
            Self::At(dice.time(usual.lasts / kill))
        }
    }

    /// Waits for it.
    pub(super) fn wait(self, journal: &Journal, usual: Undisturbed) {
        match self {
            Self::Early(time) | Self::At(time) => sleep(time),
            Self::Behind(more, time) => {
                journal.waits(more, usual.lasts);
                sleep(time);
            }
        }
    }
}

/// The log of the newest run, as the server tells it.
pub(super) struct Journal {
    socket: PathBuf,
    /// The runs that are over.
    known: BTreeSet<String>,
}

impl Journal {
    pub(super) fn new(socket: PathBuf, known: BTreeSet<String>) -> Self {
        Self { socket, known }
    }

    /// Waits until so much more stands in it, but not for ever.
    fn waits(&self, more: u64, longest: Duration) {
        let begun = Instant::now();
        let before = self.length();
        while begun.elapsed() < longest && self.length() < before + more {
            sleep(LOOK);
        }
    }

    /// Of a run that nobody has asked for yet there is nothing.
    fn length(&self) -> u64 {
        let newest = self.asks("/api/v1/runs?limit=1");
        let newest = newest.as_ref().and_then(|runs| runs[0]["id"].as_str());
        let Some(run) = newest.filter(|run| !self.known.contains(*run)) else {
            return 0;
        };
        let log = self.asks(&format!("/api/v1/runs/{run}/log"));
        let log = log.as_ref().and_then(Value::as_array);
        log.map_or(0, |log| log.len() as u64)
    }

    fn asks(&self, path: &str) -> Option<Value> {
        let stream = UnixStream::connect(&self.socket).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let (status, said) = exchange(stream, "purser", &Request::get(path)).ok()?;
        serde_json::from_str(&said).ok().filter(|_| status == 200)
    }
}
