//! A YAML file as a tree in which every key and value knows its place.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_saphyr::{MessageFormatter, Options, Spanned, UserMessageFormatter};

use crate::domain::position::Position;

/// A longer file is refused.
const LONGEST: usize = 256 * 1024;

/// Values may lie this deep in each other; parsing takes stack for each level.
const DEEPEST: usize = 32;

/// All values of a file together, those counted again that aliases repeat.
const MOST: usize = 20_000;

/// Something wrong in a text, with its place if it has one.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: Option<Position>,
    pub(super) message: String,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) at: Position,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Position,
    pub(super) value: Node,
}

/// Reads a file as a tree.
pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    if text.len() > LONGEST {
        let message = format!(
            "the file has {} bytes, and {LONGEST} are allowed",
            text.len()
        );
        return Err(Fault { at: None, message });
    }
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| fault(&error))
}

/// Reads a file as a type, for what only the type knows: that `soon` is no length of time.
pub(super) fn parse_as<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| fault(&error))
}

fn options() -> Options {
    serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        budget: serde_saphyr::budget! {
            max_depth: DEEPEST,
            flow_nesting_limit: DEEPEST,
            max_nodes: MOST,
            max_events: MOST * 4,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MOST,
        },
    }
}

fn fault(error: &serde_saphyr::Error) -> Fault {
    let at = error.location().and_then(|location| {
        let line = usize::try_from(location.line())
            .ok()
            .filter(|line| *line > 0)?;
        let column = usize::try_from(location.column()).ok()?.max(1);
        Some(Position { line, column })
    });
    let message = UserMessageFormatter.format_message(error.without_snippet());
    Fault {
        at,
        message: message.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

impl Node {
    /// The value of this key; `None` as well when this is no mapping.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }

    /// The keys and values of a mapping; none of anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none of anything else.
    pub(super) fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// All texts in it, however deep.
    pub(super) fn texts(&self) -> Vec<(&str, Position)> {
        match &self.content {
            Content::Text(text) => vec![(text, self.at)],
            Content::List(items) => items.iter().flat_map(Self::texts).collect(),
            Content::Map(entries) => entries
                .iter()
                .flat_map(|entry| entry.value.texts())
                .collect(),
            _ => vec![],
        }
    }

    /// The value without its places.
    pub(super) fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect(),
            ),
        }
    }

    /// The value as a type, if it is one.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_value(self.to_json()).ok()
    }
}

fn position<T>(spanned: &Spanned<T>) -> Position {
    let number = |n: u64| usize::try_from(n).unwrap_or(1).max(1);
    let place = spanned.referenced;
    Position {
        line: number(place.line()),
        column: number(place.column()),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self {
            at: position(&spanned),
            content: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyContent)
    }
}

struct AnyContent;

impl<'de> Visitor<'de> for AnyContent {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Content, E> {
        let number =
            Number::from_f64(value).ok_or_else(|| E::custom("this number is not finite"))?;
        Ok(Content::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = vec![];
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut entries: Vec<Entry> = vec![];
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let at = position(&key);
            let key = key.value;
            if entries.iter().any(|entry| entry.key == key) {
                return Err(A::Error::custom(format!(
                    "the key `{key}` stands here twice"
                )));
            }
            entries.push(Entry {
                key,
                at,
                value: map.next_value()?,
            });
        }
        Ok(Content::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# a comment
name: deploy
inputs:
  ä: { type: string }
steps:
  - id: one
    with:
      rows: 5
      text: |
        long
      empty:
";

    fn place(node: Option<&Node>) -> String {
        node.map_or_else(|| "nowhere".to_owned(), |node| node.at.to_string())
    }

    #[test]
    fn every_value_and_key_knows_its_place() {
        let file = parse(FILE).unwrap();
        let with = file.get("steps").unwrap().items()[0].get("with").unwrap();
        let places = [
            place(file.get("name")),
            place(file.get("inputs").unwrap().get("ä").unwrap().get("type")),
            place(with.get("rows")),
            place(with.get("text")),
            with.entries()[2].at.to_string(),
            file.get("steps").unwrap().items()[0].at.to_string(),
        ];
        assert_eq!(places, ["2:7", "4:14", "8:13", "10:9", "11:7", "6:5"]);
        assert_eq!(
            file.to_json()["steps"],
            serde_json::json!([{ "id": "one", "with": { "rows": 5, "text": "long\n", "empty": null } }])
        );
    }

    fn error(text: &str) -> String {
        match parse(text) {
            Ok(node) => format!("read: {}", node.to_json()),
            Err(Fault {
                at: Some(at),
                message,
            }) => format!("{at}: {message}"),
            Err(Fault { at: None, message }) => message,
        }
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_place() {
        let repeat =
            |this: char, last: char| format!("{this}: &{this} [*{last}, *{last}, *{last}]\n");
        let lines: Vec<_> = ('b'..='p')
            .zip('a'..)
            .map(|(this, last)| repeat(this, last))
            .collect();
        let bomb = format!("a: &a [x, x, x]\n{}", lines.concat());
        let deep = "[".repeat(500);
        let levels: Vec<_> = (0..200).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
        let deep_block = levels.concat();
        let errors = [
            "a: 1\na: 2\n",
            "a: [1, 2\nb: 3\n",
            "a: 'x\n",
            "\tx: 1",
            "a: 1\n---\nb: 2\n",
            "",
            "a: *b",
            "1: a\n? [x]\n: y",
            "a: .nan",
            "a: 1e999",
            "a: 99999999999999999999999999",
            "on: yes",
            "a: 012",
            &bomb,
            &deep,
            &deep_block,
        ]
        .map(error)
        .join("\n");
        insta::assert_snapshot!(errors, @r#"
        2:1: duplicate mapping key `a` is not allowed here
        2:2: illegal placement of ':' indicator
        1:4: unclosed quote
        read: {"x":1}
        3:1: only single YAML document expected but multiple found
        read: null
        1:4: reference to unknown value
        2:3: expected string scalar
        1:4: value `.nan` is not a finite number
        1:4: value `1e999` is not a finite number
        read: {"a":1e+26}
        read: {"on":"yes"}
        read: {"a":"012"}
        9:8: YAML document too large or too complex: total_replayed_events=20001 > 20000
        1:33: recursion limit exceeded
        33:33: YAML document too large or too complex: limits breached: Depth { depth: 33 }
        "#);
    }
}
