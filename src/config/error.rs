//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;

use super::{Config, HookConfig};
use crate::action::ConnectError;
use crate::domain::names::{HookName, SystemName};
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

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A place in the file.
    File(Position),
    /// A variable of the environment.
    Variable(String),
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

    /// What is wrong with a hook, with the place of the key that names its secret, or of its table.
    pub fn hook_error(&self, hook: &HookName, message: String) -> ConfigError {
        let table = ["hooks", hook.as_str()];
        let key = self.hooks.get(hook).and_then(HookConfig::stored);
        let at_key = key.and_then(|(key, _)| self.origins.of(&[table[0], table[1], key]));
        ConfigError {
            file: self.file.clone(),
            origin: at_key.or_else(|| self.origins.of(&table)),
            message,
        }
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
