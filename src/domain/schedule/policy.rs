//! What a workflow's file says of a schedule.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::expression::Expression;
use super::zone::Zone;
use crate::domain::names::WorkflowName;
use crate::domain::time::Span;

/// A time at which a workflow starts by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSpec {
    /// When: five POSIX fields, six with the second first, or `@daily` and its kin.
    pub schedule: Expression,
    /// Its name within the workflow. What has fired is kept under it.
    pub id: String,
    /// By which clock; left out, by that of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Zone>,
    /// What becomes of fires that nobody was there for.
    #[serde(default)]
    pub misfire: Misfire,
    /// What becomes of a fire while the run before it has not ended.
    #[serde(default)]
    pub overlap: Overlap,
    /// Each fire begins up to so much later, by the same for the same fire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Span>,
    /// What the runs are given.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
}

/// What becomes of fires that nobody was there for: Purser was down, or the clock was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Misfire {
    /// One run for all of them.
    #[default]
    Once,
    /// None.
    Skip,
    /// One run for each.
    All,
}

/// What becomes of a fire while the run before it has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is passed over.
    #[default]
    Skip,
    /// Its run waits for the one before it.
    Queue,
    /// The run before it is stopped and undone; then its own begins.
    Replace,
}

/// A schedule among all: `WORKFLOW.ID`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct ScheduleName {
    #[schemars(skip)]
    workflow: WorkflowName,
    #[schemars(skip)]
    id: String,
}

impl ScheduleName {
    /// The schedule `id` of a workflow.
    pub fn new(workflow: WorkflowName, id: String) -> Self {
        Self { workflow, id }
    }

    /// The workflow that it starts.
    pub fn workflow(&self) -> &WorkflowName {
        &self.workflow
    }

    /// Its name within the workflow.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for ScheduleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.workflow, self.id))
    }
}

impl From<ScheduleName> for String {
    fn from(name: ScheduleName) -> Self {
        name.to_string()
    }
}

impl TryFrom<String> for ScheduleName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (workflow, id) = text
            .split_once('.')
            .ok_or_else(|| format!("`{text}` names no schedule: write WORKFLOW.ID"))?;
        Ok(Self::new(workflow.into(), id.to_owned()))
    }
}
