//! What a body may look like: every key is known, or the body is refused.
//!
//! The engine matches keys as Go's `encoding/json` does, without regard to case, and takes the
//! last of several. So do we, but take none of several; and the outcome has the engine's own
//! spelling, whatever the request's was.

use serde_json::{Map, Value};

use super::rules::{Judge, Refusal, quoted};

/// Looks at a value that has its shape already; what it returns is forwarded.
pub(super) type Check = fn(Value, &str, &Judge<'_>) -> Result<Value, Refusal>;

/// What may stand in a place. `null` may stand anywhere: to the engine it is as good as nothing.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// Any text.
    Text,
    /// A whole number.
    Whole,
    /// True or false.
    Flag,
    /// A list of texts, or one text, as the engine reads commands.
    Words,
    /// All of one shape.
    List(&'static Shape),
    /// Names of the caller's own, with values of one shape.
    Map(&'static Shape),
    /// These keys and no others.
    Object(&'static [Field]),
    /// Nothing but the value that means nothing; what a container would get by it is said here.
    Unset(&'static str),
    /// Of this shape, and what the check finds good.
    Checked(&'static Shape, Check),
}

/// A key in the engine's spelling.
pub(super) type Field = (&'static str, Shape);

/// The value as it is forwarded.
///
/// # Errors
/// The first thing that is not good.
pub(super) fn admit(
    value: Value,
    shape: Shape,
    place: &str,
    judge: &Judge<'_>,
) -> Result<Value, Refusal> {
    if value.is_null() {
        return Ok(value);
    }
    let wrong = |wanted: &str| Refusal::garbled(format!("{place} is not {wanted}"));
    match (shape, value) {
        (Shape::Text, value @ Value::String(_)) | (Shape::Flag, value @ Value::Bool(_)) => {
            Ok(value)
        }
        (Shape::Text, _) => Err(wrong("a text")),
        (Shape::Flag, _) => Err(wrong("true or false")),
        (Shape::Whole, value) if value.is_i64() || value.is_u64() => Ok(value),
        (Shape::Whole, _) => Err(wrong("a whole number")),
        (Shape::Words, value @ Value::String(_)) => Ok(value),
        (Shape::Words, value) => admit(value, Shape::List(&Shape::Text), place, judge),
        (Shape::List(inner), Value::Array(items)) => list(items, *inner, place, judge),
        (Shape::List(_), _) => Err(wrong("a list")),
        (Shape::Map(inner), Value::Object(map)) => named(map, *inner, place, judge),
        (Shape::Object(fields), Value::Object(map)) => object(map, fields, place, judge),
        (Shape::Map(_) | Shape::Object(_), _) => Err(wrong("an object")),
        (Shape::Unset(_), value) if means_nothing(&value) => Ok(Value::Null),
        (Shape::Unset(why), _) => Err(Refusal::flat(format!("{place} is set: {why}"))),
        (Shape::Checked(inner, check), value) => {
            check(admit(value, *inner, place, judge)?, place, judge)
        }
    }
}

fn list(items: Vec<Value>, inner: Shape, place: &str, judge: &Judge<'_>) -> Result<Value, Refusal> {
    let item = |(at, item): (usize, Value)| {
        let place = format!("{place}[{at}]");
        if item.is_null() {
            return Err(Refusal::garbled(format!("{place} is null")));
        }
        admit(item, inner, &place, judge)
    };
    let items: Result<Vec<_>, _> = items.into_iter().enumerate().map(item).collect();
    items.map(Value::Array)
}

fn named(
    map: Map<String, Value>,
    inner: Shape,
    place: &str,
    judge: &Judge<'_>,
) -> Result<Value, Refusal> {
    let entry = |(name, value): (String, Value)| {
        let value = admit(value, inner, &format!("{place}[{}]", quoted(&name)), judge)?;
        Ok((name, value))
    };
    let entries: Result<Map<_, _>, _> = map.into_iter().map(entry).collect();
    entries.map(Value::Object)
}

fn object(
    map: Map<String, Value>,
    fields: &[Field],
    place: &str,
    judge: &Judge<'_>,
) -> Result<Value, Refusal> {
    let mut admitted = Map::new();
    let mut seen: Vec<&str> = Vec::new();
    for (key, value) in map {
        let known = fields
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&key));
        let Some((name, shape)) = known else {
            let within = if place.is_empty() { "the body" } else { place };
            return Err(Refusal::flat(format!(
                "{within} has a key that is not known to be harmless: {}",
                quoted(&key)
            )));
        };
        let place = match place {
            "" => (*name).to_owned(),
            place => format!("{place}.{name}"),
        };
        if seen.contains(name) {
            return Err(Refusal::garbled(format!("{place} stands there twice")));
        }
        seen.push(name);
        let value = admit(value, *shape, &place, judge)?;
        if !value.is_null() {
            admitted.insert((*name).to_owned(), value);
        }
    }
    Ok(Value::Object(admitted))
}

/// What Go calls the zero value.
fn means_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// A text that [`Shape::Text`] has let through.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
