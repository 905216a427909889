//! What is read once, at the start: the configuration, and what it names.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::action::{Connect, Registry, Systems};
use crate::catalog::{Catalog, CatalogFolders, Problem, Severity, Surroundings, SystemFacts};
use crate::cli::Failure;
use crate::config::{Config, ConfigError};
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
        let (world, wrong) = Self::load_what_can_be(config_path, redactor)?;
        match wrong.first() {
            None => Ok(world),
            Some(error) => Err(Failure::usage(error.to_string())),
        }
    }

    /// The same without the systems and hooks that cannot be had, and why they cannot. The
    /// configuration itself must be readable.
    pub(super) fn load_what_can_be(
        config_path: &Path,
        redactor: &Redactor,
    ) -> Result<(Self, Vec<ConfigError>), Failure> {
        let config = load_config(config_path)?;
        let mut wrong = vec![];
        let registry = Registry::new(integrations::all());
        let mut systems = Systems::new();
        systems.set_folders(Arc::new(integrations::folders::LocalFolders));
        for (name, system) in &config.systems {
            let integration = match registry.integration(&system.kind) {
                Ok(integration) => integration,
                Err(unknown) => {
                    wrong.push(config.system_error(name, Some("kind"), unknown));
                    continue;
                }
            };
            let connect = Connect {
                name,
                settings: system.settings.clone(),
                redactor,
                base: config.base(),
            };
            match (integration.connect)(&connect) {
                Ok(connected) => systems.insert(
                    name.clone(),
                    integration.kind,
                    system.environment.clone(),
                    connected,
                ),
                Err(error) => wrong.push(config.explain(&error)),
            }
        }
        let mut hooks = BTreeMap::new();
        for (name, hook) in &config.hooks {
            match hook.open(redactor) {
                Ok(hook) => {
                    hooks.insert(name.clone(), hook);
                }
                Err(why) => wrong.push(config.hook_error(name, format!("[hooks.{name}]: {why}"))),
            }
        }
        let world = Self {
            config,
            hooks,
            registry: Arc::new(registry),
            systems: Arc::new(systems),
        };
        Ok((world, wrong))
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
    // A variable that is no text cannot be one of ours.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Config::load(path, variables).map_err(|error| Failure::usage(error.to_string()))
}
