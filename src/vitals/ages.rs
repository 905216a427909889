//! How old the secrets are that systems keep, as these were asked in the background.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::action::{Systems, ports};
use crate::domain::names::SystemName;
use crate::domain::time::Timestamp;

/// No system is asked more often.
const EVERY: Duration = Duration::from_mins(5);

/// Which secret: the system, and whose it is there.
pub(super) type Whose = (SystemName, String);

/// When secrets were made. Whoever wants to know is told what was seen last, and has the systems asked again
/// when that was some minutes ago. Of one that did not answer then nothing is said.
#[derive(Default)]
pub struct SecretAges {
    keepers: Vec<(SystemName, Arc<dyn ports::KeepsSecrets>)>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    asked_at: Option<Timestamp>,
    made_at: BTreeMap<Whose, Timestamp>,
}

impl SecretAges {
    /// Those of all systems that keep secrets. Asks none yet.
    pub fn of(systems: &Systems) -> Self {
        let keepers = systems.iter().filter_map(|(name, entry)| {
            let keeps = entry.ports.keeps_secrets.clone()?;
            Some((name.clone(), keeps))
        });
        Self {
            keepers: keepers.collect(),
            seen: Mutex::default(),
        }
    }

    /// When each was made, as far as it is known now.
    pub(super) fn made_at(self: &Arc<Self>, now: Timestamp) -> BTreeMap<Whose, Timestamp> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |asked: Timestamp| now.since(asked) >= EVERY || asked > now;
        if !self.keepers.is_empty() && seen.asked_at.is_none_or(is_old) {
            seen.asked_at = Some(now);
            tokio::spawn(Arc::clone(self).ask());
        }
        seen.made_at.clone()
    }

    async fn ask(self: Arc<Self>) {
        for (system, keeper) in &self.keepers {
            let made_at = keeper.made_at().await.unwrap_or_else(|error| {
                tracing::warn!(%system, %error, "how old its secrets are is not known");
                vec![]
            });
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.made_at.retain(|(of, _), _| of != system);
            let made_at = made_at.into_iter();
            seen.made_at
                .extend(made_at.map(|(whose, at)| ((system.clone(), whose), at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::action::{ActionError, Result};

    /// Answers the first time, and is away from then on.
    #[derive(Default)]
    struct Keeper(Mutex<usize>);

    impl ports::KeepsSecrets for Keeper {
        fn made_at(&self) -> BoxFuture<'_, Result<Vec<(String, Timestamp)>>> {
            async {
                let mut asked = self.0.lock().unwrap();
                *asked += 1;
                match *asked {
                    1 => Ok(vec![("shop".to_owned(), Timestamp::from_micros(7))]),
                    _ => Err(ActionError::retryable("away")),
                }
            }
            .boxed()
        }
    }

    #[tokio::test]
    async fn a_system_is_asked_seldom_and_of_one_that_is_away_nothing_is_said() {
        let keeper = Arc::new(Keeper::default());
        let ages = Arc::new(SecretAges {
            keepers: vec![("sso".into(), Arc::clone(&keeper) as _)],
            seen: Mutex::default(),
        });
        let known = async |minutes: u32| {
            let now = Timestamp::from_micros(0).plus(minutes * Duration::from_mins(1));
            let known = ages.made_at(now).len();
            // What was begun has one turn, which is all that it takes.
            tokio::task::yield_now().await;
            (known, *keeper.0.lock().unwrap())
        };
        assert_eq!(known(0).await, (0, 1));
        assert_eq!(known(4).await, (1, 1));
        assert_eq!(known(5).await, (1, 2));
        assert_eq!(known(6).await, (0, 2));
    }
}
