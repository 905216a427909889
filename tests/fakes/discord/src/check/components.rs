//! Rows of buttons and selects under a message, and the fields of a modal.

use serde_json::Value;

use super::form::Form;

pub(crate) const ROW: u64 = 1;
pub(crate) const BUTTON: u64 = 2;
pub(crate) const STRING_SELECT: u64 = 3;
pub(crate) const TEXT_INPUT: u64 = 4;
/// A select of users, roles, users and roles, or channels.
pub(crate) const OTHER_SELECTS: [u64; 4] = [5, 6, 7, 8];
/// The style of a button that opens an address and tells nobody.
pub(crate) const LINK: u64 = 5;

const ROWS: usize = 5;
const BUTTONS: usize = 5;
const OPTIONS: usize = 25;
const CUSTOM_ID: usize = 100;
const LABEL: usize = 80;
const SELECT_LABEL: usize = 100;
const PLACEHOLDER: usize = 150;
const FIELD_LABEL: usize = 45;
const FIELD_VALUE: usize = 4000;
const DUPLICATED: (&str, &str) = (
    "COMPONENT_CUSTOM_ID_DUPLICATED",
    "Component custom id cannot be duplicated",
);

/// The components of a message.
pub(crate) fn rows(form: &mut Form, path: &str, rows: &Value) {
    let mut ids = Vec::new();
    for (at, row) in form.list(path, rows, &(0..=ROWS)).iter().enumerate() {
        let path = format!("{path}.{at}");
        form.one_of(&format!("{path}.type"), &row["type"], &[ROW]);
        let inner = form.list(
            &format!("{path}.components"),
            &row["components"],
            &(1..=BUTTONS),
        );
        for (at, component) in inner.iter().enumerate() {
            one(
                form,
                &mut ids,
                &format!("{path}.components.{at}"),
                component,
            );
        }
        if inner.len() > 1 && inner.iter().any(|one| one["type"] != BUTTON) {
            let message = "Components displayed in a row must have a total width of at most 5";
            form.refuse(&path, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", message);
        }
    }
}

fn one<'a>(form: &mut Form, ids: &mut Vec<&'a str>, path: &str, component: &'a Value) {
    match component["type"].as_u64() {
        Some(BUTTON) => button(form, ids, path, component),
        Some(kind) if kind == STRING_SELECT || OTHER_SELECTS.contains(&kind) => {
            select(form, ids, path, component);
        }
        _ => {
            form.one_of(
                &format!("{path}.type"),
                &component["type"],
                &[2, 3, 5, 6, 7, 8],
            );
        }
    }
}

fn custom_id<'a>(form: &mut Form, ids: &mut Vec<&'a str>, path: &str, component: &'a Value) {
    let path = format!("{path}.custom_id");
    if let Some(id) = form.text(&path, &component["custom_id"], &(1..=CUSTOM_ID)) {
        form.unique(ids, &path, id, DUPLICATED.0, DUPLICATED.1);
    }
}

fn button<'a>(form: &mut Form, ids: &mut Vec<&'a str>, path: &str, button: &'a Value) {
    let style = form.one_of(&format!("{path}.style"), &button["style"], &[1, 2, 3, 4, 5]);
    form.optional_text(&format!("{path}.label"), &button["label"], &(0..=LABEL));
    let unnamed = button["label"].as_str().is_none_or(str::is_empty);
    if unnamed && button["emoji"].is_null() {
        let message = "A button must have a label or emoji";
        form.refuse(path, "BUTTON_COMPONENT_INVALID_LABEL", message);
    }
    if style == Some(LINK) {
        form.text(&format!("{path}.url"), &button["url"], &(1..=512));
        if !button["custom_id"].is_null() {
            let message = "A custom id and url cannot both be specified";
            form.refuse(
                path,
                "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
                message,
            );
        }
    } else {
        custom_id(form, ids, path, button);
        if !button["url"].is_null() {
            let message = "URL can only be used with a link button";
            form.refuse(path, "BUTTON_COMPONENT_URL_NOT_ALLOWED", message);
        }
    }
}

fn select<'a>(form: &mut Form, ids: &mut Vec<&'a str>, path: &str, select: &'a Value) {
    custom_id(form, ids, path, select);
    form.optional_text(
        &format!("{path}.placeholder"),
        &select["placeholder"],
        &(0..=PLACEHOLDER),
    );
    for (part, least) in [("min_values", 0), ("max_values", 1)] {
        if !select[part].is_null() {
            form.number(&format!("{path}.{part}"), &select[part], &(least..=25));
        }
    }
    if select["type"] != STRING_SELECT {
        return;
    }
    let mut values = Vec::new();
    let options = form.list(
        &format!("{path}.options"),
        &select["options"],
        &(1..=OPTIONS),
    );
    for (at, option) in options.iter().enumerate() {
        let path = format!("{path}.options.{at}");
        form.text(
            &format!("{path}.label"),
            &option["label"],
            &(1..=SELECT_LABEL),
        );
        form.optional_text(
            &format!("{path}.description"),
            &option["description"],
            &(0..=SELECT_LABEL),
        );
        let path = format!("{path}.value");
        if let Some(value) = form.text(&path, &option["value"], &(1..=SELECT_LABEL)) {
            let (code, message) = (
                "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
                "The specified option value is already used",
            );
            form.unique(&mut values, &path, value, code, message);
        }
    }
}

/// A modal: its title and its rows of one text field each.
pub(crate) fn modal(form: &mut Form, data: &Value) {
    form.text("data.title", &data["title"], &(1..=FIELD_LABEL));
    form.text("data.custom_id", &data["custom_id"], &(1..=CUSTOM_ID));
    let mut ids = Vec::new();
    for (at, row) in form
        .list("data.components", &data["components"], &(1..=ROWS))
        .iter()
        .enumerate()
    {
        let path = format!("data.components.{at}");
        form.one_of(&format!("{path}.type"), &row["type"], &[ROW]);
        let inner = form.list(&format!("{path}.components"), &row["components"], &(1..=1));
        for (at, field) in inner.iter().enumerate() {
            text_input(form, &mut ids, &format!("{path}.components.{at}"), field);
        }
    }
}

fn text_input<'a>(form: &mut Form, ids: &mut Vec<&'a str>, path: &str, field: &'a Value) {
    form.one_of(&format!("{path}.type"), &field["type"], &[TEXT_INPUT]);
    form.one_of(&format!("{path}.style"), &field["style"], &[1, 2]);
    form.text(
        &format!("{path}.label"),
        &field["label"],
        &(1..=FIELD_LABEL),
    );
    custom_id(form, ids, path, field);
    form.optional_text(
        &format!("{path}.placeholder"),
        &field["placeholder"],
        &(0..=100),
    );
    form.optional_text(
        &format!("{path}.value"),
        &field["value"],
        &(0..=FIELD_VALUE),
    );
    for (part, least) in [("min_length", 0), ("max_length", 1)] {
        if !field[part].is_null() {
            form.number(&format!("{path}.{part}"), &field[part], &(least..=4000));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::message::check;
    use super::*;

    fn button(id: &str) -> Value {
        json!({ "type": BUTTON, "style": 1, "label": "Go", "custom_id": id })
    }

    fn row(buttons: &[Value]) -> Value {
        json!({ "type": ROW, "components": buttons })
    }

    fn refused(rows: &[Value]) -> Option<Value> {
        check(&json!({ "components": rows }))
            .err()
            .and_then(|refusal| refusal.errors)
    }

    #[test]
    fn five_rows_of_five_buttons() {
        let full = |row_no: usize, count: usize| {
            let buttons: Vec<Value> = (0..count)
                .map(|n| button(&format!("{row_no}-{n}")))
                .collect();
            row(&buttons)
        };
        let rows = |count: usize| (0..count).map(|n| full(n, 5)).collect::<Vec<Value>>();
        assert_eq!(refused(&rows(5)), None);
        assert!(refused(&rows(6)).unwrap()["components"]["_errors"].is_array());
        assert!(refused(&[full(0, 6)]).is_some());
        assert!(refused(&[row(&[])]).is_some());
    }

    #[test]
    fn custom_ids_are_unique_in_the_message_and_have_100_characters() {
        let errors = refused(&[row(&[button("a")]), row(&[button("a")])]).unwrap();
        let code = &errors["components"]["1"]["components"]["0"]["custom_id"]["_errors"][0]["code"];
        assert_eq!(code, DUPLICATED.0);
        assert_eq!(refused(&[row(&[button(&"x".repeat(100))])]), None);
        assert!(refused(&[row(&[button(&"x".repeat(101))])]).is_some());
        assert!(refused(&[row(&[button("")])]).is_some());
    }

    #[test]
    fn a_label_has_80_characters_and_a_link_no_custom_id() {
        let mut long = button("a");
        long["label"] = "x".repeat(81).into();
        assert!(refused(&[row(&[long])]).is_some());
        let mut link = button("a");
        link["style"] = LINK.into();
        link["url"] = "https://example.org".into();
        assert!(refused(&[row(&[link.clone()])]).is_some());
        link["custom_id"] = Value::Null;
        assert_eq!(refused(&[row(&[link])]), None);
    }

    #[test]
    fn a_select_has_25_options_of_distinct_values_and_a_row_of_its_own() {
        let select = |count: usize| {
            let options: Vec<Value> = (0..count)
                .map(|n| json!({ "label": "l", "value": n.to_string() }))
                .collect();
            json!({ "type": STRING_SELECT, "custom_id": "s", "options": options })
        };
        assert_eq!(refused(&[row(&[select(25)])]), None);
        assert!(refused(&[row(&[select(26)])]).is_some());
        assert!(refused(&[row(&[select(2), button("b")])]).is_some());
        let twice = json!({ "type": STRING_SELECT, "custom_id": "s", "options": [
            { "label": "a", "value": "1" }, { "label": "b", "value": "1" },
        ] });
        assert!(refused(&[row(&[twice])]).is_some());
    }

    #[test]
    fn a_modal_has_a_short_title_and_one_to_five_fields() {
        let field = |id: usize| {
            row(&[
                json!({ "type": TEXT_INPUT, "style": 1, "label": "l", "custom_id": id.to_string() }),
            ])
        };
        let fine = |title: &str, count: usize| {
            let fields: Vec<Value> = (0..count).map(field).collect();
            let mut form = Form::default();
            modal(
                &mut form,
                &json!({ "title": title, "custom_id": "m", "components": fields }),
            );
            form.finish().is_ok()
        };
        assert!(fine(&"t".repeat(45), 1) && fine("t", 5));
        assert!(!fine(&"t".repeat(46), 1) && !fine("t", 0) && !fine("t", 6));
    }
}
