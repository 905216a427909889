//! Starting a run, and saying what it would do.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::given::{self, Secrets};
use super::{Result, Service, ServiceError};
use crate::catalog::{Catalog, Command, Loaded, Reply};
use crate::domain::approval::ApprovalPolicy;
use crate::domain::chat::{ChatChannel, ChatPlace};
use crate::domain::event::{DIALECT, Requested, Rerun, Trigger};
use crate::domain::expression::{self, Scope};
use crate::domain::input::{InputError, check_inputs};
use crate::domain::names::{Environment, RunId, SystemName};
use crate::domain::person::{Actor, Refusal, one_of};
use crate::domain::plan::WorkflowPlan;
use crate::domain::run::RunState;
use crate::domain::workflow::{Concurrency, Step, WhenBusy, Workflow};
use crate::engine::run_id;
use crate::store::{NewRun, StoreError};

/// Keys that make a request the same, and concurrency keys, are no longer than this, in characters:
/// both stand in an index of the database.
const LONGEST_KEY: usize = 256;

/// What is said of whoever asks for a plan.
const PLAN: &str = "plan";

/// What somebody asks for.
#[derive(Clone, Debug)]
pub enum Ask {
    /// A workflow by name.
    Workflow(String),
    /// A command by its whole name; its options are the inputs.
    Command(String),
    /// Whatever the hook of this name starts.
    Webhook(String),
}

/// A request to start a run, whatever the mouth. There may be secrets in it.
#[derive(Clone)]
pub struct Invocation {
    /// Who asks.
    pub by: Actor,
    /// For what.
    pub ask: Ask,
    /// With which inputs.
    pub inputs: Map<String, Value>,
    /// The same key by the same person gives the same run.
    pub idempotency_key: Option<String>,
    /// Why it is not to wait for freezes and locks.
    pub break_glass: Option<String>,
    /// The channel of a chat in which it is asked for.
    pub channel: Option<ChatChannel>,
}

/// A request that was found good.
pub(super) struct Checked {
    /// What it was found good by.
    pub(super) catalog: Arc<Catalog>,
    pub(super) loaded: Loaded,
    pub(super) trigger: Trigger,
    pub(super) inputs: Value,
    /// What of them is secret.
    pub(super) secrets: Secrets,
    /// Where the answer goes.
    pub(super) reply: Reply,
}

/// A run of more steps than these is shown in a thread of its own.
pub(super) const MOST_STEPS_IN_A_CHANNEL: usize = 3;

impl Checked {
    /// Where the run is shown that was asked for in this channel; `None`: only to who asked.
    fn shown_in(&self, channel: ChatChannel) -> Option<ChatPlace> {
        let workflow = &self.loaded.workflow;
        let asks = !approvals(&self.catalog, &self.loaded).is_empty()
            || workflow
                .steps
                .iter()
                .filter_map(Step::action)
                .any(|action| action.approval.is_some());
        let is_long = workflow.steps.len() > MOST_STEPS_IN_A_CHANNEL;
        match self.reply {
            Reply::Private => None,
            Reply::Thread => Some(ChatPlace::within(channel, true)),
            Reply::Message => Some(ChatPlace::within(channel, asks || is_long)),
        }
    }
}

impl Service {
    /// Starts a run: checks names, inputs and rights, and commits the request.
    ///
    /// # Errors
    /// A wrong name or input, a refusal (which leaves a receipt), or a store that fails.
    pub async fn start(&self, invocation: Invocation) -> Result<RunId> {
        let key = invocation.idempotency_key.as_deref();
        if let Some(earlier) = self.earlier(&invocation.by, key).await? {
            return Ok(earlier);
        }
        let checked = self.check(&invocation, "run", Secrets::new()).await?;
        Box::pin(self.create(checked, invocation, None)).await
    }

    /// The run that was started by the same request, sent before: whatever has changed since, it is the
    /// answer.
    ///
    /// # Errors
    /// A stranger asks, the key is too long, or the store cannot be read.
    pub(super) async fn earlier(&self, by: &Actor, key: Option<&str>) -> Result<Option<RunId>> {
        self.known(by, "run a workflow").await?;
        let Some(key) = key else {
            return Ok(None);
        };
        if key.chars().count() > LONGEST_KEY {
            return Err(ServiceError::Invalid(format!(
                "an idempotency key has {LONGEST_KEY} characters at most"
            )));
        }
        Ok(self.parts.store.keyed(&by.person, key).await?)
    }

    /// Commits a request that was found good, unless it has come before under the same key, or
    /// something holds it.
    pub(super) async fn create(
        &self,
        checked: Checked,
        invocation: Invocation,
        rerun: Option<Rerun>,
    ) -> Result<RunId> {
        let id = self.new_run_id();
        self.mask_given(id, &checked.secrets).await?;
        let verb = if rerun.is_some() { "rerun" } else { "run" };
        let asked = format!("{verb} {}", checked.loaded.workflow.name);
        let reason = invocation.break_glass.as_deref();
        let request = Requested {
            break_glass: self.glass(&invocation.by, &asked, reason).await?,
            rerun,
            shown_in: invocation
                .channel
                .and_then(|channel| checked.shown_in(channel)),
            ..self.make_request(&checked, invocation.by)?
        };
        let run = NewRun {
            id,
            at: self.parts.clock.now(),
            request,
            definition: checked.loaded.workflow,
            idempotency_key: invocation.idempotency_key,
            secrets: vec![],
        };
        self.commit(&asked, run, checked.secrets).await
    }

    /// Commits a run with the secrets that it is given, unless it has come before under the same key, or
    /// something holds it.
    pub(super) async fn commit(&self, asked: &str, run: NewRun, secrets: Secrets) -> Result<RunId> {
        if !matches!(run.request.trigger, Trigger::Webhook(_)) {
            self.not_held(asked, &run.definition, &run.request).await?;
        }
        self.check_room().await?;
        let store = Arc::clone(&self.parts.store);
        if secrets.is_empty() {
            return Ok(store.create(run).await?);
        }
        let create = move |secrets| async move { store.create(NewRun { secrets, ..run }).await };
        let given = self.parts.secrets.give(secrets, create).await;
        Ok(given.map_err(|error| match error {
            StoreError::File { .. } => {
                StoreError::NotOpened(format!("{error}; nothing was started"))
            }
            error => error,
        })?)
    }

    /// Runs that nobody can carry out pile up behind something that is broken: not without end.
    pub(super) async fn check_room(&self) -> Result<()> {
        let most = self.parts.unfinished_runs;
        if self.parts.store.unfinished().await?.len() < most {
            return Ok(());
        }
        Err(ServiceError::Unavailable(format!(
            "{most} runs are under way or wait already, and no more are taken ([engine] \
             unfinished_runs): see with `purser runs list` what they wait for; nothing was started"
        )))
    }

    /// Says what a run would do, and changes nothing.
    ///
    /// # Errors
    /// As [`Self::start`], or a step for which no plan can be made.
    pub async fn plan(&self, invocation: &Invocation) -> Result<WorkflowPlan> {
        let checked = self.check(invocation, PLAN, Secrets::new()).await?;
        let request = self.make_request(&checked, invocation.by.clone())?;
        self.plan_of(&checked.loaded.workflow, request).await
    }

    /// What a run of this request would do.
    pub(super) async fn plan_of(
        &self,
        definition: &Workflow,
        request: Requested,
    ) -> Result<WorkflowPlan> {
        // No run: one of no id, so that the same question has the same answer.
        let nobody = RunId::new(uuid::Uuid::nil());
        let run = RunState::asked_for(nobody, request, self.parts.clock.now());
        let hold = self.hold_on(definition, &run.request).await?;
        let plan = self.planner().plan(definition, &run).await;
        let plan = plan.map_err(|failure| {
            ServiceError::Conflict(self.parts.redactor.text(&failure.message))
        })?;
        let held = hold.iter().map(|hold| format!("not now: {hold}"));
        Ok(WorkflowPlan {
            notes: held.chain(plan.notes).collect(),
            ..plan
        })
    }

    /// Finds a request good, or not. `known` are secrets that an earlier run was given.
    pub(super) async fn check(
        &self,
        invocation: &Invocation,
        verb: &str,
        known: Secrets,
    ) -> Result<Checked> {
        let catalog = self.catalog();
        let by = &invocation.by;
        self.known(by, &format!("{verb} a workflow")).await?;
        let (command, trigger) = match &invocation.ask {
            Ask::Workflow(_) => (None, Trigger::Api),
            Ask::Command(name) => {
                let command = catalog.command(name).map_err(ServiceError::Invalid)?;
                (Some(command), Trigger::Command(name.clone()))
            }
            Ask::Webhook(hook) => (None, Trigger::Webhook(hook.clone())),
        };
        let loaded = match (&invocation.ask, command) {
            (_, Some(command)) => catalog.workflow(command.runs.as_str()),
            (Ask::Webhook(hook), _) => catalog.workflow_of_hook(hook),
            (Ask::Workflow(name) | Ask::Command(name), None) => catalog.workflow(name),
        };
        let loaded = loaded.map_err(ServiceError::Invalid)?.clone();
        let name = loaded.workflow.name.as_str();
        let allowed = catalog.may_start(by, &loaded).and_then(|()| {
            command.map_or(Ok(()), |command| {
                tightened(by, command, &loaded.environments)
            })
        });
        if let Err(refusal) = allowed {
            return Err(self.refuse(by, &format!("{verb} {name}"), refusal.0).await);
        }
        let misfit = |error: InputError| ServiceError::Invalid(format!("{name}: {error}"));
        let specs = &loaded.workflow.inputs;
        let (mut given, secrets) = given::take(specs, &invocation.inputs, known).map_err(misfit)?;
        if verb == PLAN {
            given::foresee(specs, &mut given);
        }
        let given = match command {
            Some(command) => {
                let given = command.inputs(&given).map_err(misfit)?;
                let named = self.nameable.check(&command.options, &given);
                named.map(|()| given).map_err(misfit)?
            }
            None => given,
        };
        let inputs = check_inputs(specs, &given).map_err(misfit)?;
        let named = self.nameable.check(specs, &inputs);
        named.map_err(misfit)?;
        let reply = command.map(|command| command.reply).unwrap_or_default();
        Ok(Checked {
            reply,
            catalog,
            loaded,
            trigger,
            inputs: Value::Object(inputs),
            secrets,
        })
    }

    pub(super) fn make_request(&self, checked: &Checked, by: Actor) -> Result<Requested> {
        let loaded = &checked.loaded;
        let workflow = &loaded.workflow;
        let approval = approvals(&checked.catalog, loaded);
        let concurrency = workflow
            .concurrency
            .as_ref()
            .map(|concurrency| {
                let scope = Scope::new(serde_json::json!({ "inputs": checked.inputs }));
                expression::render(&Value::from(concurrency.key()), &scope)
                    .map(|value| {
                        value
                            .as_str()
                            .map_or_else(|| value.to_string(), str::to_owned)
                    })
                    .map_err(|error| error.to_string())
                    .and_then(short_enough)
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
            systems: self.addresses(loaded),
            concurrency,
            when_busy: workflow
                .concurrency
                .as_ref()
                .map_or_else(WhenBusy::default, Concurrency::when_busy),
            timeout: workflow.timeout,
            rerun: None,
            undo: None,
            break_glass: None,
            shown_in: None,
        })
    }

    /// The present address of each system that a workflow names.
    pub(super) fn addresses(&self, loaded: &Loaded) -> BTreeMap<SystemName, String> {
        let address = |name: &SystemName| {
            let entry = self.parts.systems.get(name.as_str())?;
            Some((name.clone(), entry.system.address()))
        };
        loaded.systems.iter().filter_map(address).collect()
    }

    /// A UUID of version 7 by the injected clock and randomness.
    pub(super) fn new_run_id(&self) -> RunId {
        let millis = self.parts.clock.now().micros().unsigned_abs() / 1000;
        run_id(millis, self.parts.entropy.as_ref())
    }
}

fn short_enough(key: String) -> Result<String, String> {
    if key.chars().count() > LONGEST_KEY {
        return Err(format!("its key has more than {LONGEST_KEY} characters"));
    }
    Ok(key)
}

/// Who must approve: for the workflow and for all that it runs, each in all of its environments.
pub(super) fn approvals(catalog: &Catalog, loaded: &Loaded) -> Vec<ApprovalPolicy> {
    let mut policies: Vec<ApprovalPolicy> = Vec::new();
    for one in catalog.with_included(loaded) {
        for environment in &one.environments {
            if let Some(policy) = one.workflow.approval.get(environment)
                && !policies.contains(policy)
            {
                policies.push(policy.clone());
            }
        }
    }
    policies
}

/// A command may only tighten what its workflow allows.
pub(super) fn tightened(
    by: &Actor,
    command: &Command,
    environments: &[Environment],
) -> Result<(), Refusal> {
    for environment in environments {
        if let Some(roles) = command.who.get(environment)
            && !by.has_one_of(roles)
        {
            return Err(Refusal(format!(
                "{by} may not use `{}` in {environment}: that takes the role {}",
                command.name,
                one_of(roles)
            )));
        }
    }
    Ok(())
}
