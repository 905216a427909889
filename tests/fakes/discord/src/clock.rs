//! The time in this Discord: the machine's, set forward or back as a test likes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat};

/// The machine's clock, and how far it was set forward and back.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead: Duration,
    behind: Duration,
}

impl Clock {
    /// Milliseconds since 1970.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock; everything else asks here"
    )]
    pub(crate) fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = (since.unwrap_or_default() + self.ahead).saturating_sub(self.behind);
        u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.ahead += by;
    }

    pub(crate) fn set_back(&mut self, by: Duration) {
        self.behind += by;
    }
}

/// An instant as Discord writes it: `2026-11-02T08:05:00.123000+00:00`.
pub(crate) fn iso(ms: u64) -> String {
    let at = i64::try_from(ms)
        .ok()
        .and_then(DateTime::from_timestamp_millis);
    at.unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Micros, false)
}
