//! The check of what starts a workflow by itself.

use indexmap::IndexMap;
use serde_json::Map;

use super::problem::Report;
use super::source::Node;
use super::surroundings::Surroundings;
use super::workflow::is_file_name;
use crate::domain::input::{InputSpec, check_inputs, declared_secret};
use crate::domain::names::{Environment, HookName, Role};
use crate::domain::nearest;
use crate::domain::position::Position;
use crate::domain::schedule::{Expression, Zone};
use crate::domain::time::Span;

/// What the check of `on:` needs to know of the file.
pub(super) struct Triggers<'a> {
    /// The file's text: an expression's error lies within a value.
    pub(super) text: &'a str,
    pub(super) surroundings: &'a Surroundings,
    pub(super) inputs: &'a IndexMap<String, Option<InputSpec>>,
    /// In which the workflow acts.
    pub(super) environments: &'a [Environment],
}

impl Triggers<'_> {
    pub(super) fn check(&self, file: &Node, report: &mut Report) {
        let entries = file.get("on").map(Node::items).unwrap_or_default();
        for entry in entries {
            self.check_hook(file, entry, report);
        }
        let schedules: Vec<_> = entries
            .iter()
            .filter(|entry| entry.get("schedule").is_some())
            .collect();
        check_ids(&schedules, report);
        for schedule in schedules {
            self.check_expression(schedule, report);
            check_zone(schedule, report);
            check_jitter(schedule, report);
            self.check_inputs(schedule, report);
            self.check_right(file, schedule, report);
        }
    }

    /// A hook may start what one of its roles may start, wherever the workflow acts.
    fn check_hook(&self, file: &Node, entry: &Node, report: &mut Report) {
        let Some((node, name)) = text_of(entry, "webhook") else {
            return;
        };
        let hooks = &self.surroundings.hooks;
        let Some(roles) = hooks.get(name) else {
            let names: Vec<_> = hooks.keys().map(HookName::as_str).collect();
            let unknown = nearest::unknown("hook", name, names);
            let message = format!("{unknown} It is configured as `[hooks.NAME]`");
            report.error(node.at, message);
            return;
        };
        let who = file.get("who");
        let refuses = |environment: &&Environment| {
            let allowed = who.and_then(|who| who.get(environment.as_str()));
            let allowed = allowed.map(Node::items).unwrap_or_default();
            let is_its_own = |role: &Node| role.text().is_some_and(|role| has(roles, role));
            !allowed.iter().any(is_its_own)
        };
        if let Some(environment) = self.environments.iter().find(refuses) {
            let message = format!(
                "the hook `{name}` may not start this in {environment}: none of its roles is in \
                 `who: {{ {environment}: … }}`"
            );
            report.error(node.at, message);
        }
    }

    fn check_expression(&self, schedule: &Node, report: &mut Report) {
        let Some((node, text)) = text_of(schedule, "schedule") else {
            return;
        };
        match text.parse::<Expression>() {
            Err(error) => report.error(
                self.within(node.at, text, error.column),
                format!("`schedule`: {}", error.message),
            ),
            Ok(expression) if expression.never_fires() => report.warning(
                node.at,
                format!("`{text}` never fires: no calendar has such a day"),
            ),
            Ok(_) => {}
        }
    }

    /// The place of a character of a value, where the file shows the value as it is.
    fn within(&self, at: Position, value: &str, column: usize) -> Position {
        let line = self.text.lines().nth(at.line - 1).unwrap_or_default();
        let rest: String = line.chars().skip(at.column - 1).collect();
        let bare = rest.trim_start_matches(['"', '\'']);
        if !bare.starts_with(value) {
            return at;
        }
        let quotes = rest.chars().count() - bare.chars().count();
        Position {
            line: at.line,
            column: at.column + quotes + column - 1,
        }
    }

    /// Values as they are: nobody is there who could be asked for others.
    fn check_inputs(&self, schedule: &Node, report: &mut Report) {
        let given = schedule.get("inputs");
        let nameable = self.surroundings.nameable();
        let mut all_fit = true;
        for entry in given.map(Node::entries).unwrap_or_default() {
            let specs: IndexMap<_, _> = self.inputs.iter().filter_map(known).collect();
            let mine = specs.get(&entry.key).map_or(specs.clone(), |spec| {
                IndexMap::from([(entry.key.clone(), spec.clone())])
            });
            let one = Map::from_iter([(entry.key.clone(), entry.value.to_json())]);
            if self.inputs.get(&entry.key).is_some_and(declared_secret) {
                let message = format!(
                    "`{}` is a secret, and a schedule gives none: its value would stand in the file",
                    entry.key
                );
                report.error(entry.at, message);
                all_fit = false;
            } else if self.inputs.get(&entry.key).is_some_and(Option::is_none) {
                all_fit = false;
            } else if let Err(error) =
                check_inputs(&mine, &one).and_then(|one| nameable.check(&mine, &one))
            {
                report.error(entry.at, error.to_string());
                all_fit = false;
            }
            if self.inputs.get(&entry.key).is_some_and(declared_secret) {
                continue;
            }
            for (text, at) in entry.value.texts() {
                if text.contains("{{") {
                    report.error(
                        at,
                        "a schedule's inputs are values: nothing is rendered here",
                    );
                }
            }
        }
        let specs: Option<IndexMap<_, _>> = self
            .inputs
            .iter()
            .map(|(name, spec)| Some((name.clone(), spec.clone()?)))
            .collect();
        let values = given.map(Node::to_json);
        let values = values.and_then(|values| values.as_object().cloned());
        if let Some(specs) = specs.filter(|_| all_fit)
            && let Err(error) = check_inputs(&specs, &values.unwrap_or_default())
        {
            report.error(
                given.map_or(schedule.at, |given| given.at),
                error.to_string(),
            );
        }
    }

    /// A schedule starts what its file lets people start, wherever the workflow acts.
    fn check_right(&self, file: &Node, schedule: &Node, report: &mut Report) {
        let who = file.get("who");
        let nobody = self.environments.iter().find(|environment| {
            let roles = who.and_then(|who| who.get(environment.as_str()));
            roles.is_none_or(|roles| roles.items().is_empty())
        });
        if let Some(environment) = nobody {
            report.error(
                schedule.at,
                format!(
                    "the schedule may not start what nobody may start in {environment}: add `who: \
                     {{ {environment}: [ROLE] }}`"
                ),
            );
        }
    }
}

fn has(roles: &[Role], role: &str) -> bool {
    roles.iter().any(|mine| mine.as_str() == role)
}

fn known((name, spec): (&String, &Option<InputSpec>)) -> Option<(String, InputSpec)> {
    Some((name.clone(), spec.clone()?))
}

fn check_ids(schedules: &[&Node], report: &mut Report) {
    let ids: Vec<_> = schedules
        .iter()
        .filter_map(|schedule| text_of(schedule, "id"))
        .collect();
    for (n, (node, id)) in ids.iter().enumerate() {
        if let Some((first, _)) = ids[..n].iter().find(|(_, earlier)| earlier == id) {
            let message = format!(
                "the id `{id}` is taken by the schedule in line {}",
                first.at.line
            );
            report.error(node.at, message);
        }
        if !is_file_name(id) {
            let message = format!(
                "`{id}` cannot be the id of a schedule: use at most 32 of a-z, 0-9, - and _"
            );
            report.error(node.at, message);
        }
    }
}

fn check_zone(schedule: &Node, report: &mut Report) {
    if let Some((node, text)) = text_of(schedule, "timezone")
        && let Err(unknown) = text.parse::<Zone>()
    {
        report.error(node.at, unknown.to_string());
    }
}

fn check_jitter(schedule: &Node, report: &mut Report) {
    if let Some((node, text)) = text_of(schedule, "jitter")
        && let Err(error) = text.parse::<Span>()
    {
        report.error(
            node.at,
            format!("`jitter`: `{text}` is not a length of time ({error}): write 30s, 5m or 1h"),
        );
    }
}

fn text_of<'n>(node: &'n Node, key: &str) -> Option<(&'n Node, &'n str)> {
    let value = node.get(key)?;
    Some((value, value.text()?))
}
