//! The files that hold secrets: whether anybody on this machine may read them.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::domain::finding::{Check, Finding, Remark};
use crate::domain::secret::SecretSource;

/// Docker puts secrets here, for all within a container.
const OF_A_CONTAINER: &str = "/run/secrets";

/// How the files stand; those that cannot be read are somebody else's finding.
pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let files = named(config);
    let looked = tokio::task::spawn_blocking(move || of_all(files)).await;
    looked.unwrap_or_default()
}

/// The files that the configuration names.
fn named(config: &Config) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    for system in config.systems.values() {
        collect(&system.settings, config.base(), &mut files);
    }
    // The password of the database is in it.
    files.extend(config.store.url_file.clone());
    for (_, source) in config.secret_sources() {
        if let SecretSource::File(file) = source {
            files.insert(file.clone());
        }
    }
    files
}

fn of_all(files: BTreeSet<PathBuf>) -> Vec<Finding> {
    let there: Vec<_> = files
        .into_iter()
        .filter(|file| !file.starts_with(OF_A_CONTAINER))
        .filter_map(|file| Some((std::fs::metadata(&file).ok()?, file)))
        .collect();
    let open: Vec<_> = there
        .iter()
        .filter(|(facts, file)| is_open(facts, file))
        .collect();
    if open.is_empty() && !there.is_empty() {
        let remark = Remark::well("closed to others");
        return vec![remark.of(Check::Secret, format!("files ({})", there.len()))];
    }
    let found = open.into_iter().map(|(facts, file)| {
        let message = format!("others may read it (mode {:03o})", facts.mode() & 0o777);
        let file = file.display();
        Remark::warning(message, format!("chmod 600 {file}")).of(Check::Secret, file.to_string())
    });
    found.collect()
}

/// The files that settings name: their keys end in `_file`.
fn collect(settings: &toml::Table, base: &Path, files: &mut BTreeSet<PathBuf>) {
    for (key, value) in settings {
        match value {
            toml::Value::Table(inner) => collect(inner, base, files),
            toml::Value::String(path) if key.ends_with("_file") => {
                files.insert(base.join(path));
            }
            _ => {}
        }
    }
}

/// Whether everybody may read it: the file, through all the folders above it.
fn is_open(facts: &Metadata, file: &Path) -> bool {
    let lets_in =
        |folder: &Path| std::fs::metadata(folder).is_ok_and(|folder| folder.mode() & 0o001 != 0);
    facts.mode() & 0o004 != 0 && file.ancestors().skip(1).all(lets_in)
}
