//! How long a deploy took, and what of that is not Purser's own.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::Value;

/// How long Traefik may sit on what has changed, as the stack starts it.
const THROTTLE: Duration = Duration::from_millis(500);

/// The log of a run: what happened when, by the server's clock.
pub(super) struct Log<'a>(pub(super) &'a Value);

/// The parts of a deploy that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    /// From the request to the end.
    pub(super) total: Duration,
    /// From the new container's start until it is healthy.
    pub(super) start: Duration,
    /// Until Traefik has the new set, has the switch, and leads by it.
    pub(super) proxy: [Duration; 3],
    /// The time that the old container had to finish.
    pub(super) drain: Duration,
    /// Purser's own work: until the new container is started, the switch, and what comes behind
    /// the drain.
    pub(super) own: [Duration; 3],
}

impl Timing {
    /// What is left beyond the container's start and health, the drain, and Traefik's throttle.
    pub(super) fn overhead(&self) -> Duration {
        let throttle: Duration = self.proxy.iter().map(|wait| (*wait).min(THROTTLE)).sum();
        self.total
            .saturating_sub(self.start + self.drain + throttle)
    }
}

impl Log<'_> {
    /// From the request to the end.
    pub(super) fn total(&self) -> Result<Duration> {
        let begun = self.edge(|log| log.first())?;
        Ok(between(begun, self.edge(|log| log.last())?))
    }

    /// Of a deploy that has switched Traefik, by a container or by a file.
    pub(super) fn timing(&self, drain: Duration) -> Result<Timing> {
        let begun = self.edge(|log| log.first())?;
        let ended = self.edge(|log| log.last())?;
        let started = self.effect("effect_started", "start_new")?;
        let healthy = self.recorded("proof")?;
        let reached = self.recorded("reached")?;
        let switched = self
            .effect("effect_done", "create_switch")
            .or_else(|_| self.effect("effect_done", "write_routes"))?;
        let known = self.recorded("known")?;
        // The first of two deploys has no switch to stop.
        let left = self
            .effect("effect_done", "stop_old_switch")
            .unwrap_or(known);
        Ok(Timing {
            total: between(begun, ended),
            start: between(started, healthy),
            proxy: [
                between(healthy, reached),
                between(switched, known),
                between(left, self.recorded("front")?),
            ],
            drain,
            own: [
                between(begun, started),
                between(reached, switched),
                between(self.effect("effect_started", "stop_old")?, ended),
            ],
        })
    }

    /// When it was proven that new requests go to the new version.
    pub(super) fn proven(&self, clock: &Clock) -> Result<Instant> {
        Ok(clock.at(self.recorded("front")?))
    }

    fn recorded(&self, name: &str) -> Result<u64> {
        let is_it = |event: &Value| {
            let recorded = event["name"].as_str().unwrap_or_default();
            event["type"] == "recorded" && recorded.split('[').next() == Some(name)
        };
        self.find(is_it)
            .with_context(|| format!("no `{name}` is recorded"))
    }

    fn effect(&self, what: &str, name: &str) -> Result<u64> {
        let is_it = |event: &Value| event["type"] == what && event["effect"]["name"] == name;
        self.find(is_it)
            .with_context(|| format!("no {what} of `{name}`"))
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

fn between(from: u64, to: u64) -> Duration {
    Duration::from_micros(to.saturating_sub(from))
}

/// The instants of a clock that shows the time of day.
pub(super) struct Clock {
    now: Instant,
    micros: u64,
}

impl Clock {
    pub(super) fn now() -> Result<Self> {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
        Ok(Self {
            now: Instant::now(),
            micros: u64::try_from(micros)?,
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
    fn overhead_is_what_neither_container_nor_drain_nor_throttle_took() -> Result<()> {
        let effect = |at: u64, what: &str, name: &str| json!({ "at": at, "event": { "type": what, "effect": { "name": name, "item": "web" } } });
        let recorded = |at: u64, name: &str| json!({ "at": at, "event": { "type": "recorded", "name": name } });
        let log = json!([
            { "at": 1_000_000, "event": { "type": "requested" } },
            effect(1_200_000, "effect_started", "start_new"),
            recorded(2_200_000, "proof[web]"),
            recorded(2_900_000, "reached"),
            effect(3_000_000, "effect_done", "create_switch"),
            recorded(3_300_000, "known"),
            recorded(3_300_000, "front"),
            effect(8_300_000, "effect_started", "stop_old"),
            { "at": 9_000_000, "event": { "type": "run_ended" } },
        ]);
        let timing = Log(&log).timing(Duration::from_secs(5))?;
        assert_eq!(timing.total, Duration::from_secs(8));
        assert_eq!(timing.proxy.map(|wait| wait.as_millis()), [700, 300, 0]);
        assert_eq!(timing.own.map(|work| work.as_millis()), [200, 100, 700]);
        assert_eq!(timing.overhead(), Duration::from_millis(1200));
        Ok(())
    }
}
