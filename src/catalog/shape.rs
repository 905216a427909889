//! Whether a value has the shape that a JSON Schema asks for, with every misfit and its place.
//!
//! Knows the part of JSON Schema that `schemars` writes for our types; what it does not know, it
//! lets pass.

use serde_json::Value;

use super::source::{Content, Fault, Node};
use crate::action::objects;
use crate::domain::nearest;
use crate::domain::position::Position;
use crate::domain::secret;

/// References that lead further than this lead round in circles.
const FURTHEST: usize = 16;

/// What a text with an expression in it will be when it is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rendered {
    /// There is no expression in it.
    Literally,
    /// Something; only the run will show.
    Anything,
    /// A value of this JSON type.
    OfType(&'static str),
    /// A reference to a secret.
    Secret,
}

/// One check of a value against a schema.
pub(super) struct Shape<'a> {
    schema: &'a Value,
    rendered: &'a dyn Fn(&str) -> Rendered,
    /// What does not fit.
    pub(super) faults: Vec<Fault>,
    /// The texts that the schema takes for addresses of objects.
    pub(super) addresses: Vec<(&'a str, Position)>,
    /// Where a secret stands that the schema has a place for.
    pub(super) secrets: Vec<Position>,
}

/// Checks a value in which no text is an expression; people know it as `what`.
pub(super) fn check(node: &Node, schema: &Value, what: &str) -> Vec<Fault> {
    let mut shape = Shape::new(schema, &|_| Rendered::Literally);
    shape.check(node, schema, what);
    shape.faults
}

/// Follows `$ref`s within the schema.
pub(super) fn resolve<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    for _ in 0..FURTHEST {
        let Some(target) = schema["$ref"]
            .as_str()
            .and_then(|path| path.strip_prefix('#'))
        else {
            break;
        };
        let Some(next) = root.pointer(target) else {
            break;
        };
        schema = next;
    }
    schema
}

/// The one schema that is left of `anyOf` and `oneOf` without `null`, as of an `Option`.
pub(super) fn without_null<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let schema = resolve(root, schema);
    match alternatives(schema) {
        Some(all) => {
            let mut some = all.iter().filter(|one| one["type"] != "null");
            match (some.next(), some.next()) {
                (Some(only), None) => resolve(root, only),
                _ => schema,
            }
        }
        None => schema,
    }
}

/// The JSON types that a schema allows; none when it does not say.
pub(super) fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(some) => some.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}

/// The keys of an object, if it can have no others.
pub(super) fn closed_keys(schema: &Value) -> Option<Vec<&str>> {
    let known = schema["properties"].as_object();
    let closed = match &schema["additionalProperties"] {
        Value::Null => known.is_some(),
        others => *others == Value::Bool(false),
    };
    closed.then(|| {
        known
            .map(|keys| keys.keys().map(String::as_str).collect())
            .unwrap_or_default()
    })
}

fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    schema["anyOf"]
        .as_array()
        .or_else(|| schema["oneOf"].as_array())
}

/// The texts that are allowed, if the schema lists them.
fn listed(schema: &Value) -> Option<Vec<&str>> {
    if let Some(one) = schema["const"].as_str() {
        return Some(vec![one]);
    }
    if let Some(some) = schema["enum"].as_array() {
        return some.iter().map(Value::as_str).collect();
    }
    let each: Option<Vec<_>> = alternatives(schema)?.iter().map(listed).collect();
    each.map(|lists| lists.concat())
}

/// The cases of an `enum` with values, each a mapping of the one key that says which it is.
fn tagged(schema: &Value) -> Option<Vec<(&str, &Value)>> {
    let case = |one| -> Option<(&str, &Value)> {
        let one: &Value = one;
        let keys = closed_keys(one)?;
        let [key] = keys[..] else { return None };
        (one["required"] == serde_json::json!([key])).then(|| (key, &one["properties"][key]))
    };
    alternatives(schema)
        .filter(|cases| cases.len() > 1)?
        .iter()
        .map(case)
        .collect()
}

impl<'a> Shape<'a> {
    pub(super) fn new(schema: &'a Value, rendered: &'a dyn Fn(&str) -> Rendered) -> Self {
        Self {
            schema,
            rendered,
            faults: vec![],
            addresses: vec![],
            secrets: vec![],
        }
    }

    /// Checks a value that people know as `what` against a part of the schema.
    pub(super) fn check(&mut self, node: &'a Node, part: &'a Value, what: &str) {
        let schema = without_null(self.schema, part);
        let nullable = !std::ptr::eq(schema, resolve(self.schema, part));
        if nullable && matches!(node.content, Content::Null) {
            return;
        }
        if schema["format"] == objects::FORMAT
            && let Content::Text(text) = &node.content
        {
            self.addresses.push((text, node.at));
        }
        if let Content::Text(text) = &node.content
            && (self.rendered)(text) != Rendered::Literally
        {
            if schema["format"] == secret::FORMAT && (self.rendered)(text) == Rendered::Secret {
                self.secrets.push(node.at);
            }
            self.check_rendered(node, schema, text, what);
            return;
        }
        if let Some(allowed) = listed(schema) {
            self.check_listed(node, &allowed, what);
        } else if let Some(cases) = tagged(schema) {
            self.check_tagged(node, &cases, what);
        } else if let Some(all) = alternatives(schema) {
            self.check_best(node, all, what);
        } else if self.check_type(node, schema, what) {
            self.check_within(node, schema, what);
        }
    }

    fn fault(&mut self, at: Position, message: String) {
        self.faults.push(Fault {
            at: Some(at),
            message,
        });
    }

    fn check_rendered(&mut self, node: &Node, schema: &Value, text: &str, what: &str) {
        let Rendered::OfType(is) = (self.rendered)(text) else {
            return;
        };
        let wanted = match listed(schema) {
            Some(_) => vec!["string"],
            None => types(schema),
        };
        if !wanted.is_empty() && !wanted.iter().any(|wanted| fits(is, wanted)) {
            let message = format!(
                "{what} must be {}, and `{text}` is {}",
                words(&wanted),
                word(is)
            );
            self.fault(node.at, message);
        }
    }

    fn check_listed(&mut self, node: &Node, allowed: &[&str], what: &str) {
        match node.text() {
            Some(text) if allowed.contains(&text) => {}
            Some(text) => {
                let unknown = nearest::unknown("value", text, allowed.to_vec());
                self.fault(node.at, format!("{what}: {unknown}"));
            }
            None => {
                let message = format!(
                    "{what} must be one of {}, and is {}",
                    ticked(allowed),
                    shown(node)
                );
                self.fault(node.at, message);
            }
        }
    }

    /// A mapping of one key, which says what its value is.
    fn check_tagged(&mut self, node: &'a Node, cases: &[(&'a str, &'a Value)], what: &str) {
        let keys: Vec<_> = cases.iter().map(|(key, _)| *key).collect();
        let [entry] = node.entries() else {
            let message = format!("{what} must have one key of {}", ticked(&keys));
            return self.fault(node.at, message);
        };
        match cases.iter().find(|(key, _)| *key == entry.key) {
            Some((key, part)) => self.check(&entry.value, part, &format!("`{key}`")),
            None => self.fault(entry.at, nearest::unknown("key", &entry.key, keys)),
        }
    }

    /// Of several shapes, the one with the fewest misfits is taken to be the one that was meant.
    fn check_best(&mut self, node: &'a Node, all: &'a [Value], what: &str) {
        let best = all
            .iter()
            .map(|one| {
                let mut shape = Shape::new(self.schema, self.rendered);
                shape.check(node, one, what);
                shape
            })
            .min_by_key(|shape| shape.faults.len());
        if let Some(best) = best {
            self.faults.extend(best.faults);
            self.addresses.extend(best.addresses);
            self.secrets.extend(best.secrets);
        }
    }

    fn check_type(&mut self, node: &Node, schema: &Value, what: &str) -> bool {
        let wanted = types(schema);
        let is = type_of(node);
        if !wanted.is_empty() && !wanted.iter().any(|wanted| fits(is, wanted)) {
            let hint =
                if wanted.contains(&"string") && matches!(is, "integer" | "number" | "boolean") {
                    ": put it in quotes"
                } else {
                    ""
                };
            let message = format!(
                "{what} must be {}, and is {}{hint}",
                words(&wanted),
                shown(node)
            );
            self.fault(node.at, message);
            return false;
        }
        let number = match &node.content {
            Content::Number(number) => number.as_f64(),
            _ => None,
        };
        for (bound, is_out, word) in [
            ("minimum", f64::lt as fn(&f64, &f64) -> bool, "at least"),
            ("maximum", f64::gt, "at most"),
        ] {
            if let (Some(number), Some(limit)) = (number, schema[bound].as_f64())
                && is_out(&number, &limit)
            {
                let message = format!("{what} must be {word} {}, and is {number}", schema[bound]);
                self.fault(node.at, message);
            }
        }
        true
    }

    fn check_within(&mut self, node: &'a Node, schema: &'a Value, what: &str) {
        match &node.content {
            Content::List(items) if schema["items"].is_object() => {
                for item in items {
                    self.check(item, &schema["items"], &format!("each item of {what}"));
                }
            }
            Content::Map(_) => self.check_keys(node, schema),
            _ => {}
        }
    }

    fn check_keys(&mut self, node: &'a Node, schema: &'a Value) {
        let closed = closed_keys(schema);
        for entry in node.entries() {
            let what = format!("`{}`", entry.key);
            if let Some(part) = schema["properties"].get(&entry.key) {
                self.check(&entry.value, part, &what);
            } else if let Some(known) = &closed {
                self.fault(
                    entry.at,
                    nearest::unknown("key", &entry.key, known.iter().copied()),
                );
            } else if schema["additionalProperties"].is_object() {
                self.check(&entry.value, &schema["additionalProperties"], &what);
            }
        }
        let required = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        for key in required.filter(|key| node.get(key).is_none()) {
            let about = first_sentence(&schema["properties"][key]["description"]);
            self.fault(node.at, format!("`{key}` is missing{about}"));
        }
    }
}

fn type_of(node: &Node) -> &'static str {
    match &node.content {
        Content::Null => "null",
        Content::Bool(_) => "boolean",
        Content::Number(number) if number.is_f64() => "number",
        Content::Number(_) => "integer",
        Content::Text(_) => "string",
        Content::List(_) => "array",
        Content::Map(_) => "object",
    }
}

fn fits(is: &str, wanted: &str) -> bool {
    is == wanted || (is == "integer" && wanted == "number")
}

/// A JSON type in words for people.
pub(super) fn word(kind: &str) -> &str {
    match kind {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a mapping of keys to values",
        "null" => "empty",
        other => other,
    }
}

fn words(kinds: &[&str]) -> String {
    let some = kinds
        .iter()
        .filter(|kind| **kind != "null")
        .map(|kind| word(kind));
    some.collect::<Vec<_>>().join(" or ")
}

fn ticked(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A value as people see it in an error: short ones as they are, others by their type.
fn shown(node: &Node) -> String {
    match &node.content {
        Content::Text(text) if text.chars().count() <= 40 => format!("{text:?}"),
        Content::Bool(value) => value.to_string(),
        Content::Number(number) => number.to_string(),
        _ => word(type_of(node)).to_owned(),
    }
}

/// ` (the folder that keeps the backups)`, from a field's documentation.
fn first_sentence(description: &Value) -> String {
    let text = description.as_str().unwrap_or_default();
    let end = text.find(['.', ':', '\n']).unwrap_or(text.len());
    let mut letters = text[..end].chars();
    match letters.next() {
        Some(first) => format!(" ({}{})", first.to_lowercase(), letters.as_str()),
        None => String::new(),
    }
}
