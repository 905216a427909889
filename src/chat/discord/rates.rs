//! How often one person may do something: whoever holds a key down, or has lost their account, holds up
//! nobody else.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// So many things at once.
const BURST: u32 = 20;

/// After that, one more for each of these.
const REFILL: Duration = Duration::from_secs(1);

/// More people are not remembered than these, of whom all but a few have nothing to be remembered for.
const MOST: usize = 10_000;

/// What each has done of late.
#[derive(Debug, Default)]
pub(super) struct Rates {
    /// When each would have nothing to wait for any more, had they done everything evenly.
    even: HashMap<String, Instant>,
}

impl Rates {
    /// Counts one thing that this person does.
    ///
    /// # Errors
    /// It is too much: how long they are to wait.
    pub(super) fn count(&mut self, who: &str, now: Instant) -> Result<(), Duration> {
        if self.even.len() >= MOST {
            self.even.retain(|_, even| *even > now);
        }
        let even = self.even.get(who).copied().unwrap_or(now).max(now);
        let after = even + REFILL;
        let too_much = (after - now).saturating_sub(REFILL * BURST);
        if !too_much.is_zero() {
            return Err(too_much);
        }
        self.even.insert(who.to_owned(), after);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_does_too_much_waits_and_nobody_else_does() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        for _ in 0..BURST {
            assert_eq!(rates.count("ann", now), Ok(()));
        }
        assert_eq!(rates.count("ann", now), Err(REFILL));
        assert_eq!(rates.count("bo", now), Ok(()));
        assert_eq!(rates.count("ann", now + REFILL), Ok(()));
        assert!(rates.count("ann", now + REFILL).is_err());
    }
}
