//! What the expressions of a workflow can see, and whether what they name is there.

use indexmap::IndexMap;
use serde_json::Value;

use super::problem::Report;
use super::shape::{Rendered, closed_keys, resolve, types, without_null};
use super::source::Node;
use crate::domain::expression::{self, ExpressionError, only_input};
use crate::domain::input::{InputSpec, InputType, declared_secret};
use crate::domain::nearest;
use crate::domain::position::Position;
use crate::domain::secret::SecretRef;

/// What one place in the file can see.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// All inputs; `None` for one whose declaration is wrong itself.
    pub(super) inputs: &'a IndexMap<String, Option<InputSpec>>,
    /// Steps and the run, where those can be seen.
    pub(super) of_step: Option<OfStep<'a>>,
}

/// What can be said before a run of something that expressions see: `None` where that is nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<T>(pub(super) Option<T>);

/// What only a step can see.
#[derive(Clone, Copy)]
pub(super) struct OfStep<'a> {
    /// The steps that are over by then; the schema of what each leaves, if that is known.
    pub(super) seen: &'a IndexMap<&'a str, Option<&'a Value>>,
    /// Why another step of the file cannot be seen; `None`: there is none of that id.
    pub(super) unseen: &'a dyn Fn(&str) -> Option<String>,
    /// Of a step with `foreach`: the JSON type of `item`, if that is known.
    pub(super) item: Option<Known<&'static str>>,
    /// What takes a step back sees what that has left; its schema, if that is known.
    pub(super) taken_back: Option<Known<&'a Value>>,
    /// Whether the run has failed: `failure` is there.
    pub(super) has_failed: bool,
    /// Whether a reference to a secret can stand here.
    pub(super) takes_secrets: bool,
}

/// Whether a text has expressions in it, or something that means to be one.
pub(super) fn has_expression(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// Whether a text is exactly `{{ steps.ID.output… }}`, with or without places of lists in it.
pub(super) fn only_output(text: &str) -> bool {
    let Some(path) = expression::only_expression(text) else {
        return false;
    };
    let mut parts = path.split('.').map(without_place);
    parts.next() == Some(Some("steps"))
        && parts.next().flatten().is_some_and(is_path)
        && parts.next() == Some(Some("output"))
        && parts.all(|part| part.is_some_and(is_path))
}

/// `output` of `output[0]`; `None` where something else than a number is in the brackets.
fn without_place(part: &str) -> Option<&str> {
    let Some((name, place)) = part.split_once('[') else {
        return Some(part);
    };
    let place = place.strip_suffix(']')?;
    let is_number = !place.is_empty() && place.bytes().all(|sign| sign.is_ascii_digit());
    is_number.then_some(name)
}

fn is_path(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == '.')
}

impl<'a> Scope<'a> {
    /// What can be seen before there is a run.
    pub(super) fn before_the_run(inputs: &'a IndexMap<String, Option<InputSpec>>) -> Self {
        Self {
            inputs,
            of_step: None,
        }
    }

    /// Reports every name in the texts of a value that nothing stands behind.
    pub(super) fn check_value(&self, node: &Node, report: &mut Report) {
        for (text, at) in node.texts() {
            if self.is_secret(text) {
                continue;
            }
            if has_expression(text) {
                self.check(at, text, expression::names_in(text), report);
                self.check_left_out(text, at, report);
            }
        }
    }

    /// As [`Self::check_value`], for a bare expression.
    pub(super) fn check_condition(&self, text: &str, at: Position, report: &mut Report) {
        if has_expression(text) {
            report.error(
                at,
                format!(
                    "`if` is a bare expression: write `{}` without {{{{ }}}}",
                    bare(text)
                ),
            );
            return;
        }
        self.check(at, text, expression::names_in_condition(text), report);
    }

    /// What a text of this place will be when it is rendered.
    pub(super) fn rendered(&self, text: &str) -> Rendered {
        if !has_expression(text) {
            return Rendered::Literally;
        }
        match expression::only_expression(text) {
            _ if self.is_secret(text) => Rendered::Secret,
            None => Rendered::OfType("string"),
            Some(path) if is_path(path) => self
                .type_of(path)
                .map_or(Rendered::Anything, Rendered::OfType),
            Some(_) => Rendered::Anything,
        }
    }

    /// Whether a text is a reference to a secret, and in a step: nowhere else is one opened.
    pub(super) fn is_secret(&self, text: &str) -> bool {
        self.of_step.is_some_and(|step| step.takes_secrets)
            && (SecretRef::of_text(text).is_some()
                || only_input(text).is_some_and(|input| self.is_secret_input(input)))
    }

    fn is_secret_input(&self, input: &str) -> bool {
        self.inputs.get(input).is_some_and(declared_secret)
    }

    /// Whether a run can leave this input out, and nothing stands in for it.
    pub(super) fn may_be_left_out(&self, input: &str) -> bool {
        let spec = self.inputs.get(input).and_then(Option::as_ref);
        spec.is_some_and(|spec| !spec.required && spec.default.is_none())
    }

    fn check(
        &self,
        at: Position,
        text: &str,
        names: Result<impl IntoIterator<Item = String>, ExpressionError>,
        report: &mut Report,
    ) {
        match names {
            Err(error) => report.error(at, error.to_string()),
            Ok(names) => {
                for wrong in names.into_iter().filter_map(|name| self.wrong(&name).err()) {
                    report.error(at, format!("in `{text}`: {wrong}"));
                }
            }
        }
    }

    /// An input without a value reads `none` in the midst of a text, which nobody means.
    fn check_left_out(&self, text: &str, at: Position, report: &mut Report) {
        if expression::only_expression(text).is_some() {
            return;
        }
        let expressions = text
            .split("{{")
            .skip(1)
            .filter_map(|rest| rest.split("}}").next());
        let inputs = expressions.filter_map(|inner| inner.trim().strip_prefix("inputs."));
        for input in inputs.filter(|input| self.may_be_left_out(input)) {
            report.warning(
                at,
                format!(
                    "in `{text}`: the input `{input}` may be left out and reads `none` then: make \
                     it `required`, or give it a `default`"
                ),
            );
        }
    }

    fn wrong(&self, name: &str) -> Result<(), String> {
        let parts: Vec<_> = name.split('.').collect();
        match (parts.as_slice(), &self.of_step) {
            (["inputs", rest @ ..], _) => self.wrong_input(rest.first().copied(), rest.get(1).copied()),
            (["secrets", ..], _) => Err(
                "a secret is no part of a text or a condition: `{{ secrets.NAME }}` stands alone, as \
                 one value in the `with` of a step"
                    .to_owned(),
            ),
            (parts, Some(step)) => step.wrong(parts),
            ([top @ ("steps" | "run"), ..], None) => Err(format!(
                "`{top}` is not known before the run: only `inputs` is"
            )),
            (parts, None) => Err(nearest::unknown("value", &top_of(parts), ["inputs"])),
        }
    }

    fn wrong_input(&self, input: Option<&str>, further: Option<&str>) -> Result<(), String> {
        let Some(input) = input else { return Ok(()) };
        if !self.inputs.contains_key(input) {
            let names = self.inputs.keys().map(String::as_str).collect::<Vec<_>>();
            return Err(nearest::unknown("input", input, names));
        }
        if self.is_secret_input(input) {
            return Err(format!(
                "the input `{input}` is a secret and no part of a text or a condition: \
                 `{{{{ inputs.{input} }}}}` stands alone, as one value in the `with` of a step"
            ));
        }
        match further {
            Some("name" | "text") if self.is_file(input) => Ok(()),
            Some(part) if self.is_file(input) => {
                let unknown = nearest::unknown("value", part, ["name", "text"]);
                Err(format!("the input `{input}` is a file: {unknown}"))
            }
            Some(part) => Err(format!(
                "the input `{input}` is a plain value and has no `{part}`"
            )),
            None => Ok(()),
        }
    }

    fn is_file(&self, input: &str) -> bool {
        let spec = self.inputs.get(input).and_then(Option::as_ref);
        spec.is_some_and(|spec| spec.kind == InputType::File)
    }

    /// The JSON type of an item of the list that this text gives, if that is known.
    pub(super) fn item_type(&self, text: &str) -> Option<&'static str> {
        let path = expression::only_expression(text)?;
        if only_input(text).is_some() {
            return Some("string");
        }
        let parts: Vec<_> = path.split('.').collect();
        let (["steps", step, "output", fields @ ..], Some(of_step)) =
            (parts.as_slice(), &self.of_step)
        else {
            return None;
        };
        let root = (*of_step.seen.get(*step)?)?;
        let list = walk(root, fields).ok()??;
        one_type(without_null(root, &list["items"]))
    }

    fn type_of(&self, path: &str) -> Option<&'static str> {
        let parts: Vec<_> = path.split('.').collect();
        match (parts.as_slice(), &self.of_step) {
            (["inputs", name], _) => Some(match self.inputs.get(*name)?.as_ref()?.kind {
                InputType::String
                | InputType::Choice
                | InputType::User
                | InputType::Role
                | InputType::Channel => "string",
                InputType::Integer => "integer",
                InputType::Number => "number",
                InputType::Boolean => "boolean",
                InputType::List => "array",
                InputType::File => "object",
            }),
            (["inputs", name, "name" | "text"], _) if self.is_file(name) => Some("string"),
            (["steps", step, "output", fields @ ..], Some(of_step)) => {
                let root = (*of_step.seen.get(*step)?)?;
                one_type(walk(root, fields).ok()??)
            }
            (["output", fields @ ..], Some(of_step)) => {
                one_type(walk(of_step.taken_back?.0?, fields).ok()??)
            }
            (["item"], Some(of_step)) => of_step.item?.0,
            (["index"], Some(of_step)) => of_step.item.map(|_| "integer"),
            (["run", "id" | "by"] | ["steps", _, "status"] | ["failure", "message"], Some(_)) => {
                Some("string")
            }
            _ => None,
        }
    }
}

impl OfStep<'_> {
    fn wrong(&self, parts: &[&str]) -> Result<(), String> {
        match parts {
            ["run", rest @ ..] => one_of("run", rest, ["id", "by"]),
            ["steps"] => Ok(()),
            ["steps", step, fields @ ..] => self.wrong_step(step, fields),
            ["item", ..] | ["index"] if self.item.is_some() => Ok(()),
            ["failure", rest @ ..] if self.has_failed => {
                one_of("failure", rest, ["step", "message"])
            }
            ["output", fields @ ..] if self.taken_back.is_some() => {
                let Some(Known(Some(schema))) = self.taken_back else {
                    return Ok(());
                };
                let walked = walk(schema, fields).map(drop);
                walked.map_err(|unknown| format!("the output of this step: {unknown}"))
            }
            ["item" | "index", ..] => Err(format!(
                "`{}` is there in the `with`, `wait` and `undo` of a step that has `foreach`",
                parts[0]
            )),
            ["failure", ..] => Err("`failure` is there in the steps of `on_failure`".to_owned()),
            ["output", ..] => Err("`output` is there in `undo`".to_owned()),
            other => {
                let mut known = vec!["inputs", "steps", "run"];
                known.extend(self.item.map(|_| ["item", "index"]).into_iter().flatten());
                known.extend(self.has_failed.then_some("failure"));
                known.extend(self.taken_back.map(|_| "output"));
                Err(nearest::unknown("value", &top_of(other), known))
            }
        }
    }

    fn wrong_step(&self, step: &str, fields: &[&str]) -> Result<(), String> {
        let Some(output) = self.seen.get(step) else {
            let unknown = || nearest::unknown("step", step, self.seen.keys().copied());
            return Err((self.unseen)(step).unwrap_or_else(unknown));
        };
        match (fields, output) {
            ([] | ["status"], _) | (["output", ..], None) => Ok(()),
            (["output", fields @ ..], Some(schema)) => match walk(schema, fields) {
                Ok(_) => Ok(()),
                Err(unknown) => Err(format!("the output of the step `{step}`: {unknown}")),
            },
            ([other, ..], _) => {
                let unknown = nearest::unknown("value", other, ["output", "status"]);
                Err(format!("the step `{step}`: {unknown}"))
            }
        }
    }
}

fn top_of(parts: &[&str]) -> String {
    parts.first().copied().unwrap_or_default().to_owned()
}

fn one_of(top: &str, rest: &[&str], known: [&str; 2]) -> Result<(), String> {
    match rest.first() {
        Some(other) if !known.contains(other) => {
            let unknown = nearest::unknown("value", other, known);
            Err(format!("`{top}`: {unknown}"))
        }
        _ => Ok(()),
    }
}

fn one_type(schema: &Value) -> Option<&'static str> {
    json_type(types(schema).into_iter().find(|kind| *kind != "null")?)
}

/// The part of a schema that a path leads to; `None` where the schema leaves it open.
fn walk<'s>(root: &'s Value, path: &[&str]) -> Result<Option<&'s Value>, String> {
    let mut here = without_null(root, resolve(root, root));
    for part in path {
        if let Some(next) = here["properties"].get(part) {
            here = without_null(root, next);
            continue;
        }
        if types(here) == ["array"] {
            return Err(format!(
                "it is a list and has no `{part}`: take one item of it, as in [0]"
            ));
        }
        return match closed_keys(here) {
            Some(known) => Err(nearest::unknown("value", part, known)),
            None => Ok(None),
        };
    }
    Ok(Some(here))
}

fn json_type(name: &str) -> Option<&'static str> {
    ["string", "integer", "number", "boolean", "array", "object"]
        .into_iter()
        .find(|known| *known == name)
}

fn bare(text: &str) -> String {
    expression::only_expression(text).map_or_else(|| "inputs.x".to_owned(), str::to_owned)
}
