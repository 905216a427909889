//! A line of words: the name of a command, and what stands behind it.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::built_ins;
use crate::cli::Failure;
use crate::cli::words::words;
use crate::domain::command::named;
use crate::domain::input::InputSpec;
use crate::domain::nearest::nearest;
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
    let options = options.iter().filter(|(_, spec)| is_typed(spec));
    let options = options.map(|(name, spec)| format!(" {}", placeholder(name, spec)));
    format!("{name}{}", options.collect::<String>())
}

/// Whether an option is typed on the line: a secret that must be given is asked for.
pub(super) fn is_typed(spec: &InputSpec) -> bool {
    !(spec.secret && spec.required)
}

/// Whether somebody has typed a secret on the line, where everybody sees it.
pub(super) fn shows_secret(catalog: &CatalogView, line: &str) -> bool {
    let words = words(line.trim_start().trim_start_matches('/'));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let entry = entry(catalog, &words);
    let is_secret = |entry: &CatalogEntry, word: &str| {
        let (name, value) = word.split_once('=').unwrap_or_default();
        !value.is_empty() && entry.inputs.get(name).is_some_and(|spec| spec.secret)
    };
    entry.is_ok_and(|(entry, given)| given.iter().any(|word| is_secret(entry, word)))
}

/// The secrets of a command that somebody is asked for: those that must be given, and those that the
/// line names without a value.
pub(super) fn asked<'c>(entry: &'c CatalogEntry, words: &[&str]) -> Vec<&'c str> {
    let secrets = entry.inputs.iter().filter(|(_, spec)| spec.secret);
    let is_asked = |(name, spec): &(&String, &InputSpec)| {
        spec.required || words.contains(&format!("{name}=").as_str())
    };
    secrets
        .filter(is_asked)
        .map(|(name, _)| name.as_str())
        .collect()
}

/// `SERVICE`, or `[LINES]` for what can be left out.
pub(super) fn placeholder(name: &str, spec: &InputSpec) -> String {
    let name = name.to_uppercase();
    if spec.secret {
        format!("[{name}=]")
    } else if spec.required {
        name
    } else {
        format!("[{name}]")
    }
}

/// Words as options: `name=value` by name, any other in the order of the command's file.
pub(super) fn options(entry: &CatalogEntry, words: &[&str]) -> Result<Map<String, Value>, Failure> {
    let mut given = Map::new();
    let takes = |given: &Map<String, Value>| {
        let mut open = entry.inputs.iter();
        let next = open.find(|(name, spec)| !spec.secret && !given.contains_key(*name));
        next.map(|(name, _)| name.clone())
    };
    for word in words {
        let (name, value) = match word.split_once('=') {
            Some((name, "")) if entry.inputs.get(name).is_some_and(|spec| spec.secret) => continue,
            Some((name, _)) if entry.inputs.get(name).is_some_and(|spec| spec.secret) => {
                return Err(Failure::usage(format!(
                    "`{name}` is a secret, and everybody sees what is typed here: leave the value out, \
                     and it is asked for. Nothing was started, and the line is not remembered; if what \
                     you typed is in use, change it"
                )));
            }
            Some((name, value)) if entry.inputs.contains_key(name) => (name.to_owned(), value),
            Some((name, _)) if near(entry, name).is_some() => {
                return Err(misspelt(entry, name, word));
            }
            _ => {
                let next = takes(&given).ok_or_else(|| {
                    Failure::usage(format!(
                        "`{word}` is one too many: write {}",
                        usage(&entry.name, &entry.inputs)
                    ))
                })?;
                (next, *word)
            }
        };
        given.insert(name, Value::from(value));
    }
    Ok(given)
}

/// The option that somebody may have meant: one or two letters are like too many.
fn near<'e>(entry: &'e CatalogEntry, name: &str) -> Option<&'e str> {
    let near = nearest(name, entry.inputs.keys().map(String::as_str));
    near.filter(|_| name.len() > 2)
}

/// What looks like an option by name and is none may still be a value.
fn misspelt(entry: &CatalogEntry, name: &str, word: &str) -> Failure {
    let near = near(entry, name).unwrap_or_default();
    Failure::usage(format!(
        "`{}` has no option `{name}`; did you mean `{near}`? If `{word}` is a value, write it as \
         `OPTION={word}`. Nothing was started",
        entry.name
    ))
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

    #[test]
    fn a_misspelt_option_is_no_value_of_another_one() {
        let failure = options(&deploy(), &["web", "versoin=v2"]).unwrap_err();
        insta::assert_snapshot!(failure.message, @"`deploy` has no option `versoin`; did you mean `version`? If `versoin=v2` is a value, write it as `OPTION=versoin=v2`. Nothing was started");
        let given = options(&deploy(), &["a=b", "version=versoin=v2"]).unwrap();
        let wanted = json!({ "service": "a=b", "version": "versoin=v2" });
        assert_eq!(Value::Object(given), wanted);
    }
}
