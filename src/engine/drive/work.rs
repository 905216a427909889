//! The tasks that run the actions of a run's steps: begun, stopped, handed back.

use std::sync::Arc;

use tokio::task::{AbortHandle, JoinError};
use tokio_util::sync::CancellationToken;

use super::{Drive, is_at_work};
use crate::action::AnyAction;
use crate::domain::event::{Event, Failure, FailureKind};
use crate::domain::names::{ActionName, StepId, SystemName};
use crate::domain::run::{RunState, StepStatus};
use crate::domain::workflow::Workflow;
use crate::engine::is_past_undo;
use crate::engine::step::StepWork;
use crate::store::Result;

/// A task that runs a step's action, or takes its effects back.
pub(super) struct Working {
    cancel: CancellationToken,
    task: AbortHandle,
    /// It was told to stop, and is dropped then.
    pub(super) stop_by: Option<tokio::time::Instant>,
}

impl Drive<'_> {
    /// Sees that a task runs the step's action, or takes its effects back.
    pub(super) fn work(&mut self, state: &RunState, step: &StepId, undo: bool) {
        if self.working.contains_key(step) {
            return;
        }
        let known = state.step(step);
        let action = match self.ready(state, known.action.as_ref(), known.system.as_ref()) {
            Ok(action) => action,
            Err(why) => return self.stand_still(step, &why),
        };
        if let (false, Some(system)) = (self.places.contains_key(step), &known.system) {
            let place = self.shared.rooms.readmit(system);
            self.places.insert(step.clone(), place);
        }
        let cancel = CancellationToken::new();
        let work = StepWork {
            shared: Arc::clone(&self.shared),
            planner: self.planner(),
            log: Arc::clone(&self.log),
            definition: Arc::clone(&self.definition),
            run: state.id,
            step: step.clone(),
            action,
            cancel: cancel.clone(),
        };
        let id = step.clone();
        let task = self.tasks.spawn(async move {
            let worked = if undo {
                work.undo().await
            } else {
                work.run().await
            };
            (id, worked)
        });
        let working = Working {
            cancel,
            task,
            stop_by: None,
        };
        self.working.insert(step.clone(), working);
    }

    /// The action, if the world is still the one that the run was asked for.
    pub(super) fn ready(
        &self,
        run: &RunState,
        action: Option<&ActionName>,
        system: Option<&SystemName>,
    ) -> Result<Arc<dyn AnyAction>, String> {
        let parts = &self.shared.parts;
        let name = action.map_or("", |name| name.as_str());
        if let Some(why) = self.planner().lacks(name) {
            return Err(why);
        }
        let action = parts.registry.action(name)?;
        let Some(system) = system else {
            return Ok(Arc::clone(action));
        };
        let was = run.request.systems.get(system);
        let is = parts.systems.get(system.as_str());
        match (was, is.map(|entry| entry.system.address())) {
            (Some(was), Some(is)) if *was != is => Err(format!(
                "waits: the system `{system}` was at {was} when {} began and is at {is} now. \
                 Put the address back in the configuration and restart, or cancel the run",
                match &run.request.undo {
                    Some(undo) => format!("run {}", undo.of.short()),
                    None => "this run".to_owned(),
                }
            )),
            (_, None) => Err(format!(
                "waits: the system `{system}` is no longer in the configuration. Put it back and \
                 restart, or cancel the run"
            )),
            _ => Ok(Arc::clone(action)),
        }
    }

    /// Tells a running action to stop, and drops it when its grace is over. An action that no
    /// task runs (any more) has stopped: `true` when that was appended. One that cannot be taken back
    /// any more is not stopped while it has time left: it finishes forward.
    pub(super) async fn stop(&mut self, state: &RunState, step: &StepId) -> Result<bool> {
        let known = state.step(step);
        if !known.timed_out && is_past_undo(&self.shared.parts.registry, &known).is_some() {
            self.work(state, step, false);
            return Ok(false);
        }
        let now = tokio::time::Instant::now();
        if let Some(working) = self.working.get_mut(step) {
            let stop_by = *working.stop_by.get_or_insert(now + self.shared.parts.grace);
            working.cancel.cancel();
            if now < stop_by {
                return Ok(false);
            }
            working.task.abort();
            self.working.remove(step);
        }
        self.log
            .append_if_at(state.seq, stopped(&self.definition, state, step))
            .await
    }

    /// Takes note that a task has ended.
    ///
    /// # Errors
    /// It could not write the store.
    pub(super) async fn step_ended(
        &mut self,
        ended: Result<(StepId, Result<()>), JoinError>,
    ) -> Result<()> {
        match ended {
            Ok((step, worked)) => {
                self.working.remove(&step);
                worked
            }
            Err(error) if error.is_cancelled() => Ok(()),
            Err(error) => {
                let id = error.id();
                let step = self.working.iter().find(|(_, w)| w.task.id() == id);
                let Some(step) = step.map(|(step, _)| step.clone()) else {
                    return Ok(());
                };
                self.working.remove(&step);
                let failure = Failure::fatal(format!(
                    "a defect of Purser ended step `{step}` ({error}); what it had begun is in its \
                     journal"
                ));
                self.log.append(self.defect(&step, failure).await).await
            }
        }
    }

    async fn defect(&self, step: &StepId, failure: Failure) -> Event {
        let step = step.clone();
        if self
            .log
            .look(|run| run.step(&step).status == StepStatus::Running)
            .await
        {
            Event::AttemptFailed {
                step,
                failure,
                retry_at: None,
            }
        } else {
            Event::StepUndoFailed { step, failure }
        }
    }

    /// Lets running actions come to the end of their effect, then drops them; the log says where
    /// they were.
    pub(super) async fn hand_back(&mut self) -> Result<()> {
        for working in self.working.values() {
            working.cancel.cancel();
        }
        let grace = self.shared.parts.grace;
        let _ = tokio::time::timeout(grace, async {
            while self.tasks.join_next().await.is_some() {}
        })
        .await;
        self.tasks.shutdown().await;
        let state = self.log.state().await?;
        for (id, step) in &state.steps {
            if self.working.contains_key(id) && is_at_work(step) {
                let step = id.clone();
                self.log.append(Event::StepHandedBack { step }).await?;
            }
        }
        Ok(())
    }
}

/// What became of an attempt that was told to stop.
fn stopped(definition: &Workflow, state: &RunState, step: &StepId) -> Event {
    let timed_out = state.step(step).timed_out;
    let timeout = definition.step(step).and_then(|step| step.timeout);
    let failure = match timeout {
        Some(timeout) if timed_out => Failure {
            kind: FailureKind::TimedOut,
            message: format!("it was not done within {timeout} and was stopped"),
        },
        _ => Failure {
            kind: FailureKind::Cancelled,
            message: "it was stopped".to_owned(),
        },
    };
    Event::AttemptFailed {
        step: step.clone(),
        failure,
        retry_at: None,
    }
}
