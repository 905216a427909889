//! Which systems a workflow acts on. All of them must be seen in its file, because who may run it
//! depends on where they stand (decision 3).

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::problem::Report;
use super::scope::{has_expression, only_output};
use super::source::Node;
use super::surroundings::{OBJECT_STORE, Surroundings};
use crate::action::objects::ObjectUrl;
use crate::domain::expression::{only_expression, only_input};
use crate::domain::input::{InputSpec, InputType};
use crate::domain::names::{StepId, SystemName};
use crate::domain::nearest;
use crate::domain::position::Position;

/// Collects the systems of one workflow.
pub(super) struct Finder<'a> {
    pub(super) surroundings: &'a Surroundings,
    pub(super) inputs: &'a IndexMap<String, Option<InputSpec>>,
    /// What `item` can be in the step that is looked at, where its `foreach` lists texts.
    pub(super) items: Option<Vec<String>>,
    /// Every system that the workflow may act on.
    pub(super) found: BTreeSet<SystemName>,
    /// The system of each step that leaves it out, by its path.
    pub(super) filled_in: BTreeMap<StepId, SystemName>,
}

impl Finder<'_> {
    /// Finds the system that a step acts on: the one that it names, or the only one of the kind.
    pub(super) fn of_step(
        &mut self,
        id: &StepId,
        step: &Node,
        action: &str,
        kind: &str,
        report: &mut Report,
    ) {
        let named = step.get("with").and_then(|with| with.get("system"));
        let Some(named) = named else {
            match self.only_one(action, kind) {
                Ok(system) => {
                    self.found.insert(system.clone());
                    self.filled_in.insert(id.clone(), system);
                }
                Err(message) => {
                    report.error(step.get("uses").map_or(step.at, |uses| uses.at), message);
                }
            }
            return;
        };
        match named.text() {
            Some(text) => self.named(text, named.at, action, kind, report),
            None => report.error(named.at, "`system` must be text: the name of a system"),
        }
    }

    /// Checks what must be the address of objects, and finds its system.
    pub(super) fn address(&mut self, text: &str, at: Position, report: &mut Report) {
        if let Some(choices) = self.choices(text) {
            for choice in choices {
                self.literal_address(&choice, at, report);
            }
        } else if only_input(text).is_some() {
            report.error(at, unseen_system(text));
        } else if text.starts_with("s3://") || text.starts_with("file://") || !has_expression(text)
        {
            self.literal_address(text, at, report);
        } else if !only_output(text) {
            report.error(at, unseen_system(text));
        }
    }

    fn literal_address(&mut self, text: &str, at: Position, report: &mut Report) {
        if let Err(error) = without_expressions(text).parse::<ObjectUrl>() {
            let filled = without_expressions(text);
            report.error(
                at,
                error
                    .to_string()
                    .replace(&format!("`{filled}`"), &format!("`{text}`")),
            );
            return;
        }
        if let Some(system) = text
            .strip_prefix("s3://")
            .and_then(|rest| rest.split('/').next())
        {
            self.named(system, at, &format!("`{text}`"), OBJECT_STORE, report);
        }
    }

    /// Takes a system that is written out, or all choices of an input.
    fn named(&mut self, text: &str, at: Position, user: &str, kind: &str, report: &mut Report) {
        if !has_expression(text) {
            match self.check(text, user, kind) {
                Ok(()) => {
                    self.found.insert(SystemName::from(text));
                }
                Err(message) => report.error(at, message),
            }
            return;
        }
        let input = only_input(text);
        let Some(choices) = self.choices(text) else {
            // An input that does not exist is reported as such.
            if input.is_none_or(|input| self.inputs.get(input).is_some_and(Option::is_some)) {
                report.error(
                    at,
                    format!(
                        "`{text}` does not show which systems it can be: write the name of one, or \
                         {{{{ inputs.X }}}} where X is a `choice` of systems of kind {kind}"
                    ),
                );
            }
            return;
        };
        for choice in choices {
            match self.check(&choice, user, kind) {
                Ok(()) => {
                    self.found.insert(SystemName::from(choice));
                }
                Err(message) => report.error(at, format!("a choice of `{text}`: {message}")),
            }
        }
    }

    fn check(&self, name: &str, user: &str, kind: &str) -> Result<(), String> {
        match self.surroundings.systems.get(name) {
            Some(system) if system.kind == kind => Ok(()),
            Some(system) => Err(format!(
                "the system `{name}` is of kind {}, and {user} needs one of kind {kind}: {}",
                system.kind,
                self.candidates(kind)
            )),
            None => {
                let of_kind: Vec<_> = self
                    .surroundings
                    .of_kind(kind)
                    .map(SystemName::as_str)
                    .collect();
                let unknown = nearest::unknown("system", name, of_kind);
                Err(unknown.replace("there is none yet", &self.candidates(kind)))
            }
        }
    }

    fn only_one(&self, action: &str, kind: &str) -> Result<SystemName, String> {
        let mut of_kind = self.surroundings.of_kind(kind);
        match (of_kind.next(), of_kind.next()) {
            (Some(only), None) => Ok(only.clone()),
            _ => Err(format!(
                "{action} needs `system:` of kind {kind}: {}",
                self.candidates(kind)
            )),
        }
    }

    fn candidates(&self, kind: &str) -> String {
        let names: Vec<_> = self
            .surroundings
            .of_kind(kind)
            .map(|name| format!("`{name}`"))
            .collect();
        if names.is_empty() {
            format!("no [systems.NAME] in the configuration has `kind = \"{kind}\"`")
        } else {
            format!("there is {}", names.join(", "))
        }
    }

    /// What the one expression of a text can be, where the file lists that: the choices of an input,
    /// the items of a `foreach`.
    fn choices(&self, text: &str) -> Option<Vec<String>> {
        if only_expression(text) == Some("item") {
            return self.items.clone();
        }
        let spec = self.inputs.get(only_input(text)?)?.as_ref()?;
        (spec.kind == InputType::Choice).then(|| spec.choices.clone())
    }
}

fn unseen_system(text: &str) -> String {
    format!(
        "`{text}` does not show on which system it is: begin it with s3://SYSTEM/ or file:///, or \
         name the output of a step"
    )
}

/// The text with an `x` for every expression.
fn without_expressions(text: &str) -> String {
    let mut parts = text.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        filled.push('x');
        filled.push_str(part.split_once("}}").map_or("", |(_, after)| after));
    }
    filled
}
