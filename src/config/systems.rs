//! `[systems.NAME]`: what every system has; the rest of the table is its integration's.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::document::Origins;
use super::{Wrong, check_name};
use crate::domain::names::{Environment, SystemName};
use crate::domain::nearest;

/// `[systems.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemConfig {
    /// The integration that it belongs to.
    pub kind: String,
    /// Where it stands; production unless it is said.
    pub environment: Environment,
    /// The rest of the table, for the integration.
    pub settings: toml::Table,
}

/// Checks the tables.
pub(super) fn systems(
    tables: IndexMap<SystemName, toml::Table>,
    origins: &Origins,
) -> Result<BTreeMap<SystemName, SystemConfig>, Wrong> {
    let mut systems = BTreeMap::new();
    for (name, mut settings) in tables {
        check_name("system", "systems", name.as_str(), origins)?;
        let kind = take_text(&mut settings, &name, "kind", origins)?;
        let environment = take_text(&mut settings, &name, "environment", origins)?;
        let Some(kind) = kind else {
            let known = settings.keys().map(String::as_str).collect::<Vec<_>>();
            let near = nearest::nearest("kind", known);
            let hint = near
                .map(|near| format!(" (is it `{near}`?)"))
                .unwrap_or_default();
            let message = format!(
                "[systems.{name}] has no `kind`{hint}: write which integration it belongs to, as in \
                 `kind = \"docker\"`"
            );
            return Err((origins.of(&["systems", name.as_str()]), message));
        };
        let environment = environment.map_or_else(Environment::production, |text| {
            Environment::from(text.as_str())
        });
        systems.insert(
            name,
            SystemConfig {
                kind,
                environment,
                settings,
            },
        );
    }
    Ok(systems)
}

fn take_text(
    settings: &mut toml::Table,
    system: &SystemName,
    key: &str,
    origins: &Origins,
) -> Result<Option<String>, Wrong> {
    match settings.remove(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) => Ok(Some(text)),
        Some(other) => {
            let message = format!("[systems.{system}]: `{key}` must be text, and is {other}");
            Err((origins.of(&["systems", system.as_str(), key]), message))
        }
    }
}
