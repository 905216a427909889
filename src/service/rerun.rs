//! Going on from a run that has ended, in a run of its own.

use serde_json::{Map, Value};

use super::{Ask, Invocation, Result, Service, ServiceError};
use crate::domain::names::{RunId, StepId};
use crate::domain::person::Actor;
use crate::domain::rerun::{self, NoRerun};
use crate::store::NewRun;

impl Service {
    /// Starts a run that goes on from one that has ended: with the same inputs, by the workflow as its
    /// file is now, and without what is done and stands. Whoever asks must be allowed to start the
    /// workflow, and every approval is asked for anew. The same key by the same person gives the same
    /// run.
    ///
    /// # Errors
    /// There is nothing to go on from, somebody has to say first what counts as done, or anything for
    /// which the workflow could not be started now.
    pub async fn rerun(
        &self,
        by: &Actor,
        run: RunId,
        from: Option<&StepId>,
        idempotency_key: Option<String>,
    ) -> Result<RunId> {
        self.known(by, &format!("rerun {run}")).await?;
        let (log, then) = self.open(run).await?;
        let earlier = log.state().await?;
        let invocation = Invocation {
            by: by.clone(),
            ask: Ask::Workflow(earlier.request.workflow.to_string()),
            inputs: given(&earlier.request.inputs),
            idempotency_key,
        };
        let checked = self.check(&invocation, "rerun").await?;
        let now = &checked.loaded.workflow;
        let rerun = rerun::go_on(&earlier, &then, now, from).map_err(|why| {
            let told = self.parts.redactor.text(&why.to_string());
            match why {
                NoRerun::UnknownStep(_) => ServiceError::Invalid(told),
                _ => ServiceError::Conflict(told),
            }
        })?;
        let mut request = self.make_request(&checked, invocation.by)?;
        request.rerun = Some(rerun);
        self.check_room().await?;
        let new = NewRun {
            id: self.new_run_id(),
            at: self.parts.clock.now(),
            request,
            definition: checked.loaded.workflow,
            idempotency_key: invocation.idempotency_key,
        };
        Ok(self.parts.store.create(new).await?)
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
