//! `stack env`: what the tests must know, for a shell or for a program.

use anyhow::Result;
use serde_json::{Map, Value};

use crate::say;
use crate::stack::libraries;
use crate::stack::part::Part;
use crate::stack::places::Places;
use crate::stack::record::Record;

/// The environment of the tests.
pub(crate) fn of(
    places: &Places,
    parts: &[&'static dyn Part],
) -> Result<Vec<(&'static str, String)>> {
    let all: Result<Vec<_>> = parts.iter().map(|part| part.env(places)).collect();
    let of_parts = all?.into_iter().flatten();
    Ok(of_parts.chain(libraries::env(places)).collect())
}

/// Prints it, as shell exports or as one JSON object.
pub(crate) fn print(places: &Places, parts: &[&'static dyn Part], json: bool) -> Result<()> {
    for part in parts
        .iter()
        .filter(|part| Record::alive(places, part.name()).is_none())
    {
        say::line(
            part.name(),
            format!("is down: cargo xtask stack up {}", part.name()),
        );
    }
    let env = of(places, parts)?;
    if json {
        let object: Map<String, Value> = env
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        println!("{}", serde_json::to_string_pretty(&object)?);
    } else {
        print!("{}", exports(&env));
    }
    Ok(())
}

fn exports(env: &[(&str, String)]) -> String {
    let lines = env
        .iter()
        .map(|(name, value)| format!("export {name}={}", quoted(value)));
    lines.collect::<Vec<_>>().join(
        "
",
    ) + "
"
}

/// A value as a shell reads it back: bare where nothing in it means anything to a shell.
fn quoted(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/:._@-+,=%".contains(&byte);
    if !value.is_empty() && value.bytes().all(is_plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_read_back_by_a_shell() {
        let env = [
            ("A", "postgres://me@127.0.0.1:1/db".to_owned()),
            ("B", "it's $5".to_owned()),
        ];
        assert_eq!(
            exports(&env),
            "export A=postgres://me@127.0.0.1:1/db\nexport B='it'\\''s $5'\n"
        );
        assert_eq!(quoted(""), "''");
    }
}
