//! Systems as the configuration would connect them.

use std::path::Path;
use std::sync::Arc;

use purser::action::{Connect, Integration, Systems};
use purser::domain::names::{Environment, SystemName};
use purser::domain::redact::Redactor;
use purser::domain::secret::Opened;

use super::stack::variable;

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
        redactor: &Arc::new(Redactor::new()),
        secrets: &Opened::default(),
        base: Path::new("/"),
    })
    .unwrap();
    systems.insert(name, integration.kind, Environment::from("staging"), system);
}

/// The table of a system with this `kind`, as it stands in the configuration.
pub fn of_kind(kind: &str, mut settings: toml::Table) -> toml::Table {
    settings.insert("kind".to_owned(), kind.into());
    settings
}

/// The table that leads to the stack's Docker engine.
pub fn docker() -> toml::Table {
    of_kind(
        "docker",
        toml::toml! { host = (variable("PURSER_TEST_DOCKER_HOST")) },
    )
}
