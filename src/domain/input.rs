//! Inputs of a workflow and options of a command: their types, and the check of given values.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::input_file::{self, InputFile};
use super::nearest;
use super::secret::SecretRef;
use super::words::cut;

/// No more is told of a value that does not fit, in characters.
const LONGEST_TOLD: usize = 100;

/// One input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// What values are allowed.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Whether it must be given.
    #[serde(default)]
    pub required: bool,
    /// What it is when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The values of a `choice`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Where values for completion come from: `docker.services`; `docker.tags(service)` where
    /// another input says of what; `postgres.backups(s3://SYSTEM/BUCKET/FOLDER)` where that stands
    /// in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggest: Option<String>,
    /// Whether it is a secret: text that is in no event, no log and no message, and that a step is
    /// given as `"{{ inputs.NAME }}"` alone, where its action takes a secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// Whether what is known of an input's declaration says that it is a secret.
pub fn declared_secret(spec: &Option<InputSpec>) -> bool {
    spec.as_ref().is_some_and(|spec| spec.secret)
}

/// Where the values come from that complete an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'s> {
    /// The kind of system: `docker`.
    pub kind: &'s str,
    /// The sort of names: `services`.
    pub what: &'s str,
    /// What they belong to, if they belong to something.
    pub of: Option<Owner<'s>>,
}

/// What the values belong to that complete an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'s> {
    /// What another input, of this name, holds.
    Input(&'s str),
    /// A folder of objects, by its address.
    Folder(&'s str),
}

impl<'s> Source<'s> {
    /// Reads `KIND.WHAT`, `KIND.WHAT(INPUT)` or `KIND.WHAT(ADDRESS)`; `None` for anything else.
    pub fn parse(text: &'s str) -> Option<Self> {
        let (kind, what) = text.split_once('.')?;
        let (what, of) = match what.split_once('(') {
            Some((what, of)) => {
                let of = of.strip_suffix(')')?;
                let owner = if of.contains("://") {
                    Owner::Folder(of)
                } else {
                    Owner::Input(of)
                };
                (what, Some(owner))
            }
            None => (what, None),
        };
        let source = Self { kind, what, of };
        (!kind.is_empty() && !what.is_empty()).then_some(source)
    }
}

/// What an input may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// true or false.
    Boolean,
    /// One of `choices`.
    Choice,
    /// The name of a person whom Purser knows.
    User,
    /// The name of a role.
    Role,
    /// Where people talk: the name of a place, or the id of a chat's channel, in digits.
    Channel,
    /// Texts, in order; from a terminal with commas between them.
    List,
    /// A file of text: its `name`, and its `text`, of at most 256 KiB.
    File,
}

/// Why given values do not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InputError(pub String);

/// Checks what was given against what is declared and fills in the defaults.
///
/// Text is accepted where a number or a boolean is asked for if it reads as one, because a
/// terminal has nothing but text, and text with commas where a list is. What is null is not given.
/// Whether there is what a `user`, a `role` or a `channel` names is not asked here, but of
/// [`Nameable`](super::nameable::Nameable). In the place of a secret stands a reference to it.
///
/// # Errors
/// The first thing that does not fit, with the nearest name or the values that are allowed.
pub fn check_inputs(
    specs: &IndexMap<String, InputSpec>,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, InputError> {
    if let Some(wrong) = given.keys().find(|name| !specs.contains_key(*name)) {
        let names = specs.keys().map(String::as_str).collect::<Vec<_>>();
        return Err(InputError(nearest::unknown("input", wrong, names)));
    }
    let mut checked = Map::new();
    for (name, spec) in specs {
        let value = given.get(name).filter(|value| !value.is_null());
        match value.or(spec.default.as_ref()) {
            Some(value) => {
                checked.insert(name.clone(), spec.check(name, value)?);
            }
            None if spec.required => {
                let what = spec
                    .summary
                    .as_deref()
                    .map(|s| format!(" ({s})"))
                    .unwrap_or_default();
                return Err(InputError(format!("the input `{name}`{what} is missing")));
            }
            None => {
                checked.insert(name.clone(), Value::Null);
            }
        }
    }
    Ok(checked)
}

impl InputSpec {
    fn check(&self, name: &str, value: &Value) -> Result<Value, InputError> {
        if self.secret {
            return match SecretRef::of_json(value) {
                Some(_) => Ok(value.clone()),
                // What stands there may be the secret itself.
                None => Err(InputError(format!(
                    "the input `{name}` is a secret: a step that runs this workflow gives it as \
                     `{{{{ inputs.NAME }}}}` or `{{{{ secrets.NAME }}}}` alone"
                ))),
            };
        }
        if self.kind == InputType::File {
            let file = InputFile::of_json(value);
            return match file {
                Ok(file) => Ok(file.to_json()),
                // What was given may be as long as a file.
                Err(why) => Err(InputError(format!("the input `{name}`: {why}"))),
            };
        }
        let fitting = match (self.kind, value) {
            (InputType::User | InputType::Role | InputType::Channel, Value::String(name))
                if name.is_empty() =>
            {
                None
            }
            (
                InputType::String | InputType::User | InputType::Role | InputType::Channel,
                Value::String(_),
            )
            | (InputType::Boolean, Value::Bool(_))
            | (InputType::Number, Value::Number(_)) => Some(value.clone()),
            (InputType::Integer, Value::Number(number)) if number.is_i64() => Some(value.clone()),
            (InputType::Integer, Value::String(text)) => text.parse::<i64>().ok().map(Value::from),
            (InputType::Number, Value::String(text)) => text
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite())
                .map(Value::from),
            (InputType::Boolean, Value::String(text)) => text.parse::<bool>().ok().map(Value::from),
            (InputType::Choice, Value::String(text)) => {
                if !self.choices.contains(text) {
                    let choices = self.choices.iter().map(String::as_str).collect::<Vec<_>>();
                    let message = nearest::unknown("choice", text, choices);
                    return Err(InputError(format!("the input `{name}`: {message}")));
                }
                Some(value.clone())
            }
            (InputType::List, Value::Array(items)) => {
                items.iter().all(Value::is_string).then(|| value.clone())
            }
            (InputType::List, Value::String(text)) => Some(split(text)),
            _ => None,
        };
        fitting.ok_or_else(|| {
            let wanted = match self.kind {
                InputType::String => "text",
                InputType::Integer => "a whole number",
                InputType::Number => "a number",
                InputType::Boolean => "true or false",
                InputType::Choice => "one of its choices",
                InputType::User => "the name of a person",
                InputType::Role => "the name of a role",
                InputType::Channel => "the name of a place or the id of a channel, as text",
                InputType::List => "a list of texts",
                InputType::File => "a file",
            };
            let is =
                input_file::told(value).unwrap_or_else(|| cut(&value.to_string(), LONGEST_TOLD));
            InputError(format!("the input `{name}` must be {wanted}, and is {is}"))
        })
    }
}

/// What stands between commas, without the spaces around it.
fn split(text: &str) -> Value {
    let parts = text.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(Value::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn specs() -> IndexMap<String, InputSpec> {
        serde_json::from_value(json!({
            "database": { "type": "string", "required": true, "summary": "what to dump" },
            "rows": { "type": "integer", "default": 10 },
            "size": { "type": "choice", "choices": ["small", "large"] },
        }))
        .unwrap()
    }

    fn check(given: Value) -> Result<Value, String> {
        let Value::Object(given) = given else {
            unreachable!()
        };
        check_inputs(&specs(), &given)
            .map(Value::Object)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_terminal_gives_as_text_is_read_as_its_type() {
        assert_eq!(
            check(json!({ "database": "app", "rows": "5" })),
            Ok(json!({ "database": "app", "rows": 5, "size": null }))
        );
    }

    #[test]
    fn a_list_is_given_as_one_or_with_commas() {
        let specs: IndexMap<String, InputSpec> =
            serde_json::from_value(json!({ "services": { "type": "list", "required": true } }))
                .unwrap();
        let check = |given: Value| {
            let given = Map::from_iter([("services".to_owned(), given)]);
            check_inputs(&specs, &given).map(|checked| checked["services"].clone())
        };
        let wrong = |given: Value| check(given).unwrap_err().to_string();
        assert_eq!(check(json!("web, worker,")), Ok(json!(["web", "worker"])));
        assert_eq!(check(json!(["a,b"])), Ok(json!(["a,b"])));
        assert_eq!(check(json!("")), Ok(json!([])));
        assert_eq!(
            wrong(json!(["web", 5])),
            "the input `services` must be a list of texts, and is [\"web\",5]"
        );
        assert_eq!(
            wrong(Value::Null),
            "the input `services` is missing",
            "null is nothing that was given"
        );
    }

    #[test]
    fn a_misfit_is_told_in_short() {
        let told = check(json!({ "database": { "name": "a.csv", "text": "x".repeat(5000) } }));
        let file = "the input `database` must be text, and is a.csv (5 KiB)";
        assert_eq!(told.unwrap_err(), file);
        let told = check(json!({ "database": ["x".repeat(5000)] })).unwrap_err();
        assert!(told.chars().count() < 160, "{told}");
    }

    #[test]
    fn every_misfit_names_the_input_and_the_way_out() {
        let errors = [
            json!({}),
            json!({ "databse": "app" }),
            json!({ "database": "app", "rows": "many" }),
            json!({ "database": "app", "size": "larg" }),
            json!({ "database": 7 }),
        ]
        .map(|given| check(given).unwrap_err());
        assert_eq!(
            errors,
            [
                "the input `database` (what to dump) is missing",
                "unknown input `databse`; did you mean `database`?",
                "the input `rows` must be a whole number, and is \"many\"",
                "the input `size`: unknown choice `larg`; did you mean `large`?",
                "the input `database` must be text, and is 7",
            ]
        );
    }
}
