//! Expressions: five POSIX fields, six with the second first, or `@daily` and its kin.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::field::{self, Field, PLACES};
use super::wall::Wall;
use crate::domain::nearest;

/// What stands for five fields.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// Times on a clock's face, as a cron expression names them.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    fixed: bool,
    pub(super) wall: Wall,
}

/// Why a text is no expression, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct ExpressionError {
    /// The character, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

impl Expression {
    /// Whether it names one time of the day: hour, minute and second are one number each. Such a
    /// time is kept when the clocks change; anything else follows the hours that there are.
    pub fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// Whether no calendar has such a day: 31 February.
    pub fn never_fires(&self) -> bool {
        self.wall.is_never()
    }
}

/// Two are the same when they are written alike.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let trimmed = text.trim();
        let fields = if trimmed.starts_with('@') {
            let column = text.chars().take_while(|c| c.is_whitespace()).count() + 1;
            fields(nickname(trimmed, column)?)?
        } else {
            fields(text)?
        };
        let fixed = fields[..3].iter().all(|field| field.single);
        Ok(Self {
            text: trimmed.to_owned(),
            fixed,
            wall: Wall::of(&fields),
        })
    }
}

impl Serialize for Expression {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Expression {
    fn schema_name() -> Cow<'static, str> {
        "Expression".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["30 2 * * *", "0 9 * * mon-fri", "@daily"] })
    }
}

fn nickname(text: &str, column: usize) -> Result<&'static str, ExpressionError> {
    let lower = text.to_lowercase();
    if let Some((_, fields)) = NICKNAMES.iter().find(|(name, _)| *name == lower) {
        return Ok(fields);
    }
    let message = if lower == "@reboot" {
        "`@reboot` names no time: a start of Purser starts no workflow".to_owned()
    } else {
        nearest::unknown("nickname", text, NICKNAMES.map(|(name, _)| name))
    };
    Err(ExpressionError { column, message })
}

/// The six fields; without one for seconds that is 0.
fn fields(text: &str) -> Result<Vec<Field>, ExpressionError> {
    let words = words(text);
    check_count(text, &words)?;
    let mut fields = Vec::with_capacity(PLACES.len());
    let places = if words.len() == 5 {
        fields.push(field::read("0", 1, &PLACES[0])?);
        &PLACES[1..]
    } else {
        &PLACES[..]
    };
    for ((column, word), place) in words.into_iter().zip(places) {
        fields.push(field::read(word, column, place)?);
    }
    Ok(fields)
}

fn check_count(text: &str, words: &[(usize, &str)]) -> Result<(), ExpressionError> {
    let wrong = |column, message: String| Err(ExpressionError { column, message });
    let behind = text.trim_end().chars().count() + 1;
    match (words.len(), words.first()) {
        (_, Some((column, word))) if word.contains('=') => wrong(
            *column,
            format!("`{word}` does not belong here: the zone stands in `timezone:`"),
        ),
        (5 | 6, _) => Ok(()),
        (count @ 0..5, _) => wrong(
            behind,
            format!(
                "five fields are needed (minute, hour, day of the month, month, day of the week), \
                 or six with the second first; {}",
                if count == 0 {
                    "there is none".to_owned()
                } else {
                    format!("after {count} it ends")
                }
            ),
        ),
        (count, _) => wrong(
            words[6].0,
            format!("there are at most six fields, and here are {count}: no year can be given"),
        ),
    }
}

/// The words of a text, each with its column.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = vec![];
    let mut begin: Option<(usize, usize)> = None;
    for (column, (byte, c)) in text.char_indices().enumerate() {
        match (c.is_whitespace(), begin) {
            (true, Some((from, at))) => {
                words.push((at, &text[from..byte]));
                begin = None;
            }
            (false, None) => begin = Some((byte, column + 1)),
            _ => {}
        }
    }
    if let Some((from, at)) = begin {
        words.push((at, &text[from..]));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        match text.parse::<Expression>() {
            Ok(expression) if expression.never_fires() => "never fires".to_owned(),
            Ok(expression) if expression.is_fixed() => "fixed".to_owned(),
            Ok(_) => "follows the clock".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_broken_kind_says_where_and_why() {
        let errors = [
            "",
            "   ",
            "30 2 * *",
            "30",
            "0 30 2 * * * 2026",
            "60 2 * * *",
            "30 24 * * *",
            "30 2 0 * *",
            "30 2 32 * *",
            "30 2 * 13 *",
            "30 2 * * 8",
            "30 2 * * 99999999999999999999",
            "60 30 2 * * *",
            "-5 2 * * *",
            "5- 2 * * *",
            "20-10 2 * * *",
            "1,,2 2 * * *",
            "1, 2 * * *",
            "*/0 * * * *",
            "*/ * * * *",
            "*/x * * * *",
            "5/10 * * * *",
            "1-5-9 * * * *",
            "** * * * *",
            "*-5 * * * *",
            "30 2 ? * *",
            "30 2 L * *",
            "30 2 15W * *",
            "30 2 * * 1#2",
            "30 2 * * mno",
            "30 2 * janu *",
            "30 2 * * heute",
            "30 2 * * wednesday",
            "half 2 * * *",
            "ä 2 * * ä",
            "@dayly",
            "  @reboot",
            "@",
            "CRON_TZ=Europe/Berlin 30 2 * * *",
            "30 2 * * * *x",
        ]
        .map(|text| format!("{text:?}: {}", said(text)))
        .join("\n");
        insta::assert_snapshot!(errors, @r#"
        "": column 1: five fields are needed (minute, hour, day of the month, month, day of the week), or six with the second first; there is none
        "   ": column 1: five fields are needed (minute, hour, day of the month, month, day of the week), or six with the second first; there is none
        "30 2 * *": column 9: five fields are needed (minute, hour, day of the month, month, day of the week), or six with the second first; after 4 it ends
        "30": column 3: five fields are needed (minute, hour, day of the month, month, day of the week), or six with the second first; after 1 it ends
        "0 30 2 * * * 2026": column 14: there are at most six fields, and here are 7: no year can be given
        "60 2 * * *": column 1: the minute 60 is not in 0 to 59
        "30 24 * * *": column 4: the hour 24 is not in 0 to 23
        "30 2 0 * *": column 6: the day of the month 0 is not in 1 to 31
        "30 2 32 * *": column 6: the day of the month 32 is not in 1 to 31
        "30 2 * 13 *": column 8: the month 13 is not in 1 to 12
        "30 2 * * 8": column 10: the day of the week 8 is not in 0 to 7
        "30 2 * * 99999999999999999999": column 10: the day of the week 99999999999999999999 is not in 0 to 7
        "60 30 2 * * *": column 1: the second 60 is not in 0 to 59
        "-5 2 * * *": column 1: a range needs a value on both sides of `-`
        "5- 2 * * *": column 3: a range needs a value on both sides of `-`
        "20-10 2 * * *": column 1: the range `20-10` runs backwards
        "1,,2 2 * * *": column 3: a value is missing beside the comma
        "1, 2 * * *": column 3: a value is missing beside the comma
        "*/0 * * * *": column 3: a step of 0 never moves on
        "*/ * * * *": column 3: a number is missing after `/`
        "*/x * * * *": column 3: the step `x` is no whole number
        "5/10 * * * *": column 1: a step needs `*` or a range before it: write `5-59/10`
        "1-5-9 * * * *": column 3: `5-9` is no minute: write a number
        "** * * * *": column 1: `**` is no minute: write a number
        "*-5 * * * *": column 1: `*` stands alone or before a step: `*/10`
        "30 2 ? * *": column 6: `?` is of other crons: write `*`
        "30 2 L * *": column 6: `L` is of other crons: POSIX knows no last, nearest or nth day
        "30 2 15W * *": column 6: `15W` is of other crons: POSIX knows no last, nearest or nth day
        "30 2 * * 1#2": column 10: `1#2` is of other crons: POSIX knows no last, nearest or nth day
        "30 2 * * mno": column 10: `mno` is no day of the week: write a number, or sun to sat
        "30 2 * janu *": column 8: `janu` is no month; did you mean `jan`?
        "30 2 * * heute": column 10: `heute` is no day of the week: write a number, or sun to sat
        "30 2 * * wednesday": column 10: `wednesday` is no day of the week; did you mean `wed`?
        "half 2 * * *": column 1: `half` is no minute: write a number
        "ä 2 * * ä": column 1: `ä` is no minute: write a number
        "@dayly": column 1: unknown nickname `@dayly`; did you mean `@daily`?
        "  @reboot": column 3: `@reboot` names no time: a start of Purser starts no workflow
        "@": column 1: unknown nickname `@`; did you mean `@daily`?
        "CRON_TZ=Europe/Berlin 30 2 * * *": column 1: `CRON_TZ=Europe/Berlin` does not belong here: the zone stands in `timezone:`
        "30 2 * * * *x": column 12: `*x` is no day of the week: write a number, or sun to sat
        "#);
    }

    #[test]
    fn what_posix_and_people_write_is_understood() {
        for text in [
            "30 2 * * *",
            " 30\t2 * * * ",
            "15 30 2 * * *",
            "0 0 1 JAN Mon",
            "@daily",
            "@Weekly",
            "0 9 * * mon-fri",
            "0 9 * * sat-sun",
        ] {
            assert_eq!(said(text), "fixed", "{text}");
        }
        for text in [
            "*/5 * * * *",
            "0 8-18/2 * * 1-5",
            "0,30 2 * * *",
            "@hourly",
            "* 30 2 * * *",
            "0 2-2 * * *",
        ] {
            assert_eq!(said(text), "follows the clock", "{text}");
        }
    }

    #[test]
    fn days_that_no_calendar_has_are_recognised() {
        for text in ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
            assert_eq!(said(text), "never fires", "{text}");
        }
        for text in ["0 0 29 2 *", "0 0 31 2 1", "0 0 30 1-2 *"] {
            assert_eq!(said(text), "fixed", "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[-*/,0-9a-z@#?LW \tä]{0,24}") {
            let _ = said(&text);
        }
    }
}
