//! Removes what steps have left on systems, once their runs are over.

use std::sync::Arc;
use std::time::Duration;

use super::Rounds;
use crate::action::ports::{Leftover, Sweeps};
use crate::domain::ending::FinalState;
use crate::domain::names::SystemName;
use crate::domain::run::RunStatus;
use crate::domain::time::Timestamp;
use crate::store::Result;

/// What is younger may be in somebody's hands: the step itself removes it, or is just being undone.
const YOUNG: Duration = Duration::from_hours(1);

/// What is done about something that is old enough.
enum Verdict {
    Remove,
    Leave,
    /// It is left too, and people may want to know why.
    LeaveAndSay(&'static str),
}

impl Rounds {
    pub(super) async fn sweep_systems(&mut self, now: Timestamp) {
        let systems = Arc::clone(&self.parts.systems);
        for (system, entry) in systems.iter() {
            let Some(sweeps) = &entry.ports.sweeps else {
                continue;
            };
            let leftovers = sweeps.leftovers().await;
            let what = format!("what runs have left on `{system}` cannot be listed");
            let old = |leftover: &Leftover| now.since(leftover.made_at) >= YOUNG;
            match leftovers {
                Ok(found) => {
                    for leftover in found.into_iter().filter(old) {
                        self.sweep(system, sweeps.as_ref(), &leftover).await;
                    }
                }
                Err(error) => self.tell(&what, Err(error)),
            }
        }
    }

    async fn sweep(&mut self, system: &SystemName, sweeps: &dyn Sweeps, leftover: &Leftover) {
        let Leftover { what, run, .. } = leftover;
        let failing = format!("{what} on `{system}`, left by run {run}, cannot be removed");
        match self.verdict(leftover).await {
            Ok(Verdict::Leave) => {}
            Ok(Verdict::LeaveAndSay(why)) => {
                if self.told.is_new(format!("{what} on {system}: {why}")) {
                    tracing::warn!(%system, %run, "{what} is left as it is: {why}");
                }
            }
            Ok(Verdict::Remove) => match sweeps.sweep(leftover).await {
                Ok(()) => {
                    tracing::info!(%system, %run, "{what} was removed: its run had left it behind");
                }
                Err(error) => self.tell(&failing, Err(error)),
            },
            Err(error) => self.tell(&failing, Err(error)),
        }
    }

    /// Only what a run of this very store has left is removed, and nothing of a run that may still want
    /// it.
    async fn verdict(&self, leftover: &Leftover) -> Result<Verdict> {
        let store = &self.parts.store;
        let status = store.status_of(leftover.run).await?;
        store.may_act()?;
        Ok(match status {
            None => Verdict::LeaveAndSay(
                "this store has never had its run, so it may be another Purser's; remove it yourself \
                 if nobody needs it",
            ),
            Some(RunStatus::Ended(FinalState::Stuck)) => Verdict::LeaveAndSay(
                "its run is stuck, and whoever looks into that may need it; remove it yourself then",
            ),
            Some(RunStatus::Ended(_)) => Verdict::Remove,
            Some(_) => Verdict::Leave,
        })
    }
}
