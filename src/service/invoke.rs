//! Starting a run, and saying what it would do.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Result, Service, ServiceError};
use crate::catalog::Loaded;
use crate::domain::event::{DIALECT, Requested, Trigger};
use crate::domain::expression::{self, Scope};
use crate::domain::input::check_inputs;
use crate::domain::names::{Environment, Role, RunId};
use crate::domain::nearest;
use crate::domain::person::{Actor, may_start, one_of};
use crate::domain::plan::WorkflowPlan;
use crate::store::NewRun;

/// What somebody asks for.
#[derive(Clone, Debug)]
pub enum Ask {
    /// A workflow by name.
    Workflow(String),
    /// A command by name; its options are the inputs.
    Command(String),
}

/// A request to start a run, whatever the mouth.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Who asks.
    pub by: Actor,
    /// For what.
    pub ask: Ask,
    /// With which inputs.
    pub inputs: Map<String, Value>,
    /// The same key by the same person gives the same run.
    pub idempotency_key: Option<String>,
}

/// A request that was found good.
struct Checked {
    loaded: Loaded,
    trigger: Trigger,
    inputs: Value,
}

impl Service {
    /// Starts a run: checks names, inputs and rights, and commits the request.
    ///
    /// # Errors
    /// A wrong name or input, a refusal (which leaves a receipt), or a store that fails.
    pub async fn start(&self, invocation: Invocation) -> Result<RunId> {
        let checked = self.check(&invocation, "run").await?;
        let request = self.request(&checked, invocation.by)?;
        let now = self.parts.clock.now();
        let run = NewRun {
            id: self.new_run_id(),
            at: now,
            request,
            definition: checked.loaded.workflow,
            idempotency_key: invocation.idempotency_key,
        };
        Ok(self.parts.store.create(run).await?)
    }

    /// Says what a run would do, and changes nothing.
    ///
    /// # Errors
    /// As [`Self::start`], or a step for which no plan can be made.
    pub async fn plan(&self, invocation: &Invocation) -> Result<WorkflowPlan> {
        let checked = self.check(invocation, "plan").await?;
        let by = invocation.by.person.as_str();
        self.planner()
            .plan_new(&checked.loaded.workflow, &checked.inputs, by)
            .await
            .map_err(|failure| ServiceError::Conflict(failure.message))
    }

    async fn check(&self, invocation: &Invocation, verb: &str) -> Result<Checked> {
        let catalog = self.catalog();
        let (name, trigger, tighter) = match &invocation.ask {
            Ask::Workflow(name) => (name.clone(), Trigger::Api, None),
            Ask::Command(name) => {
                let command = catalog.command(name).map_err(ServiceError::Invalid)?;
                let trigger = Trigger::Command(name.clone());
                (command.runs.to_string(), trigger, Some(command.clone()))
            }
        };
        let loaded = catalog.workflow(&name).map_err(ServiceError::Invalid)?.clone();
        if let Some(command) = &tighter
            && let Some(wrong) = invocation.inputs.keys().find(|n| !command.options.contains_key(*n))
        {
            let names = command.options.keys().map(String::as_str).collect::<Vec<_>>();
            return Err(ServiceError::Invalid(nearest::unknown("option", wrong, names)));
        }
        let inputs = check_inputs(&loaded.workflow.inputs, &invocation.inputs)
            .map_err(|error| ServiceError::Invalid(format!("{name}: {error}")))?;
        let refused = may_start(&invocation.by, &loaded.workflow, &loaded.environments)
            .map_err(|refusal| refusal.0)
            .and_then(|()| match &tighter {
                Some(command) => {
                    tightened(&invocation.by, name.as_str(), &command.who, &loaded.environments)
                }
                None => Ok(()),
            });
        if let Err(why) = refused {
            return Err(self.refuse(&invocation.by, &format!("{verb} {name}"), why).await);
        }
        Ok(Checked { loaded, trigger, inputs: Value::Object(inputs) })
    }

    fn request(&self, checked: &Checked, by: Actor) -> Result<Requested> {
        let loaded = &checked.loaded;
        let workflow = &loaded.workflow;
        let address = |name: &crate::domain::names::SystemName| {
            Some((name.clone(), self.parts.systems.get(name.as_str())?.system.address()))
        };
        let systems: BTreeMap<_, _> = loaded.systems.iter().filter_map(address).collect();
        let approval = loaded
            .environments
            .iter()
            .filter_map(|environment| workflow.approval.get(environment).cloned())
            .collect();
        let concurrency = workflow
            .concurrency
            .as_ref()
            .map(|text| {
                let scope = Scope::new(serde_json::json!({ "inputs": checked.inputs }));
                expression::render(&Value::from(text.as_str()), &scope)
                    .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                    .map_err(|error| ServiceError::Invalid(format!("`concurrency`: {error}")))
            })
            .transpose()?;
        Ok(Requested {
            workflow: workflow.name.clone(),
            definition: loaded.digest.clone(),
            dialect: DIALECT,
            inputs: checked.inputs.clone(),
            by,
            trigger: checked.trigger.clone(),
            environments: loaded.environments.clone(),
            approval,
            systems,
            concurrency,
            timeout: workflow.timeout,
        })
    }

    /// A UUID of version 7 by the injected clock and randomness.
    fn new_run_id(&self) -> RunId {
        let millis = self.parts.clock.now().micros().unsigned_abs() / 1000;
        let mut random = [0; 10];
        random.copy_from_slice(&self.parts.entropy.bytes()[..10]);
        RunId::new(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

/// A command may only tighten what its workflow allows.
fn tightened(
    by: &Actor,
    name: &str,
    who: &indexmap::IndexMap<Environment, Vec<Role>>,
    environments: &[Environment],
) -> std::result::Result<(), String> {
    for environment in environments {
        if let Some(roles) = who.get(environment)
            && !by.has_one_of(roles)
        {
            return Err(format!(
                "{by} may not use this command for `{name}` in {environment}: that takes the role {}",
                one_of(roles)
            ));
        }
    }
    Ok(())
}
