//! What a step gives to its action, or to the workflow that it runs.

use serde_json::Value;

use super::problem::Report;
use super::scope::{Scope, only_input};
use super::secrets;
use super::shape::Shape;
use super::source::{Content, Node};
use super::systems::Finder;
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
        secrets::check(
            with,
            taker,
            schema,
            &shape.secrets,
            finder.surroundings,
            report,
        );
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
