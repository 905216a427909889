//! What a step gives to its action, or to the workflow that it runs.

use indexmap::IndexMap;
use serde_json::Value;

use super::problem::Report;
use super::scope::Scope;
use super::secrets::{self, Taken};
use super::shape::Shape;
use super::source::{Content, Node};
use super::systems::Finder;
use crate::domain::expression::only_input;
use crate::domain::input::{InputSpec, declared_secret};
use crate::domain::position::Position;

/// `with`, or an empty mapping in its place.
pub(super) struct Given(Node);

impl Given {
    /// Without `system`, which is not the action's.
    pub(super) fn to_action(step: &Node, at: Position) -> Self {
        let mut given = Self::to_workflow(step, at);
        if let Content::Map(entries) = &mut given.0.content {
            entries.retain(|entry| entry.key != "system");
        }
        given
    }

    /// All of it.
    pub(super) fn to_workflow(step: &Node, at: Position) -> Self {
        let nothing = || Node {
            at,
            content: Content::Map(vec![]),
        };
        Self(step.get("with").cloned().unwrap_or_else(nothing))
    }

    /// Checks it against the schema of what `taker` takes.
    pub(super) fn check(
        &self,
        taker: &str,
        schema: &Value,
        scope: &Scope<'_>,
        finder: &mut Finder<'_>,
        report: &mut Report,
    ) {
        let Self(with) = self;
        if !matches!(with.content, Content::Map(_)) {
            return;
        }
        let rendered = |text: &str| scope.rendered(text);
        let mut shape = Shape::new(schema, &rendered);
        shape.check(with, schema, "`with`");
        for fault in shape.faults {
            report.error(fault.at, format!("{taker}: {}", fault.message));
        }
        let taken = Taken {
            by: taker,
            schema,
            at: &shape.secrets,
        };
        secrets::check(with, &taken, scope, finder.surroundings, report);
        let mut addresses = shape.addresses;
        addresses.extend(
            with.texts()
                .into_iter()
                .filter(|(text, _)| text.starts_with("s3://")),
        );
        addresses.sort_by_key(|(_, at)| *at);
        addresses.dedup();
        for (text, at) in addresses {
            finder.address(text, at, report);
        }
        self.check_left_out(taker, schema, scope, report);
    }

    /// What a workflow takes in secret stands in no file: it is a reference to a secret.
    pub(super) fn check_secret_inputs(
        &self,
        taker: &str,
        inputs: &IndexMap<String, Option<InputSpec>>,
        scope: &Scope<'_>,
        report: &mut Report,
    ) {
        let is_secret = |name: &str| inputs.get(name).is_some_and(declared_secret);
        let entries = self.0.entries().iter();
        for entry in entries.filter(|entry| is_secret(&entry.key)) {
            if !entry.value.text().is_some_and(|text| scope.is_secret(text)) {
                report.error(
                    entry.value.at,
                    format!(
                        "{taker}: `{}` is a secret: give it `{{{{ inputs.NAME }}}}` of a secret input, \
                         or `{{{{ secrets.NAME }}}}`, alone",
                        entry.key
                    ),
                );
            }
        }
    }

    /// What must be given cannot come from an input that may be left out.
    fn check_left_out(&self, taker: &str, schema: &Value, scope: &Scope<'_>, report: &mut Report) {
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        for entry in self
            .0
            .entries()
            .iter()
            .filter(|entry| required.contains(&Value::from(entry.key.as_str())))
        {
            let input = entry.value.text().and_then(only_input);
            if let Some(input) = input.filter(|input| scope.may_be_left_out(input)) {
                report.error(
                    entry.value.at,
                    format!(
                        "{taker}: `{}` must be given, and the input `{input}` may be left out: make \
                         it `required`, or give it a `default`",
                        entry.key
                    ),
                );
            }
        }
    }
}
