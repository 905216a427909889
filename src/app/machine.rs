//! The machine's own clock and randomness, which everything else is handed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::action::Clock;
use crate::domain::time::Timestamp;
use crate::engine::{Alarm, Entropy};

pub(super) struct MachineClock;

impl Clock for MachineClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the clock that is injected everywhere"
    )]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let micros = since.map_or(0, |since| since.as_micros());
        Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// The same, of a process that is the active one since this was made.
pub(super) struct ActiveClock(Instant);

impl ActiveClock {
    pub(super) fn begins() -> Self {
        Self(Instant::now())
    }
}

impl Clock for ActiveClock {
    fn now(&self) -> Timestamp {
        MachineClock.now()
    }

    fn active_for(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The machine's clock may be set at any time: it is looked at again after this.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

pub(super) struct MachineAlarm(pub(super) Arc<dyn Clock>);

impl Alarm for MachineAlarm {
    fn wait(&self, until: Timestamp) -> BoxFuture<'_, ()> {
        let pause = until.since(self.0.now()).min(LONGEST_PAUSE);
        tokio::time::sleep(pause).boxed()
    }
}

pub(super) struct MachineEntropy;

impl Entropy for MachineEntropy {
    fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        if let Err(error) = getrandom::fill(&mut bytes) {
            // Ids and salts that repeat would be worse than no Purser.
            tracing::error!(%error, "this machine gives no randomness");
            std::process::abort();
        }
        bytes
    }
}
