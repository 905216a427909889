//! Workflow and command files against a small stack: what loads, and what every mistake is told.

mod commands;
mod examples;
mod fakes;
mod schemas;
mod strange;
mod workflows;

use std::sync::Arc;

use purser::action::Systems;
use purser::catalog::{Catalog, CatalogFolders, Problem, Severity};
use purser::domain::person::{People, Person};

/// A Docker engine, two databases, two object stores.
fn systems() -> Systems {
    let mut systems = Systems::new();
    for (name, kind, environment) in [
        ("shop", "docker", "production"),
        ("orders-db", "postgres", "production"),
        ("orders-db-staging", "postgres", "staging"),
        ("minio", "s3", "production"),
        ("minio-staging", "s3", "staging"),
    ] {
        systems.insert(
            name.into(),
            kind,
            environment.into(),
            Arc::new(fakes::Nowhere),
        );
    }
    systems
}

/// An operator and a developer.
fn people() -> People {
    let person = |name: &str, role: &str| Person {
        name: name.into(),
        roles: vec![role.into()],
        uid: None,
    };
    People::new(vec![person("ada", "operator"), person("ben", "developer")])
}

/// Loads these workflow and command files; the key is the file's name without `.yaml`.
fn load(workflows: &[(&str, &str)], commands: &[(&str, &str)]) -> (Option<Catalog>, Vec<Problem>) {
    let folder = tempfile::tempdir().expect("a folder");
    let folders = CatalogFolders {
        workflows: folder.path().join("workflows"),
        commands: folder.path().join("commands"),
    };
    for (folder, files) in [
        (&folders.workflows, workflows),
        (&folders.commands, commands),
    ] {
        std::fs::create_dir(folder).expect("a folder of files");
        for (name, text) in files {
            std::fs::write(folder.join(format!("{name}.yaml")), text).expect("a file");
        }
    }
    let below = |problem: &Problem| {
        let file = problem
            .file
            .strip_prefix(folder.path())
            .unwrap_or(&problem.file);
        Problem {
            file: file.to_owned(),
            ..problem.clone()
        }
    };
    let (catalog, problems) = Catalog::load(&folders, &fakes::registry(), &systems(), &people());
    (catalog, problems.iter().map(below).collect())
}

/// Loads files in which nothing is wrong.
fn load_good(workflows: &[(&str, &str)], commands: &[(&str, &str)]) -> Catalog {
    let (catalog, problems) = load(workflows, commands);
    assert_eq!(problems, []);
    catalog.expect("a catalog without errors")
}

/// What the lint says of one workflow file, as people read it.
fn lint(text: &str) -> String {
    said(load(&[("backup", text)], &[]))
}

/// All problems as people read them; `fine` when there is none.
fn said((catalog, problems): (Option<Catalog>, Vec<Problem>)) -> String {
    let is_refused = problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    assert_eq!(
        catalog.is_none(),
        is_refused,
        "errors and nothing else refuse a catalog"
    );
    if problems.is_empty() {
        return "fine".to_owned();
    }
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}
