//! What is read once, at the start: the configuration, and what it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::discord::open_bot;
use super::telling::open_places;
use super::vitals::VitalsSecrets;
use crate::action::{Connect, Places, Registry, Systems};
use crate::catalog::{Catalog, CatalogFolders, Problem, Severity, Surroundings, SystemFacts};
use crate::chat::discord::Bot;
use crate::cli::Failure;
use crate::config::{Config, ConfigError, Origin};
use crate::domain::names::{HookName, Role, SecretName};
use crate::domain::nearest;
use crate::domain::redact::Redactor;
use crate::domain::secret::Opened;
use crate::domain::webhook::Hook;
use crate::integrations;

/// What is read once, at the start.
pub(super) struct World {
    pub(super) config: Config,
    pub(super) hooks: BTreeMap<HookName, Hook>,
    pub(super) places: Arc<Places>,
    pub(super) vitals: VitalsSecrets,
    pub(super) discord: Option<Bot>,
    pub(super) registry: Arc<Registry>,
    pub(super) systems: Arc<Systems>,
}

impl World {
    /// Connects what the configuration names, with the secrets that it names.
    pub(super) fn load(
        config: Config,
        redactor: &Arc<Redactor>,
        secrets: &Opened,
    ) -> Result<Self, Failure> {
        let (world, wrong) = Self::load_what_can_be(config, redactor, secrets);
        if wrong.is_empty() {
            return Ok(world);
        }
        let lines: Vec<_> = wrong.iter().map(ToString::to_string).collect();
        Err(Failure::usage(lines.join("\n")))
    }

    /// The same without what cannot be had, and why it cannot, in the order of the file's lines.
    pub(super) fn load_what_can_be(
        config: Config,
        redactor: &Arc<Redactor>,
        secrets: &Opened,
    ) -> (Self, Vec<ConfigError>) {
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
                secrets,
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
            match hook.open(redactor, secrets) {
                Ok(hook) => {
                    hooks.insert(name.clone(), hook);
                }
                Err(error) => wrong.push(config.key_error(&["hooks", name.as_str()], &error)),
            }
        }
        let (vitals, unread) = VitalsSecrets::read(&config, redactor, secrets);
        wrong.extend(unread);
        let discord = match open_bot(&config, redactor, secrets) {
            Ok(discord) => discord,
            Err(error) => {
                wrong.push(error);
                None
            }
        };
        let (places, closed) = open_places(&config, discord.as_ref(), redactor, secrets);
        wrong.extend(closed);
        wrong.sort_by_key(ConfigError::position);
        let world = Self {
            vitals,
            discord,
            config,
            hooks,
            places: Arc::new(places),
            registry: Arc::new(registry),
            systems: Arc::new(systems),
        };
        (world, wrong)
    }

    /// Reads the workflows and commands anew. `secrets` are those that are set, where that is known.
    pub(super) fn read_catalog(
        &self,
        secrets: Option<BTreeSet<SecretName>>,
    ) -> Result<Catalog, Vec<Problem>> {
        read_catalog(&self.config, &self.registry, secrets)
    }

    /// The catalog without errors; warnings go to the log.
    pub(super) fn catalog(
        &self,
        secrets: Option<BTreeSet<SecretName>>,
    ) -> Result<Catalog, Failure> {
        match self.read_catalog(secrets) {
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

/// Reads the workflows and commands; nothing is connected.
pub(super) fn read_catalog(
    config: &Config,
    registry: &Registry,
    secrets: Option<BTreeSet<SecretName>>,
) -> Result<Catalog, Vec<Problem>> {
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
        chat_roles: chat_roles(config),
        secrets,
        places: config.places.keys().cloned().collect(),
    };
    let catalog = Catalog::load(&folders, registry, &surroundings)?;
    let mut unknown = unknown_schedules(config, &catalog);
    unknown.extend(unknown_exceptions(config, &catalog));
    unknown.extend(unknown_roles(config));
    if unknown.is_empty() {
        Ok(catalog)
    } else {
        Err(unknown)
    }
}

/// What roles of chats stand for.
pub(super) fn chat_roles(config: &Config) -> BTreeSet<Role> {
    let discord = config.discord.iter();
    let roles = discord.flat_map(|discord| discord.roles.values().flatten());
    roles.cloned().collect()
}

/// Schedules that `[heartbeat]` names and no file has: their beats would never come, and somebody
/// be called out for it.
fn unknown_schedules(config: &Config, catalog: &Catalog) -> Vec<Problem> {
    let Some(heartbeat) = &config.heartbeat else {
        return vec![];
    };
    let known = catalog.workflows().flat_map(|loaded| {
        let names = loaded.workflow.schedules();
        names.map(|(name, _)| name.to_string()).collect::<Vec<_>>()
    });
    let known: Vec<String> = known.collect();
    let named = heartbeat.schedules.keys().map(ToString::to_string);
    let unknown = named.filter(|name| !known.contains(name));
    let problem = |name: String| {
        let names = known.iter().map(String::as_str).collect::<Vec<_>>();
        let message = nearest::unknown("schedule", &name, names);
        problem_of(config.error_at(&["heartbeat", "schedules", &name], message))
    };
    unknown.map(problem).collect()
}

/// Workflows that a freeze excepts and no file has: what was meant would wait.
fn unknown_exceptions(config: &Config, catalog: &Catalog) -> Vec<Problem> {
    let all = config.freezes.iter().flat_map(|freeze| {
        let excepted = freeze.except.iter();
        excepted.map(move |workflow| (&freeze.name, workflow))
    });
    let unknown = all.filter_map(|(freeze, workflow)| {
        let why = catalog.workflow(workflow.as_str()).err()?;
        let message = format!("[freezes.{freeze}] except: {why}");
        let path = ["freezes", freeze.as_str(), "except"];
        Some(problem_of(config.error_at(&path, message)))
    });
    unknown.collect()
}

/// Roles that may break the glass and that nobody has: found out at the time when the glass is wanted.
fn unknown_roles(config: &Config) -> Vec<Problem> {
    let in_chats = chat_roles(config);
    let of_people = config.people.iter().flat_map(|person| &person.roles);
    let known: BTreeSet<_> = of_people.chain(&in_chats).collect();
    let unknown = config
        .break_glass
        .iter()
        .filter(|role| !known.contains(role));
    let problem = |role: &Role| {
        let names = known.iter().map(|role| role.as_str()).collect::<Vec<_>>();
        let unknown = nearest::unknown("role", role.as_str(), names);
        let message = format!("[break_glass] roles: {unknown} (nobody has it)");
        problem_of(config.error_at(&["break_glass", "roles"], message))
    };
    unknown.map(problem).collect()
}

/// What is wrong with the configuration, as a problem among those of the other files.
pub(super) fn problem_of(error: ConfigError) -> Problem {
    let position = error.position();
    Problem {
        file: error.file,
        position,
        severity: Severity::Error,
        message: match error.origin {
            Some(Origin::Variable(name)) => format!("{name}: {}", error.message),
            _ => error.message,
        },
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
