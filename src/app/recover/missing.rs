//! The files with secrets that a configuration names: no backup holds them.

use std::path::PathBuf;

use crate::config::Config;

/// What keys that name such a file end with.
const ENDS: &str = "_file";

/// Those that this machine does not have.
pub(super) fn files(config: &Config) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(&config.file).unwrap_or_default();
    let mut named = Vec::new();
    if let Ok(table) = text.parse::<toml::Table>() {
        named_in(&toml::Value::Table(table), &mut named);
    }
    let mut missing: Vec<_> = named
        .iter()
        .map(|name| config.base().join(name))
        .filter(|path| !path.exists())
        .collect();
    missing.sort();
    missing.dedup();
    missing
}

fn named_in(value: &toml::Value, named: &mut Vec<String>) {
    let toml::Value::Table(table) = value else {
        return;
    };
    for (key, value) in table {
        match value {
            toml::Value::String(path) if key.ends_with(ENDS) => named.push(path.clone()),
            inner => named_in(inner, named),
        }
    }
}
