//! Whether a server has the commands that it is to have, as they are here.

use serde_json::Value;

use crate::chat::discord::publish::Where;
use crate::chat::discord::render::markdown::one_line;
use crate::domain::finding::Remark;
use crate::domain::words::counted;

/// What Discord leaves out of a command, or has in it as nothing, where it is not said.
const OPTIONAL: [&str; 4] = ["options", "choices", "required", "autocomplete"];

/// Compares the commands as they are sent with those that are there.
pub(super) fn look(wanted: &Value, there: &Value, place: Where) -> Remark {
    let (its, in_it) = match place {
        Where::Server => ("its", "in it"),
        Where::Direct => ("their", "in them"),
    };
    let (wanted, there) = (list(wanted), list(there));
    let found = |name: &str, all: &[Value]| all.iter().find(|one| name_of(one) == name).cloned();
    let (mut missing, mut others) = (vec![], vec![]);
    for command in wanted {
        let name = name_of(command);
        match found(name, there) {
            None => missing.push(named(name)),
            Some(known) if !is_as(command, &known) => others.push(named(name)),
            Some(_) => {}
        }
    }
    let names = there.iter().map(name_of);
    let names = names.filter(|name| found(name, wanted).is_none());
    let more: Vec<_> = names.map(named).collect();
    let parts = [
        ("missing", missing),
        ("other than here", others),
        ("not here", more),
    ];
    let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
    let parts: Vec<_> = parts
        .map(|(what, names)| format!("{what}: {}", names.join(", ")))
        .collect();
    if parts.is_empty() {
        let commands = counted(wanted.len(), "command");
        return Remark::well(format!("{commands} {in_it}, as they are here"));
    }
    Remark::warning(
        format!(
            "{its} commands are not those that are here ({})",
            parts.join("; ")
        ),
        "start Purser, which publishes them: `purser up`; if it is up, its log says why it has not",
    )
}

/// Those for direct messages, where these are not answered: there are to be none.
pub(super) fn left_over(there: &Value) -> Option<Remark> {
    let names: Vec<_> = list(there).iter().map(|one| named(name_of(one))).collect();
    (!names.is_empty()).then(|| {
        Remark::warning(
            format!(
                "they are not answered, and there are commands for them: {}",
                names.join(", ")
            ),
            "start Purser, which takes them away: `purser up`; or set `direct_messages = true` in [discord]",
        )
    })
}

fn list(commands: &Value) -> &[Value] {
    commands.as_array().map_or(&[], Vec::as_slice)
}

fn name_of(command: &Value) -> &str {
    command["name"].as_str().unwrap_or_default()
}

fn named(name: &str) -> String {
    format!("`/{}`", one_line(name))
}

/// Whether Discord's version of something says what ours says. Its own has more fields.
fn is_as(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Object(fields), _) => {
            let others = OPTIONAL.iter().filter(|name| !fields.contains_key(**name));
            fields
                .iter()
                .all(|(name, value)| is_as(value, &theirs[name]))
                && others.clone().all(|name| is_nothing(&theirs[*name]))
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            let mut pairs = ours.iter().zip(theirs);
            ours.len() == theirs.len() && pairs.all(|(ours, theirs)| is_as(ours, theirs))
        }
        (nothing, Value::Null) => is_nothing(nothing),
        (ours, theirs) => ours == theirs,
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(values) => values.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted() -> Value {
        json!([
            { "name": "deploy", "description": "Deploy", "options": [
                { "type": 3, "name": "service", "description": "service", "required": true },
                { "type": 3, "name": "tag", "description": "tag", "required": false },
            ] },
            { "name": "status", "description": "Status", "options": [] },
        ])
    }

    /// As Discord has them: with more fields, and without what is nothing.
    fn there() -> Value {
        json!([
            { "id": "1", "version": "2", "name": "deploy", "description": "Deploy", "nsfw": false, "options": [
                { "type": 3, "name": "service", "description": "service", "required": true },
                { "type": 3, "name": "tag", "description": "tag" },
            ] },
            { "id": "3", "version": "4", "name": "status", "description": "Status" },
        ])
    }

    #[test]
    fn what_discord_adds_and_leaves_out_makes_no_other_command() {
        assert_eq!(
            look(&wanted(), &there(), Where::Server),
            Remark::well("2 commands in it, as they are here")
        );
    }

    #[test]
    fn what_is_missing_other_or_too_much_is_named() {
        let mut there = there();
        there[0]["options"][1]["autocomplete"] = json!(true);
        there[1]["name"] = json!("state");
        insta::assert_snapshot!(
            look(&wanted(), &there, Where::Server).message,
            @"its commands are not those that are here (missing: `/status`; other than here: `/deploy`; not here: `/state`)"
        );
    }
}
