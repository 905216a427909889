//! The body of a message.

use serde_json::Value;

use super::components;
use super::form::Form;
use crate::refusal::Refusal;

/// Characters in the content of a message.
const CONTENT: usize = 2000;
/// Characters in all embeds of a message together.
const EMBEDS_TOTAL: usize = 6000;
const EMBEDS: usize = 10;
const FIELDS: usize = 25;
/// Characters in a nonce.
const NONCE: usize = 25;
/// Files on a message.
const FILES: usize = 10;

/// Checks all that a body says; whether it says enough to be a message is asked elsewhere.
pub(crate) fn check(body: &Value) -> Result<(), Refusal> {
    let mut form = Form::default();
    fill(&mut form, "", body);
    form.finish()
}

/// The same, where the message stands inside another body: at a prefix that is empty or ends in a dot.
pub(crate) fn fill(form: &mut Form, prefix: &str, body: &Value) {
    let at = |part: &str| format!("{prefix}{part}");
    form.optional_text(&at("content"), &body["content"], &(0..=CONTENT));
    embeds(form, &at("embeds"), &body["embeds"]);
    components::rows(form, &at("components"), &body["components"]);
    form.list(&at("attachments"), &body["attachments"], &(0..=FILES));
    nonce(form, &at("nonce"), &body["nonce"]);
    mentions(form, &at("allowed_mentions"), &body["allowed_mentions"]);
}

fn nonce(form: &mut Form, path: &str, nonce: &Value) {
    if !nonce.is_i64() && !nonce.is_u64() {
        form.optional_text(path, nonce, &(0..=NONCE));
    }
}

fn mentions(form: &mut Form, path: &str, allowed: &Value) {
    let parse = form.list(&format!("{path}.parse"), &allowed["parse"], &(0..=3));
    for (at, kind) in parse.iter().enumerate() {
        if !["roles", "users", "everyone"]
            .iter()
            .any(|known| kind == known)
        {
            let path = format!("{path}.parse.{at}");
            let message = "Value must be one of ('roles', 'users', 'everyone').";
            form.refuse(&path, "BASE_TYPE_CHOICES", message);
        }
    }
    for kind in ["users", "roles"] {
        let named = form.list(&format!("{path}.{kind}"), &allowed[kind], &(0..=100));
        if parse.iter().any(|one| one == kind) && !named.is_empty() {
            let message =
                format!("parse:[\"{kind}\"] and {kind}: [ids...] are mutually exclusive.");
            form.refuse(path, "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message);
        }
    }
}

fn embeds(form: &mut Form, path: &str, embeds: &Value) {
    let mut total = 0;
    for (at, embed) in form.list(path, embeds, &(0..=EMBEDS)).iter().enumerate() {
        total += one_embed(form, &format!("{path}.{at}"), embed);
    }
    if total > EMBEDS_TOTAL {
        let message = format!("Embed size exceeds maximum size of {EMBEDS_TOTAL}");
        form.refuse(path, "MAX_EMBED_SIZE_EXCEEDED", message);
    }
}

/// Checks an embed and counts the characters that go into the total.
fn one_embed(form: &mut Form, path: &str, embed: &Value) -> usize {
    let mut total = 0;
    let mut count = |form: &mut Form, at: &str, value: &Value, most: usize| {
        let text = form.optional_text(&format!("{path}.{at}"), value, &(0..=most));
        total += text.map_or(0, |text| text.chars().count());
    };
    count(form, "title", &embed["title"], 256);
    count(form, "description", &embed["description"], 4096);
    count(form, "footer.text", &embed["footer"]["text"], 2048);
    count(form, "author.name", &embed["author"]["name"], 256);
    let fields = form.list(&format!("{path}.fields"), &embed["fields"], &(0..=FIELDS));
    for (at, field) in fields.iter().enumerate() {
        for (part, most) in [("name", 256), ("value", 1024)] {
            let path = format!("{path}.fields.{at}.{part}");
            let text = form.text(&path, &field[part], &(1..=most));
            total += text.map_or(0, |text| text.chars().count());
        }
    }
    if !embed["color"].is_null() {
        form.number(
            &format!("{path}.color"),
            &embed["color"],
            &(0..=0x00ff_ffff),
        );
    }
    url(form, &format!("{path}.url"), &embed["url"]);
    url(form, &format!("{path}.image.url"), &embed["image"]["url"]);
    url(
        form,
        &format!("{path}.thumbnail.url"),
        &embed["thumbnail"]["url"],
    );
    if says_nothing(embed) {
        form.refuse(
            &format!("{path}.description"),
            "BASE_TYPE_REQUIRED",
            "This field is required",
        );
    }
    total
}

fn says_nothing(embed: &Value) -> bool {
    [
        "title",
        "description",
        "fields",
        "image",
        "thumbnail",
        "author",
        "footer",
    ]
    .iter()
    .all(|part| match &embed[*part] {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    })
}

fn url(form: &mut Form, path: &str, value: &Value) {
    let Some(url) = value.as_str() else { return };
    let known = ["http://", "https://", "attachment://"];
    if !url.is_empty() && !known.iter().any(|scheme| url.starts_with(scheme)) {
        let message = "Scheme \"\" is not supported. Scheme must be one of ('http', 'https').";
        form.refuse(path, "URL_TYPE_INVALID_SCHEME", message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors(body: &Value) -> Value {
        check(body).unwrap_err().errors.unwrap()
    }

    fn of(length: usize) -> String {
        "ж".repeat(length)
    }

    #[test]
    fn content_has_2000_characters_not_bytes() {
        assert_eq!(check(&json!({ "content": of(2000) })), Ok(()));
        let errors = errors(&json!({ "content": of(2001) }));
        let expected = json!({ "content": { "_errors": [{
            "code": "BASE_TYPE_MAX_LENGTH",
            "message": "Must be 2000 or fewer in length.",
        }] } });
        assert_eq!(errors, expected);
    }

    #[test]
    fn each_part_of_an_embed_has_its_limit_and_all_have_one_together() {
        let parts = [("title", 256), ("description", 4096)];
        for (part, most) in parts {
            assert_eq!(check(&json!({ "embeds": [{ part: of(most) }] })), Ok(()));
            let errors = errors(&json!({ "embeds": [{ part: of(most + 1) }] }));
            assert!(
                errors["embeds"]["0"][part]["_errors"][0]["code"].is_string(),
                "{part}"
            );
        }
        let one = json!({ "description": of(3000) });
        assert_eq!(check(&json!({ "embeds": [one, one] })), Ok(()));
        let with_one_more = json!({ "title": "x", "description": of(3000) });
        let errors = errors(&json!({ "embeds": [one, with_one_more] }));
        assert_eq!(
            errors["embeds"]["_errors"][0]["code"],
            "MAX_EMBED_SIZE_EXCEEDED"
        );
    }

    #[test]
    fn fields_are_25_and_none_is_empty() {
        let field = json!({ "name": "n", "value": "v" });
        let fields = |count: usize| json!({ "embeds": [{ "fields": vec![field.clone(); count] }] });
        assert_eq!(check(&fields(25)), Ok(()));
        assert!(errors(&fields(26))["embeds"]["0"]["fields"]["_errors"].is_array());
        let empty = json!({ "embeds": [{ "fields": [{ "name": "n", "value": "" }] }] });
        let errors = errors(&empty);
        let code = &errors["embeds"]["0"]["fields"]["0"]["value"]["_errors"][0]["code"];
        assert_eq!(code, "BASE_TYPE_REQUIRED");
    }

    #[test]
    fn embeds_are_ten_and_say_something() {
        let embeds = |count: usize| json!({ "embeds": vec![json!({ "title": "t" }); count] });
        assert_eq!(check(&embeds(10)), Ok(()));
        assert!(errors(&embeds(11))["embeds"]["_errors"].is_array());
        assert!(check(&json!({ "embeds": [{ "color": 1 }] })).is_err());
    }

    #[test]
    fn a_nonce_is_a_number_or_25_characters() {
        assert_eq!(check(&json!({ "nonce": of(25) })), Ok(()));
        assert_eq!(check(&json!({ "nonce": 1_234_567_890_123_u64 })), Ok(()));
        assert!(errors(&json!({ "nonce": of(26) }))["nonce"].is_object());
    }

    #[test]
    fn who_is_pinged_is_said_in_one_way() {
        let both = json!({ "allowed_mentions": { "parse": ["users"], "users": ["1"] } });
        assert!(errors(&both)["allowed_mentions"]["_errors"].is_array());
        assert_eq!(
            check(&json!({ "allowed_mentions": { "parse": [] } })),
            Ok(())
        );
    }
}
