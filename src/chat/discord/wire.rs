//! What is drawn, as it goes over the wire.

use serde_json::{Value, json};
use serenity::builder::{CreateActionRow, CreateButton, CreateEmbed, CreateEmbedFooter};
use serenity::model::application::ButtonStyle;

use super::api::Attachment;
use super::render::{Button, Embed, Look, Shown, TextFile};

/// A message as JSON: all that it is to be from now on. It pings nobody.
pub(super) fn body(shown: &Shown) -> Value {
    let rows = shown.rows.iter();
    let rows = rows.map(|row| CreateActionRow::Buttons(row.iter().map(button).collect()));
    let names = shown.files.iter().enumerate();
    let names = names.map(|(id, file)| json!({ "id": id, "filename": file.name }));
    json!({
        "content": shown.content,
        "embeds": shown.embeds.iter().map(embed).collect::<Vec<_>>(),
        "components": rows.collect::<Vec<_>>(),
        "allowed_mentions": { "parse": [] },
        "attachments": names.collect::<Vec<_>>(),
    })
}

fn embed(embed: &Embed) -> CreateEmbed {
    let fields = embed.fields.iter();
    let fields = fields.map(|field| (&field.name, &field.value, false));
    let mut create = CreateEmbed::new().colour(embed.colour).fields(fields);
    if !embed.title.is_empty() {
        create = create.title(&embed.title);
    }
    if !embed.description.is_empty() {
        create = create.description(&embed.description);
    }
    if !embed.footer.is_empty() {
        create = create.footer(CreateEmbedFooter::new(&embed.footer));
    }
    create
}

fn button(button: &Button) -> CreateButton {
    let style = match button.look {
        Look::Yes => ButtonStyle::Success,
        Look::No => ButtonStyle::Danger,
        Look::Next => ButtonStyle::Primary,
        Look::Plain => ButtonStyle::Secondary,
    };
    CreateButton::new(&button.custom_id)
        .label(&button.label)
        .style(style)
}

/// Its files.
pub(super) fn files(shown: &Shown) -> Vec<Attachment> {
    let file = |file: &TextFile| Attachment {
        name: file.name.clone(),
        media_type: "text/plain; charset=utf-8".to_owned(),
        bytes: file.text.clone().into_bytes(),
    };
    shown.files.iter().map(file).collect()
}

/// The same with pictures, which are shown below everything else.
pub(super) fn with_pictures(shown: &Shown, pictures: Vec<Attachment>) -> (Value, Vec<Attachment>) {
    let mut body = body(shown);
    let mut files = files(shown);
    for (place, picture) in pictures.into_iter().enumerate() {
        let entry = json!({ "id": files.len(), "filename": picture.name });
        let image = json!({ "url": format!("attachment://{}", picture.name) });
        if let Some(attachments) = body["attachments"].as_array_mut() {
            attachments.push(entry);
        }
        // The first within the embed that tells of it, each other in one of its own.
        match body["embeds"].as_array_mut() {
            Some(embeds) if place == 0 && !embeds.is_empty() => embeds[0]["image"] = image,
            Some(embeds) => embeds.push(json!({ "image": image })),
            None => {}
        }
        files.push(picture);
    }
    (body, files)
}
