//! A line of words: the name of a command, and what stands behind it.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::built_ins;
use crate::cli::Failure;
use crate::domain::command::named;
use crate::domain::input::InputSpec;
use crate::http::types::{CatalogEntry, CatalogView};

/// The command that a line begins with, and the words behind its name.
///
/// # Errors
/// It begins with none: the nearest, of those of the console too.
pub(super) fn entry<'c, 'w>(
    catalog: &'c CatalogView,
    words: &'w [&'w str],
) -> Result<(&'c CatalogEntry, &'w [&'w str]), String> {
    let own: Vec<_> = built_ins().map(|(usage, _)| usage).collect();
    let own = own.iter().filter_map(|usage| usage.split(' ').next());
    let names: Vec<_> = names(catalog).into_iter().chain(own).collect();
    let (name, given) = words.split_at(named(words, &names)?);
    let name = name.join(" ");
    let entry = catalog.commands.iter().find(|entry| entry.name == name);
    let entry = entry.ok_or_else(|| format!("`{name}` is no command of `commands/`"))?;
    Ok((entry, given))
}

/// The names of all commands of `commands/`.
pub(super) fn names(catalog: &CatalogView) -> Vec<&str> {
    let commands = catalog.commands.iter();
    commands.map(|entry| entry.name.as_str()).collect()
}

/// How a command is written: `deploy SERVICE VERSION [WAIT]`.
pub(super) fn usage(name: &str, options: &IndexMap<String, InputSpec>) -> String {
    let options = options.iter();
    let options = options.map(|(name, spec)| format!(" {}", placeholder(name, spec)));
    format!("{name}{}", options.collect::<String>())
}

/// `SERVICE`, or `[LINES]` for what can be left out.
pub(super) fn placeholder(name: &str, spec: &InputSpec) -> String {
    let name = name.to_uppercase();
    if spec.required {
        name
    } else {
        format!("[{name}]")
    }
}

/// Words as options: `name=value` by name, any other in the order of the command's file.
pub(super) fn options(entry: &CatalogEntry, words: &[&str]) -> Result<Map<String, Value>, Failure> {
    let mut given = Map::new();
    for word in words {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if entry.inputs.contains_key(name) => (name.to_owned(), value),
            _ => {
                let next = entry.inputs.keys().find(|name| !given.contains_key(*name));
                let next = next.ok_or_else(|| {
                    Failure::usage(format!(
                        "`{word}` is one too many: write {}",
                        usage(&entry.name, &entry.inputs)
                    ))
                })?;
                (next.clone(), *word)
            }
        };
        given.insert(name, Value::from(value));
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deploy() -> CatalogEntry {
        serde_json::from_value(json!({
            "name": "deploy", "summary": "Put a version live",
            "inputs": {
                "service": { "type": "string", "required": true },
                "version": { "type": "string", "required": true },
                "wait": { "type": "boolean" },
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_line_begins_with_the_whole_name_of_a_command() {
        let backup = CatalogEntry {
            name: "db backup".to_owned(),
            ..deploy()
        };
        let catalog = CatalogView {
            commands: vec![backup, deploy()],
            workflows: vec![],
        };
        let said = |line: &str| {
            let words: Vec<_> = line.split(' ').collect();
            let found = entry(&catalog, &words);
            found.map(|(entry, given)| format!("{} | {}", entry.name, given.join(" ")))
        };
        assert_eq!(said("db backup orders"), Ok("db backup | orders".into()));
        assert_eq!(said("deploy web v2"), Ok("deploy | web v2".into()));
        let wrong = ["db bakcup orders", "db", "depoly", "wtach", "runs"];
        let wrong: Vec<_> = wrong.map(|line| said(line).unwrap_err()).into();
        insta::assert_snapshot!(wrong.join("\n"), @"
        unknown command `db bakcup`; did you mean `db backup`?
        `db` is a group of commands: `db` has `backup`
        unknown command `depoly`; did you mean `deploy`?
        unknown command `wtach`; did you mean `watch`?
        `runs` is no command of `commands/`
        ");
    }

    #[test]
    fn words_are_options_in_their_order_or_by_name() {
        let wanted = json!({ "service": "web", "version": "v2" });
        for words in [
            vec!["web", "v2"],
            vec!["version=v2", "web"],
            vec!["service=web", "v2"],
        ] {
            assert_eq!(
                Value::Object(options(&deploy(), &words).unwrap()),
                wanted,
                "{words:?}"
            );
        }
        let failure = options(&deploy(), &["a", "b", "c", "d"]).unwrap_err();
        assert_eq!(
            failure.message,
            "`d` is one too many: write deploy SERVICE VERSION [WAIT]"
        );
    }
}
