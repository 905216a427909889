//! Answers as text for a terminal or a chat: a head, a table with a line for each series, and what
//! was left out.

use super::unit::{Guess, Unit};
pub(super) use crate::domain::table::{Column, table};

/// A longer name of a series is cut in its middle, in characters.
const WIDEST_NAME: usize = 44;

/// A series' name, short enough for a line; what tells it apart is often at its end.
pub(super) fn name(text: &str) -> String {
    let length = text.chars().count();
    if length <= WIDEST_NAME {
        return text.to_owned();
    }
    let head = WIDEST_NAME / 2;
    let tail = WIDEST_NAME - head - 1;
    let first = text.chars().take(head);
    first
        .chain(['…'])
        .chain(text.chars().skip(length - tail))
        .collect()
}

/// `in bytes (because of the name shop_memory_bytes)`; nothing for bare numbers.
pub(super) fn unit(unit: Unit, guess: Option<&Guess>) -> Option<String> {
    let word = unit.word()?;
    Some(match guess {
        Some(guess) => format!("in {word}, as the name {} says", guess.from),
        None => format!("in {word}"),
    })
}

/// What was left out of the series; `None` when nothing was.
pub(super) fn cut(shown: usize, seen: usize, whole: bool) -> Option<String> {
    if shown == seen && whole {
        return None;
    }
    let of = if whole { "" } else { "more than " };
    Some(format!(
        "only the first {shown} of {of}{seen} series are shown: narrow the query, or take topk({shown}, …) or \
         sum by (…) of it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_name_is_wider_than_its_column(text in "\\PC*") {
            prop_assert!(name(&text).chars().count() <= WIDEST_NAME);
        }
    }
}
