//! When the next attempt of a step is due.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::names::{RunId, StepId};
use super::time::Span;

/// How often and how soon a step is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// All attempts, the first one included.
    pub attempts: u32,
    /// The pause after the first attempt.
    #[serde(default = "first")]
    pub first: Span,
    /// Each further pause is this many times as long.
    #[serde(default = "factor")]
    pub factor: u32,
    /// No pause is longer.
    #[serde(default = "longest")]
    pub max: Span,
    /// Shortens each pause by up to a half, so that what failed together does not return together.
    #[serde(default)]
    pub jitter: bool,
}

const fn first() -> Span {
    Span::new(Duration::from_secs(5))
}

const fn factor() -> u32 {
    2
}

const fn longest() -> Span {
    Span::new(Duration::from_mins(2))
}

impl Retry {
    /// The pause after this attempt (counted from 1), or `None` when it was the last.
    ///
    /// Jitter is drawn from the run, the step and the attempt: the same ones wait the same time.
    pub fn pause_after(&self, run: RunId, step: &StepId, attempt: u32) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let factor = self
            .factor
            .max(1)
            .saturating_pow(attempt.saturating_sub(1).min(31));
        let pause = self
            .first
            .duration()
            .saturating_mul(factor)
            .min(self.max.duration());
        if !self.jitter {
            return Some(pause);
        }
        let hash = Sha256::digest(format!("{run}/{step}/{attempt}"));
        Some(pause.mul_f64(1.0 - f64::from(hash[0]) / 512.0))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn pauses(jitter: bool) -> Vec<Option<Duration>> {
        let span = |seconds| Span::new(Duration::from_secs(seconds));
        let retry = Retry {
            attempts: 5,
            first: span(5),
            factor: 3,
            max: span(60),
            jitter,
        };
        (1..=5)
            .map(|n| retry.pause_after(RunId::new(Uuid::nil()), &"dump".into(), n))
            .collect()
    }

    #[test]
    fn pauses_grow_up_to_the_longest_and_end_with_the_last_attempt() {
        let seconds: Vec<_> = pauses(false)
            .iter()
            .map(|p| p.map(|p| p.as_secs()))
            .collect();
        assert_eq!(seconds, [Some(5), Some(15), Some(45), Some(60), None]);
    }

    #[test]
    fn jitter_shortens_by_at_most_a_half_and_is_the_same_each_time() {
        for (plain, jittered) in pauses(false).into_iter().zip(pauses(true)) {
            let (Some(plain), Some(jittered)) = (plain, jittered) else {
                continue;
            };
            assert!(
                jittered <= plain && jittered >= plain / 2,
                "{jittered:?} of {plain:?}"
            );
        }
        assert_eq!(pauses(true), pauses(true));
    }
}
