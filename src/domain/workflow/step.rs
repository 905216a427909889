//! A step of a workflow: what it does, after what, how often and for which items.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::approval::ApprovalPolicy;
use crate::domain::names::{ActionName, HookName, StepId, WorkflowName};
use crate::domain::retry::Retry;
use crate::domain::time::Span;

/// The id of the step that takes another one back: no step of a file is called so.
pub const UNDO: &str = "undo";

/// The id under which the steps of `on_failure` stand: no step of a file is called so.
pub const ON_FAILURE: &str = "on_failure";

/// A place in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "StepFile", into = "StepFile")]
#[schemars(with = "StepFile")]
pub struct Step {
    /// Its name within the workflow.
    pub id: StepId,
    /// The steps that must be over before it begins; `None`: the one before it.
    pub needs: Option<Vec<StepId>>,
    /// A bare expression; the step is skipped when it is false.
    pub condition: Option<String>,
    /// It is done once for each of these.
    pub foreach: Option<Foreach>,
    /// After this an attempt is stopped, or a wait given up.
    pub timeout: Option<Span>,
    /// What it does.
    pub work: Work,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// It runs an action.
    Action(Box<ActionWork>),
    /// It does what another workflow does, within this run.
    Workflow(WorkflowCall),
    /// It waits.
    Wait(Wait),
}

/// A step that runs an action.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionWork {
    /// The action: `postgres.backup`.
    pub uses: ActionName,
    /// What the action is given; texts may hold `{{ expressions }}`. `system` names the system.
    pub with: Map<String, Value>,
    /// What to do when an attempt fails in a way that may pass.
    pub retry: Option<Retry>,
    /// Who must say yes to this step's plan before it begins.
    pub approval: Option<ApprovalPolicy>,
    /// What takes it back once it has succeeded, in place of the action's own undo: a step that
    /// runs an action and is called [`UNDO`].
    pub undo: Option<Box<Step>>,
}

/// A step that does what another workflow does.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowCall {
    /// The other workflow.
    pub runs: WorkflowName,
    /// Its inputs.
    pub with: Map<String, Value>,
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// This long.
    For(Span),
    /// An instant: RFC 3339, or an expression that gives it.
    Until(String),
    /// A signed message by this hook that names the run; its `data` is the step's output.
    Hook(HookName),
}

/// A step that is done once for each item.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreach {
    /// A list, or the expression that gives one. `item` and `index` are what the step's expressions
    /// see of it.
    pub items: Value,
    /// As many are under way at the same time; at least 1.
    pub parallel: u32,
}

impl Step {
    /// The action that it runs, if it runs one.
    pub fn action(&self) -> Option<&ActionWork> {
        match &self.work {
            Work::Action(action) => Some(action),
            Work::Workflow(_) | Work::Wait(_) => None,
        }
    }

    /// What it is given: `with:`.
    pub fn with(&self) -> Option<&Map<String, Value>> {
        match &self.work {
            Work::Action(action) => Some(&action.with),
            Work::Workflow(call) => Some(&call.with),
            Work::Wait(_) => None,
        }
    }

    /// When it is tried again after a failure that may pass.
    pub fn retry(&self) -> Option<Retry> {
        self.action().and_then(|action| action.retry)
    }

    /// The step that takes it back in place of the action's own undo.
    pub fn undo(&self) -> Option<&Step> {
        self.action().and_then(|action| action.undo.as_deref())
    }
}

/// A step as it stands in a file: exactly one of `uses`, `runs` and `wait` says what it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Step")]
struct StepFile {
    /// Its name within the workflow.
    id: StepId,
    /// The action: `postgres.backup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uses: Option<ActionName>,
    /// Another workflow, of which the steps are done within this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    runs: Option<WorkflowName>,
    /// What it waits for: `{ for: 10m }`, `{ until: "2026-01-01T00:00:00Z" }` or `{ hook: NAME }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wait: Option<Wait>,
    /// What the action or workflow is given; texts may hold `{{ expressions }}`. `system` names the
    /// system.
    #[serde(default)]
    with: Map<String, Value>,
    /// The steps that must be over before it begins. Left out: the one before it. `[]`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    needs: Option<Vec<StepId>>,
    /// A bare expression; the step is skipped when it is false.
    #[serde(default, rename = "if", skip_serializing_if = "Option::is_none")]
    condition: Option<String>,
    /// A list, or an expression that gives one: the step is done for each item, which its
    /// expressions see as `item`, and its place as `index`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    foreach: Option<Value>,
    /// Of `foreach`: as many items are under way at the same time. Left out: one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    parallel: Option<u32>,
    /// What to do when an attempt fails in a way that may pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry: Option<Retry>,
    /// After this an attempt is stopped, or a wait given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
    /// Who must say yes to what this step would do before it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approval: Option<ApprovalPolicy>,
    /// What takes the step back when a later one fails or its run is undone, in place of the action's
    /// own undo. Its expressions see what the step has left as `output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undo: Option<UndoFile>,
}

/// What takes a step back, as it stands in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Undo")]
struct UndoFile {
    /// The action.
    uses: ActionName,
    /// What the action is given.
    #[serde(default)]
    with: Map<String, Value>,
    /// What to do when an attempt fails in a way that may pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry: Option<Retry>,
    /// After this an attempt is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
}

/// A step that says nothing, or too much, about what it does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("step `{step}`: {message}")]
struct BadStep {
    step: StepId,
    message: &'static str,
}

impl TryFrom<StepFile> for Step {
    type Error = BadStep;

    fn try_from(file: StepFile) -> Result<Self, BadStep> {
        let step = file.id.clone();
        let bad = |message| BadStep {
            step: step.clone(),
            message,
        };
        if file.parallel.is_some() && file.foreach.is_none() {
            return Err(bad("`parallel` belongs to `foreach`, and there is none"));
        }
        let only_actions = file.retry.is_some() || file.approval.is_some() || file.undo.is_some();
        let work = match (file.uses, file.runs, file.wait) {
            (Some(uses), None, None) => Work::Action(Box::new(ActionWork {
                uses,
                with: file.with,
                retry: file.retry,
                approval: file.approval,
                undo: file.undo.map(|undo| Box::new(undo.into())),
            })),
            (None, Some(_), None) | (None, None, Some(_)) if only_actions => {
                return Err(bad("`retry`, `approval` and `undo` belong to `uses`"));
            }
            (None, Some(runs), None) => Work::Workflow(WorkflowCall {
                runs,
                with: file.with,
            }),
            (None, None, Some(_)) if !file.with.is_empty() => {
                return Err(bad("`with` belongs to `uses` and `runs`"));
            }
            (None, None, Some(wait)) => Work::Wait(wait),
            (None, None, None) => return Err(bad("one of `uses`, `runs` and `wait` is missing")),
            _ => return Err(bad("only one of `uses`, `runs` and `wait` can be there")),
        };
        Ok(Self {
            id: file.id,
            needs: file.needs,
            condition: file.condition,
            foreach: file.foreach.map(|items| Foreach {
                items,
                parallel: file.parallel.unwrap_or(1).max(1),
            }),
            timeout: file.timeout,
            work,
        })
    }
}

impl From<UndoFile> for Step {
    fn from(undo: UndoFile) -> Self {
        Self {
            id: StepId::from(UNDO),
            needs: None,
            condition: None,
            foreach: None,
            timeout: undo.timeout,
            work: Work::Action(Box::new(ActionWork {
                uses: undo.uses,
                with: undo.with,
                retry: undo.retry,
                approval: None,
                undo: None,
            })),
        }
    }
}

impl From<Step> for StepFile {
    fn from(step: Step) -> Self {
        let mut file = Self {
            id: step.id,
            uses: None,
            runs: None,
            wait: None,
            with: Map::new(),
            needs: step.needs,
            condition: step.condition,
            parallel: step
                .foreach
                .as_ref()
                .map(|foreach| foreach.parallel)
                .filter(|parallel| *parallel != 1),
            foreach: step.foreach.map(|foreach| foreach.items),
            retry: None,
            timeout: step.timeout,
            approval: None,
            undo: None,
        };
        match step.work {
            Work::Action(action) => {
                file.uses = Some(action.uses);
                file.with = action.with;
                file.retry = action.retry;
                file.approval = action.approval;
                file.undo = action.undo.and_then(|undo| UndoFile::of(*undo));
            }
            Work::Workflow(call) => {
                file.runs = Some(call.runs);
                file.with = call.with;
            }
            Work::Wait(wait) => file.wait = Some(wait),
        }
        file
    }
}

impl UndoFile {
    /// `None` for what runs no action: such a step takes nothing back.
    fn of(step: Step) -> Option<Self> {
        let Work::Action(action) = step.work else {
            return None;
        };
        Some(Self {
            uses: action.uses,
            with: action.with,
            retry: action.retry,
            timeout: step.timeout,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(step: &serde_json::Value) -> Result<Step, String> {
        serde_json::from_value(step.clone()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_step_is_written_as_it_was_read() {
        for step in [
            serde_json::json!({ "id": "a", "uses": "x.do", "with": { "n": 1 } }),
            serde_json::json!({
                "id": "a", "uses": "x.do", "with": {}, "needs": [], "if": "true",
                "foreach": ["p", "q"], "parallel": 2, "timeout": "5s",
                "undo": { "uses": "x.undo", "with": { "it": "{{ output }}" } },
            }),
            serde_json::json!({ "id": "a", "runs": "other", "with": { "n": 1 }, "needs": ["b"] }),
            serde_json::json!({ "id": "a", "wait": { "for": "10m" }, "with": {} }),
            serde_json::json!({ "id": "a", "wait": { "hook": "n8n" }, "with": {}, "timeout": "1h" }),
        ] {
            let read = read(&step).unwrap();
            assert_eq!(serde_json::json!(read), step);
        }
    }

    #[test]
    fn a_step_does_one_thing() {
        let wrong = |step| read(&step).unwrap_err();
        assert_eq!(
            wrong(serde_json::json!({ "id": "a" })),
            "step `a`: one of `uses`, `runs` and `wait` is missing"
        );
        assert_eq!(
            wrong(serde_json::json!({ "id": "a", "uses": "x.do", "runs": "y" })),
            "step `a`: only one of `uses`, `runs` and `wait` can be there"
        );
        assert_eq!(
            wrong(serde_json::json!({ "id": "a", "runs": "y", "retry": { "attempts": 2 } })),
            "step `a`: `retry`, `approval` and `undo` belong to `uses`"
        );
        assert_eq!(
            wrong(serde_json::json!({ "id": "a", "uses": "x.do", "parallel": 2 })),
            "step `a`: `parallel` belongs to `foreach`, and there is none"
        );
    }
}
