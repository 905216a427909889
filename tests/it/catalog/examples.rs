//! The files that people are given to start from.

use std::path::Path;

use purser::action::Registry;
use purser::catalog::{Catalog, CatalogFolders, Problem, Surroundings, SystemFacts};
use purser::config::{Config, SystemConfig};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Loads workflows and commands as a server with the example's configuration would.
fn load(registry: &Registry, workflows: &Path, commands: &Path) -> Catalog {
    let config = Config::load(&root().join("deploy/purser.example.toml"), []).expect("the example");
    for (name, system) in &config.systems {
        assert!(
            registry.integration(&system.kind).is_ok(),
            "{name} is of a kind that there is"
        );
    }
    let facts = |system: &SystemConfig| SystemFacts {
        kind: system.kind.clone(),
        environment: system.environment.clone(),
    };
    let systems = config.systems.iter();
    let surroundings = Surroundings {
        systems: systems.map(|(name, s)| (name.clone(), facts(s))).collect(),
        people: config.people.clone(),
        hooks: (config.hooks.iter())
            .map(|(name, hook)| (name.clone(), hook.roles.clone()))
            .collect(),
        secrets: None,
        chat_roles: [].into(),
        places: config.places.keys().cloned().collect(),
    };
    let folders = CatalogFolders {
        workflows: workflows.to_owned(),
        commands: commands.to_owned(),
    };
    let catalog = Catalog::load(&folders, registry, &surroundings)
        .unwrap_or_else(|problems| panic!("{}", said(&problems)));
    assert_eq!(said(catalog.warnings()), "");
    catalog
}

fn said(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn workflows_of(catalog: &Catalog) -> String {
    let names: Vec<_> = catalog
        .workflows()
        .map(|loaded| loaded.workflow.name.as_str())
        .collect();
    names.join(" ")
}

#[test]
fn the_examples_are_without_a_fault() {
    let registry = Registry::new(purser::integrations::all());
    let catalog = load(
        &registry,
        &root().join("workflows"),
        &root().join("commands"),
    );
    assert_eq!(
        workflows_of(&catalog),
        "backup-postgres backup-purser changes deploy deploy-project events graph images logs migrate networks prune-images query release restart rollback rotate rotate-due scale secrets secrets-due \
         set-up-rotation start stats status stop"
    );
    let commands: Vec<_> = catalog.commands().map(|c| c.name.as_str()).collect();
    assert_eq!(
        commands.join(" "),
        "backup backup-purser changes deploy deploy-project events follow graph images logs networks prune-images query restart rollback rotate scale secrets set-up-rotation start stats status stop"
    );
}

#[test]
fn the_workflow_in_the_readme_is_without_a_fault() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("```yaml\n").expect("a workflow");
    let (workflow, _) = rest.split_once("```").expect("its end");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("backup-postgres.yaml"), workflow).unwrap();
    let none = tempfile::tempdir().unwrap();
    let registry = Registry::new(purser::integrations::all());
    let catalog = load(&registry, folder.path(), none.path());
    assert_eq!(workflows_of(&catalog), "backup-postgres");
}
