//! A workflow's definition: the plain data of a `workflows/*.yaml` file.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::approval::ApprovalPolicy;
use super::digest::{Digest, digest_of};
use super::input::InputSpec;
use super::names::{ActionName, Environment, HookName, Role, SecretName, StepId, WorkflowName};
use super::notice::NotifySpec;
use super::person::{Actor, Refusal, one_of};
use super::retry::Retry;
use super::schedule::{ScheduleName, ScheduleSpec};
use super::secret::SecretRef;
use super::time::Span;
use super::trigger::TriggerSpec;

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
    /// Runs of which this text is the same wait for each other: `deploy-{{ inputs.service }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<String>,
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
    /// What it does, one after the other.
    pub steps: Vec<Step>,
}

/// A place in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its name within the workflow.
    pub id: StepId,
    /// The action: `postgres.backup`.
    pub uses: ActionName,
    /// What the action is given; texts may hold `{{ expressions }}`. `system` names the system.
    #[serde(default)]
    pub with: Map<String, Value>,
    /// A bare expression; the step is skipped when it is false.
    #[serde(default, rename = "if", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// What to do when an attempt fails in a way that may pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// After this an attempt is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
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

    /// The secrets that its steps name.
    pub fn secrets(&self) -> BTreeSet<SecretName> {
        let of = |step: &Step| SecretRef::named_in(&step.with);
        self.steps.iter().flat_map(of).collect()
    }

    /// The step of this id.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
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
