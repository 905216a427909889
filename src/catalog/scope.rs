//! What the expressions of a workflow can see, and whether what they name is there.

use indexmap::IndexMap;
use serde_json::Value;

use super::problem::Report;
use super::shape::{Rendered, closed_keys, resolve, types, without_null};
use super::source::Node;
use crate::domain::expression::{self, ExpressionError};
use crate::domain::input::{InputSpec, InputType};
use crate::domain::nearest;
use crate::domain::position::Position;
use crate::domain::secret::SecretRef;

/// What one place in the file can see.
pub(super) struct Scope<'a> {
    /// All inputs; `None` for one whose declaration is wrong itself.
    pub(super) inputs: &'a IndexMap<String, Option<InputSpec>>,
    /// Steps and the run, where those can be seen.
    pub(super) run: Option<RunScope<'a>>,
}

/// What only a step can see.
pub(super) struct RunScope<'a> {
    /// The steps before this one; the schema of what each leaves, if that is known.
    pub(super) before: &'a IndexMap<String, Option<Value>>,
    /// The ids of all steps.
    pub(super) all: &'a [&'a str],
    /// The step itself.
    pub(super) here: &'a str,
}

/// Whether a text has expressions in it, or something that means to be one.
pub(super) fn has_expression(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// The input of a text that is exactly `{{ inputs.NAME }}`.
pub(super) fn only_input(text: &str) -> Option<&str> {
    let name = expression::only_expression(text)?.strip_prefix("inputs.")?;
    is_path(name)
        .then_some(name)
        .filter(|name| !name.contains('.'))
}

/// Whether a text is exactly `{{ steps.ID.output… }}`.
pub(super) fn only_output(text: &str) -> bool {
    expression::only_expression(text)
        .and_then(|path| path.strip_prefix("steps."))
        .is_some_and(|rest| is_path(rest) && rest.split('.').nth(1) == Some("output"))
}

fn is_path(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == '.')
}

impl Scope<'_> {
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
    fn is_secret(&self, text: &str) -> bool {
        self.run.is_some() && SecretRef::of_text(text).is_some()
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
        let mut parts = name.split('.');
        let (top, second) = (parts.next().unwrap_or_default(), parts.next());
        match (top, &self.run) {
            ("inputs", _) => self.wrong_input(second, parts.next()),
            ("run", Some(_)) => match second {
                None | Some("id" | "by") => Ok(()),
                Some(other) => {
                    let unknown = nearest::unknown("value", other, ["id", "by"]);
                    Err(format!("`run`: {unknown}"))
                }
            },
            ("steps", Some(run)) => match second {
                None => Ok(()),
                Some(step) => run.wrong_step(step, &parts.collect::<Vec<_>>()),
            },
            ("secrets", _) => Err(
                "a secret is no part of a text or a condition: `{{ secrets.NAME }}` stands alone, as \
                 one value in the `with` of a step"
                    .to_owned(),
            ),
            ("steps" | "run", None) => Err(format!(
                "`{top}` is not known before the run: only `inputs` is"
            )),
            (other, Some(_)) => Err(nearest::unknown("value", other, ["inputs", "steps", "run"])),
            (other, None) => Err(nearest::unknown("value", other, ["inputs"])),
        }
    }

    fn wrong_input(&self, input: Option<&str>, further: Option<&str>) -> Result<(), String> {
        let Some(input) = input else { return Ok(()) };
        if !self.inputs.contains_key(input) {
            let names = self.inputs.keys().map(String::as_str).collect::<Vec<_>>();
            return Err(nearest::unknown("input", input, names));
        }
        match further {
            Some(part) => Err(format!(
                "the input `{input}` is a plain value and has no `{part}`"
            )),
            None => Ok(()),
        }
    }

    fn type_of(&self, path: &str) -> Option<&'static str> {
        let parts: Vec<_> = path.split('.').collect();
        match (parts.as_slice(), &self.run) {
            (["inputs", name], _) => Some(match self.inputs.get(*name)?.as_ref()?.kind {
                InputType::String | InputType::Choice => "string",
                InputType::Integer => "integer",
                InputType::Number => "number",
                InputType::Boolean => "boolean",
            }),
            (["steps", step, "output", fields @ ..], Some(run)) => {
                let root = run.before.get(*step)?.as_ref()?;
                let schema = walk(root, fields).ok()??;
                json_type(types(schema).into_iter().find(|kind| *kind != "null")?)
            }
            (["run", "id" | "by"] | ["steps", _, "status"], Some(_)) => Some("string"),
            _ => None,
        }
    }
}

impl RunScope<'_> {
    fn wrong_step(&self, step: &str, fields: &[&str]) -> Result<(), String> {
        let Some(output) = self.before.get(step) else {
            return Err(if step == self.here {
                format!("the step `{step}` cannot see itself, only the steps before it")
            } else if self.all.contains(&step) {
                format!(
                    "the step `{step}` comes later: only the steps before this one can be named"
                )
            } else {
                nearest::unknown(
                    "step",
                    step,
                    self.before.keys().map(String::as_str).collect::<Vec<_>>(),
                )
            });
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

/// The part of a schema that a path leads to; `None` where the schema leaves it open.
fn walk<'s>(root: &'s Value, path: &[&str]) -> Result<Option<&'s Value>, String> {
    let mut here = without_null(root, resolve(root, root));
    for part in path {
        if let Some(next) = here["properties"].get(part) {
            here = without_null(root, next);
            continue;
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
