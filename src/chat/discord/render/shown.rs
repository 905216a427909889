//! A message as it is to stand in a channel, as plain data.

use super::limits::{FILE, beginning};
use super::markdown::clean;
use crate::chat::discord::reference::Reference;

/// A message. Two that are the same look the same: nobody has to send the second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its text, as markdown.
    pub content: String,
    /// Its embeds.
    pub embeds: Vec<Embed>,
    /// Its rows of buttons.
    pub rows: Vec<Vec<Button>>,
    /// What is too long for it.
    pub files: Vec<TextFile>,
}

/// An embed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Embed {
    /// Its first line, as markdown.
    pub title: String,
    /// What stands below it, as markdown.
    pub description: String,
    /// The colour of its edge.
    pub colour: u32,
    /// Its fields, one below the other.
    pub fields: Vec<Field>,
    /// Its last line, as it is.
    pub footer: String,
}

/// A field of an embed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its heading, as markdown.
    pub name: String,
    /// What it says, as markdown.
    pub value: String,
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// What stands on it.
    pub label: String,
    /// How it looks.
    pub look: Look,
    /// What a click does.
    pub reference: Reference,
    /// The same as Discord keeps it.
    pub custom_id: String,
}

/// How a button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It says yes.
    Yes,
    /// It says no.
    No,
    /// It is what one would do next.
    Next,
    /// It is there for whoever wants it.
    Plain,
}

/// A file with text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFile {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub text: String,
}

impl TextFile {
    /// A file with this text, or with its beginning where it is longer than one takes.
    pub fn new(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: beginning(&clean(text), FILE),
        }
    }
}
