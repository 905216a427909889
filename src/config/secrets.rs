//! Which secrets of the store the configuration names, and where.

use std::collections::BTreeMap;

use super::{Address, Config, HeartbeatConfig};
use crate::domain::names::SecretName;
use crate::domain::secret::SecretSource;

/// What a key ends with that names a secret.
const ENDING: &str = "_secret";

impl Config {
    /// The secrets that systems and hooks name, each with the places that do: `[systems.orders-db]`.
    /// They are read at the start of the server.
    pub fn secrets(&self) -> BTreeMap<SecretName, Vec<String>> {
        let mut used: BTreeMap<SecretName, Vec<String>> = BTreeMap::new();
        for (system, config) in &self.systems {
            for name in named_in(&config.settings) {
                used.entry(name)
                    .or_default()
                    .push(format!("[systems.{system}]"));
            }
        }
        for (hook, config) in &self.hooks {
            if let Some((_, name)) = config.stored() {
                used.entry(name.clone())
                    .or_default()
                    .push(format!("[hooks.{hook}]"));
            }
        }
        let mut uses = |source: &SecretSource, place: String| {
            if let SecretSource::Stored(name) = source {
                used.entry(name.clone()).or_default().push(place);
            }
        };
        let metrics = self.metrics.iter();
        for token in metrics.filter_map(|metrics| metrics.token.as_ref()) {
            uses(token, "[metrics]".to_owned());
        }
        for (place, url) in self.heartbeat.iter().flat_map(HeartbeatConfig::urls) {
            if let Address::Kept(source) = url {
                uses(source, place);
            }
        }
        for (name, place) in &self.places {
            if let Address::Kept(source) = &place.address {
                uses(source, format!("[places.{name}]"));
            }
            if let Some(source) = &place.secrets {
                uses(source, format!("[places.{name}]"));
            }
        }
        used.values_mut().for_each(Vec::dedup);
        used
    }
}

/// The names behind keys that end so, in a table and those within it.
fn named_in(table: &toml::Table) -> Vec<SecretName> {
    let named = |(key, value): (&String, &toml::Value)| match value {
        toml::Value::String(text) if key.ends_with(ENDING) => text.parse().into_iter().collect(),
        toml::Value::Table(table) => named_in(table),
        _ => vec![],
    };
    table.iter().flat_map(named).collect()
}
