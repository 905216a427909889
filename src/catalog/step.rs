//! The check of one step: what it does, with what, for what, and what takes it back.

use chrono::DateTime;
use serde_json::Value;

use super::given::Given;
use super::problem::Report;
use super::scope::{Known, OfStep, Scope, has_expression};
use super::shape::{Rendered, word};
use super::source::{Content, Node};
use super::steps::Around;
use super::systems::Finder;
use super::who;
use crate::domain::expression::only_expression;
use crate::domain::names::{HookName, StepId};
use crate::domain::nearest;
use crate::domain::workflow::UNDO;

/// The keys that say what a step does.
const WORK: [&str; 3] = ["uses", "runs", "wait"];

/// Checks a step that a run knows by this path. `output` is the schema of what it leaves.
pub(super) fn check(
    id: &StepId,
    step: &Node,
    scope: &Scope<'_>,
    output: Option<&Value>,
    around: &Around<'_>,
    finder: &mut Finder<'_>,
    report: &mut Report,
) {
    check_keys(step, report);
    if let Some(condition) = step.get("if")
        && let Some(text) = condition.text()
    {
        scope.check_condition(text, condition.at, report);
    }
    finder.items = None;
    let item = step
        .get("foreach")
        .map(|foreach| Known(check_items(foreach, scope, finder, report)));
    let of_step = scope.of_step.map(|of_step| OfStep {
        item,
        takes_secrets: true,
        ..of_step
    });
    let scope = Scope { of_step, ..*scope };
    if let Some(with) = step.get("with") {
        scope.check_value(with, report);
    }
    check_action(id, step, &scope, around, finder, report);
    if let Some(runs) = step.get("runs") {
        check_call(step, runs, &scope, around, finder, report);
    }
    if let Some(wait) = step.get("wait") {
        check_wait(step, wait, &scope, around, finder, report);
    }
    if let Some(approval) = step.get("approval") {
        who::check_policy(
            approval,
            approval.at,
            "an approval",
            finder.surroundings,
            report,
        );
    }
    if let Some(undo) = step.get("undo") {
        let of_step = scope.of_step.map(|of_step| OfStep {
            taken_back: Some(Known(output)),
            ..of_step
        });
        let scope = Scope { of_step, ..scope };
        if let Some(with) = undo.get("with") {
            scope.check_value(with, report);
        }
        let id = id.within(&StepId::from(UNDO));
        check_action(&id, undo, &scope, around, finder, report);
    }
    finder.items = None;
}

/// A step does one thing, and has the keys that go with that.
fn check_keys(step: &Node, report: &mut Report) {
    if !matches!(step.content, Content::Map(_)) {
        return;
    }
    let mut found = WORK.into_iter().filter(|key| step.get(key).is_some());
    let Some(does) = found.next() else {
        let known = [
            "id", "with", "needs", "if", "foreach", "parallel", "retry", "timeout", "approval",
            "undo",
        ];
        // What is misspelt is reported as such.
        if step
            .entries()
            .iter()
            .all(|entry| known.contains(&entry.key.as_str()))
        {
            report.error(
                step.at,
                "one of `uses` (an action), `runs` (a workflow) and `wait` is missing",
            );
        }
        return;
    };
    for other in found {
        if let Some(node) = step.get(other) {
            let message = format!("a step does one thing: it has `{does}` already");
            report.error(node.at, message);
        }
    }
    let belongs = |key: &str, to: &[&str]| {
        let is_there = step.entries().iter().find(|entry| entry.key == key);
        is_there.filter(|_| !to.iter().any(|owner| step.get(owner).is_some()))
    };
    for (key, owners, word) in [
        ("with", &["uses", "runs"][..], "`uses` and `runs`"),
        ("retry", &["uses"], "`uses`"),
        ("approval", &["uses"], "`uses`"),
        ("undo", &["uses"], "`uses`"),
        ("parallel", &["foreach"], "`foreach`"),
    ] {
        if let Some(entry) = belongs(key, owners) {
            report.error(entry.at, format!("`{key}` goes with {word}"));
        }
    }
    if step.get("foreach").is_some()
        && let Some(approval) = step.get("approval")
    {
        let message = "an approval is asked for one plan, and `foreach` makes one for each item: \
                       have a workflow with the approval run for each item";
        report.error(approval.at, message);
    }
}

/// What `foreach` gives, and the JSON type of an item, where the file shows it.
fn check_items(
    foreach: &Node,
    scope: &Scope<'_>,
    finder: &mut Finder<'_>,
    report: &mut Report,
) -> Option<&'static str> {
    scope.check_value(foreach, report);
    match &foreach.content {
        Content::List(items) => {
            if items.is_empty() {
                report.error(
                    foreach.at,
                    "`foreach` has no items: the step would never do anything",
                );
            }
            let texts: Vec<_> = items.iter().filter_map(Node::text).collect();
            if texts.len() < items.len() {
                return None;
            }
            if !texts.iter().any(|text| has_expression(text)) {
                finder.items = Some(texts.into_iter().map(str::to_owned).collect());
            }
            Some("string")
        }
        Content::Text(text) => {
            let is_one = only_expression(text).is_some();
            match scope.rendered(text) {
                Rendered::OfType("array") => scope.item_type(text),
                Rendered::Anything if is_one => None,
                Rendered::OfType(other) if is_one => {
                    let is = word(other);
                    report.error(
                        foreach.at,
                        format!("`foreach` must be a list, and `{text}` is {is}"),
                    );
                    None
                }
                _ => {
                    let message =
                        "`foreach` must be a list, or one {{ expression }} that gives one";
                    report.error(foreach.at, message);
                    None
                }
            }
        }
        _ => {
            report.error(
                foreach.at,
                "`foreach` must be a list, or one {{ expression }} that gives one",
            );
            None
        }
    }
}

fn check_action(
    id: &StepId,
    step: &Node,
    scope: &Scope<'_>,
    around: &Around<'_>,
    finder: &mut Finder<'_>,
    report: &mut Report,
) {
    let Some(uses) = step.get("uses") else { return };
    let Some(name) = uses.text() else { return };
    match (around.registry.action(name), around.registry.kind_of(name)) {
        (Ok(action), Some(kind)) => {
            finder.of_step(id, step, name, kind, report);
            let schema = action.input_schema().to_value();
            let with = Given::to_action(step, uses.at);
            with.check(name, &schema, scope, finder, report);
        }
        (Err(unknown), _) => report.error(uses.at, unknown),
        (Ok(_), None) => {}
    }
}

fn check_call(
    step: &Node,
    runs: &Node,
    scope: &Scope<'_>,
    around: &Around<'_>,
    finder: &mut Finder<'_>,
    report: &mut Report,
) {
    let Some(name) = runs.text() else { return };
    match around.calls.face(name) {
        Ok(Some(face)) => {
            let with = Given::to_workflow(step, runs.at);
            with.check(name, &face.input_schema(), scope, finder, report);
            with.check_secret_inputs(name, &face.inputs, scope, report);
        }
        Ok(None) => {}
        Err(unknown) => report.error(runs.at, unknown),
    }
}

fn check_wait(
    step: &Node,
    wait: &Node,
    scope: &Scope<'_>,
    around: &Around<'_>,
    finder: &Finder<'_>,
    report: &mut Report,
) {
    if let Some(until) = wait.get("until") {
        let of_step = scope.of_step.map(|of_step| OfStep {
            takes_secrets: false,
            ..of_step
        });
        Scope { of_step, ..*scope }.check_value(until, report);
        let is_instant = |text: &str| DateTime::parse_from_rfc3339(text).is_ok();
        if let Some(text) = until.text()
            && !has_expression(text)
            && !is_instant(text)
        {
            let message = format!(
                "`until` must be an instant such as \"2026-01-31T08:00:00Z\", or an expression that \
                 gives one, and is {text:?}"
            );
            report.error(until.at, message);
        }
    }
    let Some(hook) = wait.get("hook") else { return };
    let hooks = &finder.surroundings.hooks;
    if let Some(name) = hook.text()
        && !hooks.contains_key(name)
    {
        let names: Vec<_> = hooks.keys().map(HookName::as_str).collect();
        let unknown = nearest::unknown("hook", name, names);
        report.error(hook.at, format!("{unknown} ([hooks.NAME])"));
    }
    if step.get("timeout").is_none() && !around.has_timeout {
        let message = "nothing ends this wait if no message comes: give the step a `timeout`";
        report.warning(wait.at, message);
    }
}
