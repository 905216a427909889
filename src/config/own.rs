//! Purser itself as a system: it is always there, and needs no table.

use indexmap::IndexMap;

use super::{Origins, Wrong};
use crate::domain::names::SystemName;

/// The name of the system that is Purser itself, and its kind.
pub const OWN: &str = "purser";

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
