//! One run's log as its driver and its steps share it: the state so far, and appends in order.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::action::Clock;
use crate::domain::event::{Event, Logged};
use crate::domain::names::RunId;
use crate::domain::receipt::Draft;
use crate::domain::run::RunState;
use crate::domain::workflow::Workflow;
use crate::store::{Append, Result, Store, StoreError};

use super::Entropy;

/// The log of one run. Everything that is appended is applied, so the state never lags behind.
pub struct RunLog {
    run: RunId,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    state: Mutex<RunState>,
}

impl RunLog {
    /// Reads a run's log, and the definition that the run goes by.
    ///
    /// # Errors
    /// The store cannot be read, or has no such run.
    pub async fn open(
        run: RunId,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Self, Workflow)> {
        let missing = |what: String| StoreError::Unavailable {
            place: run.to_string(),
            message: what,
        };
        let log = store.log(run, 0).await?;
        let state = RunState::replay(&log)
            .ok_or_else(|| missing("its log does not begin with a request".into()))?;
        let digest = &state.request.definition;
        let definition = store
            .definition(digest)
            .await?
            .ok_or_else(|| missing(format!("its definition {digest} is gone")))?;
        Ok((
            Self {
                run,
                store,
                clock,
                entropy,
                state: Mutex::new(state),
            },
            definition,
        ))
    }

    /// The state as of now, after reading what others have appended.
    pub async fn state(&self) -> Result<RunState> {
        let mut state = self.state.lock().await;
        self.catch_up(&mut state).await?;
        Ok(state.clone())
    }

    /// Looks at the state without reading the store.
    pub(super) async fn look<T>(&self, look: impl FnOnce(&RunState) -> T) -> T {
        look(&*self.state.lock().await)
    }

    /// Whether this process may begin an effect of the run now.
    pub(super) fn may_act(&self) -> Result<()> {
        self.store.may_act()
    }

    /// Appends what is true whatever else has been appended meanwhile.
    pub(super) async fn append(&self, event: Event) -> Result<()> {
        let mut state = self.state.lock().await;
        loop {
            match self.try_append(&mut state, event.clone()).await {
                Err(StoreError::Conflict) => self.catch_up(&mut state).await?,
                result => return result,
            }
        }
    }

    /// Appends what was decided on the state at this place; `false` when the log has moved on.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn append_if_at(&self, seq: u64, event: Event) -> Result<bool> {
        let mut state = self.state.lock().await;
        if state.seq != seq {
            return Ok(false);
        }
        match self.try_append(&mut state, event).await {
            Err(StoreError::Conflict) => {
                self.catch_up(&mut state).await?;
                Ok(false)
            }
            result => result.map(|()| true),
        }
    }

    async fn catch_up(&self, state: &mut RunState) -> Result<()> {
        for logged in self.store.log(self.run, state.seq).await? {
            state.apply(&logged);
        }
        Ok(())
    }

    async fn try_append(&self, state: &mut RunState, event: Event) -> Result<()> {
        let at = self.clock.now();
        let mut next = state.clone();
        next.apply(&Logged {
            run: self.run,
            seq: state.seq + 1,
            at,
            event: event.clone(),
        });
        let receipt = match event {
            Event::Finished { .. } => Draft::of_run(&next, self.entropy.bytes()),
            _ => None,
        };
        let append = Append {
            run: self.run,
            after: state.seq,
            at,
            event,
            status: next.status(),
            receipt,
        };
        let logged = self.store.append(append).await?;
        state.apply(&logged);
        Ok(())
    }
}
