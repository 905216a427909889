//! What becomes of a store that came back from a backup (decision 17): nothing goes on by itself.

use std::sync::Arc;

use super::{Entropy, RunLog};
use crate::action::Clock;
use crate::domain::event::Event;
use crate::domain::interpreter::{Command, decide};
use crate::domain::names::RunId;
use crate::domain::time::Timestamp;
use crate::store::{Result, Store};

/// A store that was recovered, before any engine works on it.
pub struct Recovered {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Salts of receipts.
    pub entropy: Arc<dyn Entropy>,
    /// The name of the backup.
    pub backup: String,
    /// When it was made.
    pub made_at: Timestamp,
}

impl Recovered {
    /// Ends every run that had not ended, and says so in its log: what it did since the backup is
    /// in no log. Nothing is undone, and nothing is done again. Returns how many there were.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn end_runs(&self) -> Result<usize> {
        let runs = self.store.unfinished().await?;
        for run in &runs {
            self.end(*run).await?;
        }
        Ok(runs.len())
    }

    /// Forgets when each schedule was last looked at: the next look meets it as a new one, which has
    /// missed nothing, however much later that is. Those that were paused stay so.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn forget_schedules(&self) -> Result<()> {
        for row in self.store.schedules().await? {
            self.store.lose_schedule(row.name, self.clock.now()).await?;
        }
        Ok(())
    }

    async fn end(&self, run: RunId) -> Result<()> {
        let (log, definition) = RunLog::open(
            run,
            Arc::clone(&self.store),
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
        )
        .await?;
        log.append(Event::Recovered {
            backup: self.backup.clone(),
            made_at: self.made_at,
        })
        .await?;
        for command in decide(&definition, &log.state().await?) {
            if let Command::Append(event) = command {
                log.append(event).await?;
            }
        }
        Ok(())
    }
}
