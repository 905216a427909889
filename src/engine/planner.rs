//! Says what a run would do, step by step, and changes nothing.

use std::sync::Arc;

use crate::action::{
    ActionError, ActionSpec, Clock, OpenSecrets, ReadContext, Registry, Risk, Systems,
};
use crate::domain::effect::EffectName;
use crate::domain::event::{Failure, FailureKind};
use crate::domain::interpreter::{Given, prospects};
use crate::domain::names::{StepId, SystemName};
use crate::domain::plan::{Outlook, Plan, StepPlan, WorkflowPlan};
use crate::domain::redact::Redactor;
use crate::domain::run::RunState;
use crate::domain::secret::SecretRef;
use crate::domain::undo::Undo;
use crate::domain::workflow::Workflow;

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
    /// What a run would still do.
    ///
    /// # Errors
    /// The first step for which no plan can be made, and why.
    pub async fn plan(
        &self,
        definition: &Workflow,
        run: &RunState,
    ) -> Result<WorkflowPlan, Failure> {
        let mut steps = Vec::new();
        for prospect in prospects(definition, run)? {
            let (system, outlook) = match prospect.given {
                Given::Later { after: earlier, .. } => {
                    let why = format!("depends on the output of `{earlier}`");
                    (None, Outlook::KnownLater(why))
                }
                Given::Known { system, input } => {
                    let plan = self
                        .plan_step(prospect.action.as_str(), system.as_ref(), &input)
                        .await
                        .map_err(|error| failure_of(&error))?;
                    (system, plan.map_or(Outlook::Reads, Outlook::Changes))
                }
                Given::TakenBack {
                    system, effects, ..
                } => {
                    let plan = taking_back(&prospect.step, &effects);
                    (system, Outlook::Changes(plan.masked(&self.redactor)))
                }
            };
            steps.push(StepPlan {
                step: prospect.step,
                action: prospect.action,
                system,
                outlook,
            });
        }
        Ok(WorkflowPlan {
            definition: definition.digest(),
            inputs: run.request.inputs.clone(),
            steps,
            notes: run.request.undo.as_ref().map_or_else(Vec::new, stays),
        })
    }

    /// Why nothing can be done about a step of this action as yet, where this version of Purser does
    /// not have it.
    pub fn lacks(&self, action: &str) -> Option<String> {
        let unknown = self.registry.action(action).err()?;
        Some(format!(
            "waits for a version of Purser that has this action: {unknown}"
        ))
    }

    /// The same for the first of the steps that a run would still do.
    pub fn lacks_ahead(&self, definition: &Workflow, run: &RunState) -> Option<(StepId, String)> {
        let ahead = prospects(definition, run).ok()?;
        ahead
            .into_iter()
            .find_map(|one| Some((one.step, self.lacks(one.action.as_str())?)))
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
            // What a run is given is there, or will be.
            if let SecretRef::Stored(name) = secret {
                self.secrets.open(&name).await?;
            }
        }
        if self.registry.only_reads(action) {
            return Ok(None);
        }
        let action = self.registry.action(action).map_err(ActionError::fatal)?;
        let ctx = self.read_context(system.cloned());
        let mut plan = action.plan(&ctx, input.clone()).await?;
        plan.destroys = destroyed(&action.spec(), system, input);
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
}

/// What the own undo of a step's action does: it goes by the step's journal, and so does its plan.
fn taking_back(step: &StepId, effects: &[EffectName]) -> Plan {
    let plan = Plan::new(format!("take back what `{step}` has done"));
    effects.iter().rev().fold(plan, |plan, effect| {
        plan.changes(format!("`{effect}`"), Some("done".to_owned()), None)
    })
}

/// What a run that takes another one back would leave as it is.
fn stays(undo: &Undo) -> Vec<String> {
    let stays = undo.staying();
    let note = |(step, why)| format!("`{step}` stays as it is: {why}");
    stays.map(note).collect()
}

/// The service or the system on which an action may remove what cannot be had back.
fn destroyed(
    spec: &ActionSpec,
    system: Option<&SystemName>,
    input: &serde_json::Value,
) -> Option<String> {
    let service = spec.service.and_then(|field| input[field].as_str());
    let system = system.map_or(spec.name, SystemName::as_str);
    (spec.risk == Risk::Destroy).then(|| service.unwrap_or(system).to_owned())
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
