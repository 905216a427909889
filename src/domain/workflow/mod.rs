//! A workflow's definition: the plain data of a `workflows/*.yaml` file.

mod concurrency;
mod secrets;
mod step;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::approval::ApprovalPolicy;
use super::digest::{Digest, digest_of};
use super::input::InputSpec;
use super::names::{Environment, HookName, Role, WorkflowName};
use super::notice::NotifySpec;
use super::person::{Actor, Refusal, one_of};
use super::schedule::{ScheduleName, ScheduleSpec};
use super::time::Span;
use super::trigger::TriggerSpec;

pub use concurrency::{Concurrency, ConcurrencyPolicy, WhenBusy};
pub use step::{ActionWork, Foreach, ON_FAILURE, Step, UNDO, Wait, Work, WorkflowCall};

/// What a run does, in which order, on whose word. A run keeps the definition that it began with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// Its name; the file is called after it.
    pub name: WorkflowName,
    /// One line for people.
    pub summary: String,
    /// What must or may be given to a run.
    #[serde(default)]
    pub inputs: IndexMap<String, InputSpec>,
    /// What starts it by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<TriggerSpec>,
    /// Runs of the same key are never under way together: `deploy-{{ inputs.service }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// After this the run is stopped and undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// Who may start it, by environment. An environment that is not listed lets nobody.
    #[serde(default)]
    pub who: IndexMap<Environment, Vec<Role>>,
    /// Who must approve it, by environment.
    #[serde(default)]
    pub approval: IndexMap<Environment, ApprovalPolicy>,
    /// Where people are told how its runs end, whoever started them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<NotifySpec>,
    /// What it does: one after the other, unless `needs` says otherwise.
    pub steps: Vec<Step>,
    /// What is done when the run has failed, after what it did was taken back; not when somebody
    /// stopped it, and not when taking back failed too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_failure: Vec<Step>,
    /// What a run leaves for whoever runs it as a step: texts with expressions.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub outputs: IndexMap<String, Value>,
    /// The workflows that its steps run, and those that these run, by name. Filled in when the files
    /// are loaded, so that a run keeps all that it goes by under one digest.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(skip)]
    pub includes: IndexMap<WorkflowName, Workflow>,
}

impl Workflow {
    /// The digest of its canonical JSON: what a run records and an approval is bound to.
    pub fn digest(&self) -> Digest {
        digest_of(&serde_json::json!(self))
    }

    /// The times at which it starts by itself.
    pub fn schedules(&self) -> impl Iterator<Item = (ScheduleName, &ScheduleSpec)> {
        self.on.iter().filter_map(|trigger| match trigger {
            TriggerSpec::Schedule(spec) => {
                let name = ScheduleName::new(self.name.clone(), spec.id.clone());
                Some((name, spec))
            }
            TriggerSpec::Webhook(_) => None,
        })
    }

    /// The hooks that start it.
    pub fn hooks(&self) -> impl Iterator<Item = &HookName> {
        self.on.iter().filter_map(|trigger| match trigger {
            TriggerSpec::Webhook(spec) => Some(&spec.webhook),
            TriggerSpec::Schedule(_) => None,
        })
    }

    /// Every step of its own file: those of `on_failure` and those that take others back too.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        let own = self.steps.iter().chain(&self.on_failure);
        own.flat_map(|step| std::iter::once(step).chain(step.undo()))
    }
}

/// Whether the workflow's schedules may start it in all of these environments. Whoever writes a
/// workflow's file says in it who may start it; a schedule in that file may where anybody may.
///
/// # Errors
/// The first environment that lets nobody.
pub fn may_be_scheduled(workflow: &Workflow, environments: &[Environment]) -> Result<(), Refusal> {
    let closed = environments
        .iter()
        .find(|environment| workflow.who.get(*environment).is_none_or(Vec::is_empty));
    match closed {
        Some(environment) => Err(nobody_may(workflow, environment)),
        None => Ok(()),
    }
}

fn nobody_may(workflow: &Workflow, environment: &Environment) -> Refusal {
    Refusal(format!(
        "nobody may run `{}` in {environment}: its file has no `who: {{ {environment}: [ROLE] }}`",
        workflow.name
    ))
}

/// Whether the person may start the workflow in all of these environments; each must allow it.
///
/// # Errors
/// The first environment that does not, and who could.
pub fn may_start(
    actor: &Actor,
    workflow: &Workflow,
    environments: &[Environment],
) -> Result<(), Refusal> {
    for environment in environments {
        let allowed = workflow.who.get(environment).map_or(&[][..], Vec::as_slice);
        if actor.has_one_of(allowed) {
            continue;
        }
        if allowed.is_empty() {
            return Err(nobody_may(workflow, environment));
        }
        return Err(Refusal(format!(
            "{actor} may not run `{}` in {environment}: that takes the role {}. Ask someone who \
             has it, or have it added to [people.{actor}]",
            workflow.name,
            one_of(allowed)
        )));
    }
    Ok(())
}
