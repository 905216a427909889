//! A message that a step waits for.

use serde::Deserialize;
use serde_json::Value;

use super::answer::TRIES;
use super::{Delivery, Result, Service, ServiceError};
use crate::domain::event::Event;
use crate::domain::names::{RunId, StepId};
use crate::domain::run::{RunState, StepState, StepStatus};

/// What a message says. It names its run, so that it is of no use for another one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signal {
    /// The run, by its whole id.
    run: RunId,
    /// Which of the steps that wait for this hook; without it the first.
    step: Option<StepId>,
    /// The step's output.
    #[serde(default)]
    data: Value,
}

impl Service {
    /// Lets a step go on that waits for a message by this hook. The same message again has the same
    /// answer, as long as its sender keeps its `webhook-id`, and changes nothing.
    ///
    /// # Errors
    /// The message is not believed or does not fit, or nothing waits for it.
    pub async fn signal(&self, delivery: &Delivery<'_>) -> Result<(RunId, StepId)> {
        self.believed(delivery)?;
        let signal: Signal = serde_json::from_slice(delivery.body).map_err(|error| {
            ServiceError::Invalid(format!(
                "the body must be {{\"run\": ID, \"step\": ID, \"data\": …}}, of which only `run` is \
                 needed: {error}"
            ))
        })?;
        let run = self.find_run(&signal.run.to_string()).await?;
        let (log, _) = self.open(run).await?;
        for _ in 0..TRIES {
            let state = log.state().await?;
            if let Some(step) = taken_before(&state, delivery) {
                return Ok((signal.run, step));
            }
            let step = waiting(&state, delivery.hook, signal.step.as_ref())?;
            let signalled = Event::Signalled {
                step: step.clone(),
                message: delivery.id.unwrap_or_default().to_owned(),
                data: signal.data.clone(),
            };
            if log.append_if_at(state.seq, signalled).await? {
                return Ok((signal.run, step));
            }
        }
        let short = signal.run.short();
        Err(ServiceError::Conflict(format!(
            "run {short} moves too fast: send the message again"
        )))
    }
}

fn taken_before(state: &RunState, delivery: &Delivery<'_>) -> Option<StepId> {
    let id = delivery.id?;
    let took_it = |step: &StepState| {
        let wait = step.wait.as_ref();
        wait.is_some_and(|wait| is_by(step, delivery.hook) && wait.message.as_deref() == Some(id))
    };
    let mut steps = state.steps.iter();
    steps
        .find(|(_, step)| took_it(step))
        .map(|(id, _)| id.clone())
}

fn is_by(step: &StepState, hook: &str) -> bool {
    let waits_by = step.wait.as_ref().and_then(|wait| wait.hook.as_ref());
    waits_by.is_some_and(|name| name.as_str() == hook)
}

fn waiting(state: &RunState, hook: &str, wanted: Option<&StepId>) -> Result<StepId> {
    let waits = |id: &StepId, step: &StepState| {
        is_by(step, hook)
            && step.status == StepStatus::Waiting
            && wanted.is_none_or(|wanted| wanted == id)
    };
    let goes_on = state.ended.is_none() && !state.is_stopped();
    let mut steps = state.steps.iter().filter(|_| goes_on);
    let found = steps.find(|(id, step)| waits(id, step));
    found.map(|(id, _)| id.clone()).ok_or_else(|| {
        let which = wanted.map_or_else(String::new, |step| format!(" at its step `{step}`"));
        ServiceError::Conflict(format!(
            "run {} does not wait for a message by the hook `{hook}`{which}",
            state.id.short()
        ))
    })
}
