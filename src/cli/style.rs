//! Colours, in one place: of the sixteen that every terminal has, those that can be read on a dark
//! and on a light ground.

use std::borrow::Cow;

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    has_colours: bool,
}

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// It is under way.
    Busy,
    /// Somebody should look.
    Attention,
    /// Beside the point.
    Quiet,
    /// Where one types.
    Prompt,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "31",
            Self::Busy => "36",
            Self::Attention => "35",
            Self::Quiet => "2",
            Self::Prompt => "1",
        }
    }

    /// What a line that begins with this sign is about.
    fn of_mark(mark: char) -> Option<Self> {
        match mark {
            '✓' => Some(Self::Good),
            '✗' => Some(Self::Bad),
            '…' => Some(Self::Busy),
            '!' | '?' | '↶' => Some(Self::Attention),
            _ => None,
        }
    }
}

impl Style {
    pub(super) const PLAIN: Self = Self { has_colours: false };

    pub(super) const COLOURED: Self = Self { has_colours: true };

    pub(super) fn has_colours(self) -> bool {
        self.has_colours
    }

    /// The text in this colour.
    pub(super) fn paint(self, tone: Tone, text: &str) -> Cow<'_, str> {
        if self.has_colours && !text.is_empty() {
            Cow::Owned(format!("\x1b[{}m{text}\x1b[0m", tone.code()))
        } else {
            Cow::Borrowed(text)
        }
    }

    /// Lines whose first sign says how something went, with that sign in its colour.
    pub(super) fn marked(self, text: &str) -> Cow<'_, str> {
        if !self.has_colours {
            return Cow::Borrowed(text);
        }
        let lines = text.split('\n').map(|line| {
            let mut rest = line.chars();
            let mark = rest.next().filter(|_| rest.as_str().starts_with(' '));
            match mark.and_then(|mark| Some((mark, Tone::of_mark(mark)?))) {
                Some((mark, tone)) => {
                    let mark = mark.to_string();
                    format!("{}{}", self.paint(tone, &mark), rest.as_str())
                }
                None => line.to_owned(),
            }
        });
        Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sign_at_the_beginning_of_a_line_is_coloured() {
        let text = "✓ web: done\n    ✓ its own output\n!important\n✗ failed";
        assert_eq!(
            Style::COLOURED.marked(text),
            "\x1b[32m✓\x1b[0m web: done\n    ✓ its own output\n!important\n\x1b[31m✗\x1b[0m failed"
        );
        assert_eq!(Style::PLAIN.marked(text), text);
        assert_eq!(Style::PLAIN.paint(Tone::Bad, "no"), "no");
    }
}
