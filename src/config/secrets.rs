//! Which secrets of the store the configuration names, and where.

use std::collections::BTreeMap;

use super::{Config, HeartbeatConfig, HookKey, PlaceConfig};
use crate::domain::names::SecretName;
use crate::domain::secret::SecretSource;

/// What a key ends with that names a secret.
const ENDING: &str = "_secret";

impl Config {
    /// The secrets that the configuration names, each with the places that do: `[systems.orders-db]`.
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
        for (place, source) in self.secret_sources() {
            if let SecretSource::Stored(name) = source {
                used.entry(name.clone()).or_default().push(place);
            }
        }
        used.values_mut().for_each(Vec::dedup);
        used
    }

    /// Where the secrets are that the tables name beside those of the systems, each with its table.
    pub fn secret_sources(&self) -> Vec<(String, &SecretSource)> {
        let hooks = self.hooks.iter().map(|(name, hook)| {
            let (HookKey::Secrets(source) | HookKey::Token(source)) = &hook.key;
            (format!("[hooks.{name}]"), source)
        });
        let metrics = self.metrics.iter();
        let metrics = metrics.filter_map(|metrics| metrics.token.as_ref());
        let metrics = metrics.map(|token| ("[metrics]".to_owned(), token));
        let beats = self.heartbeat.iter().flat_map(HeartbeatConfig::urls);
        let beats = beats.filter_map(|(place, url)| Some((place, url.kept()?)));
        let webhooks = self.places.iter().filter_map(|(name, place)| match place {
            PlaceConfig::Webhook(webhook) => Some((name, webhook)),
            PlaceConfig::Discord(_) => None,
        });
        let places = webhooks.flat_map(|(name, webhook)| {
            let sources = webhook.address.kept().into_iter().chain(&webhook.secrets);
            sources.map(move |source| (format!("[places.{name}]"), source))
        });
        let discord = self.discord.iter();
        let discord = discord.map(|discord| ("[discord]".to_owned(), &discord.token));
        hooks
            .chain(metrics)
            .chain(beats)
            .chain(discord)
            .chain(places)
            .collect()
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
