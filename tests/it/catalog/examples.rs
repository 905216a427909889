//! The files that people are given to start from.

use std::path::Path;
use std::sync::Arc;

use purser::action::{Registry, Systems};
use purser::catalog::{Catalog, CatalogFolders};
use purser::config::Config;
use purser::domain::person::People;

use super::fakes::Nowhere;

#[test]
fn the_examples_are_without_a_fault() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = Config::load(&root.join("deploy/purser.example.toml"), []).expect("the example");
    let registry = Registry::new(purser::integrations::all());
    let mut systems = Systems::new();
    for (name, system) in &config.systems {
        let kind = registry
            .integration(&system.kind)
            .expect("a kind that there is")
            .kind;
        systems.insert(
            name.clone(),
            kind,
            system.environment.clone(),
            Arc::new(Nowhere),
        );
    }
    let folders = CatalogFolders {
        workflows: root.join("workflows"),
        commands: root.join("commands"),
    };
    let people = People::new(config.people);
    let (catalog, problems) = Catalog::load(&folders, &registry, &systems, &people);
    let said = problems.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(said.is_empty(), "{}", said.join("\n"));
    let catalog = catalog.expect("no problem, so a catalog");
    let names = |names: Vec<&str>| names.join(" ");
    assert_eq!(
        names(
            catalog
                .workflows()
                .map(|loaded| loaded.workflow.name.as_str())
                .collect()
        ),
        "backup-postgres deploy logs migrate restart status"
    );
    assert_eq!(
        names(
            catalog
                .commands()
                .map(|command| command.name.as_str())
                .collect()
        ),
        "backup deploy logs restart status"
    );
}
