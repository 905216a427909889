//! What Discord takes, and the beginning of what is longer.

use super::markdown::{self, clean, plain};
use crate::chat::text::{Piece, Text};

/// Of a message's text.
pub const CONTENT: usize = 2_000;
/// Of an embed's title.
pub const TITLE: usize = 256;
/// Of an embed's description.
pub const DESCRIPTION: usize = 4_096;
/// Fields of one embed.
pub const FIELDS: usize = 25;
/// Of a field's name.
pub const FIELD_NAME: usize = 256;
/// Of a field's value.
pub const FIELD_VALUE: usize = 1_024;
/// Of an embed's footer.
pub const FOOTER: usize = 2_048;
/// Of all that the embeds of one message say.
pub const EMBEDS: usize = 6_000;
/// Rows of buttons.
pub const ROWS: usize = 5;
/// Buttons of one row.
pub const BUTTONS: usize = 5;
/// Of a button's label.
pub const LABEL: usize = 80;
/// Of a button's `custom_id`.
pub const CUSTOM_ID: usize = 100;

/// Files of one message.
pub const FILES: usize = 10;
/// Of a file, in bytes: ten of them are less than what every server takes with one message.
pub const FILE: usize = 900_000;

/// What stands where something was cut off.
const CUT: char = '…';

/// The length of a text as Discord counts it at its strictest: in UTF-16 units, which are never fewer
/// than characters.
pub fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A text as it is drawn, or the beginning of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitted {
    /// What is drawn.
    pub drawn: String,
    /// Whether that is all of it.
    pub is_whole: bool,
}

/// As much of the beginning of a text as is drawn within `most` units, cut at the end of a line where
/// that leaves half of it. What is drawn is never shorter than what is written.
pub fn fit(text: &str, most: usize, draw: impl Fn(&str) -> String) -> Fitted {
    let text = clean(text);
    if length(&text) <= most {
        let drawn = draw(&text);
        if length(&drawn) <= most {
            return Fitted {
                drawn,
                is_whole: true,
            };
        }
    }
    Fitted {
        drawn: cut(&text, most, draw),
        is_whole: false,
    }
}

/// What every piece of words keeps of itself where a text of several is too long.
const SHORTEST: usize = 40;
/// What a code within a text takes.
const CODE: usize = 120;

/// A text of several pieces, within `most` units. Its words are cut, and its instants stay.
pub fn fit_text(text: &Text, most: usize) -> Fitted {
    let drawn = markdown::text(text);
    if length(&drawn) <= most {
        return Fitted {
            drawn,
            is_whole: true,
        };
    }
    let mut pieces = Text::default();
    let mut left = most;
    let mut behind: usize = text.pieces().iter().map(shortest).sum();
    for piece in text.pieces() {
        behind -= shortest(piece);
        let room = left.saturating_sub(behind);
        let fitted = match piece {
            Piece::Plain(words) => Piece::Plain(fit_words(words, room)),
            Piece::Code(code) => Piece::Code(fit(code, CODE.min(room), str::to_owned).drawn),
            other => other.clone(),
        };
        let one = Text::default().with(fitted.clone());
        let takes = length(&markdown::text(&one));
        if takes <= left {
            pieces = pieces.with(fitted);
            left -= takes;
        }
    }
    // Pieces of words that meet may need an escape more than each alone: then they are cut once more.
    let drawn = markdown::text(&pieces);
    Fitted {
        drawn: if length(&drawn) <= most {
            drawn
        } else {
            fit(&text.to_string(), most, plain).drawn
        },
        is_whole: false,
    }
}

/// As many of these words as are drawn within `most` units, as they are written.
fn fit_words(words: &str, most: usize) -> String {
    let cleaned = clean(words);
    if length(&plain(&cleaned)) <= most {
        return cleaned;
    }
    let ends = cleaned.char_indices().map(|(at, _)| at).take(most + 1);
    let head = |end: usize| format!("{}{CUT}", &cleaned[..end]);
    let fits = |end: &usize| length(&plain(&head(*end))) <= most;
    ends.filter(fits).last().map(head).unwrap_or_default()
}

fn shortest(piece: &Piece) -> usize {
    let drawn = length(&markdown::text(&Text::default().with(piece.clone())));
    match piece {
        Piece::Plain(_) => drawn.min(SHORTEST),
        Piece::Code(_) => drawn.min(CODE),
        Piece::At(_) | Piece::Due(_) | Piece::Link { .. } => drawn,
    }
}

/// The text, or its first lines where it has more than so many bytes.
pub fn beginning(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most.saturating_sub(CUT.len_utf8() + 1));
    let head = &text[..end];
    let head = head.rfind('\n').map_or(head, |line| &head[..line]);
    format!("{head}\n{CUT}")
}

fn cut(text: &str, most: usize, draw: impl Fn(&str) -> String) -> String {
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).take(most).collect();
    let drawn = |end: usize| {
        let head = &text[..end];
        let line = head.rfind('\n').filter(|line| line * 2 >= end);
        match line {
            Some(line) => draw(&format!("{}\n{CUT}", &head[..line])),
            None => draw(&format!("{}{CUT}", head.trim_end())),
        }
    };
    let fits = |end: usize| length(&drawn(end)) <= most;
    let mut many = ends.partition_point(|end| fits(*end));
    // What is drawn does not quite grow with what is written: a mark alone may need no escape.
    while let Some(last) = many.checked_sub(1) {
        if fits(ends[last]) {
            return drawn(ends[last]);
        }
        many = last;
    }
    String::new()
}
