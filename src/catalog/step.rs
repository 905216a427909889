//! The check of a workflow's steps.

use indexmap::IndexMap;
use serde_json::Value;

use super::inputs::is_name;
use super::problem::Report;
use super::scope::{RunScope, Scope, only_input};
use super::secrets;
use super::shape::Shape;
use super::source::{Content, Node};
use super::systems::Finder;
use crate::action::{AnyAction, Registry};
use crate::domain::input::InputSpec;

/// Checks every step of a file, and has the finder collect their systems.
pub(super) fn check(
    file: &Node,
    inputs: &IndexMap<String, Option<InputSpec>>,
    registry: &Registry,
    finder: &mut Finder<'_>,
    report: &mut Report,
) {
    let Some(list) = file.get("steps") else {
        return;
    };
    if matches!(list.content, Content::List(ref items) if items.is_empty()) {
        report.error(list.at, "there are no steps: a workflow has at least one");
    }
    check_ids(list.items(), report);
    let all: Vec<_> = list.items().iter().filter_map(id_of).collect();
    let mut before = IndexMap::new();
    for (number, step) in list.items().iter().enumerate() {
        let here = id_of(step).unwrap_or_default();
        let scope = Scope {
            inputs,
            run: Some(RunScope {
                before: &before,
                all: &all,
                here,
            }),
        };
        let action = check_action(number, step, &scope, registry, finder, report);
        let output = action.map(|action| action.output_schema().to_value());
        before.insert(here.to_owned(), output);
    }
}

fn id_of(step: &Node) -> Option<&str> {
    step.get("id")?.text()
}

fn check_ids(steps: &[Node], report: &mut Report) {
    let ids: Vec<_> = steps
        .iter()
        .filter_map(|step| Some((step.get("id")?.at, id_of(step)?)))
        .collect();
    for (n, (at, id)) in ids.iter().enumerate() {
        if let Some((first, _)) = ids[..n].iter().find(|(_, earlier)| earlier == id) {
            report.error(
                *at,
                format!("the id `{id}` is taken by the step in line {}", first.line),
            );
        }
        if !is_name(id) {
            report.error(
                *at,
                format!(
                    "`{id}` cannot be the id of a step: use a-z, 0-9 and _, with a letter first"
                ),
            );
        }
    }
}

fn check_action<'r>(
    number: usize,
    step: &Node,
    scope: &Scope<'_>,
    registry: &'r Registry,
    finder: &mut Finder<'_>,
    report: &mut Report,
) -> Option<&'r dyn AnyAction> {
    if let Some(with) = step.get("with") {
        scope.check_value(with, report);
    }
    if let Some(condition) = step.get("if")
        && let Some(text) = condition.text()
    {
        scope.check_condition(text, condition.at, report);
    }
    let uses = step.get("uses")?;
    let name = uses.text()?;
    match (registry.action(name), registry.kind_of(name)) {
        (Ok(action), Some(kind)) => {
            finder.of_step(number, step, name, kind, report);
            let with = Given::of(step);
            with.check(
                name,
                &action.input_schema().to_value(),
                scope,
                finder,
                report,
            );
            Some(action.as_ref())
        }
        (Err(unknown), _) => {
            report.error(uses.at, unknown);
            None
        }
        (Ok(_), None) => None,
    }
}

/// What a step gives to its action: `with` without `system`.
struct Given(Node);

impl Given {
    fn of(step: &Node) -> Self {
        let nothing = Node {
            at: step.get("uses").map_or(step.at, |uses| uses.at),
            content: Content::Map(vec![]),
        };
        let mut with = step.get("with").cloned().unwrap_or(nothing);
        if let Content::Map(entries) = &mut with.content {
            entries.retain(|entry| entry.key != "system");
        }
        Self(with)
    }

    fn check(
        &self,
        action: &str,
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
            report.error(fault.at, format!("{action}: {}", fault.message));
        }
        secrets::check(
            with,
            action,
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
        self.check_left_out(action, schema, scope, report);
    }

    /// What an action must be given cannot come from an input that may be left out.
    fn check_left_out(&self, action: &str, schema: &Value, scope: &Scope<'_>, report: &mut Report) {
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
                        "{action}: `{}` must be given, and the input `{input}` may be left out: make \
                         it `required`, or give it a `default`",
                        entry.key
                    ),
                );
            }
        }
    }
}
