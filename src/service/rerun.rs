//! Going on from a run that has ended, in a run of its own.

use serde_json::{Map, Value};

use super::{Ask, Invocation, Result, Service, ServiceError};
use crate::domain::chat::ChatChannel;
use crate::domain::names::{RunId, StepId};
use crate::domain::person::Actor;
use crate::domain::rerun::{self, NoRerun, Present};

/// What somebody asks for who wants to go on from a run.
#[derive(Clone, Debug, Default)]
pub struct Again {
    /// The step to begin at; without it, whatever is not done or does not stand is done.
    pub from: Option<StepId>,
    /// The same key by the same person gives the same run.
    pub idempotency_key: Option<String>,
    /// Why it is not to wait for freezes and locks.
    pub break_glass: Option<String>,
    /// The channel of a chat in which it is asked for.
    pub channel: Option<ChatChannel>,
}

impl Service {
    /// Starts a run that goes on from one that has ended: with the same inputs, secret ones among them,
    /// by the workflow as its file is now, and without what is done and stands. Whoever asks must be
    /// allowed to start the workflow, and every approval is asked for anew.
    ///
    /// # Errors
    /// There is nothing to go on from, somebody has to say first what counts as done, or anything for
    /// which the workflow could not be started now.
    pub async fn rerun(&self, by: &Actor, run: RunId, again: Again) -> Result<RunId> {
        self.known(by, &format!("rerun {run}")).await?;
        let (log, then) = self.open(run).await?;
        let earlier = log.state().await?;
        let invocation = Invocation {
            by: by.clone(),
            ask: Ask::Workflow(earlier.request.workflow.to_string()),
            inputs: given(&earlier.request.inputs),
            idempotency_key: again.idempotency_key,
            break_glass: again.break_glass,
            channel: again.channel,
        };
        let key = invocation.idempotency_key.as_deref();
        if let Some(earlier) = self.earlier(by, key).await? {
            return Ok(earlier);
        }
        let known = self.given_to(&earlier).await?;
        let checked = self.check(&invocation, "rerun", known).await?;
        let now = Present {
            workflow: &checked.loaded.workflow,
            systems: &self.addresses(&checked.loaded),
        };
        let rerun = rerun::go_on(&earlier, &then, now, again.from.as_ref()).map_err(|why| {
            let told = self.parts.redactor.text(&why.to_string());
            match why {
                NoRerun::UnknownStep(_) => ServiceError::Invalid(told),
                _ => ServiceError::Conflict(told),
            }
        })?;
        Box::pin(self.create(checked, invocation, Some(rerun))).await
    }
}

/// What was given to a run; what was not is left to the workflow as it is now.
fn given(inputs: &Value) -> Map<String, Value> {
    let fields = inputs.as_object().into_iter().flatten();
    fields
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
