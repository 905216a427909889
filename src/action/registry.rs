//! All actions by name, and the erased form in which the engine calls them.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use schemars::Schema;
use serde_json::Value;

use super::error::{ActionError, Result};
use super::spec::{ActionSpec, Risk};
use super::system::{Connect, ConnectError, System};
use super::{Action, Context, ReadContext, Undone};
use crate::domain::names::ActionName;
use crate::domain::nearest;
use crate::domain::plan::Plan;
use crate::domain::run::StepState;
use crate::domain::undo::WayBack;

/// The code for one kind of system: how to connect one, and what can be done with it.
pub struct Integration {
    /// The `kind` in `[systems.NAME]`.
    pub kind: &'static str,
    /// Reads the settings; does no I/O beyond secret files.
    pub connect: fn(&Connect<'_>) -> Result<Arc<dyn System>, ConnectError>,
    /// The JSON Schema of those settings, inline; what it refers to is added to the generator.
    pub settings: fn(&mut schemars::SchemaGenerator) -> Schema,
    /// The lists of values that its systems complete for people: `services` of `docker.services`.
    pub suggests: &'static [&'static str],
    /// Everything that it can do.
    pub actions: fn() -> Vec<Arc<dyn AnyAction>>,
}

/// An [`Action`] without its types, as the engine holds it.
pub trait AnyAction: Send + Sync {
    /// Its description.
    fn spec(&self) -> ActionSpec;
    /// What `with:` may hold, without `system`.
    fn input_schema(&self) -> Schema;
    /// What later steps may read.
    fn output_schema(&self) -> Schema;
    /// See [`Action::plan`].
    fn plan<'a>(&'a self, ctx: &'a ReadContext, input: Value) -> BoxFuture<'a, Result<Plan>>;
    /// See [`Action::run`].
    fn run<'a>(&'a self, ctx: &'a Context, input: Value) -> BoxFuture<'a, Result<Value>>;
    /// See [`Action::undo`].
    fn undo<'a>(&'a self, ctx: &'a Context, input: Value) -> BoxFuture<'a, Result<Undone>>;
    /// See [`Action::way_back`].
    fn way_back(&self, step: &StepState) -> WayBack;
}

impl<A: Action> AnyAction for A {
    fn spec(&self) -> ActionSpec {
        A::SPEC
    }

    fn input_schema(&self) -> Schema {
        schemars::schema_for!(A::Input)
    }

    fn output_schema(&self) -> Schema {
        schemars::schema_for!(A::Output)
    }

    fn plan<'a>(&'a self, ctx: &'a ReadContext, input: Value) -> BoxFuture<'a, Result<Plan>> {
        Box::pin(async move {
            let system = system_of::<A>(ctx)?;
            Action::plan(self, ctx, &system, input_of::<A>(input)?).await
        })
    }

    fn run<'a>(&'a self, ctx: &'a Context, input: Value) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            let system = system_of::<A>(&ctx.read)?;
            let output = Action::run(self, ctx, &system, input_of::<A>(input)?).await?;
            serde_json::to_value(output).map_err(|error| {
                ActionError::fatal(format!(
                    "the output of {} cannot be kept: {error}",
                    A::SPEC.name
                ))
            })
        })
    }

    fn undo<'a>(&'a self, ctx: &'a Context, input: Value) -> BoxFuture<'a, Result<Undone>> {
        Box::pin(async move {
            let system = system_of::<A>(&ctx.read)?;
            Action::undo(self, ctx, &system, input_of::<A>(input)?).await
        })
    }

    fn way_back(&self, step: &StepState) -> WayBack {
        Action::way_back(self, step)
    }
}

fn input_of<A: Action>(input: Value) -> Result<A::Input> {
    serde_json::from_value(input).map_err(|error| {
        let why = nearest::explain_unknown_field(&error.to_string());
        ActionError::fatal(format!("the inputs of {} do not fit: {why}", A::SPEC.name))
    })
}

fn system_of<A: Action>(ctx: &ReadContext) -> Result<Arc<A::System>> {
    let action = A::SPEC.name;
    let name = ctx
        .system
        .as_ref()
        .ok_or_else(|| ActionError::fatal(format!("{action} needs `system:` and has none")))?;
    let entry = ctx.systems.get(name.as_str()).ok_or_else(|| {
        let names = ctx
            .systems
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>();
        ActionError::fatal(nearest::unknown("system", name.as_str(), names))
    })?;
    let system: Arc<dyn Any + Send + Sync> = Arc::clone(&entry.system) as _;
    system.downcast::<A::System>().map_err(|_| {
        ActionError::fatal(format!(
            "{action} cannot act on the system `{name}`, which is of kind {}",
            entry.kind
        ))
    })
}

/// All actions of all integrations.
#[derive(Default)]
pub struct Registry {
    integrations: Vec<Integration>,
    actions: BTreeMap<ActionName, (Arc<dyn AnyAction>, &'static str)>,
}

impl Registry {
    /// Everything that these integrations can do.
    pub fn new(integrations: Vec<Integration>) -> Self {
        let actions = integrations
            .iter()
            .flat_map(|integration| {
                (integration.actions)()
                    .into_iter()
                    .map(|action| (action, integration.kind))
            })
            .map(|(action, kind)| (ActionName::from(action.spec().name), (action, kind)))
            .collect();
        Self {
            integrations,
            actions,
        }
    }

    /// All integrations.
    pub fn integrations(&self) -> impl Iterator<Item = &Integration> {
        self.integrations.iter()
    }

    /// The integration of this kind, or the nearest name.
    pub fn integration(&self, kind: &str) -> Result<&Integration, String> {
        self.integrations
            .iter()
            .find(|i| i.kind == kind)
            .ok_or_else(|| {
                let kinds = self.integrations.iter().map(|i| i.kind).collect::<Vec<_>>();
                nearest::unknown("kind", kind, kinds)
            })
    }

    /// The action of this name, or the nearest name.
    pub fn action(&self, name: &str) -> Result<&Arc<dyn AnyAction>, String> {
        self.actions
            .get(name)
            .map(|(action, _)| action)
            .ok_or_else(|| {
                let names = self
                    .actions
                    .keys()
                    .map(ActionName::as_str)
                    .collect::<Vec<_>>();
                nearest::unknown("action", name, names)
            })
    }

    /// The kind of system that an action acts on.
    pub fn kind_of(&self, name: &str) -> Option<&'static str> {
        self.actions.get(name).map(|(_, kind)| *kind)
    }

    /// How what a step has done is taken back after its run has succeeded.
    pub fn way_back(&self, step: &StepState) -> WayBack {
        let name = step.action.as_ref().map_or("", |name| name.as_str());
        match self.action(name) {
            Ok(action) => action.way_back(step),
            Err(unknown) => WayBack::Stays(format!("this version of Purser lacks it: {unknown}")),
        }
    }

    /// All actions, by name.
    pub fn actions(&self) -> impl Iterator<Item = &Arc<dyn AnyAction>> {
        self.actions.values().map(|(action, _)| action)
    }

    /// Whether the action only reads; unknown ones do not.
    pub fn only_reads(&self, name: &str) -> bool {
        self.actions
            .get(name)
            .is_some_and(|(action, _)| action.spec().risk == Risk::Read)
    }
}
