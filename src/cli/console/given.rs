//! What stands behind the name of a command.

use serde_json::{Map, Value};

use crate::cli::Failure;
use crate::domain::input::InputSpec;
use crate::http::types::{CatalogEntry, CatalogView};

/// The command of this name.
pub(super) fn entry<'c>(catalog: &'c CatalogView, name: &str) -> Option<&'c CatalogEntry> {
    catalog.commands.iter().find(|entry| entry.name == name)
}

/// How a command is written: `deploy SERVICE VERSION [WAIT]`.
pub(super) fn usage(entry: &CatalogEntry) -> String {
    let options = entry.inputs.iter();
    let options = options.map(|(name, spec)| format!(" {}", placeholder(name, spec)));
    format!("{}{}", entry.name, options.collect::<String>())
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
                    Failure::usage(format!("`{word}` is one too many: write {}", usage(entry)))
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
