//! One field of an expression: `*`, `5`, `1-5`, `*/10`, `8-18/2`, `mon,wed`.

use std::collections::BTreeSet;

use super::expression::ExpressionError;
use crate::domain::nearest;

/// Which field it is, and what may stand in it.
pub(super) struct Place {
    /// What people call it.
    pub(super) name: &'static str,
    min: u32,
    max: u32,
    /// Names of the values, from `first_name` on.
    names: &'static [&'static str],
    first_name: u32,
}

impl Place {
    const fn of(name: &'static str, min: u32, max: u32) -> Self {
        Self {
            name,
            min,
            max,
            names: &[],
            first_name: 0,
        }
    }

    const fn named(self, names: &'static [&'static str], first_name: u32) -> Self {
        Self {
            names,
            first_name,
            ..self
        }
    }

    /// Both 0 and 7 are Sunday.
    fn is_weekday(&self) -> bool {
        self.max == 7
    }
}

const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The fields as they stand in an expression of six.
pub(super) const PLACES: [Place; 6] = [
    Place::of("second", 0, 59),
    Place::of("minute", 0, 59),
    Place::of("hour", 0, 23),
    Place::of("day of the month", 1, 31),
    Place::of("month", 1, 12).named(MONTHS, 1),
    Place::of("day of the week", 0, 7).named(DAYS, 0),
];

/// The values of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Sunday is 0 alone.
    pub(super) values: BTreeSet<u32>,
    /// It is a bare `*`.
    pub(super) any: bool,
    /// It is one number or name, and nothing else.
    pub(super) single: bool,
}

/// Reads a field whose first character stands in this column of the expression.
pub(super) fn read(text: &str, column: usize, place: &Place) -> Result<Field, ExpressionError> {
    let mut values = BTreeSet::new();
    let mut at = column;
    for item in text.split(',') {
        let reader = Reader { place, at };
        values.extend(reader.item(item)?);
        at += item.chars().count() + 1;
    }
    if place.is_weekday() && values.remove(&7) {
        values.insert(0);
    }
    let single = !text.contains(['*', '-', '/', ',']);
    Ok(Field {
        values,
        any: text == "*",
        single,
    })
}

/// `15W` and `5L` of other crons.
fn is_other_day(text: &str) -> bool {
    text.strip_suffix(['L', 'W'])
        .is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Reads one item of a list; `at` is its column.
struct Reader<'p> {
    place: &'p Place,
    at: usize,
}

impl Reader<'_> {
    fn item(&self, item: &str) -> Result<Vec<u32>, ExpressionError> {
        if item.is_empty() {
            return Err(self.wrong(0, "a value is missing beside the comma"));
        }
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some((step, range.chars().count() + 1))),
            None => (item, None),
        };
        let (first, last) = self.range(range, step.map(|(step, _)| step))?;
        let step = match step {
            Some((text, offset)) => self.step(text, offset)?,
            None => 1,
        };
        Ok((first..=last).step_by(step).collect())
    }

    fn range(&self, range: &str, step: Option<&str>) -> Result<(u32, u32), ExpressionError> {
        let place = self.place;
        if range == "*" {
            let max = if place.is_weekday() { 6 } else { place.max };
            return Ok((place.min, max));
        }
        let Some((first, last)) = range.split_once('-') else {
            let only = self.value(range, 0)?;
            if let Some(step) = step {
                let max = place.max;
                let hint =
                    format!("a step needs `*` or a range before it: write `{range}-{max}/{step}`");
                return Err(self.wrong(0, hint));
            }
            return Ok((only, only));
        };
        let behind = first.chars().count() + 1;
        let (from, mut to) = (self.value(first, 0)?, self.value(last, behind)?);
        // A week that people write may end on Sunday: `sat-sun`.
        if place.is_weekday() && to == 0 && from > 0 {
            to = 7;
        }
        if from > to {
            let hint = format!("the range `{range}` runs backwards");
            return Err(self.wrong(0, hint));
        }
        Ok((from, to))
    }

    fn step(&self, text: &str, offset: usize) -> Result<usize, ExpressionError> {
        match text.parse::<usize>() {
            Ok(0) => Err(self.wrong(offset, "a step of 0 never moves on")),
            Ok(step) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(step),
            _ if text.is_empty() => Err(self.wrong(offset, "a number is missing after `/`")),
            _ => Err(self.wrong(offset, format!("the step `{text}` is no whole number"))),
        }
    }

    fn value(&self, text: &str, offset: usize) -> Result<u32, ExpressionError> {
        let place = self.place;
        if text.is_empty() {
            return Err(self.wrong(offset, "a range needs a value on both sides of `-`"));
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let within = text
                .parse()
                .ok()
                .filter(|n| (place.min..=place.max).contains(n));
            return within.ok_or_else(|| {
                let (name, min, max) = (place.name, place.min, place.max);
                self.wrong(
                    offset,
                    format!("the {name} {text} is not in {min} to {max}"),
                )
            });
        }
        let lower = text.to_lowercase();
        if let Some(n) = (place.first_name..)
            .zip(place.names)
            .find(|(_, name)| **name == lower)
        {
            return Ok(n.0);
        }
        Err(self.wrong(offset, self.no_value(text)))
    }

    fn no_value(&self, text: &str) -> String {
        let name = self.place.name;
        if text == "*" {
            return "`*` stands alone or before a step: `*/10`".to_owned();
        }
        if text == "?" {
            return "`?` is of other crons: write `*`".to_owned();
        }
        if matches!(text, "L" | "W" | "LW") || text.contains('#') || is_other_day(text) {
            return format!("`{text}` is of other crons: POSIX knows no last, nearest or nth day");
        }
        match nearest::nearest(text, self.place.names.iter().copied()) {
            Some(near) => format!("`{text}` is no {name}; did you mean `{near}`?"),
            None if self.place.names.is_empty() => format!("`{text}` is no {name}: write a number"),
            None => format!(
                "`{text}` is no {name}: write a number, or {} to {}",
                self.place.names[0],
                self.place.names[self.place.names.len() - 1]
            ),
        }
    }

    fn wrong(&self, offset: usize, message: impl Into<String>) -> ExpressionError {
        ExpressionError {
            column: self.at + offset,
            message: message.into(),
        }
    }
}
