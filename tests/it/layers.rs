//! Who may import whom, as `docs/ARCHITECTURE.md` says; read from the sources themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each layer may import. `http::types` is the API's types: what the command line may use.
fn allowed() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        ("domain", &[][..]),
        ("action", &["domain"]),
        ("store", &["domain"]),
        ("engine", &["domain", "store", "action"]),
        ("catalog", &["domain", "action"]),
        (
            "service",
            &["domain", "action", "store", "engine", "catalog"],
        ),
        ("vitals", &["domain", "store", "action", "engine"]),
        (
            "doctor",
            &["domain", "action", "store", "catalog", "config"],
        ),
        ("init", &["domain", "action"]),
        ("chart", &["domain"]),
        ("rotation", &["domain", "action"]),
        ("integrations", &["domain", "action", "chart", "rotation"]),
        ("places", &["domain", "action"]),
        ("chat", &["domain", "service", "action"]),
        ("http", &["domain", "service", "action", "vitals"]),
        (
            "cli",
            &[
                "domain",
                "http::types",
                "chat::built_in",
                "chat::card",
                "chat::text",
            ],
        ),
        ("docker_proxy", &["domain"]),
        ("config", &["domain", "action", "places"]),
        ("telemetry", &["domain"]),
    ])
}

/// Crates that only one room may use.
const ROOMS: [(&str, &[&str]); 8] = [
    ("prometheus_client", &["vitals"]),
    (
        "age",
        &["store/vault", "integrations/own", "app/recover", "app/init"],
    ),
    ("serenity", &["chat/discord"]),
    ("bollard", &["integrations/docker"]),
    ("plotters", &["chart"]),
    ("cron", &["domain/schedule"]),
    ("chrono_tz", &["domain/schedule", "chart"]),
    (
        "sqlx",
        &["store", "integrations/postgres", "integrations/pgbouncer"],
    ),
];

struct Source {
    /// The path below `src`, without `.rs` and `/mod`: `store/sqlite/runs`.
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let module = path.strip_prefix(&root).unwrap().with_extension("");
                let module = module.to_str().unwrap().trim_end_matches("/mod").to_owned();
                found.push(Source {
                    module,
                    text: without_comments(&path),
                });
            }
        }
    }
    assert!(found.len() > 30, "the sources were found");
    found
}

fn without_comments(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The modules that a source names after `crate::`, also inside `crate::{…}`, and after a run of
/// `super::` that leaves its folder.
fn imports(source: &Source) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in source.text.match_indices("crate::") {
        found.extend(heads(&source.text[at + "crate::".len()..]).map(|head| head.join("::")));
    }
    let place: Vec<&str> = source.module.split('/').collect();
    for (at, _) in source.text.match_indices("super::") {
        let before = &source.text[..at];
        if before.ends_with("super::") {
            continue;
        }
        let mut rest = &source.text[at..];
        let mut up = 0;
        while let Some(next) = rest.strip_prefix("super::") {
            rest = next;
            up += 1;
        }
        let base = &place[..place.len().saturating_sub(up)];
        for head in heads(rest) {
            let path: Vec<&str> = base.iter().copied().chain(head).take(2).collect();
            found.insert(path.join("::"));
        }
    }
    found
}

/// The first two parts of a path, or of each path in a `{…}`.
fn heads(rest: &str) -> impl Iterator<Item = Vec<&str>> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let list = rest
        .strip_prefix('{')
        .map(|inside| inside.split('}').next().unwrap_or(inside));
    let paths: Vec<&str> = match list {
        Some(list) => list
            .split(',')
            .map(str::trim)
            .filter(|path| !path.is_empty())
            .collect(),
        None => vec![rest],
    };
    paths.into_iter().map(move |path| {
        path.split("::")
            .take(2)
            .map(|part| part.split(|c| !is_name(c)).next().unwrap_or(""))
            .filter(|part| !part.is_empty())
            .collect()
    })
}

#[test]
fn every_layer_imports_only_what_it_may() {
    let allowed = allowed();
    let mut breaches = Vec::new();
    for source in sources() {
        let layer = source.module.split('/').next().unwrap();
        let Some(may) = allowed.get(layer) else {
            assert!(
                ["app", "main", "lib"].contains(&layer),
                "which layer is {layer}?"
            );
            continue;
        };
        for import in imports(&source) {
            let target = import.split("::").next().unwrap();
            let is_module = allowed.contains_key(target) || target == "app" || target == "chat";
            let may = may.contains(&target) || may.contains(&import.as_str());
            if is_module && target != layer && !may {
                breaches.push(format!("{} imports {import}", source.module));
            }
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn integrations_never_import_each_other() {
    let mut breaches = Vec::new();
    for source in sources() {
        let place: Vec<&str> = source.module.split('/').collect();
        let ["integrations", own, ..] = place[..] else {
            continue;
        };
        for import in imports(&source) {
            if let Some(other) = import.strip_prefix("integrations::")
                && other != own
            {
                breaches.push(format!("{} imports {import}", source.module));
            }
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn some_crates_stay_in_their_rooms() {
    let mut breaches = Vec::new();
    for source in sources() {
        for (name, rooms) in ROOMS {
            let used = uses(&source.text, name);
            if used && !rooms.iter().any(|room| source.module.starts_with(room)) {
                breaches.push(format!("{} uses {name}", source.module));
            }
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
}

/// Whether a text has a path that begins with this crate; `image::` does not begin with `age`.
fn uses(text: &str, name: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let path = format!("{name}::");
    let mut found = text.match_indices(&path);
    found.any(|(at, _)| !text[..at].ends_with(|before| is_name(before) || before == ':'))
}

#[test]
fn a_crate_is_told_from_a_name_that_ends_like_it() {
    assert!(uses("use age::x25519;", "age") && uses("let k = (age::encrypt(x));", "age"));
    assert!(!uses("use super::image::Named; crate::age::x()", "age"));
}

#[test]
fn the_reader_of_imports_sees_both_ways_of_writing_them() {
    let source = |module: &str, text: &str| Source {
        module: module.into(),
        text: text.into(),
    };
    let seen = imports(&source(
        "http/api",
        "use crate::{store::Store, domain::run};",
    ));
    assert!(
        seen.contains("store::Store") && seen.contains("domain::run"),
        "{seen:?}"
    );
    let seen = imports(&source(
        "store/sqlite/runs",
        "use super::super::super::engine::Engine;",
    ));
    assert!(seen.contains("engine::Engine"), "{seen:?}");
    let seen = imports(&source(
        "integrations/s3/mod",
        "use crate::integrations::docker::Docker;",
    ));
    assert!(seen.contains("integrations::docker"), "{seen:?}");
}
