//! The log of a run: what happened when, by the server's clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::Value;

/// The events of a run, as it shows them. All times are microseconds since 1970.
pub(crate) struct Log<'a>(pub(crate) &'a Value);

impl<'a> Log<'a> {
    /// When it was asked for.
    pub(crate) fn begun(&self) -> Result<u64> {
        self.edge(|log| log.first())
    }

    /// When the last thing happened.
    pub(crate) fn ended(&self) -> Result<u64> {
        self.edge(|log| log.last())
    }

    /// From the one to the other.
    pub(crate) fn total(&self) -> Result<Duration> {
        Ok(between(self.begun()?, self.ended()?))
    }

    /// When it was proven that new requests go to the new version.
    pub(crate) fn proven(&self, clock: &Clock) -> Result<Instant> {
        Ok(clock.at(self.recorded("front")?))
    }

    /// When something of this name was first recorded.
    pub(crate) fn recorded(&self, name: &str) -> Result<u64> {
        let is_it = |event: &Value| {
            let recorded = event["name"].as_str().unwrap_or_default();
            event["type"] == "recorded" && recorded.split('[').next() == Some(name)
        };
        self.find(is_it)
            .with_context(|| format!("no `{name}` is recorded"))
    }

    /// When this first happened to an effect of this name.
    pub(crate) fn effect(&self, what: &str, name: &str) -> Result<u64> {
        let is_it = |event: &Value| event["type"] == what && event["effect"]["name"] == name;
        self.find(is_it)
            .with_context(|| format!("no {what} of `{name}`"))
    }

    /// What was the last thing that had happened by then, if it had begun and was not over.
    pub(crate) fn under_way(&self, at: u64) -> Option<&'a Value> {
        let mut log = self.0.as_array()?.iter().rev();
        let last = log.next()?;
        let is_before = |logged: &&Value| logged["at"].as_u64().is_some_and(|then| then <= at);
        if is_before(&last) {
            return None;
        }
        log.find(is_before).map(|logged| &logged["event"])
    }

    fn find(&self, is_it: impl Fn(&Value) -> bool) -> Option<u64> {
        let mut log = self.0.as_array()?.iter();
        log.find(|logged| is_it(&logged["event"]))?["at"].as_u64()
    }

    fn edge(&self, which: impl Fn(&Vec<Value>) -> Option<&Value>) -> Result<u64> {
        let at = self.0.as_array().and_then(which);
        at.and_then(|logged| logged["at"].as_u64())
            .context("the log is empty")
    }
}

pub(crate) fn between(from: u64, to: u64) -> Duration {
    Duration::from_micros(to.saturating_sub(from))
}

/// The present, in microseconds since 1970.
pub(crate) fn now() -> Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(u64::try_from(since.as_micros())?)
}

/// The instants of a clock that shows the time of day.
pub(crate) struct Clock {
    now: Instant,
    micros: u64,
}

impl Clock {
    pub(crate) fn now() -> Result<Self> {
        Ok(Self {
            now: Instant::now(),
            micros: now()?,
        })
    }

    /// The instant that is so many microseconds after 1970.
    fn at(&self, micros: u64) -> Instant {
        self.now + Duration::from_micros(micros.saturating_sub(self.micros))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_under_way_from_its_first_event_to_its_last() {
        let log = json!([
            { "at": 10, "event": "requested" },
            { "at": 20, "event": "effect_started" },
            { "at": 30, "event": "finished" },
        ]);
        let at = |at| Log(&log).under_way(at).and_then(Value::as_str);
        let seen = [9, 10, 19, 20, 29, 30, 31].map(at);
        let [requested, effect] = [Some("requested"), Some("effect_started")];
        assert_eq!(
            seen,
            [None, requested, requested, effect, effect, None, None]
        );
    }
}
