//! Places in text files, for errors that point at them.

use std::fmt;

use serde::Serialize;

/// A place in a text: line and column, both counted from 1. A column is a character, not a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character within the line.
    pub column: usize,
}

impl Position {
    /// The place of this byte; the end of the text when there is no such byte.
    pub fn of_byte(text: &str, byte: usize) -> Self {
        let mut end = byte.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Position {
    /// `7:5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters_and_no_byte_is_out_of_reach() {
        let text = "a = 1\nä = 2\n";
        let at = |byte| Position::of_byte(text, byte).to_string();
        assert_eq!(
            [at(0), at(4), at(6), at(7), at(9), at(99)],
            ["1:1", "1:5", "2:1", "2:1", "2:3", "3:1"]
        );
    }
}
