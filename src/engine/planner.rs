//! Says what a run would do, step by step, and changes nothing.

use std::sync::Arc;

use crate::action::{ActionError, Clock, OpenSecrets, ReadContext, Registry, Systems};
use crate::domain::event::{Failure, FailureKind};
use crate::domain::expression::{self, Scope};
use crate::domain::interpreter;
use crate::domain::names::{StepId, SystemName};
use crate::domain::plan::{Outlook, Plan, StepPlan, WorkflowPlan};
use crate::domain::redact::Redactor;
use crate::domain::run::{RunState, StepStatus};
use crate::domain::secret::SecretRef;
use crate::domain::workflow::{Step, Workflow};

/// Makes plans with these systems.
#[derive(Clone)]
pub struct Planner {
    /// What can be done.
    pub registry: Arc<Registry>,
    /// On what.
    pub systems: Arc<Systems>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Tells whether the secrets are there that a step names.
    pub secrets: Arc<dyn OpenSecrets>,
    /// Masks secrets in plans as they are made, so that a plan that was kept and one that was
    /// just made can be compared.
    pub redactor: Arc<Redactor>,
}

impl Planner {
    /// What a run would do that has not begun.
    ///
    /// # Errors
    /// The first step for which no plan can be made, and why.
    pub async fn plan_new(
        &self,
        definition: &Workflow,
        inputs: &serde_json::Value,
        by: &str,
    ) -> Result<WorkflowPlan, Failure> {
        let scope = Scope::new(serde_json::json!({
            "inputs": inputs, "steps": {}, "run": { "id": null, "by": by },
        }));
        self.plan(definition, inputs, &scope, |_| false).await
    }

    /// What a run would still do.
    ///
    /// # Errors
    /// As [`Self::plan_new`].
    pub async fn plan_rest(
        &self,
        definition: &Workflow,
        run: &RunState,
    ) -> Result<WorkflowPlan, Failure> {
        let scope = interpreter::scope(definition, run);
        let is_over = |id: &StepId| {
            matches!(
                run.step(id).status,
                StepStatus::Succeeded | StepStatus::Skipped
            )
        };
        self.plan(definition, &run.request.inputs, &scope, is_over)
            .await
    }

    /// What one step would do, now that its inputs are known; `None` when it only reads.
    ///
    /// # Errors
    /// Why no plan can be made: a secret that is not set is found here, before anything is done.
    pub async fn plan_step(
        &self,
        action: &str,
        system: Option<&SystemName>,
        input: &serde_json::Value,
    ) -> Result<Option<Plan>, ActionError> {
        for secret in SecretRef::all_in(input) {
            self.secrets.open(&secret.name).await?;
        }
        if self.registry.only_reads(action) {
            return Ok(None);
        }
        let action = self.registry.action(action).map_err(ActionError::fatal)?;
        let ctx = self.read_context(system.cloned());
        let plan = action.plan(&ctx, input.clone()).await?;
        Ok(Some(plan.masked(&self.redactor)))
    }

    /// What an action may look at.
    pub fn read_context(&self, system: Option<SystemName>) -> ReadContext {
        ReadContext {
            system,
            clock: Arc::clone(&self.clock),
            systems: Arc::clone(&self.systems),
        }
    }

    async fn plan(
        &self,
        definition: &Workflow,
        inputs: &serde_json::Value,
        scope: &Scope,
        is_over: impl Fn(&StepId) -> bool,
    ) -> Result<WorkflowPlan, Failure> {
        let mut steps = Vec::new();
        for step in definition.steps.iter().filter(|step| !is_over(&step.id)) {
            let fail = |why: String| Failure::fatal(format!("step `{}`: {why}", step.id));
            let later = waits_for(step, &is_over);
            if later.is_none()
                && let Some(condition) = &step.condition
                && !expression::truth(condition, scope).map_err(|e| fail(e.to_string()))?
            {
                continue;
            }
            let (system, outlook) = if let Some(earlier) = later {
                (
                    None,
                    Outlook::KnownLater(format!("depends on the output of `{earlier}`")),
                )
            } else {
                let (system, input) =
                    interpreter::render(step, scope).map_err(|e| fail(e.to_string()))?;
                let plan = self
                    .plan_step(step.uses.as_str(), system.as_ref(), &input)
                    .await
                    .map_err(|error| failure_of(&error))?;
                (system, plan.map_or(Outlook::Reads, Outlook::Changes))
            };
            steps.push(StepPlan {
                step: step.id.clone(),
                action: step.uses.clone(),
                system,
                outlook,
            });
        }
        Ok(WorkflowPlan {
            definition: definition.digest(),
            inputs: inputs.clone(),
            steps,
        })
    }
}

/// An action's error as the log keeps it; the cause goes to Purser's own log.
pub(super) fn failure_of(error: &ActionError) -> Failure {
    use crate::action::ErrorKind;
    let kind = match error.kind {
        ErrorKind::Retryable => FailureKind::Retryable,
        ErrorKind::Fatal | ErrorKind::Waiting(_) => FailureKind::Fatal,
        ErrorKind::Cancelled => FailureKind::Cancelled,
    };
    Failure {
        kind,
        message: error.message.clone(),
    }
}

/// An earlier step whose output the step needs and that is not over yet.
fn waits_for(step: &Step, is_over: &impl Fn(&StepId) -> bool) -> Option<StepId> {
    let mut names = std::collections::BTreeSet::new();
    for value in step.with.values() {
        collect_names(value, &mut names);
    }
    if let Some(condition) = &step.condition {
        names.extend(expression::names_in_condition(condition).unwrap_or_default());
    }
    names
        .iter()
        .filter_map(|name| name.strip_prefix("steps.")?.split('.').next())
        .map(StepId::from)
        .find(|earlier| !is_over(earlier))
}

fn collect_names(value: &serde_json::Value, names: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::String(text) => {
            names.extend(expression::names_in(text).unwrap_or_default());
        }
        serde_json::Value::Array(items) => items.iter().for_each(|v| collect_names(v, names)),
        serde_json::Value::Object(fields) => fields.values().for_each(|v| collect_names(v, names)),
        _ => {}
    }
}
