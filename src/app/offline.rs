//! The commands that need no server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::machine::MachineClock;
use super::secrets::peek;
use super::world::{World, load_config, problem_of, variables};
use crate::action::Clock as _;
use crate::action::Registry;
use crate::catalog::{self, Catalog, Loaded, Problem, Severity};
use crate::cli::{Failure, Preview, Schemas};
use crate::config::Config;
use crate::domain::redact::Redactor;
use crate::domain::schedule::Zone;
use crate::domain::secret::Opened;
use crate::domain::time::Timestamp;
use crate::domain::words::counted;
use crate::integrations;

/// Checks configuration, workflows and commands, and says all that is wrong.
///
/// # Errors
/// Something is wrong.
pub async fn lint(config_path: &Path, json: bool) -> Result<(), Failure> {
    let config = match Config::load(config_path, variables()) {
        Ok(config) => config,
        Err(error) => {
            show(&[problem_of(error)], json);
            return Err(Failure::usage(""));
        }
    };
    let secrets = peek(&config.store).await;
    let (world, wrong) = World::load_what_can_be(config, &Arc::new(Redactor::new()), &secrets);
    let store = &world.config.store.path;
    let mut problems: Vec<_> = wrong.into_iter().map(problem_of).collect();
    problems.extend(closed_secrets(&world.config, &secrets));
    let read = world.read_catalog(secrets.names());
    match &read {
        Ok(catalog) => problems.extend_from_slice(catalog.warnings()),
        Err(wrong) => problems.extend_from_slice(wrong),
    }
    if let (Ok(catalog), Some(why)) = (&read, secrets.why_unknown()) {
        problems.extend(unchecked_secrets(catalog, store, why));
    }
    show(&problems, json);
    let is_error = |problem: &Problem| problem.severity == Severity::Error;
    let (Ok(catalog), false) = (read, problems.iter().any(is_error)) else {
        return Err(Failure::usage(""));
    };
    if !json {
        println!(
            "{}, {}, {}: no errors",
            counted(world.config.configured_systems(), "system"),
            counted(catalog.workflows().count(), "workflow"),
            counted(catalog.commands().count(), "command")
        );
    }
    Ok(())
}

fn show(problems: &[Problem], json: bool) {
    if json {
        println!("{}", serde_json::json!(problems));
    } else {
        for problem in problems {
            println!("{problem}");
        }
    }
}

/// The secrets of the store that are there and do not open.
pub(super) fn closed_secrets(config: &Config, secrets: &Opened) -> Vec<Problem> {
    let problem = |why: &str| Problem {
        file: config.store.path.clone(),
        position: None,
        severity: Severity::Error,
        message: why.to_owned(),
    };
    secrets.closed().map(problem).collect()
}

/// A lint that could not look says so where it would have had to.
fn unchecked_secrets(catalog: &Catalog, store: &Path, why: &str) -> Option<Problem> {
    let names_some = |loaded: &Loaded| !loaded.workflow.secrets().is_empty();
    catalog.workflows().any(names_some).then(|| Problem {
        file: store.to_owned(),
        position: None,
        severity: Severity::Warning,
        message: format!("whether the secrets are set that workflows name is not known: {why}"),
    })
}

/// Shows when an expression fires; needs no server.
///
/// # Errors
/// It is no expression, or the configuration, which says by which clock, does not do.
pub fn preview(config_path: &Path, preview: &Preview, json: bool) -> Result<(), Failure> {
    let zone = match preview.timezone {
        Some(zone) => zone,
        None if config_path.exists() => load_config(config_path)?.schedules.timezone,
        None => Zone::UTC,
    };
    preview.show(zone, MachineClock.now(), json)
}

/// The socket that was named, or the one of the configuration.
pub(super) fn socket_of(config_path: &Path, named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    named.map_or_else(|| socket(config_path), Ok)
}

/// The JSON Schemas of the files that people write, as this version reads them.
pub fn schemas() -> Schemas {
    let registry = Registry::new(integrations::all());
    let (workflow, command) = catalog::schemas(&registry);
    let config = crate::config::schema(&registry);
    Schemas {
        workflow,
        command,
        config,
    }
}

/// The time by the machine's clock.
pub fn now() -> Timestamp {
    MachineClock.now()
}

/// The socket that the configuration names, for the clients on this machine.
///
/// # Errors
/// The configuration does not do.
pub fn socket(config_path: &Path) -> Result<PathBuf, Failure> {
    if config_path.exists() {
        Ok(load_config(config_path)?.server.socket)
    } else {
        let runtime_dir = std::env::var("XDG_RUNTIME_DIR").ok();
        Ok(crate::config::default_socket(runtime_dir.as_deref()))
    }
}
