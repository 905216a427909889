//! Words as Discord's markdown. What others wrote never acts there: it makes nothing bold, opens and
//! closes nothing, calls nobody, and holds nothing that one cannot see.

use crate::chat::text::{Piece, Text};
use crate::domain::time::Timestamp;

/// Breaks up what would otherwise act; it is not seen.
const NOTHING: char = '\u{200B}';

/// In place of what could not be seen.
const UNSEEN: char = '\u{FFFD}';

/// No instant that a client can show is further from the epoch, in seconds.
const FURTHEST: i64 = 8_640_000_000_000;

/// The text with what cannot be seen made visible: controls, marks of direction, characters without a
/// width. Lines end in one way.
pub fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => cleaned.push('\n'),
            '\t' => cleaned.push_str("    "),
            unseen if is_unseen(unseen) => cleaned.push(UNSEEN),
            plain => cleaned.push(plain),
        }
    }
    cleaned
}

fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// The text in one line.
pub fn one_line(text: &str) -> String {
    clean(text).replace('\n', " ")
}

/// What others wrote, as it is read.
pub fn plain(text: &str) -> String {
    let text = clean(text);
    let mut drawn = String::with_capacity(text.len() + text.len() / 8);
    let mut rest = text.as_str();
    let mut line = Line::Begins;
    let mut is_in_address = false;
    while let Some(c) = rest.chars().next() {
        let address = address(rest);
        if address > 0 {
            drawn.push_str(&rest[..address]);
            rest = &rest[address..];
            line = Line::GoesOn;
            is_in_address = true;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        is_in_address &= !c.is_whitespace();
        if c == '<' && is_in_address {
            // Discord takes an address up to here, with the escape, which then is none.
            drawn.push(' ');
            is_in_address = false;
        }
        if acts(c, rest, line) {
            drawn.push('\\');
        }
        push_uncalled(&mut drawn, c, rest);
        line = line.behind(c);
    }
    drawn
}

/// Where in its line a character stands.
#[derive(Clone, Copy)]
enum Line {
    /// Only blanks stand before it.
    Begins,
    /// Only a number does.
    Number,
    /// Anything else does.
    GoesOn,
}

impl Line {
    fn behind(self, c: char) -> Self {
        match (self, c) {
            (_, '\n') | (Self::Begins, ' ') => Self::Begins,
            (Self::Begins | Self::Number, '0'..='9') => Self::Number,
            _ => Self::GoesOn,
        }
    }
}

fn acts(c: char, rest: &str, line: Line) -> bool {
    match c {
        '\\' | '*' | '_' | '~' | '|' | '`' | '[' | ']' | '<' => true,
        '>' | '#' | '-' | '+' => matches!(line, Line::Begins),
        '.' => matches!(line, Line::Number),
        ':' => names_emoji(rest),
        _ => false,
    }
}

/// `:wave:`, behind its first colon.
fn names_emoji(rest: &str) -> bool {
    let name = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '+' | '-'));
    name.is_some_and(|end| end > 0 && rest[end..].starts_with(':'))
}

/// `@everyone` and `@here`, behind their sign.
fn calls_all(rest: &str) -> bool {
    ["everyone", "here"].iter().any(|all| {
        let begin = rest.as_bytes().get(..all.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(all.as_bytes()))
    })
}

/// How long the address is that begins here. Discord makes a link of one, and an escape in it would be
/// part of where that leads; so it ends where something could act.
fn address(text: &str) -> usize {
    let Some(rest) = ["https://", "http://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
    else {
        return 0;
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._~/?#=&%+,;:!$'".contains(c);
    let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    if length == 0 {
        0
    } else {
        text.len() - rest.len() + length
    }
}

/// In bold.
pub fn bold(text: &str) -> String {
    match plain(&one_line(text)) {
        nothing if nothing.trim().is_empty() => nothing,
        words => format!("**{words}**"),
    }
}

/// In one line where no markdown is: on a button.
pub fn bare(text: &str) -> String {
    uncalled(&one_line(text))
}

/// As a code within a line.
pub fn code(text: &str) -> String {
    let text = one_line(text).replace('`', "ˋ");
    if text.trim().is_empty() {
        return String::new();
    }
    format!("`{}`", uncalled(&text))
}

/// As a block of lines in which every character has the same width.
pub fn block(text: &str) -> String {
    let mut body = String::new();
    let mut ticks = 0;
    for c in clean(text).trim_matches('\n').chars() {
        ticks = if c == '`' { ticks + 1 } else { 0 };
        if ticks == 3 {
            body.push(NOTHING);
            ticks = 1;
        }
        body.push(c);
    }
    if body.trim().is_empty() {
        return String::new();
    }
    format!("```\n{}\n```", uncalled(&body))
}

/// The text, calling nobody.
fn uncalled(text: &str) -> String {
    let mut drawn = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        push_uncalled(&mut drawn, c, &text[at + c.len_utf8()..]);
    }
    drawn
}

/// Adds a character before the rest of its text, apart from what would make a call of it.
fn push_uncalled(drawn: &mut String, c: char, rest: &str) {
    if c == '@' && drawn.ends_with('<') {
        drawn.push(NOTHING);
    }
    drawn.push(c);
    if c == '@' && calls_all(rest) {
        drawn.push(NOTHING);
    }
}

/// Sentences of ours, in which what is typed or copied stands between backticks.
pub fn sentence(told: &str) -> String {
    text(&Text::sentence(told))
}

/// A text of several pieces.
pub fn text(text: &Text) -> String {
    let mut drawn = String::new();
    let mut words = String::new();
    for piece in text.pieces() {
        if let Piece::Plain(more) = piece {
            // Together: what acts could begin in one piece and end in the next.
            words.push_str(more);
            continue;
        }
        drawn.push_str(&plain(&std::mem::take(&mut words)));
        match piece {
            Piece::Plain(_) => {}
            Piece::Code(text) => drawn.push_str(&code(text)),
            Piece::At(at) => drawn.push_str(&instant(*at, 'f')),
            Piece::Due(at) => {
                let due = [&instant(*at, 't'), " (", &ago(*at), ")"];
                drawn.push_str(&due.concat());
            }
            Piece::Link { label, url } => drawn.push_str(&link(label, url)),
        }
    }
    drawn.push_str(&plain(&words));
    drawn
}

/// `2 minutes ago`, `in 5 seconds`, as the reader's clock has it.
pub fn ago(at: Timestamp) -> String {
    instant(at, 'R')
}

fn instant(at: Timestamp, style: char) -> String {
    let seconds = at.micros().div_euclid(1_000_000);
    if (-FURTHEST..=FURTHEST).contains(&seconds) {
        format!("<t:{seconds}:{style}>")
    } else {
        at.to_string()
    }
}

fn link(label: &str, url: &str) -> String {
    if !url.is_empty() && address(url) == url.len() {
        format!("[{}]({url})", plain(&one_line(label)))
    } else {
        format!("{} ({})", plain(&one_line(label)), code(url))
    }
}
