//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;

use super::Config;
use crate::action::ConnectError;
use crate::domain::names::SystemName;
use crate::domain::position::Position;

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// Which part of it; `None` for the file as a whole.
    pub origin: Option<Origin>,
    /// One sentence: what is wrong, and the nearest thing that is right.
    pub message: String,
}

/// A key of a table whose value does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongKey {
    /// Which.
    pub key: String,
    /// One sentence: what is wrong.
    pub why: String,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A place in the file.
    File(Position),
    /// A variable of the environment.
    Variable(String),
}

impl ConfigError {
    /// Where in the file it is, if it is there.
    pub fn position(&self) -> Option<Position> {
        match self.origin {
            Some(Origin::File(position)) => Some(position),
            _ => None,
        }
    }
}

impl fmt::Display for ConfigError {
    /// `purser.toml:7:5: unknown field …`, `PURSER__ENGINE__CONCURRENT_RUNS: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(Origin::File(position)) => write!(f, "{}:{position}: ", self.file.display())?,
            Some(Origin::Variable(name)) => write!(f, "{name}: ")?,
            None => write!(f, "{}: ", self.file.display())?,
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// An integration's complaint about its system, with the place of the key that it names, or
    /// of the system's table.
    pub fn explain(&self, error: &ConnectError) -> ConfigError {
        let settings = self
            .systems
            .get(&error.system)
            .map(|system| &system.settings);
        let key = settings.and_then(|settings| key_in_question(&error.message, settings));
        self.system_error(&error.system, key, error.to_string())
    }

    /// What is wrong with a table or a value, with its place.
    pub fn error_at(&self, path: &[&str], message: String) -> ConfigError {
        ConfigError {
            file: self.file.clone(),
            origin: self.origins.of(path),
            message,
        }
    }

    /// What is wrong with a key of a table, with its place.
    pub fn key_error(&self, table: &[&str], wrong: &WrongKey) -> ConfigError {
        let key = [table, &[&wrong.key]].concat();
        let message = format!("{}: {}", header(table), wrong.why);
        self.error_at(&key, message)
    }

    /// An error about a system, with the place of one of its keys, or of its table.
    pub fn system_error(
        &self,
        system: &SystemName,
        key: Option<&str>,
        message: impl Into<String>,
    ) -> ConfigError {
        let table = ["systems", system.as_str()];
        let at_key = key.and_then(|key| self.origins.of(&[table[0], table[1], key]));
        ConfigError {
            file: self.file.clone(),
            origin: at_key.or_else(|| self.origins.of(&table)),
            message: message.into(),
        }
    }
}

/// A table as a file begins it: `[heartbeat.schedules."backup.nightly"]`.
pub(super) fn header(table: &[&str]) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let parts = table.iter().map(|part| {
        if part.chars().all(is_bare) {
            (*part).to_owned()
        } else {
            format!("{part:?}")
        }
    });
    format!("[{}]", parts.collect::<Vec<_>>().join("."))
}

/// The key that a message is about: one that it names in ticks, or one whose value it quotes.
fn key_in_question<'t>(message: &str, settings: &'t toml::Table) -> Option<&'t str> {
    let mut in_ticks = message.split('`').skip(1).step_by(2);
    let named =
        in_ticks.find_map(|ticked| settings.get_key_value(ticked.split([' ', '=']).next()?));
    let quoted = || {
        let quotes = |value: &toml::Value| {
            value
                .as_str()
                .is_some_and(|text| text.len() > 3 && message.contains(text))
        };
        settings.iter().find(|(_, value)| quotes(value))
    };
    named.or_else(quoted).map(|(key, _)| key.as_str())
}
