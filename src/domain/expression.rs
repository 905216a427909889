//! Expressions in workflow files: minijinja with strict undefined and without statements
//! (decision 12).

mod in_part;

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value;

use self::in_part::{InPart, Read};
use super::nearest;
use super::secret::SecretRef;

/// An evaluation may take this many steps of the expression engine.
const FUEL: u64 = 20_000;

/// No expression is longer than this, in bytes: parsing one takes stack for each of its signs.
const LONGEST_EXPRESSION: usize = 500;

/// No rendered text is longer than this, in bytes.
const LONGEST: usize = 64 * 1024;

/// What expressions can see.
#[derive(Clone, Debug)]
pub struct Scope {
    values: Value,
    /// What stands at these dotted paths is there in part, for these reasons.
    left_out: BTreeMap<String, String>,
}

/// An expression that cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("in `{source_text}`: {message}")]
pub struct ExpressionError {
    /// The text as it stands in the file.
    pub source_text: String,
    /// What is wrong.
    pub message: String,
}

impl Scope {
    /// The names at the top are the fields of this object.
    pub fn new(values: Value) -> Self {
        Self {
            values,
            left_out: BTreeMap::new(),
        }
    }

    /// Sets a name at the top.
    pub fn set(&mut self, name: &str, value: Value) {
        if let Value::Object(fields) = &mut self.values {
            fields.insert(name.to_owned(), value);
        }
    }

    /// What stands at the top under this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Takes the other fields away from an object at the top.
    pub fn retain(&mut self, name: &str, keep: impl Fn(&str) -> bool) {
        if let Some(Value::Object(fields)) = self.values.get_mut(name) {
            fields.retain(|field, _| keep(field));
        }
    }

    /// What stands at this dotted path (items of lists by their number) is there in part. An
    /// expression sees the fields that are there; one that reads more fails, and says `why`.
    pub fn leave_out(&mut self, path: String, why: String) {
        self.left_out.insert(path, why);
    }

    /// The values as the expression engine has them, and what was read of them that is not there.
    fn seen(&self) -> (minijinja::Value, Read) {
        let read = Read::default();
        (self.seen_at("", &self.values, &read), read)
    }

    fn seen_at(&self, path: &str, value: &Value, read: &Read) -> minijinja::Value {
        if let Some(why) = self.left_out.get(path) {
            return InPart::of(value, why, read);
        }
        let within = |part: &str| match path {
            "" => part.to_owned(),
            path => format!("{path}.{part}"),
        };
        let is_whole = !self
            .left_out
            .keys()
            .any(|left| left.starts_with(&within("")));
        match value {
            Value::Object(fields) if !is_whole => minijinja::Value::from_pairs(
                fields
                    .iter()
                    .map(|(name, value)| (&**name, self.seen_at(&within(name), value, read))),
            ),
            Value::Array(items) if !is_whole => items
                .iter()
                .enumerate()
                .map(|(n, item)| self.seen_at(&within(&n.to_string()), item, read))
                .collect(),
            whole => Serde(whole).into(),
        }
    }

    /// The first part of a dotted path that does not exist, as an error.
    fn missing(&self, path: &str) -> Option<String> {
        let mut here = &self.values;
        let mut walked = String::new();
        for part in path.split('.') {
            let fields = match here {
                Value::Object(fields) => fields,
                Value::Null => return Some(format!("`{walked}` is empty and has no `{part}`")),
                _ => return None,
            };
            let Some(next) = fields.get(part) else {
                let names: Vec<_> = fields.keys().map(String::as_str).collect();
                let within = if walked.is_empty() {
                    String::new()
                } else {
                    format!(" in `{walked}`")
                };
                return Some(format!(
                    "{}{within}",
                    nearest::unknown("value", part, names)
                ));
            };
            walked = if walked.is_empty() {
                part.to_owned()
            } else {
                format!("{walked}.{part}")
            };
            here = next;
        }
        None
    }
}

/// What was given as an input, or a part of it, may be handed on whole up to this length, in bytes: a
/// file as JSON can be that long.
const LONGEST_INPUT: usize = 2 * 1024 * 1024;

/// Evaluates every expression in a value. Text that is exactly one `{{ }}` keeps the type of what
/// it evaluates to; any other text stays text. Exactly `{{ secrets.NAME }}` is the reference
/// `{"$secret": "NAME"}`; no other expression sees a secret.
///
/// # Errors
/// The first expression that names a missing value, does not parse, or takes too much.
pub fn render(value: &Value, scope: &Scope) -> Result<Value, ExpressionError> {
    match value {
        Value::String(text) => render_text(text, scope),
        Value::Array(items) => items.iter().map(|item| render(item, scope)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| Ok((name.clone(), render(value, scope)?)))
            .collect::<Result<_, _>>()
            .map(Value::Object),
        plain => Ok(plain.clone()),
    }
}

/// Evaluates a bare expression as true or false.
///
/// # Errors
/// As [`render`].
pub fn truth(expression: &str, scope: &Scope) -> Result<bool, ExpressionError> {
    evaluate(expression, expression, scope, |value| Ok(value.is_true()))
}

/// The dotted paths that a text's expressions name: `inputs.database`, `steps.dump.output.backup`.
///
/// # Errors
/// Text that does not parse, or that has statements.
pub fn names_in(text: &str) -> Result<BTreeSet<String>, ExpressionError> {
    let environment = environment();
    check_language(text)?;
    let template = environment
        .template_from_str(text)
        .map_err(|error| wrong(text, &error, None))?;
    Ok(template.undeclared_variables(true).into_iter().collect())
}

/// As [`names_in`], for a bare expression.
///
/// # Errors
/// An expression that does not parse.
pub fn names_in_condition(expression: &str) -> Result<BTreeSet<String>, ExpressionError> {
    check_length(expression)?;
    let environment = environment();
    let compiled = environment
        .compile_expression(expression)
        .map_err(|error| wrong(expression, &error, None))?;
    Ok(compiled.undeclared_variables(true).into_iter().collect())
}

fn render_text(text: &str, scope: &Scope) -> Result<Value, ExpressionError> {
    if !text.contains("{{") && !text.contains("{%") {
        return Ok(Value::from(text));
    }
    if let Some(reference) = SecretRef::of_text(text) {
        return Ok(reference.to_json());
    }
    check_language(text)?;
    if let Some(expression) = only_expression(text) {
        let value = evaluate(text, expression, scope, |value| {
            serde_json::to_value(&value).map_err(|error| ExpressionError {
                source_text: text.to_owned(),
                message: error.to_string(),
            })
        })?;
        let most = if is_of_input(expression) {
            LONGEST_INPUT
        } else {
            LONGEST
        };
        return bounded(text, value, most);
    }
    let (values, read) = scope.seen();
    let rendered = environment().render_str(text, values);
    read.nothing_left_out(text)?;
    let rendered = rendered.map_err(|error| {
        wrong(
            text,
            &error,
            names_in(text).ok().as_ref().map(|n| (n, scope)),
        )
    })?;
    bounded(text, Value::from(rendered), LONGEST)
}

/// `take` says what is wanted of the value: it may read more of it.
fn evaluate<T>(
    source: &str,
    expression: &str,
    scope: &Scope,
    take: impl FnOnce(minijinja::Value) -> Result<T, ExpressionError>,
) -> Result<T, ExpressionError> {
    check_length(expression)?;
    let environment = environment();
    let compiled = environment
        .compile_expression(expression)
        .map_err(|error| wrong(source, &error, None))?;
    let names: BTreeSet<String> = compiled.undeclared_variables(true).into_iter().collect();
    let (values, read) = scope.seen();
    let value = compiled.eval(values);
    read.nothing_left_out(source)?;
    let value = value.map_err(|error| wrong(source, &error, Some((&names, scope))))?;
    if value.is_undefined() {
        let missing = names.iter().find_map(|name| scope.missing(name));
        return Err(ExpressionError {
            source_text: source.to_owned(),
            message: missing.unwrap_or_else(|| "it has no value".to_owned()),
        });
    }
    let taken = take(value);
    read.nothing_left_out(source)?;
    taken
}

/// The expression of a text that is exactly one `{{ }}`, and so keeps the type of its value.
pub fn only_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}")).then(|| inner.trim())
}

/// The input that a text gives, if it is exactly `{{ inputs.NAME }}`.
pub fn only_input(text: &str) -> Option<&str> {
    let name = only_expression(text)?.strip_prefix("inputs.")?;
    is_field(name).then_some(name)
}

/// Whether an expression is an input as it was given, or a part of it.
fn is_of_input(expression: &str) -> bool {
    let path = expression.strip_prefix("inputs.");
    path.is_some_and(|path| path.split('.').all(is_field))
}

/// Whether a text is a name that can stand behind a dot.
pub(super) fn is_field(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment
}

fn check_language(text: &str) -> Result<(), ExpressionError> {
    if text.contains("{%") || text.contains("{#") {
        return Err(ExpressionError {
            source_text: text.to_owned(),
            message: "loops, macros, comments and other `{% %}` are not part of the language"
                .to_owned(),
        });
    }
    expressions(text)
        .iter()
        .try_for_each(|expression| check_length(expression))
}

fn check_length(expression: &str) -> Result<(), ExpressionError> {
    if expression.len() <= LONGEST_EXPRESSION {
        return Ok(());
    }
    let shown: String = expression.trim().chars().take(40).collect();
    Err(ExpressionError {
        source_text: format!("{shown}…"),
        message: format!(
            "the expression has {} bytes, and {LONGEST_EXPRESSION} are allowed",
            expression.len()
        ),
    })
}

/// What stands between `{{` and `}}`, or the end where that is missing. Braces in quotes and those
/// of mappings end nothing.
fn expressions(text: &str) -> Vec<&str> {
    let mut found = vec![];
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let inner = &rest[start + 2..];
        let end = end_of_expression(inner);
        found.push(&inner[..end]);
        rest = &inner[end..];
    }
    found
}

fn end_of_expression(inner: &str) -> usize {
    let mut quote = None;
    let mut open = 0_usize;
    let mut bytes = inner.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match (quote, byte) {
            (Some(_), b'\\') => _ = bytes.next(),
            (Some(end), _) if end == byte => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'{') => open += 1,
            (None, b'}') if open > 0 => open -= 1,
            (None, b'}') if inner[at + 1..].starts_with('}') => return at,
            _ => {}
        }
    }
    inner.len()
}

fn bounded(source: &str, value: Value, most: usize) -> Result<Value, ExpressionError> {
    let length = value
        .as_str()
        .map_or_else(|| value.to_string().len(), str::len);
    if length > most {
        return Err(ExpressionError {
            source_text: source.to_owned(),
            message: format!("the result has {length} bytes, and {most} are allowed"),
        });
    }
    Ok(value)
}

fn wrong(
    source: &str,
    error: &minijinja::Error,
    names: Option<(&BTreeSet<String>, &Scope)>,
) -> ExpressionError {
    let missing =
        names.and_then(|(names, scope)| names.iter().find_map(|name| scope.missing(name)));
    let message = missing.unwrap_or_else(|| match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    });
    ExpressionError {
        source_text: source.to_owned(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        Scope::new(json!({
            "inputs": { "database": "app", "rows": 5, "note": null },
            "steps": { "dump": { "output": { "backup": "s3://minio/b/x" } } },
        }))
    }

    #[test]
    fn one_expression_keeps_its_type_and_any_other_text_is_text() {
        let value =
            json!({ "a": "{{ inputs.rows }}", "b": "n={{ inputs.rows + 1 }}", "c": [true] });
        assert_eq!(
            render(&value, &scope()),
            Ok(json!({ "a": 5, "b": "n=6", "c": [true] }))
        );
        assert_eq!(
            truth("inputs.rows > 3 and inputs.database == 'app'", &scope()),
            Ok(true)
        );
    }

    #[test]
    fn a_secret_alone_is_a_reference_and_no_part_of_anything_else() {
        let value = json!({ "env": { "A": "{{ secrets.ORDERS_URL }}" } });
        assert_eq!(
            render(&value, &scope()),
            Ok(json!({ "env": { "A": { "$secret": "ORDERS_URL" } } }))
        );
        for text in [
            "x-{{ secrets.A }}",
            "{{ secrets.A ~ '' }}",
            "{{ secrets }}",
            "{{ [secrets.A] }}",
        ] {
            assert!(render(&json!(text), &scope()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_missing_value_names_the_nearest_one() {
        let errors = [
            "{{ inputs.databse }}",
            "x-{{ steps.dmup.output.backup }}",
            "{{ secret }}",
            "{{ inputs.note.text }}",
            "x-{{ inputs.note.text }}",
        ]
        .map(|text| render(&json!(text), &scope()).unwrap_err().to_string());
        assert_eq!(
            errors,
            [
                "in `{{ inputs.databse }}`: unknown value `databse`; did you mean `database`? in `inputs`",
                "in `x-{{ steps.dmup.output.backup }}`: unknown value `dmup`; did you mean `dump`? in `steps`",
                "in `{{ secret }}`: unknown value `secret`; there is `inputs`, `steps`",
                "in `{{ inputs.note.text }}`: `inputs.note` is empty and has no `text`",
                "in `x-{{ inputs.note.text }}`: `inputs.note` is empty and has no `text`",
            ]
        );
    }

    #[test]
    fn loops_and_long_results_are_refused() {
        for text in [
            "{% for i in range(9) %}{{ i }}{% endfor %}",
            "{{ 'ab' * 100000 }}",
            "{{ 1 + }}",
        ] {
            assert!(render(&json!(text), &scope()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_would_grow_without_end_is_refused_before_it_does() {
        let grow = |first: &str, filter: &str| format!("{{{{ {first}{} }}}}", filter.repeat(12));
        let texts = [
            grow("'a'", "|replace('a', 'aaaaaaaaaa')"),
            grow("'\"'", "|tojson|tojson|tojson"),
            grow("'aaaa'", "|list|join('aaaaaaaa')"),
            grow("'a'", "|list|pprint"),
            "{{ 'a'|indent(99999999, true) }}".to_owned(),
            "{{ '%999999999d'|format(1) }}".to_owned(),
            "{{ [1]|batch(99999999, 0)|list }}".to_owned(),
            "{{ [1]|slice(99999999, 0)|list }}".to_owned(),
            "{{ 'x' * 99999999 }}".to_owned(),
            "{{ ([1] * 99999999)|list }}".to_owned(),
            "{{ (range(99999)|list * 99999)|list|length }}".to_owned(),
            "{{ range(99999)|map('string')|join('aaaaaaaaaaaaaaaaaaaaaaaaa') }}".to_owned(),
            "{{ 9 ** 9 ** 9 ** 9 }}".to_owned(),
        ];
        let begun = std::time::Instant::now();
        for text in texts {
            assert!(render(&json!(text), &scope()).is_err(), "{text}");
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(5));
    }

    #[test]
    fn no_expression_is_long_enough_to_take_the_stack() {
        let signs = [
            "(",
            "[",
            "{'a':",
            "not ",
            "-",
            "a.",
            "a+",
            "a|",
            "a if ",
            "1 if 1 else ",
        ];
        for sign in signs {
            let short = sign.repeat(LONGEST_EXPRESSION / sign.len());
            let long = sign.repeat(10_000);
            for text in [&short, &format!("x {{{{{short}1}}}}"), &long] {
                let _ = names_in(text);
                let _ = truth(text, &scope());
            }
            let hidden = format!("x {{{{ {{'}}}}': {{'a': 1}}}} ~ {long} }}}}");
            let error = names_in(&hidden).unwrap_err().to_string();
            assert!(error.contains("are allowed"), "{sign}: {error}");
        }
    }

    #[test]
    fn html_is_not_escaped() {
        let scope = Scope::new(json!({ "a": "<b>&" }));
        assert_eq!(render(&json!("x {{ a }}"), &scope), Ok(json!("x <b>&")));
    }

    #[test]
    fn the_names_that_a_text_uses_are_known_before_it_runs() {
        let names =
            names_in("backup-{{ inputs.database }}-{{ steps.dump.output.backup }}").unwrap();
        assert_eq!(
            names.into_iter().collect::<Vec<_>>(),
            ["inputs.database", "steps.dump.output.backup"]
        );
    }
}
