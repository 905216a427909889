//! What is drawn, as it goes over the wire.

use serde_json::{Value, json};

use super::api::Attachment;
use super::render::Shown;

/// A message as JSON. It pings nobody.
pub(super) fn body(shown: &Shown) -> Value {
    let mut body = json!(shown.edit());
    body["allowed_mentions"] = json!({ "parse": [] });
    let names = shown.files.iter().enumerate();
    let names = names.map(|(id, file)| json!({ "id": id, "filename": file.name }));
    body["attachments"] = names.collect();
    body
}

/// Its files.
pub(super) fn files(shown: &Shown) -> Vec<Attachment> {
    let file = |file: &super::render::TextFile| Attachment {
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
