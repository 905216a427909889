//! Whether declared inputs can be what they say: a workflow's inputs, a command's options.

use indexmap::IndexMap;
use serde_json::Map;

use super::problem::Report;
use super::source::{Entry, Node};
use super::surroundings::Surroundings;
use crate::action::Registry;
use crate::action::objects::ObjectUrl;
use crate::domain::input::{InputSpec, InputType, Owner, Source, check_inputs};
use crate::domain::nameable::Nameable;
use crate::domain::nearest;

/// The longest name that chats take for an option.
const LONGEST_NAME: usize = 32;

/// All declared inputs; `None` for one whose declaration has the wrong shape.
pub(super) fn read(declared: Option<&Node>) -> IndexMap<String, Option<InputSpec>> {
    let entries = declared.map(Node::entries).unwrap_or_default();
    entries
        .iter()
        .map(|entry| (entry.key.clone(), entry.value.read()))
        .collect()
}

/// Reports names that expressions and chats cannot take, and values that do not go together.
pub(super) fn check(
    declared: Option<&Node>,
    registry: &Registry,
    surroundings: &Surroundings,
    report: &mut Report,
) {
    let nameable = surroundings.nameable();
    for entry in declared.map(Node::entries).unwrap_or_default() {
        if !is_name(&entry.key) {
            report.error(
                entry.at,
                format!(
                    "`{}` cannot be the name of an input: use at most {LONGEST_NAME} of a-z, 0-9 \
                     and _, with a letter first",
                    entry.key
                ),
            );
        }
        if let Some(spec) = entry.value.read::<InputSpec>() {
            check_choices(entry, &spec, report);
            if spec.secret {
                check_secret(entry, &spec, report);
                continue;
            }
            if spec.kind == InputType::File
                && let Some(node) = entry.value.get("suggest")
            {
                let message = format!("`{}` is a file, and none can be suggested", entry.key);
                report.error(node.at, message);
            }
            check_default(entry, &spec, &nameable, report);
            let check = Suggest {
                declared,
                registry,
                surroundings,
            };
            check.check(entry, &spec, report);
        }
    }
}

/// A name that can stand after a dot in an expression.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn check_choices(entry: &Entry, spec: &InputSpec, report: &mut Report) {
    let name = &entry.key;
    let at = entry
        .value
        .get("choices")
        .map_or(entry.at, |choices| choices.at);
    if spec.kind == InputType::Choice && spec.choices.is_empty() {
        report.error(
            at,
            format!("the choice `{name}` has no `choices`: list what may be chosen"),
        );
    }
    if spec.kind != InputType::Choice && !spec.choices.is_empty() {
        report.error(
            at,
            format!("`{name}` has `choices` and is no choice: write `type: choice`"),
        );
    }
    for (n, choice) in spec.choices.iter().enumerate() {
        if spec.choices[..n].contains(choice) {
            report.error(at, format!("`{name}` has the choice `{choice}` twice"));
        }
    }
}

/// What Purser knows of a secret before it is given is nothing.
fn check_secret(entry: &Entry, spec: &InputSpec, report: &mut Report) {
    let name = &entry.key;
    if spec.kind != InputType::String {
        let at = entry.value.get("type").map_or(entry.at, |kind| kind.at);
        let message = format!("the secret `{name}` must be of type string");
        report.error(at, message);
    }
    for (key, why) in [
        ("default", "would stand in the file"),
        ("suggest", "would be shown while it is typed"),
    ] {
        if let Some(node) = entry.value.get(key) {
            let message = format!("the secret `{name}` can have no `{key}`: its value {why}");
            report.error(node.at, message);
        }
    }
}

fn check_default(entry: &Entry, spec: &InputSpec, nameable: &Nameable, report: &mut Report) {
    let (Some(default), Some(node)) = (&spec.default, entry.value.get("default")) else {
        return;
    };
    let specs = IndexMap::from([(entry.key.clone(), spec.clone())]);
    let given = Map::from_iter([(entry.key.clone(), default.clone())]);
    let fits = check_inputs(&specs, &given).and_then(|given| nameable.check(&specs, &given));
    if let Err(error) = fits {
        report.error(node.at, format!("`default`: {error}"));
    }
}

/// The check of `suggest`: `docker.services` says which integration completes the value, and with
/// what.
struct Suggest<'a> {
    declared: Option<&'a Node>,
    registry: &'a Registry,
    surroundings: &'a Surroundings,
}

impl Suggest<'_> {
    fn check(&self, entry: &Entry, spec: &InputSpec, report: &mut Report) {
        let (Some(suggest), Some(node)) = (&spec.suggest, entry.value.get("suggest")) else {
            return;
        };
        let Some(source) = Source::parse(suggest) else {
            let message =
                format!("`suggest` must be KIND.WHAT as in docker.services, and is `{suggest}`");
            return report.error(node.at, message);
        };
        let found = [self.list(&source), self.owner(&source, &entry.key)];
        for wrong in found.into_iter().filter_map(Result::err) {
            report.error(node.at, format!("`suggest`: {wrong}"));
        }
    }

    fn list(&self, source: &Source<'_>) -> Result<(), String> {
        let integration = self.registry.integration(source.kind)?;
        if integration.suggests.contains(&source.what) {
            return Ok(());
        }
        let lists = integration.suggests.iter();
        let lists: Vec<_> = lists
            .map(|what| format!("{}.{what}", source.kind))
            .collect();
        let wrong = format!("{}.{}", source.kind, source.what);
        Err(nearest::unknown(
            "list",
            &wrong,
            lists.iter().map(String::as_str),
        ))
    }

    fn is_secret(&self, input: &str) -> bool {
        let declared = self.declared.and_then(|declared| declared.get(input));
        let spec = declared.and_then(Node::read::<InputSpec>);
        spec.is_some_and(|spec| spec.secret)
    }

    fn owner(&self, source: &Source<'_>, input: &str) -> Result<(), String> {
        match source.of {
            None => Ok(()),
            Some(Owner::Input(name)) => {
                let others = self.declared.map(Node::entries).unwrap_or_default();
                let others = others.iter().map(|other| other.key.as_str());
                let others: Vec<_> = others.filter(|other| *other != input).collect();
                if self.is_secret(name) {
                    return Err(format!(
                        "the input `{name}` is a secret, and is shown to nobody"
                    ));
                }
                if others.contains(&name) {
                    return Ok(());
                }
                Err(nearest::unknown("input", name, others))
            }
            Some(Owner::Folder(address)) => {
                match address.parse::<ObjectUrl>().map_err(|no| no.to_string())? {
                    ObjectUrl::S3 { system, .. } => self.surroundings.object_store(&system),
                    ObjectUrl::File { .. } => Ok(()),
                }
            }
        }
    }
}
