//! The files that people are given to start from.

use std::path::Path;

use purser::action::Registry;
use purser::catalog::{Catalog, CatalogFolders, Problem, Surroundings, SystemFacts};
use purser::config::{Config, SystemConfig};

#[test]
fn the_examples_are_without_a_fault() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = Config::load(&root.join("deploy/purser.example.toml"), []).expect("the example");
    let registry = Registry::new(purser::integrations::all());
    let facts = |system: &SystemConfig| SystemFacts {
        kind: system.kind.clone(),
        environment: system.environment.clone(),
    };
    let surroundings = Surroundings {
        systems: config
            .systems
            .iter()
            .map(|(name, s)| (name.clone(), facts(s)))
            .collect(),
        people: config.people.clone(),
    };
    for (name, system) in &config.systems {
        assert!(
            registry.integration(&system.kind).is_ok(),
            "{name} is of a kind that there is"
        );
    }
    let folders = CatalogFolders {
        workflows: root.join("workflows"),
        commands: root.join("commands"),
    };
    let said = |problems: &[Problem]| {
        problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let catalog = Catalog::load(&folders, &registry, &surroundings)
        .unwrap_or_else(|problems| panic!("{}", said(&problems)));
    assert_eq!(said(catalog.warnings()), "");
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
