//! Whatever runs on an engine, what `purser init` proposes for it can be used as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use purser::action::ports::{ContainerPort, RunningContainer};
use purser::action::{Connect, Registry};
use purser::catalog::{Catalog, CatalogFolders, Surroundings, SystemFacts};
use purser::config::Config;
use purser::domain::redact::Redactor;
use purser::domain::secret::Opened;
use purser::init::{Answers, Contents, Engine, File, Fresh, Proposal, VARIABLES, detect, propose};
use secrecy::{ExposeSecret as _, SecretString};

/// Names that somebody may have given, good and bad.
fn odd() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec![
            "db", "shop", "on", "null", "9", "web-1", "база", "a\"b'c", "x\ny", "- #", "{{ x }}",
        ])
            .prop_map(str::to_owned),
        1 => ".{0,40}",
    ]
}

fn image() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "postgres:15",
        "minio/minio",
        "prom/prometheus:v3",
        "redis",
        "timescale/timescaledb",
        "n8n",
        "kong",
        "localhost:5000/bitnami/postgresql@sha256:00",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => ".{0,40}"]
}

/// What a value ends with that no name can be equal to by chance.
const MARK: &str = "#0e7c4b51";

fn container() -> impl Strategy<Value = RunningContainer> {
    let port = (
        prop::sample::select(vec![5432_u16, 9000, 9090, 80]),
        option::of(1_u16..),
    );
    let ports = vec(port, 0..3).prop_map(|ports| {
        ports
            .into_iter()
            .map(|(inner, published)| ContainerPort {
                inner,
                published: published.map(|port| (IpAddr::from([0, 0, 0, 0]), port)),
            })
            .collect::<Vec<_>>()
    });
    let addresses = btree_map(odd(), any::<IpAddr>(), 0..2);
    let value = prop_oneof![
        3 => "[^\r\n\0]{0,20}".prop_map(|value| value + MARK),
        1 => "[^\r\n\0]{0,20}",
    ];
    let environment = btree_map(prop::sample::select(VARIABLES.to_vec()), value, 0..8);
    (
        odd(),
        image(),
        option::of((odd(), odd())),
        ports,
        addresses,
        environment,
    )
        .prop_map(
            |(name, image, compose, ports, addresses, environment)| RunningContainer {
                name,
                image,
                compose,
                ports,
                addresses,
                environment: environment
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), SecretString::from(value)))
                    .collect(),
                check: None,
            },
        )
}

fn proposal(containers: &[RunningContainer], environment: &str) -> Proposal {
    let engine = Engine {
        host: "unix:///var/run/docker.sock".to_owned(),
    };
    let (found, seen) = detect(containers, &engine);
    let answers = Answers {
        person: "ann".to_owned(),
        uid: 1000,
        environment: environment.to_owned(),
        listen: "127.0.0.1:8480".to_owned(),
        own_folder: true,
    };
    let fresh = Fresh {
        hook: SecretString::from("whsec_dGhlLWJvb2tzaG9wLWFuZC1pdHMtbjhu"),
        identity: Some(SecretString::from("AGE-SECRET-KEY-1")),
        recipient: "age1".to_owned(),
    };
    propose(&found, &seen, &answers, &fresh)
}

fn write(folder: &Path, proposal: &Proposal) {
    let mut paths = BTreeSet::new();
    for file in &proposal.files {
        assert!(paths.insert(&file.path), "{} twice", file.path);
        let path = folder.join(&file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = match &file.contents {
            Contents::Plain(text) => text.as_str(),
            Contents::Secret(text) => text.expose_secret(),
        };
        fs::write(path, text).unwrap();
    }
}

/// What `purser lint` checks: all that it would complain of.
fn complaints(folder: &Path) -> Vec<String> {
    let path = folder.join("purser.toml");
    let text = fs::read_to_string(&path).unwrap();
    let config = match Config::parse(&path, &text, []) {
        Ok(config) => config,
        Err(error) => return vec![error.to_string()],
    };
    let registry = Registry::new(purser::integrations::all());
    let mut complaints = vec![];
    let redactor = Arc::new(Redactor::new());
    for (name, system) in &config.systems {
        let integration = registry.integration(&system.kind).unwrap();
        let connect = Connect {
            name,
            settings: system.settings.clone(),
            redactor: &redactor,
            secrets: &Opened::default(),
            base: folder,
        };
        complaints.extend(
            (integration.connect)(&connect)
                .err()
                .map(|error| error.to_string()),
        );
    }
    for hook in config.hooks.values() {
        complaints.extend(
            hook.open(&redactor, &Opened::default())
                .err()
                .map(|wrong| wrong.why),
        );
    }
    let facts = |system: &purser::config::SystemConfig| SystemFacts {
        kind: system.kind.clone(),
        environment: system.environment.clone(),
    };
    let surroundings = Surroundings {
        systems: config
            .systems
            .iter()
            .map(|(name, system)| (name.clone(), facts(system)))
            .collect(),
        people: config.people.clone(),
        hooks: config
            .hooks
            .iter()
            .map(|(name, hook)| (name.clone(), hook.roles.clone()))
            .collect(),
        chat_roles: [].into(),
        places: config.places.keys().cloned().collect(),
        secrets: None,
    };
    let folders = CatalogFolders {
        workflows: config.catalog.workflows.clone(),
        commands: config.catalog.commands.clone(),
    };
    let problems = match Catalog::load(&folders, &registry, &surroundings) {
        Ok(catalog) => catalog.warnings().to_vec(),
        Err(problems) => problems,
    };
    complaints.extend(problems.iter().map(ToString::to_string));
    complaints
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_set_of_containers_gives_files_that_lint_without_a_word(
        mut containers in vec(container(), 0..8),
        environment in prop::sample::select(vec!["production", "staging"]),
    ) {
        // As the program does at its start.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Something that always gets workflows.
        containers.push(RunningContainer {
            name: "prometheus".to_owned(),
            image: "prom/prometheus".to_owned(),
            addresses: BTreeMap::from([("shop".to_owned(), IpAddr::from([10, 0, 0, 2]))]),
            ..RunningContainer::default()
        });
        let folder = tempfile::tempdir().unwrap();
        let proposal = proposal(&containers, environment);
        write(folder.path(), &proposal);
        for secret in containers.iter().flat_map(|container| container.environment.values()) {
            let secret = secret.expose_secret();
            let shows = |file: &File| matches!(&file.contents, Contents::Plain(text) if text.contains(secret));
            prop_assert!(!secret.ends_with(MARK) || !proposal.files.iter().any(shows), "{secret} is shown");
        }
        let complaints = complaints(folder.path());
        prop_assert!(complaints.is_empty(), "{complaints:#?}");
    }
}

#[test]
fn the_same_service_in_two_projects_is_two_systems() {
    let database = |project: &str| RunningContainer {
        name: format!("{project}-db-1"),
        image: "postgres:15".to_owned(),
        compose: Some((project.to_owned(), "db".to_owned())),
        addresses: BTreeMap::from([("net".to_owned(), IpAddr::from([10, 0, 0, 2]))]),
        environment: BTreeMap::from([("POSTGRES_PASSWORD".to_owned(), "secret".into())]),
        ..RunningContainer::default()
    };
    let containers = [database("shop"), database("wiki"), database("wiki")];
    let proposal = proposal(&containers, "production");
    assert_eq!(
        proposal.names,
        ["shop-db", "wiki-db"],
        "of a replica nothing is said"
    );
}
