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
    for picture in pictures {
        let entry = json!({ "id": files.len(), "filename": picture.name });
        let embed = json!({ "image": { "url": format!("attachment://{}", picture.name) } });
        for (list, one) in [("attachments", entry), ("embeds", embed)] {
            if let Some(list) = body[list].as_array_mut() {
                list.push(one);
            }
        }
        files.push(picture);
    }
    (body, files)
}
