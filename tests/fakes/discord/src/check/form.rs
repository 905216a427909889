//! The form that a body is checked against: collects what is wrong, each at the path of its field.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use crate::refusal::Refusal;

/// What is wrong with a body so far.
#[derive(Debug, Default)]
pub(crate) struct Form {
    errors: Map<String, Value>,
}

impl Form {
    /// Notes an error at a path like `embeds.0.title`.
    pub(crate) fn refuse(&mut self, path: &str, code: &str, message: impl Into<String>) {
        let mut place = &mut self.errors;
        for part in path.split('.') {
            let inner = place.entry(part).or_insert_with(|| json!({}));
            let Value::Object(inner) = inner else { return };
            place = inner;
        }
        let errors = place.entry("_errors").or_insert_with(|| json!([]));
        if let Value::Array(errors) = errors {
            errors.push(json!({ "code": code, "message": message.into() }));
        }
    }

    /// A text whose length lies in the range, counted in characters; returns it if it is one.
    pub(crate) fn text<'a>(
        &mut self,
        path: &str,
        value: &'a Value,
        length: &RangeInclusive<usize>,
    ) -> Option<&'a str> {
        let Some(text) = value.as_str() else {
            self.refuse_missing_or(
                path,
                value,
                "STRING_TYPE_CONVERT",
                "Could not interpret value as string.",
            );
            return None;
        };
        self.length(path, text.chars().count(), length);
        Some(text)
    }

    /// The same, where the field may be missing or null.
    pub(crate) fn optional_text<'a>(
        &mut self,
        path: &str,
        value: &'a Value,
        length: &RangeInclusive<usize>,
    ) -> Option<&'a str> {
        if value.is_null() {
            return None;
        }
        self.text(path, value, length)
    }

    /// How long something may be.
    pub(crate) fn length(&mut self, path: &str, is: usize, may: &RangeInclusive<usize>) {
        let (least, most) = (may.start(), may.end());
        if may.contains(&is) {
            return;
        }
        if is == 0 {
            self.refuse(path, "BASE_TYPE_REQUIRED", "This field is required");
        } else if *least == 0 {
            let message = format!("Must be {most} or fewer in length.");
            self.refuse(path, "BASE_TYPE_MAX_LENGTH", message);
        } else {
            let message = format!("Must be between {least} and {most} in length.");
            self.refuse(path, "BASE_TYPE_BAD_LENGTH", message);
        }
    }

    /// A list, each of whose members is checked in turn; missing or null is an empty list.
    pub(crate) fn list<'a>(
        &mut self,
        path: &str,
        value: &'a Value,
        length: &RangeInclusive<usize>,
    ) -> &'a [Value] {
        match value {
            Value::Null => {
                self.length(path, 0, length);
                &[]
            }
            Value::Array(list) => {
                self.length(path, list.len(), length);
                list
            }
            _ => {
                self.refuse(
                    path,
                    "LIST_TYPE_CONVERT",
                    "Only iterables may be used in a ListType",
                );
                &[]
            }
        }
    }

    /// A whole number in the range.
    pub(crate) fn number(
        &mut self,
        path: &str,
        value: &Value,
        range: &RangeInclusive<u64>,
    ) -> Option<u64> {
        match value.as_u64() {
            Some(number) if range.contains(&number) => Some(number),
            Some(_) => {
                let message = format!(
                    "Value must be between {} and {}.",
                    range.start(),
                    range.end()
                );
                self.refuse(path, "NUMBER_TYPE_RANGE", message);
                None
            }
            None => {
                self.refuse_missing_or(path, value, "NUMBER_TYPE_COERCE", "Value is not int.");
                None
            }
        }
    }

    /// One of a few numbers.
    pub(crate) fn one_of(&mut self, path: &str, value: &Value, choices: &[u64]) -> Option<u64> {
        let chosen = value.as_u64().filter(|number| choices.contains(number));
        if chosen.is_none() {
            let listed: Vec<String> = choices.iter().map(u64::to_string).collect();
            let message = format!("Value must be one of ({}).", listed.join(", "));
            self.refuse_missing_or(path, value, "BASE_TYPE_CHOICES", &message);
        }
        chosen
    }

    /// Every value at most once.
    pub(crate) fn unique<'a>(
        &mut self,
        seen: &mut Vec<&'a str>,
        path: &str,
        value: &'a str,
        code: &str,
        message: &str,
    ) {
        if seen.contains(&value) {
            self.refuse(path, code, message);
        } else {
            seen.push(value);
        }
    }

    fn refuse_missing_or(&mut self, path: &str, value: &Value, code: &str, message: &str) {
        if value.is_null() {
            self.refuse(path, "BASE_TYPE_REQUIRED", "This field is required");
        } else {
            self.refuse(path, code, message);
        }
    }

    /// Fine, or Discord's 50035 with all that was noted.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        if self.errors.is_empty() {
            return Ok(());
        }
        Err(Refusal {
            status: 400,
            code: 50035,
            message: "Invalid Form Body",
            errors: Some(Value::Object(self.errors)),
        })
    }
}
