//! Values for people to choose from while they type. Nobody is shown what they may not start or see,
//! and nobody waits: a system that is slow has its names there at the next key.

mod names;
mod runs;

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::invoke::tightened;
use super::{Result, Service};
pub use crate::action::Suggestion;
use crate::action::objects::ObjectUrl;
use crate::action::{MOST_SUGGESTIONS, Offers};
use crate::catalog::{Catalog, Command, Loaded};
use crate::domain::input::{InputSpec, InputType, Owner, Source};
use crate::domain::names::SystemName;
use crate::domain::person::Actor;
pub(super) use names::Names;

/// Nobody who types waits longer.
const PATIENCE: Duration = Duration::from_millis(250);

/// Nothing that has names of its own has a longer one, in bytes.
const LONGEST_NAME: usize = 512;

/// The kind of system that Purser itself is.
const OWN: &str = "purser";

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
    /// Take back what it did.
    Undo,
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
        match &wanted.what {
            What::Command => Ok(commands(by, &catalog).matching(typed)),
            What::Workflow => Ok(workflows(by, &catalog).matching(typed)),
            What::Schedule => self.schedules_for(by, typed).await,
            What::Run(deed) => self.runs_for(by, *deed, typed).await,
            What::Option {
                command,
                option,
                given,
            } => {
                let Ok(command) = catalog.command(command) else {
                    return Ok(vec![]);
                };
                let loaded = catalog.workflow(command.runs.as_str());
                let (Some(spec), Ok(loaded)) = (command.options.get(option), loaded) else {
                    return Ok(vec![]);
                };
                if !may_give(by, command, &catalog) {
                    return Ok(vec![]);
                }
                let of = OfOption {
                    command,
                    loaded,
                    given,
                };
                self.values_of(by, spec, &of, typed).await
            }
        }
    }

    async fn schedules_for(&self, by: &Actor, typed: &str) -> Result<Vec<Suggestion>> {
        let schedules = self.schedules(by).await?;
        let names = schedules.iter().map(|view| view.name.to_string());
        Ok(Offers::from(names.collect::<Vec<_>>()).matching(typed))
    }

    async fn values_of(
        &self,
        by: &Actor,
        spec: &InputSpec,
        of: &OfOption<'_>,
        typed: &str,
    ) -> Result<Vec<Suggestion>> {
        if let Some(values) = self.of_type(spec) {
            return Ok(Offers::from(values).matching(typed));
        }
        match spec.suggest.as_deref().and_then(Source::parse) {
            Some(source) if source.kind == OWN => self.own(by, source.what, typed).await,
            Some(source) => Ok(self.names_of(&source, of, typed).await),
            None => Ok(vec![]),
        }
    }

    /// What Purser itself has. Nobody is offered a workflow that they may not start.
    async fn own(&self, by: &Actor, what: &str, typed: &str) -> Result<Vec<Suggestion>> {
        match what {
            "workflows" => Ok(workflows(by, &self.catalog()).matching(typed)),
            "schedules" => self.schedules_for(by, typed).await,
            "runs" => self.runs_for(by, Deed::Look, typed).await,
            _ => Ok(vec![]),
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

    /// What the workflow's own systems of this kind have, and no others.
    async fn names_of(
        &self,
        source: &Source<'_>,
        of: &OfOption<'_>,
        typed: &str,
    ) -> Vec<Suggestion> {
        let owner = match source.of {
            None => None,
            Some(owner) => match of.owner(owner) {
                None => return vec![],
                owner => owner,
            },
        };
        let systems = of.loaded.systems.iter();
        let asked = systems.map(|system| self.names_at(system, source, owner, typed));
        let mut found: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        let mut values = HashSet::new();
        found.retain(|one| values.insert(one.value.clone()));
        found
    }

    async fn names_at(
        &self,
        system: &SystemName,
        source: &Source<'_>,
        owner: Option<&str>,
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
        let key = names::Key::new(system, source.what, owner);
        let all = self.names.of(&key, &port, &self.parts).await;
        let masked = |one: Suggestion| {
            let value = self.parts.redactor.text(&one.value);
            let shown = one.shown.map(|shown| self.parts.redactor.text(&shown));
            Suggestion {
                shown: shown.or_else(|| (!before.is_empty()).then(|| value.clone())),
                value: format!("{before}{value}"),
            }
        };
        all.matching(word).into_iter().map(masked).collect()
    }
}

/// What an option is completed in.
struct OfOption<'a> {
    command: &'a Command,
    loaded: &'a Loaded,
    /// What was given for the others.
    given: &'a Map<String, Value>,
}

impl<'a> OfOption<'a> {
    /// What values belong to: what was given for that option, else what it is when it is left out.
    /// `None` where that is nothing, or not for the asker to look into.
    fn owner(&self, owner: Owner<'a>) -> Option<&'a str> {
        let name = match owner {
            Owner::Folder(address) => return Some(address),
            Owner::Input(name) => name,
        };
        let option = self.command.options.get(name);
        let Some(given) = self.given.get(name).and_then(Value::as_str) else {
            let input = self.loaded.workflow.inputs.get(name);
            let mut defaults = option.into_iter().chain(input).map(|one| &one.default);
            return defaults.find_map(|default| default.as_ref()?.as_str());
        };
        // Whoever wrote the file has seen to it that what an address leads to may be seen.
        let may_look = if given.parse::<ObjectUrl>().is_ok() {
            option.is_some_and(|option| option.choices.iter().any(|one| one == given))
        } else {
            given.len() <= LONGEST_NAME
        };
        may_look.then_some(given)
    }
}

fn commands(by: &Actor, catalog: &Catalog) -> Offers {
    let mine = catalog.commands().filter(|one| may_give(by, one, catalog));
    let names = mine.map(|command| command.name.to_string());
    names.collect::<Vec<_>>().into()
}

fn workflows(by: &Actor, catalog: &Catalog) -> Offers {
    let mine = catalog.workflows();
    let mine = mine.filter(|loaded| catalog.may_start(by, loaded).is_ok());
    let names = mine.map(|loaded| loaded.workflow.name.to_string());
    names.collect::<Vec<_>>().into()
}

pub(super) fn may_give(by: &Actor, command: &Command, catalog: &Catalog) -> bool {
    catalog.workflow(command.runs.as_str()).is_ok_and(|loaded| {
        catalog.may_start(by, loaded).is_ok()
            && tightened(by, command, &loaded.environments).is_ok()
    })
}
