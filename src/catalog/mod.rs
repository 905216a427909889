//! Workflows and commands: loads their files and checks them against what there is.
//!
//! A file is read as a tree in which every value knows its place ([`source`]). The tree is checked
//! against the JSON Schema of its kind ([`shape`]) and then for sense: actions, systems, names in
//! expressions, people. Everything that is wrong in any file is reported at once, and a catalog
//! with an error in it is none: it is all of the files, or the one from before.

mod call;
mod command;
mod files;
mod given;
mod graph;
mod groups;
mod inputs;
mod limits;
mod notify;
mod problem;
mod schema;
mod scope;
mod secrets;
mod shape;
mod source;
mod step;
mod steps;
mod surroundings;
mod systems;
mod triggers;
mod uses;
mod who;
mod workflow;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use command::{Command, Reply};
pub use problem::{Problem, Severity};
pub use schema::schemas;
pub use surroundings::{Surroundings, SystemFacts};
pub use uses::{FolderUse, folders, uses};
pub use workflow::Loaded;

use crate::action::Registry;
use crate::domain;
use crate::domain::digest::{Digest, digest_of};
use crate::domain::names::{CommandName, WorkflowName};
use crate::domain::nearest;
use crate::domain::person::{Actor, Refusal};
use crate::domain::workflow::may_start;
use files::Presence;
use problem::Report;

/// Where the files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogFolders {
    /// The folder of `NAME.yaml`, one workflow each.
    pub workflows: PathBuf,
    /// The folder of `NAME.yaml`, one command each, and of folders of them, a group each. It need not
    /// exist.
    pub commands: PathBuf,
}

/// All workflows and commands, found good together.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    workflows: BTreeMap<WorkflowName, Loaded>,
    commands: BTreeMap<CommandName, Command>,
    warnings: Vec<Problem>,
}

impl Catalog {
    /// Reads all files and checks them.
    ///
    /// # Errors
    /// All problems of all files, warnings too, when there is at least one error among them.
    pub fn load(
        folders: &CatalogFolders,
        registry: &Registry,
        surroundings: &Surroundings,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = vec![];
        let found = files::all(&folders.workflows, Presence::Required, 0, &mut problems);
        let (workflows, found) = workflow::load_all(found, registry, surroundings);
        problems.extend(found);
        problems.extend(hooks_of_two(&workflows, &folders.workflows));
        let deepest = domain::command::MOST_WORDS - 1;
        let found = files::all(
            &folders.commands,
            Presence::Optional,
            deepest,
            &mut problems,
        );
        let (commands, found) = command::load_all(
            &folders.commands,
            &found,
            registry,
            &workflows,
            surroundings,
        );
        problems.extend(found);
        if problems
            .iter()
            .any(|problem| problem.severity == Severity::Error)
        {
            return Err(problems);
        }
        let workflows = workflows
            .into_iter()
            .filter_map(|(name, loaded)| Some((name, loaded?)));
        Ok(Self {
            workflows: workflows.collect(),
            commands,
            warnings: problems,
        })
    }

    /// The workflow of this name.
    ///
    /// # Errors
    /// The nearest name, for people.
    pub fn workflow(&self, name: &str) -> Result<&Loaded, String> {
        self.workflows.get(name).ok_or_else(|| {
            let names = self
                .workflows
                .keys()
                .map(WorkflowName::as_str)
                .collect::<Vec<_>>();
            nearest::unknown("workflow", name, names)
        })
    }

    /// The workflow, and all that it runs, directly or not.
    pub fn with_included<'c>(&'c self, loaded: &'c Loaded) -> impl Iterator<Item = &'c Loaded> {
        let others = loaded.workflow.includes.keys();
        std::iter::once(loaded).chain(others.filter_map(|name| self.workflows.get(name)))
    }

    /// Whether somebody may start the workflow, and all that it runs, in every environment in which
    /// that acts.
    ///
    /// # Errors
    /// The first workflow and environment where they may not.
    pub fn may_start(&self, by: &Actor, loaded: &Loaded) -> Result<(), Refusal> {
        self.with_included(loaded)
            .try_for_each(|one| may_start(by, &one.workflow, &one.environments))
    }

    /// The workflow that this hook starts.
    ///
    /// # Errors
    /// There is none.
    pub fn workflow_of_hook(&self, hook: &str) -> Result<&Loaded, String> {
        let starts = |loaded: &&Loaded| loaded.workflow.hooks().any(|name| name.as_str() == hook);
        let found = self.workflows.values().find(starts);
        found.ok_or_else(|| {
            format!("the hook `{hook}` starts nothing: no workflow has it in its `on`")
        })
    }

    /// The command of this whole name: `deploy`, `db backup`.
    ///
    /// # Errors
    /// The nearest name, or what is in the group of this name, for people.
    pub fn command(&self, name: &str) -> Result<&Command, String> {
        self.commands.get(name).ok_or_else(|| {
            let names: Vec<_> = self.commands.keys().map(CommandName::as_str).collect();
            let words: Vec<_> = name.split_whitespace().collect();
            let why = domain::command::named(&words, &names).err();
            why.unwrap_or_else(|| nearest::unknown("command", name, names))
        })
    }

    /// All workflows, by name.
    pub fn workflows(&self) -> impl Iterator<Item = &Loaded> {
        self.workflows.values()
    }

    /// All commands, by name.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.commands.values()
    }

    /// What tells this catalog from one with other workflows or commands.
    pub fn digest(&self) -> Digest {
        let workflows: Vec<_> = self.workflows().map(|one| one.workflow.digest()).collect();
        let commands: Vec<_> = self.commands().collect();
        digest_of(&serde_json::json!({ "workflows": workflows, "commands": commands }))
    }

    /// What in the files cannot have been meant, although they can be used.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}

/// A message starts one run: a hook belongs to one workflow.
fn hooks_of_two(workflows: &workflow::Workflows, folder: &Path) -> Vec<Problem> {
    let mut owners = BTreeMap::new();
    let mut problems = vec![];
    for (name, loaded) in workflows {
        let hooks = loaded.iter().flat_map(|loaded| loaded.workflow.hooks());
        for hook in hooks {
            if let Some(owner) = owners.insert(hook, name) {
                let mut report = Report::new(&folder.join(format!("{name}.yaml")));
                let message = format!(
                    "the hook `{hook}` starts `{owner}` already: it can start one workflow"
                );
                report.error(None, message);
                problems.extend(report.into_problems());
            }
        }
    }
    problems
}
