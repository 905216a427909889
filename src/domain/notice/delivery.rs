//! When a notice is sent again, and when it is given up.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::NoticeId;
use crate::domain::time::Timestamp;

/// The pause after the first try; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// No pause is longer, whatever a place asks for.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Without a fallback a notice is tried for so long.
pub const LONGEST_TRY: Duration = Duration::from_hours(24);

/// A place that takes nothing is tried for so long before anything is given up, however old it is:
/// while Purser was down nobody tried.
pub const SHORTEST_TRY: Duration = Duration::from_hours(1);

/// What a place made of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has taken it.
    Taken {
        /// What it answered, in a few words: `it answered 200 OK`.
        answer: String,
    },
    /// It was not there, was not well, or wants it later: it may have it nevertheless.
    Later {
        /// What was wrong.
        why: String,
        /// How long the place wants to be left alone.
        pause: Option<Duration>,
    },
    /// It takes nothing from us: its address or our secret is another one, or it is gone.
    PlaceRefuses {
        /// What it said.
        why: String,
    },
    /// It does not take this one.
    Refused {
        /// What it said.
        why: String,
    },
}

/// A notice that was tried.
#[derive(Clone, Copy, Debug)]
pub struct Tried<'a> {
    /// Which.
    pub id: &'a NoticeId,
    /// When it was put into the outbox.
    pub put_at: Timestamp,
    /// How often it was tried, this time included.
    pub attempts: u32,
    /// When the place was first tried of the tries since which it has taken nothing.
    pub failing_since: Timestamp,
}

/// What is to become of a notice that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing: it has arrived.
    Done,
    /// It is tried again.
    Again {
        /// When.
        at: Timestamp,
        /// Why it was not taken.
        why: String,
    },
    /// It goes to the fallback.
    Fallback {
        /// Why.
        why: String,
    },
    /// Nobody gets it.
    GivenUp {
        /// Why.
        why: String,
    },
}

/// What becomes of it. `patience` is how long a place may fail before the fallback gets what it
/// has not taken; `None` when there is no fallback.
pub fn then(
    tried: Tried<'_>,
    outcome: Outcome,
    patience: Option<Duration>,
    now: Timestamp,
) -> Then {
    let waits = now.since(tried.put_at);
    match (outcome, patience) {
        (Outcome::Taken { .. }, _) => Then::Done,
        (Outcome::PlaceRefuses { why } | Outcome::Refused { why }, Some(_)) => {
            Then::Fallback { why }
        }
        (Outcome::Refused { why }, None) => Then::GivenUp { why },
        (Outcome::Later { why, .. }, Some(patience)) if waits >= patience => Then::Fallback { why },
        (Outcome::Later { why, .. } | Outcome::PlaceRefuses { why }, None)
            if waits >= LONGEST_TRY && now.since(tried.failing_since) >= SHORTEST_TRY =>
        {
            Then::GivenUp { why }
        }
        (Outcome::Later { why, pause }, patience) => {
            let pause = pause
                .unwrap_or_default()
                .max(backoff(tried))
                .min(LONGEST_PAUSE);
            again(
                now,
                pause,
                why,
                patience.map(|patience| tried.put_at.plus(patience)),
            )
        }
        (Outcome::PlaceRefuses { why }, None) => again(now, backoff(tried), why, None),
    }
}

/// No later than when the fallback's turn comes.
fn again(now: Timestamp, pause: Duration, why: String, limit: Option<Timestamp>) -> Then {
    let at = now.plus(pause);
    Then::Again {
        at: limit.map_or(at, |limit| at.min(limit)),
        why,
    }
}

/// Twice as long each time, shortened by up to a half so that what failed together does not
/// return together. The same notice waits the same time.
fn backoff(tried: Tried<'_>) -> Duration {
    let doublings = tried.attempts.saturating_sub(1).min(16);
    let pause = FIRST_PAUSE
        .saturating_mul(1 << doublings)
        .min(LONGEST_PAUSE);
    let hash = Sha256::digest(format!("{}/{}", tried.id.as_str(), tried.attempts));
    pause.mul_f64(1.0 - f64::from(hash[0]) / 512.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn later() -> Outcome {
        Outcome::Later {
            why: "it is down".into(),
            pause: None,
        }
    }

    fn patience() -> impl Strategy<Value = Option<Duration>> {
        proptest::option::of((1..3600u64).prop_map(Duration::from_secs))
    }

    /// Plays a place that never takes anything to the end: the instants of all tries, and what
    /// then becomes of the notice.
    fn play(outcome: &Outcome, patience: Option<Duration>) -> (Vec<Timestamp>, Then) {
        play_after(Duration::ZERO, outcome, patience)
    }

    /// The same of a notice that has waited so long before it is tried for the first time.
    fn play_after(
        waited: Duration,
        outcome: &Outcome,
        patience: Option<Duration>,
    ) -> (Vec<Timestamp>, Then) {
        let id = NoticeId::new("n");
        let mut now = Timestamp::from_micros(0);
        let put_at = now.minus(waited);
        let mut tries = vec![];
        loop {
            tries.push(now);
            let tried = Tried {
                id: &id,
                put_at,
                attempts: u32::try_from(tries.len()).unwrap(),
                failing_since: tries[0],
            };
            match then(tried, outcome.clone(), patience, now) {
                Then::Again { at, .. } => now = at,
                end => return (tries, end),
            }
        }
    }

    proptest! {
        #[test]
        fn a_place_that_is_down_is_tried_until_its_time_is_over_and_no_longer(
            patience in patience()
        ) {
            let (tries, end) = play(&later(), patience);
            let last = tries[tries.len() - 1].since(Timestamp::from_micros(0));
            let limit = patience.unwrap_or(LONGEST_TRY);
            prop_assert!(last >= limit && last <= limit + LONGEST_PAUSE);
            let why = "it is down".to_owned();
            if let Some(patience) = patience {
                prop_assert_eq!(last, patience);
                prop_assert_eq!(end, Then::Fallback { why });
            } else {
                prop_assert_eq!(end, Then::GivenUp { why });
            }
        }

        #[test]
        fn pauses_are_neither_nothing_nor_endless(
            attempts in 1..1000u32, asked in proptest::option::of(0..100_000u64)
        ) {
            let id = NoticeId::new("n");
            let at = Timestamp::from_micros(0);
            let tried = Tried { id: &id, put_at: at, attempts, failing_since: at };
            let pause = asked.map(Duration::from_secs);
            let outcome = Outcome::Later { why: String::new(), pause };
            let Then::Again { at: next, .. } = then(tried, outcome, None, at) else {
                panic!("it is tried again");
            };
            let pause = next.since(at);
            prop_assert!(pause >= FIRST_PAUSE / 2 && pause <= LONGEST_PAUSE, "{pause:?}");
        }
    }

    #[test]
    fn what_waited_for_days_until_somebody_was_there_to_send_it_is_tried_for_a_while() {
        let days = Duration::from_hours(72);
        let refuses = Outcome::PlaceRefuses { why: "404".into() };
        for outcome in [later(), refuses] {
            let (tries, end) = play_after(days, &outcome, None);
            let last = tries[tries.len() - 1].since(tries[0]);
            assert!(last >= SHORTEST_TRY && last <= SHORTEST_TRY + LONGEST_PAUSE);
            assert!(matches!(end, Then::GivenUp { .. }));
        }
    }

    #[test]
    fn a_refusal_goes_to_the_fallback_at_once() {
        for outcome in [
            Outcome::PlaceRefuses { why: "gone".into() },
            Outcome::Refused { why: "gone".into() },
        ] {
            let (tries, end) = play(&outcome, Some(Duration::from_mins(10)));
            assert_eq!(tries.len(), 1);
            assert_eq!(end, Then::Fallback { why: "gone".into() });
        }
    }

    #[test]
    fn without_a_fallback_a_place_that_refuses_may_be_put_right_and_a_refused_notice_holds_up_none()
    {
        let (tries, end) = play(&Outcome::PlaceRefuses { why: "404".into() }, None);
        assert!(tries.len() > 200, "{}", tries.len());
        assert_eq!(end, Then::GivenUp { why: "404".into() });
        let (tries, end) = play(&Outcome::Refused { why: "400".into() }, None);
        assert_eq!((tries.len(), end), (1, Then::GivenUp { why: "400".into() }));
    }
}
