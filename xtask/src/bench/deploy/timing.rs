//! How long a deploy took, and what of that is not Purser's own.

use std::time::Duration;

use anyhow::Result;

use crate::deploys::log::{Log, between};

/// How long Traefik may sit on what has changed, as the stack starts it.
const THROTTLE: Duration = Duration::from_millis(500);

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

    /// Those of this run, which has switched Traefik by a container or by a file, and left the old ones so much time.
    pub(super) fn of(log: &Log, drain: Duration) -> Result<Self> {
        let (begun, ended) = (log.begun()?, log.ended()?);
        let started = log.effect("effect_started", "start_new")?;
        let healthy = log.recorded("proof")?;
        let reached = log.recorded("reached")?;
        let switched = log
            .effect("effect_done", "create_switch")
            .or_else(|_| log.effect("effect_done", "write_routes"))?;
        let known = log.recorded("known")?;
        // The first of two deploys has no switch to stop.
        let left = log
            .effect("effect_done", "stop_old_switch")
            .unwrap_or(known);
        Ok(Self {
            total: between(begun, ended),
            start: between(started, healthy),
            proxy: [
                between(healthy, reached),
                between(switched, known),
                between(left, log.recorded("front")?),
            ],
            drain,
            own: [
                between(begun, started),
                between(reached, switched),
                between(log.effect("effect_started", "stop_old")?, ended),
            ],
        })
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
        let timing = Timing::of(&Log(&log), Duration::from_secs(5))?;
        assert_eq!(timing.total, Duration::from_secs(8));
        assert_eq!(timing.proxy.map(|wait| wait.as_millis()), [700, 300, 0]);
        assert_eq!(timing.own.map(|work| work.as_millis()), [200, 100, 700]);
        assert_eq!(timing.overhead(), Duration::from_millis(1200));
        Ok(())
    }
}
