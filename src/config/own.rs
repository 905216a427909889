//! Purser itself as a system: it is always there, and needs no table.

use indexmap::IndexMap;

use super::{Config, Origins, Wrong};
use crate::domain::names::SystemName;

/// The name of the system that is Purser itself, and its kind.
const OWN: &str = "purser";

impl Config {
    /// How many systems somebody has configured: all but Purser itself.
    pub fn configured_systems(&self) -> usize {
        let names = self.systems.keys();
        names.filter(|name| name.as_str() != OWN).count()
    }
}

/// Adds the table of Purser itself where there is none, and sees that nothing else is called so.
pub(super) fn complete(
    tables: &mut IndexMap<SystemName, toml::Table>,
    origins: &Origins,
) -> Result<(), Wrong> {
    let kind_of = |table: &toml::Table| {
        table
            .get("kind")
            .and_then(|kind| kind.as_str().map(str::to_owned))
    };
    for (name, table) in tables.iter() {
        let kind = kind_of(table);
        let wrong = match (name.as_str() == OWN, kind.as_deref()) {
            (true, Some(kind)) if kind != OWN => format!(
                "[systems.{OWN}] is Purser itself, and no system of kind {kind}: give that one \
                 another name"
            ),
            (false, Some(OWN)) => {
                format!("[systems.{name}]: there is one Purser, and its table is [systems.{OWN}]")
            }
            _ => continue,
        };
        return Err((origins.of(&["systems", name.as_str(), "kind"]), wrong));
    }
    let own = tables.entry(SystemName::from(OWN)).or_default();
    own.entry("kind").or_insert_with(|| OWN.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    fn read(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("purser.toml"), text, []).map_err(|error| error.to_string())
    }

    #[test]
    fn it_is_always_there_and_a_table_only_says_where_it_stands() {
        let own = |text| read(text).unwrap().systems["purser"].clone();
        assert_eq!(own("").kind, "purser");
        assert_eq!(own("").environment.as_str(), "production");
        let told = own("[systems.purser]\nenvironment = 'staging'");
        assert_eq!(
            (&*told.kind, told.environment.as_str()),
            ("purser", "staging")
        );
    }

    #[test]
    fn nothing_else_is_called_so_and_there_is_one() {
        assert_eq!(
            read("[systems.purser]\nkind = 'docker'").unwrap_err(),
            "purser.toml:2:1: [systems.purser] is Purser itself, and no system of kind docker: give \
             that one another name"
        );
        assert_eq!(
            read("[systems.own]\nkind = 'purser'").unwrap_err(),
            "purser.toml:2:1: [systems.own]: there is one Purser, and its table is [systems.purser]"
        );
    }
}
