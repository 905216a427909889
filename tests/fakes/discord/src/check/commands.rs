//! What an application may register as a command.

use serde_json::Value;

use super::form::Form;
use crate::refusal::{Refusal, TOO_MANY_COMMANDS};

/// Commands of one application in one scope.
pub(crate) const COMMANDS: usize = 100;
/// Options of a command, choices of an option, and values of an autocomplete.
const OPTIONS: usize = 25;
/// Characters of a command in names, descriptions and values together.
const TOTAL: usize = 8000;

const SUB_COMMAND: u64 = 1;
const SUB_COMMAND_GROUP: u64 = 2;
const STRING: u64 = 3;
const INTEGER: u64 = 4;
const NUMBER: u64 = 10;
/// A command that is typed, as against those of a menu.
const CHAT_INPUT: u64 = 1;

/// A bulk overwrite: all that one scope is to have.
pub(crate) fn check_all(commands: &[Value]) -> Result<(), Refusal> {
    if commands.len() > COMMANDS {
        return Err(TOO_MANY_COMMANDS);
    }
    let mut form = Form::default();
    let mut names = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        whole(&mut form, &at.to_string(), command);
        let name = (kind(command), command["name"].as_str().unwrap_or_default());
        if names.contains(&name) {
            let message = "Application command names must be unique";
            form.refuse(
                &at.to_string(),
                "APPLICATION_COMMANDS_DUPLICATE_NAME",
                message,
            );
        }
        names.push(name);
    }
    form.finish()
}

/// One command.
pub(crate) fn check(command: &Value) -> Result<(), Refusal> {
    let mut form = Form::default();
    whole(&mut form, "", command);
    form.finish()
}

/// The kind of a command; typed ones need not say it.
pub(crate) fn kind(command: &Value) -> u64 {
    command["type"].as_u64().unwrap_or(CHAT_INPUT)
}

fn whole(form: &mut Form, path: &str, command: &Value) {
    if kind(command) == CHAT_INPUT {
        named(form, path, command);
        options(form, path, &command["options"], Depth::Command);
    } else {
        form.one_of(&join(path, "type"), &command["type"], &[1, 2, 3]);
        form.text(&join(path, "name"), &command["name"], &(1..=32));
    }
    for (part, numbers) in [("contexts", &[0, 1, 2][..]), ("integration_types", &[0, 1])] {
        let at = join(path, part);
        let most = 0..=numbers.len();
        for (place, one) in form.list(&at, &command[part], &most).iter().enumerate() {
            form.one_of(&format!("{at}.{place}"), one, numbers);
        }
    }
    if characters(command) > TOTAL {
        let message = format!("Command exceeds maximum size ({TOTAL})");
        let path = if path.is_empty() { "name" } else { path };
        form.refuse(path, "APPLICATION_COMMAND_TOO_LARGE", message);
    }
}

fn named(form: &mut Form, path: &str, it: &Value) {
    let at = join(path, "name");
    if let Some(name) = form.text(&at, &it["name"], &(1..=32)) {
        let known = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '\'');
        if !name.chars().all(known) || name.to_lowercase() != name {
            let message = "Command name is invalid";
            form.refuse(&at, "APPLICATION_COMMAND_INVALID_NAME", message);
        }
    }
    form.text(&join(path, "description"), &it["description"], &(1..=100));
}

#[derive(Clone, Copy, PartialEq)]
enum Depth {
    Command,
    Group,
    SubCommand,
}

fn options(form: &mut Form, path: &str, options: &Value, depth: Depth) {
    let path = join(path, "options");
    let mut names = Vec::new();
    let mut optional_before = false;
    let list = form.list(&path, options, &(0..=OPTIONS));
    for (at, option) in list.iter().enumerate() {
        let path = format!("{path}.{at}");
        named(form, &path, option);
        let (code, message) = (
            "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS",
            "Option name already exists",
        );
        if let Some(name) = option["name"].as_str() {
            form.unique(&mut names, &format!("{path}.name"), name, code, message);
        }
        one_option(form, &path, option, depth);
        let required = option["required"] == true;
        if required && optional_before {
            let message = "Required options must be placed before non-required options";
            form.refuse(
                &path,
                "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                message,
            );
        }
        optional_before |= !required;
    }
    let nested = |option: &&Value| {
        matches!(
            option["type"].as_u64(),
            Some(SUB_COMMAND | SUB_COMMAND_GROUP)
        )
    };
    let nested = list.iter().filter(nested).count();
    if nested != 0 && nested != list.len() {
        let message = "Sub-command and sub-command group option types are mutually exclusive to all other types";
        form.refuse(&path, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message);
    }
}

fn one_option(form: &mut Form, path: &str, option: &Value, depth: Depth) {
    let kinds: &[u64] = match depth {
        Depth::Command => &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
        Depth::Group => &[1],
        Depth::SubCommand => &[3, 4, 5, 6, 7, 8, 9, 10, 11],
    };
    match form.one_of(&join(path, "type"), &option["type"], kinds) {
        Some(SUB_COMMAND) => options(form, path, &option["options"], Depth::SubCommand),
        Some(SUB_COMMAND_GROUP) => options(form, path, &option["options"], Depth::Group),
        Some(kind) => value_option(form, path, option, kind),
        None => {}
    }
}

fn value_option(form: &mut Form, path: &str, option: &Value, kind: u64) {
    let at = join(path, "choices");
    let choices = form.list(&at, &option["choices"], &(0..=OPTIONS));
    let takes_choices = matches!(kind, STRING | INTEGER | NUMBER);
    if !takes_choices && (!choices.is_empty() || option["autocomplete"] == true) {
        let message = "Option type does not support choices or autocomplete";
        form.refuse(&at, "APPLICATION_COMMAND_OPTIONS_CHOICES_INVALID", message);
    }
    if option["autocomplete"] == true && !choices.is_empty() {
        let message = "Autocomplete cannot be used with choices";
        form.refuse(
            &join(path, "autocomplete"),
            "APPLICATION_COMMAND_AUTOCOMPLETE_CHOICES",
            message,
        );
    }
    self::choices(form, &at, choices, kind);
    if kind == STRING {
        for (part, least) in [("min_length", 0), ("max_length", 1)] {
            if !option[part].is_null() {
                form.number(&join(path, part), &option[part], &(least..=6000));
            }
        }
    }
}

/// The choices of an option, and the values that an autocomplete offers.
pub(crate) fn choices(form: &mut Form, path: &str, choices: &[Value], kind: u64) {
    let mut names = Vec::new();
    for (at, choice) in choices.iter().enumerate() {
        let path = format!("{path}.{at}");
        if let Some(name) = form.text(&join(&path, "name"), &choice["name"], &(1..=100)) {
            let (code, message) = (
                "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_ALREADY_EXISTS",
                "Option choice name already exists",
            );
            form.unique(&mut names, &join(&path, "name"), name, code, message);
        }
        let at = join(&path, "value");
        let value = &choice["value"];
        match kind {
            INTEGER if !value.is_i64() => {
                form.refuse(&at, "NUMBER_TYPE_COERCE", "Value is not int.");
            }
            NUMBER if !value.is_number() => {
                form.refuse(&at, "NUMBER_TYPE_COERCE", "Value is not float.");
            }
            STRING => {
                form.text(&at, value, &(1..=100));
            }
            _ => {}
        }
    }
}

/// What an autocomplete offers: at most 25.
pub(crate) fn check_offer(form: &mut Form, choices: &Value, kind: u64) {
    let list = form.list("data.choices", choices, &(0..=OPTIONS));
    self::choices(form, "data.choices", list, kind);
}

/// Characters in names, descriptions and values, all options and choices included.
fn characters(it: &Value) -> usize {
    let own: usize = ["name", "description", "value"]
        .iter()
        .filter_map(|part| it[*part].as_str())
        .map(|text| text.chars().count())
        .sum();
    let inner = ["options", "choices"]
        .iter()
        .filter_map(|part| it[*part].as_array());
    own + inner.flatten().map(characters).sum::<usize>()
}

fn join(path: &str, part: &str) -> String {
    if path.is_empty() {
        part.to_owned()
    } else {
        format!("{path}.{part}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn command(name: &str, options: &Value) -> Value {
        json!({ "name": name, "description": "d", "options": options })
    }

    fn option(name: &str, required: bool) -> Value {
        json!({ "type": STRING, "name": name, "description": "d", "required": required })
    }

    fn code(refusal: &Refusal, path: &str) -> String {
        let errors = refusal.errors.as_ref().unwrap();
        errors.pointer(path).unwrap()["_errors"][0]["code"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn names_are_lower_case_words_of_any_script() {
        for fine in ["deploy", "back-up", "résumé", "выкат", "a_b", "o'clock"] {
            assert_eq!(check(&command(fine, &json!([]))), Ok(()), "{fine}");
        }
        for wrong in ["Deploy", "two words", "", "a/b", &"x".repeat(33)] {
            assert!(check(&command(wrong, &json!([]))).is_err(), "{wrong}");
        }
    }

    #[test]
    fn required_options_come_first() {
        let fine = json!([option("a", true), option("b", false)]);
        assert_eq!(check(&command("c", &fine)), Ok(()));
        let wrong = json!([option("a", false), option("b", true)]);
        let refusal = check(&command("c", &wrong)).unwrap_err();
        assert_eq!(
            code(&refusal, "/options/1"),
            "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID"
        );
    }

    #[test]
    fn options_and_choices_are_25() {
        let options = |count: usize| {
            let options: Vec<Value> = (0..count)
                .map(|n| option(&format!("o{n}"), false))
                .collect();
            command("c", &json!(options))
        };
        assert_eq!(check(&options(25)), Ok(()));
        assert!(check(&options(26)).is_err());
        let choices = |count: usize| {
            let choices: Vec<Value> = (0..count)
                .map(|n| json!({ "name": format!("c{n}"), "value": "v" }))
                .collect();
            let mut one = option("o", false);
            one["choices"] = choices.into();
            command("c", &json!([one]))
        };
        assert_eq!(check(&choices(25)), Ok(()));
        assert!(check(&choices(26)).is_err());
    }

    #[test]
    fn a_group_holds_sub_commands_and_nothing_is_deeper() {
        let sub = json!({ "type": SUB_COMMAND, "name": "s", "description": "d", "options": [option("o", true)] });
        let group =
            json!({ "type": SUB_COMMAND_GROUP, "name": "g", "description": "d", "options": [sub] });
        assert_eq!(check(&command("c", &json!([group]))), Ok(()));
        let deep = json!({ "type": SUB_COMMAND_GROUP, "name": "g", "description": "d", "options": [group] });
        assert!(check(&command("c", &json!([deep]))).is_err());
        let mixed = json!([sub, option("o", false)]);
        assert!(check(&command("c", &mixed)).is_err());
    }

    #[test]
    fn a_command_has_8000_characters_in_all() {
        let options = |count: usize| {
            let mut options: Vec<Value> = Vec::new();
            for n in 0..count {
                let choices: Vec<Value> = (0..25)
                    .map(|c| json!({ "name": format!("{c:0>100}"), "value": "v".repeat(100) }))
                    .collect();
                let mut one = option(&format!("o{n}"), false);
                one["choices"] = choices.into();
                options.push(one);
            }
            command("c", &json!(options))
        };
        assert_eq!(check(&options(1)), Ok(()));
        assert!(check(&options(2)).is_err());
    }

    #[test]
    fn where_a_command_can_be_given_is_told_by_known_numbers() {
        let within = |part: &str, numbers: Value| {
            let mut one = command("c", &json!([]));
            one[part] = numbers;
            check(&one)
        };
        assert_eq!(within("contexts", json!([0, 1, 2])), Ok(()));
        assert_eq!(within("integration_types", json!([0, 1])), Ok(()));
        let unknown = within("contexts", json!([0, 3])).unwrap_err();
        assert_eq!(code(&unknown, "/contexts/1"), "BASE_TYPE_CHOICES");
        let unknown = within("integration_types", json!([2])).unwrap_err();
        assert_eq!(code(&unknown, "/integration_types/0"), "BASE_TYPE_CHOICES");
    }

    #[test]
    fn a_scope_has_100_commands_of_different_names() {
        let named = |count: usize| -> Vec<Value> {
            (0..count)
                .map(|n| command(&format!("c{n}"), &json!([])))
                .collect()
        };
        assert_eq!(check_all(&named(100)), Ok(()));
        assert_eq!(check_all(&named(101)), Err(TOO_MANY_COMMANDS));
        let twice = [command("same", &json!([])), command("same", &json!([]))];
        assert_eq!(
            code(&check_all(&twice).unwrap_err(), "/1"),
            "APPLICATION_COMMANDS_DUPLICATE_NAME"
        );
    }
}
