//! Values for people to choose from while they type. Nobody is shown what they may not start or see,
//! and nobody waits: a system that is slow has its names there at the next key.

mod names;
mod runs;

use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::invoke::tightened;
use super::{Result, Service};
use crate::action::ports::{MOST_SUGGESTIONS, matching};
use crate::catalog::{Catalog, Command, Loaded};
use crate::domain::input::{InputSpec, InputType, Source};
use crate::domain::names::SystemName;
use crate::domain::person::Actor;
pub(super) use names::Names;

/// Nobody who types waits longer.
const PATIENCE: Duration = Duration::from_millis(250);

/// Nothing that has names of its own has a longer one, in bytes.
const LONGEST_NAME: usize = 512;

/// What is being typed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// What the value is for.
    pub what: What,
    /// What stands there so far, up to the cursor.
    #[serde(default)]
    pub typed: String,
}

/// What a value is wanted for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum What {
    /// The whole name of a command that the person may give.
    Command,
    /// The name of a workflow that the person may start.
    Workflow,
    /// The name of a schedule.
    Schedule,
    /// A run that this can be done to.
    Run(Deed),
    /// The value of a command's option.
    Option {
        /// The command, by its whole name.
        command: String,
        /// The option.
        option: String,
        /// What was given for the others.
        #[serde(default)]
        given: Map<String, Value>,
    },
}

/// What people do to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Look at it.
    Look,
    /// Say yes to its plan.
    Approve,
    /// Say no to its plan.
    Reject,
    /// Say what it asks a person.
    Decide,
    /// Stop it.
    Cancel,
}

/// One value to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// What is put in the place of what was typed.
    pub value: String,
    /// How a list shows it, where that is not the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
}

impl From<String> for Suggestion {
    fn from(value: String) -> Self {
        Self { value, shown: None }
    }
}

impl Service {
    /// Up to 25 values that go with what was typed; none when there is nothing to choose, or not in
    /// time. What the person may not see or start is left out without a word.
    ///
    /// # Errors
    /// A stranger asks.
    pub async fn suggest(&self, by: &Actor, wanted: &Wanted) -> Result<Vec<Suggestion>> {
        self.known(by, "have values completed").await?;
        let values = self.values(by, wanted);
        // A store that does not answer now is no news for somebody who types.
        let values = tokio::time::timeout(PATIENCE, values).await;
        let mut values = values.unwrap_or(Ok(vec![])).unwrap_or_default();
        values.truncate(MOST_SUGGESTIONS);
        Ok(values)
    }

    async fn values(&self, by: &Actor, wanted: &Wanted) -> Result<Vec<Suggestion>> {
        let (catalog, typed) = (self.catalog(), wanted.typed.as_str());
        let names = match &wanted.what {
            What::Command => {
                let mine = catalog.commands().filter(|c| may_give(by, c, &catalog));
                mine.map(|command| command.name.to_string()).collect()
            }
            What::Workflow => {
                let mine = catalog
                    .workflows()
                    .filter(|loaded| catalog.may_start(by, loaded).is_ok());
                mine.map(|loaded| loaded.workflow.name.to_string())
                    .collect()
            }
            What::Schedule => {
                let schedules = self.schedules(by).await?;
                schedules.iter().map(|view| view.name.to_string()).collect()
            }
            What::Run(deed) => return self.runs_for(by, *deed, typed).await,
            What::Option {
                command,
                option,
                given,
            } => {
                let command = catalog.command(command).ok();
                let Some(command) = command.filter(|c| may_give(by, c, &catalog)) else {
                    return Ok(vec![]);
                };
                return Ok(self
                    .values_of(&catalog, command, option, given, typed)
                    .await);
            }
        };
        Ok(plain(names, typed))
    }

    async fn values_of(
        &self,
        catalog: &Catalog,
        command: &Command,
        option: &str,
        given: &Map<String, Value>,
        typed: &str,
    ) -> Vec<Suggestion> {
        let Some(spec) = command.options.get(option) else {
            return vec![];
        };
        let source = spec.suggest.as_deref().and_then(Source::parse);
        match (self.of_type(spec), source) {
            (Some(values), _) => plain(values, typed),
            (None, Some(source)) => {
                let Ok(loaded) = catalog.workflow(command.runs.as_str()) else {
                    return vec![];
                };
                self.names_of(loaded, &source, given, typed).await
            }
            (None, None) => vec![],
        }
    }

    /// The values that the type itself knows.
    fn of_type(&self, spec: &InputSpec) -> Option<Vec<String>> {
        match spec.kind {
            InputType::Choice => Some(spec.choices.clone()),
            InputType::Boolean => Some(["true", "false"].map(str::to_owned).to_vec()),
            kind => {
                let names = self.nameable.of_type(kind)?;
                Some(names.into_iter().map(str::to_owned).collect())
            }
        }
    }

    /// The names that the workflow's own systems of this kind have, and no others.
    async fn names_of(
        &self,
        loaded: &Loaded,
        source: &Source<'_>,
        given: &Map<String, Value>,
        typed: &str,
    ) -> Vec<Suggestion> {
        let of = match source.of.map(|of| given.get(of).and_then(Value::as_str)) {
            None => None,
            Some(Some(of)) if of.len() <= LONGEST_NAME => Some(of),
            Some(_) => return vec![],
        };
        let asked = loaded
            .systems
            .iter()
            .map(|system| self.names_at(system, source, of, typed));
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn names_at(
        &self,
        system: &SystemName,
        source: &Source<'_>,
        of: Option<&str>,
        typed: &str,
    ) -> Vec<Suggestion> {
        let entry = self.parts.systems.get(system.as_str());
        let entry = entry.filter(|entry| entry.kind == source.kind);
        let Some(port) = entry.and_then(|entry| entry.ports.suggest.clone()) else {
            return vec![];
        };
        let Some((before, word)) = port.place(source.what, typed) else {
            return vec![];
        };
        let key = names::Key::new(system, source.what, of);
        let all = self.names.of(&key, &port, &self.parts).await;
        let suggestion = |name: String| {
            let name = self.parts.redactor.text(&name);
            Suggestion {
                value: format!("{before}{name}"),
                shown: (!before.is_empty()).then_some(name),
            }
        };
        let names = matching(all.to_vec(), word);
        names.into_iter().map(suggestion).collect()
    }
}

fn may_give(by: &Actor, command: &Command, catalog: &Catalog) -> bool {
    catalog.workflow(command.runs.as_str()).is_ok_and(|loaded| {
        catalog.may_start(by, loaded).is_ok()
            && tightened(by, command, &loaded.environments).is_ok()
    })
}

fn plain(names: Vec<String>, typed: &str) -> Vec<Suggestion> {
    let names = matching(names, typed);
    names.into_iter().map(Suggestion::from).collect()
}
