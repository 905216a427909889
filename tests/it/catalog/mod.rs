//! Workflow and command files against a small stack: what loads, and what every mistake is told.

mod commands;
mod examples;
mod fakes;
mod groups;
mod hooks;
mod language;
mod nameable;
mod notify;
mod schedules;
mod schemas;
mod secrets;
mod strange;
mod workflows;

use std::path::Path;

use purser::catalog::{Catalog, CatalogFolders, Problem, Surroundings, SystemFacts};
use purser::domain::names::Environment;
use purser::domain::person::Person;

/// A Docker engine, two databases and an object store; an operator and a developer.
fn surroundings() -> Surroundings {
    let systems = [
        ("shop", "docker", "production"),
        ("orders-db", "postgres", "production"),
        ("orders-db-staging", "postgres", "staging"),
        ("minio", "s3", "production"),
        ("minio-staging", "s3", "staging"),
    ];
    let person = |name: &str, role: &str| Person {
        name: name.into(),
        roles: vec![role.into()],
        uid: None,
        chats: [].into(),
    };
    Surroundings {
        systems: systems
            .into_iter()
            .map(|(name, kind, environment)| {
                let environment = Environment::from(environment);
                (
                    name.into(),
                    SystemFacts {
                        kind: kind.to_owned(),
                        environment,
                    },
                )
            })
            .collect(),
        people: vec![person("ada", "operator"), person("ben", "developer")],
        hooks: [("backup".into(), vec!["operator".into()])].into(),
        secrets: Some(
            ["ORDERS_URL", "API_KEY"]
                .map(|name| name.parse().unwrap())
                .into(),
        ),
        chat_roles: [].into(),
        places: ["ops".into(), "oncall".into()].into(),
    }
}

/// Loads these workflow and command files; the key is the file's path without `.yaml`.
fn load(workflows: &[(&str, &str)], commands: &[(&str, &str)]) -> Result<Catalog, Vec<Problem>> {
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
            let file = folder.join(format!("{name}.yaml"));
            let group = file.parent().expect("the folder of the file");
            std::fs::create_dir_all(group).expect("a folder of the file");
            std::fs::write(file, text).expect("a file");
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
    Catalog::load(&folders, &fakes::registry(), &surroundings())
        .map_err(|problems| problems.iter().map(below).collect())
}

/// Loads files in which nothing is wrong.
fn load_good(workflows: &[(&str, &str)], commands: &[(&str, &str)]) -> Catalog {
    let catalog = load(workflows, commands).expect("files without an error");
    assert_eq!(catalog.warnings(), []);
    catalog
}

/// What the lint says of one workflow file, as people read it.
fn lint(text: &str) -> String {
    said(load(&[("backup", text)], &[]))
}

fn said(result: Result<Catalog, Vec<Problem>>) -> String {
    let problems = match result {
        Ok(catalog) if catalog.warnings().is_empty() => return "fine".to_owned(),
        Ok(catalog) => catalog.warnings().to_vec(),
        Err(problems) => problems,
    };
    let line = |problem: &Problem| {
        let file = problem.file.iter().skip_while(|part| {
            !["workflows", "commands"]
                .map(Path::new)
                .contains(&Path::new(part))
        });
        Problem {
            file: file.collect(),
            ..problem.clone()
        }
        .to_string()
    };
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}
