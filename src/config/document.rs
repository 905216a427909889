//! A TOML document in which the variables of the environment have taken their places, and which
//! remembers where each value comes from.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Origin, Wrong};
use crate::domain::nearest;
use crate::domain::position::Position;

/// What variables that override values begin with.
const PREFIX: &str = "PURSER__";

/// Every value of the file has the span of bytes where it stands. A value from a variable has a
/// span beyond the end of the file: by how much says which variable.
pub(super) struct Document<'t> {
    text: &'t str,
    root: Spanned<DeTable<'t>>,
    variables: Vec<String>,
}

/// Where the values come from, by the path of their keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins(BTreeMap<Vec<String>, Origin>);

impl Origins {
    /// Where the value at this path comes from.
    pub(super) fn of(&self, path: &[&str]) -> Option<Origin> {
        let path: Vec<_> = path.iter().map(|part| (*part).to_owned()).collect();
        self.0.get(&path).cloned()
    }
}

impl<'t> Document<'t> {
    /// Reads the text, and puts in the value of every variable that is meant for it.
    pub(super) fn parse(text: &'t str, env: &'t [(String, String)]) -> Result<Self, Wrong> {
        let root = DeTable::parse(text).map_err(|error| {
            let origin = error
                .span()
                .map(|span| Origin::File(Position::of_byte(text, span.start)));
            (origin, one_line(error.message()))
        })?;
        let mut document = Self {
            text,
            root,
            variables: vec![],
        };
        for (name, value) in env {
            if let Some(path) = name.strip_prefix(PREFIX) {
                let path: Vec<_> = path.split("__").collect();
                document.put(name, &path, value)?;
            }
        }
        Ok(document)
    }

    /// The document as a type.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, Wrong> {
        let Self {
            text,
            root,
            variables,
        } = self;
        T::deserialize(toml::Deserializer::from(root)).map_err(|error| {
            let origin = error
                .span()
                .and_then(|span| origin(&span, text, &variables));
            let message = in_words(error.message());
            (origin, nearest::explain_toml(&message, &error.to_string()))
        })
    }

    pub(super) fn origins(&self) -> Origins {
        let mut origins = Origins::default();
        self.collect(self.root.get_ref(), &mut vec![], &mut origins);
        origins
    }

    fn collect(&self, table: &DeTable<'t>, path: &mut Vec<String>, origins: &mut Origins) {
        for (key, value) in table {
            path.push(key.get_ref().clone().into_owned());
            if let Some(origin) = origin(&key.span(), self.text, &self.variables) {
                origins.0.insert(path.clone(), origin);
            }
            if let DeValue::Table(table) = value.get_ref() {
                self.collect(table, path, origins);
            }
            path.pop();
        }
    }

    fn put(&mut self, variable: &'t str, path: &[&str], value: &'t str) -> Result<(), Wrong> {
        let wrong = |message: String| (Some(Origin::Variable(variable.to_owned())), message);
        let [sections @ .., key] = path else {
            return Ok(());
        };
        if sections.is_empty() || path.iter().any(|part| part.is_empty()) {
            return Err(wrong(
                "names no value: write PURSER__SECTION__KEY, as in PURSER__LOG__LEVEL".into(),
            ));
        }
        let beyond = self.text.len() + 1 + self.variables.len();
        let span = beyond..beyond;
        let mut table = self.root.get_mut();
        for section in sections {
            let key = own_key(table, section, &span);
            let empty = || Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
            let entry = table.entry(key).or_insert_with(empty);
            let DeValue::Table(next) = entry.get_mut() else {
                return Err(wrong(format!(
                    "`{}` is a value in the file and holds no other",
                    section.to_lowercase()
                )));
            };
            table = next;
        }
        let key = own_key(table, key, &span);
        // The entry is taken out first, because a map keeps the key that it has, and with it the
        // place in the file.
        table.remove(key.get_ref().as_ref());
        table.insert(key, Spanned::new(span, scalar(value)));
        self.variables.push(variable.to_owned());
        Ok(())
    }
}

/// The key that a part of a variable's name means: the one that is there (without regard to case,
/// and `_` for `-`, which few shells allow in a name), else the part in lower case.
fn own_key<'t>(table: &DeTable<'t>, part: &str, span: &Range<usize>) -> Spanned<Cow<'t, str>> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let there = table.keys().find(|key| plain(key.get_ref()) == plain(part));
    let name = there.map_or_else(
        || part.to_lowercase(),
        |key| key.get_ref().clone().into_owned(),
    );
    Spanned::new(span.clone(), Cow::Owned(name))
}

/// A number, true, false or a text in quotes as TOML reads them; anything else is text as it is.
fn scalar(text: &str) -> DeValue<'_> {
    match DeValue::parse(text).map(Spanned::into_inner) {
        Ok(
            value @ (DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)),
        ) => value,
        _ => DeValue::String(Cow::Borrowed(text)),
    }
}

fn origin(span: &Range<usize>, text: &str, variables: &[String]) -> Option<Origin> {
    match span.start.checked_sub(text.len() + 1) {
        Some(beyond) => variables.get(beyond).cloned().map(Origin::Variable),
        None => Some(Origin::File(Position::of_byte(text, span.start))),
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// serde's message without the names of Rust's types.
fn in_words(message: &str) -> String {
    [
        ("a nonzero usize", "a whole number above 0"),
        ("expected u32", "expected a whole number"),
        ("a sequence", "a list"),
        ("a map", "a table"),
    ]
    .into_iter()
    .fold(one_line(message), |message, (theirs, ours)| {
        message.replace(theirs, ours)
    })
}
