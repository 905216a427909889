//! What people read, in pieces: an instant, a code or a link is written by each chat in its own way.

use std::fmt;

use crate::domain::time::Timestamp;

/// One piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Words. Nothing in them is markup: whoever draws them escapes what would be.
    Plain(String),
    /// What is copied or typed as it stands.
    Code(String),
    /// An instant.
    At(Timestamp),
    /// An instant that is waited for: how far off it is matters as much as when it is.
    Due(Timestamp),
    /// A page.
    Link {
        /// What it is called.
        label: String,
        /// Where it is, `https://…` or `http://…`.
        url: String,
    },
}

/// A text, as its pieces one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(Vec<Piece>);

impl Text {
    /// A text of these words.
    pub fn plain(words: impl Into<String>) -> Self {
        Self::default().and(words)
    }

    /// A sentence in which what is typed or copied stands between backticks.
    pub fn sentence(told: &str) -> Self {
        let parts = told.split('`').enumerate();
        // A backtick that nothing closes is one.
        let is_whole = told.matches('`').count().is_multiple_of(2);
        if !is_whole {
            return Self::plain(told);
        }
        parts
            .filter(|(_, part)| !part.is_empty())
            .fold(Self::default(), |text, (place, part)| match place % 2 {
                0 => text.and(part),
                _ => text.code(part),
            })
    }

    /// The same with these words behind it.
    #[must_use]
    pub fn and(self, words: impl Into<String>) -> Self {
        self.with(Piece::Plain(words.into()))
    }

    /// The same with this piece behind it.
    #[must_use]
    pub fn with(mut self, piece: Piece) -> Self {
        self.0.push(piece);
        self
    }

    /// The same with a code behind it.
    #[must_use]
    pub fn code(self, code: impl Into<String>) -> Self {
        self.with(Piece::Code(code.into()))
    }

    /// The same with an instant behind it.
    #[must_use]
    pub fn at(self, at: Timestamp) -> Self {
        self.with(Piece::At(at))
    }

    /// The same with an instant behind it that is waited for.
    #[must_use]
    pub fn due(self, at: Timestamp) -> Self {
        self.with(Piece::Due(at))
    }

    /// The same with blanks between its lines.
    #[must_use]
    pub fn in_one_line(&self) -> Self {
        let piece = |piece: &Piece| match piece {
            Piece::Plain(words) => Piece::Plain(words.replace('\n', " ")),
            other => other.clone(),
        };
        Self(self.0.iter().map(piece).collect())
    }

    /// Its pieces.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(words: &str) -> Self {
        Self::plain(words)
    }
}

impl From<String> for Text {
    fn from(words: String) -> Self {
        Self::plain(words)
    }
}

impl fmt::Display for Text {
    /// As a terminal has it: instants in UTC, codes between backticks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Plain(words) => f.write_str(words)?,
                Piece::Code(code) => write!(f, "`{code}`")?,
                Piece::At(at) | Piece::Due(at) => at.fmt(f)?,
                Piece::Link { label, url } => write!(f, "{label} ({url})")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_writes_instants_in_utc_and_addresses_in_full() {
        let noon = Timestamp::from_micros(1_774_699_200_000_000);
        let text = Text::plain("did ")
            .code("send")
            .and(" happen by ")
            .at(noon)
            .and("? See ")
            .with(Piece::Link {
                label: "the chart".to_owned(),
                url: "https://grafana/d/1".to_owned(),
            })
            .and(", until ")
            .due(noon);
        assert_eq!(
            text.to_string(),
            "did `send` happen by 2026-03-28T12:00:00Z? See the chart (https://grafana/d/1), until \
             2026-03-28T12:00:00Z"
        );
    }
}
