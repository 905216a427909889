//! One command file: what a person may say, and which workflow that runs.

use std::collections::BTreeMap;
use std::path::Path;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::files::File;
use super::groups::Groups;
use super::problem::{Problem, Report};
use super::source::{self, Content, Entry, Node};
use super::surroundings::Surroundings;
use super::who::check_roles;
use super::workflow::{Loaded, Workflows};
use super::{inputs, limits, shape};
use crate::action::Registry;
use crate::domain::input::{InputError, InputSpec, InputType, check_inputs};
use crate::domain::names::{CommandName, Environment, Role, WorkflowName};
use crate::domain::nearest;

/// What a person may say, the same in every chat: the plain data of a `commands/*.yaml` file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Its name; the file is called after it. In a group, a folder, the whole of it: `db backup` is
    /// the file `db/backup.yaml`.
    #[schemars(extend("pattern" = limits::NAME))]
    pub name: CommandName,
    /// One line for people, of at most 100 characters.
    #[schemars(length(min = 1, max = limits::LONGEST_TEXT))]
    pub summary: String,
    /// What may be said with it; each option is an input of the workflow.
    #[serde(default)]
    #[schemars(extend("maxProperties" = limits::MOST_OPTIONS))]
    pub options: IndexMap<String, InputSpec>,
    /// The workflow that it runs.
    pub runs: WorkflowName,
    /// Where the answer goes.
    #[serde(default)]
    pub reply: Reply,
    /// Who may use it, by environment, where that is to be fewer than may run the workflow.
    #[serde(default)]
    pub who: IndexMap<Environment, Vec<Role>>,
}

/// Where the answer to a command goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// A message where the command was given.
    #[default]
    Message,
    /// A thread of its own.
    Thread,
    /// A message that only the person who asked can see.
    Private,
}

impl Command {
    /// The inputs of the workflow that these options stand for: checked, with the defaults of the
    /// options. What was not given is left to the workflow's own defaults.
    ///
    /// # Errors
    /// The first option that does not fit.
    pub fn inputs(&self, given: &Map<String, Value>) -> Result<Map<String, Value>, InputError> {
        let mut inputs = check_inputs(&self.options, given)?;
        inputs.retain(|_, value| !value.is_null());
        Ok(inputs)
    }
}

/// Reads the files of this folder and checks them against the workflows, and against each other.
pub(super) fn load_all(
    folder: &Path,
    files: &[File],
    registry: &Registry,
    workflows: &Workflows,
    surroundings: &Surroundings,
) -> (BTreeMap<CommandName, Command>, Vec<Problem>) {
    let around = Around {
        groups: &Groups::of(files),
        registry,
        workflows,
        surroundings,
    };
    let (mut commands, mut problems) = (BTreeMap::new(), around.groups.check(folder));
    for file in files {
        let mut report = Report::new(&file.path);
        let command = check(file, &around, &mut report);
        commands.extend(command.map(|command| (CommandName::from(file.name()), command)));
        problems.extend(report.into_problems());
    }
    problems.extend(limits::check_sizes(folder, commands.values()));
    (commands, problems)
}

/// What a command is checked against.
struct Around<'a> {
    groups: &'a Groups,
    registry: &'a Registry,
    workflows: &'a Workflows,
    surroundings: &'a Surroundings,
}

fn check(file: &File, around: &Around<'_>, report: &mut Report) -> Option<Command> {
    let node = source::parse(&file.text)
        .map_err(|fault| report.error(fault.at, fault.message))
        .ok()?;
    let schema = schemars::schema_for!(Command).to_value();
    for fault in shape::check(&node, &schema, "a command") {
        report.error(fault.at, fault.message);
    }
    if !matches!(node.content, Content::Map(_)) {
        return None;
    }
    around.groups.check_name(file, &node, report);
    inputs::check(
        node.get("options"),
        around.registry,
        around.surroundings,
        report,
    );
    limits::check(&node, report);
    if let Some(loaded) = find_workflow(&node, around.workflows, report) {
        check_options(&node, loaded, report);
        check_who(&node, loaded, around.surroundings, report);
    }
    if report.has_errors() {
        return None;
    }
    source::parse_as(&file.text)
        .map_err(|fault| report.error(fault.at, fault.message))
        .ok()
}

fn find_workflow<'w>(
    node: &Node,
    workflows: &'w Workflows,
    report: &mut Report,
) -> Option<&'w Loaded> {
    let runs = node.get("runs")?;
    let name = runs.text()?;
    if let Some(found) = workflows.get(name) {
        return found.as_ref();
    }
    let names = workflows
        .keys()
        .map(WorkflowName::as_str)
        .collect::<Vec<_>>();
    report.error(runs.at, nearest::unknown("workflow", name, names));
    None
}

fn check_options(node: &Node, loaded: &Loaded, report: &mut Report) {
    let workflow = &loaded.workflow;
    let options = node.get("options");
    for entry in options.map(Node::entries).unwrap_or_default() {
        if let Some(input) = workflow.inputs.get(&entry.key) {
            check_option(entry, input, workflow.name.as_str(), report);
            continue;
        }
        let names = workflow
            .inputs
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>();
        let unknown = nearest::unknown("input", &entry.key, names);
        report.error(
            entry.at,
            format!("the workflow `{}`: {unknown}", workflow.name),
        );
    }
    for (name, _) in workflow
        .inputs
        .iter()
        .filter(|(_, input)| input.required && input.default.is_none())
    {
        if options.is_none_or(|options| options.get(name).is_none()) {
            report.error(
                options.or(node.get("runs")).map_or(node.at, |near| near.at),
                format!(
                    "the workflow `{}` must be given `{name}`: make it an option",
                    workflow.name
                ),
            );
        }
    }
}

fn check_option(entry: &Entry, input: &InputSpec, workflow: &str, report: &mut Report) {
    let Some(option) = entry.value.read::<InputSpec>() else {
        return;
    };
    let name = &entry.key;
    let fits = option.kind == input.kind
        || matches!(
            (option.kind, input.kind),
            (
                InputType::Choice | InputType::User | InputType::Role | InputType::Channel,
                InputType::String
            ) | (InputType::Integer, InputType::Number)
        );
    if !fits {
        report.error(
            entry.value.get("type").map_or(entry.at, |kind| kind.at),
            format!(
                "the option `{name}` is of type {}, and the input of `{workflow}` is of type {}",
                type_name(option.kind),
                type_name(input.kind)
            ),
        );
    } else if option.secret != input.secret {
        let (is, write) = if input.secret {
            ("is", "write `secret: true` here too")
        } else {
            ("is not", "leave `secret` out here, or declare it there")
        };
        report.error(
            entry.value.get("secret").map_or(entry.at, |node| node.at),
            format!("the input `{name}` of `{workflow}` {is} a secret: {write}"),
        );
    } else if input.kind == InputType::Choice {
        for choice in option
            .choices
            .iter()
            .filter(|choice| !input.choices.contains(choice))
        {
            let names = input.choices.iter().map(String::as_str).collect::<Vec<_>>();
            let at = entry
                .value
                .get("choices")
                .map_or(entry.at, |choices| choices.at);
            let unknown = nearest::unknown("choice", choice, names);
            report.error(at, format!("the input of `{workflow}`: {unknown}"));
        }
    }
    let can_be_left_out = !option.required && option.default.is_none();
    if can_be_left_out && input.required && input.default.is_none() {
        report.error(
            entry.at,
            format!("`{workflow}` must be given `{name}`: make the option `required`, or give it a `default`"),
        );
    }
}

fn type_name(kind: InputType) -> &'static str {
    match kind {
        InputType::String => "string",
        InputType::Integer => "integer",
        InputType::Number => "number",
        InputType::Boolean => "boolean",
        InputType::Choice => "choice",
        InputType::User => "user",
        InputType::Role => "role",
        InputType::Channel => "channel",
        InputType::List => "list",
        InputType::File => "file",
    }
}

/// A command can only take away what its workflow allows.
fn check_who(node: &Node, loaded: &Loaded, surroundings: &Surroundings, report: &mut Report) {
    let workflow = &loaded.workflow;
    for entry in node.get("who").map(Node::entries).unwrap_or_default() {
        check_roles(&entry.value, surroundings, report);
        let environment = &entry.key;
        if !loaded
            .environments
            .iter()
            .any(|own| own.as_str() == environment)
        {
            let own = loaded
                .environments
                .iter()
                .map(Environment::as_str)
                .collect::<Vec<_>>();
            let unknown = nearest::unknown("environment", environment, own);
            report.warning(
                entry.at,
                format!("the workflow `{}`: {unknown}", workflow.name),
            );
            continue;
        }
        let allowed = workflow
            .who
            .get(environment.as_str())
            .map_or(&[][..], Vec::as_slice);
        for role in entry.value.items() {
            let Some(text) = role.text() else { continue };
            if !allowed.iter().any(|allowed| allowed.as_str() == text) {
                report.error(
                    role.at,
                    format!(
                        "a command can only take rights away: `{text}` may not run `{}` in {environment}",
                        workflow.name
                    ),
                );
            }
        }
    }
}
