//! A message as it is to stand in a channel: plain data, and the same as serenity's builders.

use serenity::builder::{
    CreateActionRow, CreateAllowedMentions, CreateAttachment, CreateButton, CreateEmbed,
    CreateEmbedFooter, CreateInteractionResponseMessage, CreateMessage, EditAttachments,
    EditInteractionResponse, EditMessage,
};
use serenity::model::application::ButtonStyle;

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

impl Shown {
    /// As a message that is new. It mentions nobody.
    pub fn create(&self) -> CreateMessage {
        CreateMessage::new()
            .content(&self.content)
            .embeds(self.embeds())
            .components(self.components())
            .files(self.attachments())
            .allowed_mentions(CreateAllowedMentions::new())
    }

    /// As all that a message is to be from now on.
    pub fn edit(&self) -> EditMessage {
        EditMessage::new()
            .content(&self.content)
            .embeds(self.embeds())
            .components(self.components())
            .attachments(self.edited_attachments())
            .allowed_mentions(CreateAllowedMentions::new())
    }

    /// As the answer to an interaction.
    pub fn respond(&self, only_the_asker_sees_it: bool) -> CreateInteractionResponseMessage {
        CreateInteractionResponseMessage::new()
            .content(&self.content)
            .embeds(self.embeds())
            .components(self.components())
            .files(self.attachments())
            .allowed_mentions(CreateAllowedMentions::new())
            .ephemeral(only_the_asker_sees_it)
    }

    /// As what an interaction that was acknowledged before is answered with.
    pub fn respond_later(&self) -> EditInteractionResponse {
        let response = EditInteractionResponse::new()
            .content(&self.content)
            .embeds(self.embeds())
            .components(self.components())
            .allowed_mentions(CreateAllowedMentions::new());
        let files = self.attachments().into_iter();
        files.fold(response, EditInteractionResponse::new_attachment)
    }

    /// Its embeds.
    pub fn embeds(&self) -> Vec<CreateEmbed> {
        self.embeds.iter().map(Embed::create).collect()
    }

    /// Its buttons.
    pub fn components(&self) -> Vec<CreateActionRow> {
        let row =
            |row: &Vec<Button>| CreateActionRow::Buttons(row.iter().map(Button::create).collect());
        self.rows.iter().map(row).collect()
    }

    /// Its files.
    pub fn attachments(&self) -> Vec<CreateAttachment> {
        let file = |file: &TextFile| CreateAttachment::bytes(file.text.as_bytes(), &file.name);
        self.files.iter().map(file).collect()
    }

    /// Files of the message as it was are gone then.
    fn edited_attachments(&self) -> EditAttachments {
        let files = self.attachments().into_iter();
        files.fold(EditAttachments::new(), EditAttachments::add)
    }
}

impl Embed {
    fn create(&self) -> CreateEmbed {
        let fields = self.fields.iter();
        let mut embed = CreateEmbed::new()
            .colour(self.colour)
            .fields(fields.map(|field| (&field.name, &field.value, false)));
        if !self.title.is_empty() {
            embed = embed.title(&self.title);
        }
        if !self.description.is_empty() {
            embed = embed.description(&self.description);
        }
        if !self.footer.is_empty() {
            embed = embed.footer(CreateEmbedFooter::new(&self.footer));
        }
        embed
    }
}

impl Button {
    fn create(&self) -> CreateButton {
        let style = match self.look {
            Look::Yes => ButtonStyle::Success,
            Look::No => ButtonStyle::Danger,
            Look::Next => ButtonStyle::Primary,
            Look::Plain => ButtonStyle::Secondary,
        };
        CreateButton::new(&self.custom_id)
            .label(&self.label)
            .style(style)
    }
}
