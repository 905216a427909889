//! What is read once, at the start: the configuration, and what it names.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::action::{Connect, Registry, Systems};
use crate::catalog::{Catalog, CatalogFolders, Problem, Severity, Surroundings, SystemFacts};
use crate::cli::Failure;
use crate::config::Config;
use crate::domain::names::HookName;
use crate::domain::redact::Redactor;
use crate::domain::webhook::Hook;
use crate::integrations;

/// What is read once, at the start.
pub(super) struct World {
    pub(super) config: Config,
    pub(super) hooks: BTreeMap<HookName, Hook>,
    pub(super) registry: Arc<Registry>,
    pub(super) systems: Arc<Systems>,
}

impl World {
    pub(super) fn load(config_path: &Path, redactor: &Redactor) -> Result<Self, Failure> {
        let config = load_config(config_path)?;
        let registry = Registry::new(integrations::all());
        let mut systems = Systems::new();
        systems.set_folders(Arc::new(integrations::folders::LocalFolders));
        for (name, system) in &config.systems {
            let integration = registry.integration(&system.kind).map_err(|unknown| {
                Failure::usage(config.system_error(name, Some("kind"), unknown).to_string())
            })?;
            let connect = Connect {
                name,
                settings: system.settings.clone(),
                redactor,
                base: config.base(),
            };
            let connected = (integration.connect)(&connect)
                .map_err(|error| Failure::usage(config.explain(&error).to_string()))?;
            systems.insert(
                name.clone(),
                integration.kind,
                system.environment.clone(),
                connected,
            );
        }
        let mut hooks = BTreeMap::new();
        for (name, hook) in &config.hooks {
            let hook = hook.open(redactor).map_err(|why| {
                let why = format!("[hooks.{name}]: {why}");
                Failure::usage(config.hook_error(name, why).to_string())
            })?;
            hooks.insert(name.clone(), hook);
        }
        Ok(Self {
            config,
            hooks,
            registry: Arc::new(registry),
            systems: Arc::new(systems),
        })
    }

    pub(super) fn read_catalog(&self) -> Result<Catalog, Vec<Problem>> {
        let config = &self.config;
        let folders = CatalogFolders {
            workflows: config.catalog.workflows.clone(),
            commands: config.catalog.commands.clone(),
        };
        let facts = |system: &crate::config::SystemConfig| SystemFacts {
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
            hooks: config
                .hooks
                .iter()
                .map(|(name, hook)| (name.clone(), hook.roles.clone()))
                .collect(),
        };
        Catalog::load(&folders, &self.registry, &surroundings)
    }

    /// The catalog without errors; warnings go to the log.
    pub(super) fn catalog(&self) -> Result<Catalog, Failure> {
        match self.read_catalog() {
            Ok(catalog) => {
                catalog
                    .warnings()
                    .iter()
                    .for_each(|warning| tracing::warn!("{warning}"));
                Ok(catalog)
            }
            Err(problems) => {
                let errors = problems.iter().filter(|p| p.severity == Severity::Error);
                let lines: Vec<_> = errors.map(ToString::to_string).collect();
                Err(Failure::usage(lines.join("\n")))
            }
        }
    }
}

pub(super) fn load_config(path: &Path) -> Result<Config, Failure> {
    Config::load(path, variables()).map_err(|error| Failure::usage(error.to_string()))
}

/// The environment. A variable that is no text cannot be one of ours.
pub(super) fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
