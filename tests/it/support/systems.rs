//! Systems as the configuration would connect them.

use std::path::Path;

use purser::action::{Connect, Integration, Systems};
use purser::domain::names::{Environment, SystemName};
use purser::domain::redact::Redactor;

/// Adds the system that this table of the configuration describes.
pub fn connect(
    systems: &mut Systems,
    integration: &Integration,
    name: &str,
    settings: toml::Table,
) {
    let name = SystemName::from(name);
    let system = (integration.connect)(&Connect {
        name: &name,
        settings,
        redactor: &Redactor::new(),
        base: Path::new("/"),
    })
    .unwrap();
    systems.insert(name, integration.kind, Environment::from("staging"), system);
}
