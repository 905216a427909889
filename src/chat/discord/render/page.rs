//! An embed that is filled piece by piece, and takes no more than Discord does.

use super::limits::{
    DESCRIPTION, EMBEDS, FIELD_NAME, FIELD_VALUE, FIELDS, FILES, FOOTER, Fitted, TITLE, fit, length,
};
use super::markdown::{one_line, plain};
use super::shown::{Embed, Field, Shown, TextFile};

/// What the description leaves for the fields: what people are asked stands there.
const FOR_FIELDS: usize = 2_700;

/// An embed being filled, with the files that hold what was too long for it.
pub(super) struct Page {
    embed: Embed,
    files: Vec<TextFile>,
    /// What all of it may still say.
    left: usize,
    /// The next line of the description is apart from those above it.
    is_apart: bool,
}

impl Page {
    /// An embed with this title and this last line, both of one line and as they are written.
    pub(super) fn new(title: &str, footer: &str, colour: u32) -> Self {
        let mut page = Self {
            embed: Embed {
                colour,
                ..Embed::default()
            },
            files: Vec::new(),
            left: EMBEDS,
            is_apart: false,
        };
        page.embed.title = fit(&one_line(title), TITLE, plain).drawn;
        page.embed.footer = fit(footer, FOOTER, str::to_owned).drawn;
        page.left -= length(&page.embed.title) + length(&page.embed.footer);
        page
    }

    /// Puts below what the description says so far what is drawn of this text within `most` units.
    /// Whether that was all of it.
    pub(super) fn below(&mut self, text: &str, most: usize, draw: impl Fn(&str) -> String) -> bool {
        let fitted = fit(text, most.min(self.room()), draw);
        if fitted.drawn.is_empty() {
            return text.is_empty();
        }
        self.line(&fitted.drawn) && fitted.is_whole
    }

    /// Puts lines that are drawn already below what the description says so far. Whether they have room.
    pub(super) fn line(&mut self, drawn: &str) -> bool {
        if drawn.is_empty() || length(drawn) > self.room() {
            return drawn.is_empty();
        }
        let before = length(&self.embed.description);
        if before > 0 {
            self.embed.description.push('\n');
        }
        if std::mem::take(&mut self.is_apart) && before > 0 {
            self.embed.description.push('\n');
        }
        self.embed.description.push_str(drawn);
        self.left -= length(&self.embed.description) - before;
        true
    }

    /// As [`Self::line`], where another one would still have room behind it.
    pub(super) fn line_before(&mut self, drawn: &str, next: &str) -> bool {
        let both = length(drawn) + 1 + length(next);
        both <= self.room() && self.line(drawn)
    }

    /// What one more line of the description may take.
    fn room(&self) -> usize {
        let before = length(&self.embed.description);
        let room = DESCRIPTION.saturating_sub(before);
        let room = room.min(self.left.saturating_sub(FOR_FIELDS));
        let ends = usize::from(before > 0) * (1 + usize::from(self.is_apart));
        room.saturating_sub(ends)
    }

    /// Sets what comes next apart from what the description says so far.
    pub(super) fn gap(&mut self) {
        self.is_apart = true;
    }

    /// Adds a field with what is drawn of this text. Whether that was all of it; a field that would be
    /// empty, or is one too many, is not there at all.
    pub(super) fn field(&mut self, name: &str, text: &str, draw: impl Fn(&str) -> String) -> bool {
        let name = fit(&one_line(name), FIELD_NAME, plain).drawn;
        if self.embed.fields.len() >= FIELDS || name.trim().is_empty() {
            return text.trim().is_empty();
        }
        let room = self.left.saturating_sub(length(&name)).min(FIELD_VALUE);
        let Fitted { drawn, is_whole } = fit(text, room, draw);
        if drawn.trim().is_empty() {
            return text.trim().is_empty();
        }
        self.left -= length(&name) + length(&drawn);
        self.embed.fields.push(Field { name, value: drawn });
        is_whole
    }

    /// Adds a file with this text, unless there are as many as a message takes.
    pub(super) fn file(&mut self, name: &str, text: &str) {
        if self.files.len() < FILES {
            self.files.push(TextFile::new(name, text));
        }
    }

    /// A message of the embed and the files.
    pub(super) fn shown(self) -> Shown {
        Shown {
            embeds: vec![self.embed],
            files: self.files,
            ..Shown::default()
        }
    }
}
