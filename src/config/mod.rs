//! The configuration: `purser.toml`, and what the environment overrides.
//!
//! `PURSER__SECTION__KEY` overrides a value. Every error names the file, line and column, or the
//! variable, that it comes from, and the nearest thing that would be right.

mod address;
mod document;
mod hooks;
mod own;
mod places;
mod schema;
mod secrets;
mod vitals;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::ConnectError;
use crate::domain::names::{Environment, HookName, PersonName, PlaceName, Role, SystemName};
use crate::domain::nearest;
use crate::domain::person::Person;
use crate::domain::position::Position;
use crate::domain::schedule::Zone;
use crate::domain::time::Span;
pub use address::Address;
use document::{Document, Origins};
pub use hooks::{HookConfig, HookKey};
pub use places::{NotifyConfig, PlaceConfig};
pub use schema::schema;
pub use vitals::{HeartbeatConfig, MetricsConfig};

/// Everything that is configured, with paths that need no folder to be relative to.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it was read from.
    pub file: PathBuf,
    /// How clients reach the server.
    pub server: Server,
    /// Where runs and receipts are kept.
    pub store: StoreFolder,
    /// Where what runs keep for people is.
    pub artifacts: ArtifactStore,
    /// Where the workflows and commands are.
    pub catalog: CatalogPaths,
    /// How runs are carried out.
    pub engine: EngineLimits,
    /// How schedules are read.
    pub schedules: Schedules,
    /// What is logged, and how.
    pub log: Log,
    /// Everybody whom Purser knows.
    pub people: Vec<Person>,
    /// Where other programs may post.
    pub hooks: BTreeMap<HookName, HookConfig>,
    /// Where figures are served; `None`: nowhere.
    pub metrics: Option<MetricsConfig>,
    /// Who is told that Purser lives; `None`: nobody.
    pub heartbeat: Option<HeartbeatConfig>,
    /// Where people are told.
    pub places: BTreeMap<PlaceName, PlaceConfig>,
    /// Who is told of what.
    pub notify: NotifyConfig,
    /// All systems by name.
    pub systems: BTreeMap<SystemName, SystemConfig>,
    origins: Origins,
}

/// `[server]`.
#[derive(Clone, Debug)]
pub struct Server {
    /// The path of the Unix socket.
    pub socket: PathBuf,
    /// The group that may use the socket. `None`: `purser`, if there is such a group.
    pub group: Option<String>,
    /// Where hooks and health are served over TCP. `None`: nowhere.
    pub listen: Option<SocketAddr>,
}

/// `[store]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreFolder {
    /// The folder of the SQLite store.
    pub path: PathBuf,
}

/// `[artifacts]`.
#[derive(Clone, Debug)]
pub struct ArtifactStore {
    /// The folder of the artifacts.
    pub path: PathBuf,
}

/// `[catalog]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogPaths {
    /// The folder of the workflow files.
    pub workflows: PathBuf,
    /// The folder of the command files.
    pub commands: PathBuf,
}

/// `[engine]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EngineLimits {
    /// So many runs are carried out at the same time; more wait.
    pub concurrent_runs: NonZeroUsize,
    /// How long a cancelled step may take to stop by itself.
    pub cancel_grace: Span,
}

/// `[schedules]`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Schedules {
    /// By which clock schedules go that name none.
    pub timezone: Zone,
}

/// `[log]`.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// The least important thing that is logged.
    pub level: LogLevel,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How important a line of the log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What is likely to fail.
    Warn,
    /// What happens.
    #[default]
    Info,
    /// How it happens.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// `[systems.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemConfig {
    /// The integration that it belongs to.
    pub kind: String,
    /// Where it stands; production unless it is said.
    pub environment: Environment,
    /// The rest of the table, for the integration.
    pub settings: toml::Table,
}

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// Which part of it; `None` for the file as a whole.
    pub origin: Option<Origin>,
    /// One sentence: what is wrong, and the nearest thing that is right.
    pub message: String,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A place in the file.
    File(Position),
    /// A variable of the environment.
    Variable(String),
}

impl fmt::Display for ConfigError {
    /// `purser.toml:7:5: unknown field …`, `PURSER__ENGINE__CONCURRENT_RUNS: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(Origin::File(position)) => write!(f, "{}:{position}: ", self.file.display())?,
            Some(Origin::Variable(name)) => write!(f, "{name}: ")?,
            None => write!(f, "{}: ", self.file.display())?,
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

impl Default for StoreFolder {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/var/lib/purser"),
        }
    }
}

impl Default for CatalogPaths {
    fn default() -> Self {
        Self {
            workflows: PathBuf::from("workflows"),
            commands: PathBuf::from("commands"),
        }
    }
}

impl Default for Schedules {
    fn default() -> Self {
        Self {
            timezone: Zone::UTC,
        }
    }
}

impl Default for EngineLimits {
    fn default() -> Self {
        const SIXTEEN: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);
        Self {
            concurrent_runs: SIXTEEN,
            cancel_grace: Span::new(Duration::from_secs(30)),
        }
    }
}

/// The socket where none is configured: `/run/purser/purser.sock` for root and for users without
/// `$XDG_RUNTIME_DIR`, else `purser.sock` in that folder.
pub fn default_socket(runtime_dir: Option<&str>) -> PathBuf {
    socket_of(nix::unistd::geteuid().is_root(), runtime_dir)
}

fn socket_of(is_root: bool, runtime_dir: Option<&str>) -> PathBuf {
    match runtime_dir {
        Some(folder) if !is_root && !folder.is_empty() => Path::new(folder).join("purser.sock"),
        _ => PathBuf::from("/run/purser/purser.sock"),
    }
}

/// The file as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct File {
    /// How clients reach the server.
    #[serde(default)]
    server: ServerTable,
    /// Where runs and receipts are kept.
    #[serde(default)]
    store: StoreFolder,
    /// Where what runs keep for people is.
    #[serde(default)]
    artifacts: ArtifactsTable,
    /// Where the workflows and commands are.
    #[serde(default)]
    catalog: CatalogPaths,
    /// How runs are carried out.
    #[serde(default)]
    engine: EngineLimits,
    /// How schedules are read.
    #[serde(default)]
    schedules: Schedules,
    /// What is logged, and how.
    #[serde(default)]
    log: Log,
    /// Everybody whom Purser knows, by name.
    #[serde(default)]
    people: IndexMap<PersonName, PersonTable>,
    /// Where other programs may post, by the name in the address.
    #[serde(default)]
    hooks: IndexMap<HookName, hooks::HookTable>,
    /// Where figures are served.
    metrics: Option<vitals::MetricsTable>,
    /// Who is told that Purser lives.
    heartbeat: Option<vitals::HeartbeatTable>,
    /// Where people are told, by name.
    #[serde(default)]
    places: IndexMap<PlaceName, places::PlaceTable>,
    /// Who is told of what.
    #[serde(default)]
    notify: places::NotifyTable,
    /// The systems, by the name that workflows call them.
    #[serde(default)]
    #[schemars(with = "std::collections::HashMap<String, serde_json::Value>")]
    systems: IndexMap<SystemName, toml::Table>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ServerTable {
    /// The path of the Unix socket.
    socket: Option<PathBuf>,
    /// The group that may use the socket; without it `purser`, if there is such a group.
    group: Option<String>,
    /// Where hooks and health are served over TCP; without it nowhere.
    listen: Option<SocketAddr>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ArtifactsTable {
    /// How they are kept.
    #[allow(dead_code, reason = "there is one sort of store: it is only checked")]
    store: ArtifactsSort,
    /// The folder; without it `artifacts` in the store's.
    path: Option<PathBuf>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ArtifactsSort {
    /// As files in a folder.
    #[default]
    File,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PersonTable {
    /// What workflows ask for in `who` and `approval`.
    roles: Vec<Role>,
    /// The person's user id on this machine.
    uid: Option<u32>,
}

impl Config {
    /// Reads the file, lets the variables of the environment override it, and checks it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn load(
        path: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
            file: path.to_owned(),
            origin: None,
            message: format!("the configuration cannot be read: {error}"),
        })?;
        Self::parse(path, &text, env)
    }

    /// As [`Self::load`], of a text that has been read. Does no I/O.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(
        path: &Path,
        text: &str,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let env: Vec<_> = env.into_iter().collect();
        let runtime_dir = env.iter().find(|(name, _)| name == "XDG_RUNTIME_DIR");
        let socket = default_socket(runtime_dir.map(|(_, folder)| folder.as_str()));
        let wrong = |(origin, message)| ConfigError {
            file: path.to_owned(),
            origin,
            message,
        };
        let document = Document::parse(text, &env).map_err(wrong)?;
        let origins = document.origins();
        let mut file: File = document.read().map_err(wrong)?;
        own::complete(&mut file.systems, &origins).map_err(wrong)?;
        let base = path.parent().unwrap_or(Path::new(""));
        let places = places::places(file.places, base, &origins).map_err(wrong)?;
        let zone = file.schedules.timezone;
        let notify = places::notify(file.notify, &places, zone, &origins).map_err(wrong)?;
        Ok(Self {
            file: path.to_owned(),
            server: Server {
                socket: file
                    .server
                    .socket
                    .map_or(socket, |socket| base.join(socket)),
                group: file.server.group,
                listen: file.server.listen,
            },
            artifacts: ArtifactStore {
                path: match file.artifacts.path {
                    Some(path) => base.join(path),
                    None => base.join(&file.store.path).join("artifacts"),
                },
            },
            store: StoreFolder {
                path: base.join(file.store.path),
            },
            catalog: CatalogPaths {
                workflows: base.join(file.catalog.workflows),
                commands: base.join(file.catalog.commands),
            },
            engine: file.engine,
            schedules: file.schedules,
            log: file.log,
            people: people(file.people, &origins).map_err(wrong)?,
            hooks: hooks::hooks(file.hooks, base, &origins).map_err(wrong)?,
            metrics: file
                .metrics
                .map(|table| vitals::metrics(table, base, &origins))
                .transpose()
                .map_err(wrong)?,
            heartbeat: file
                .heartbeat
                .map(|table| vitals::heartbeat(table, base, &origins))
                .transpose()
                .map_err(wrong)?,
            places,
            notify,
            systems: systems(file.systems, &origins).map_err(wrong)?,
            origins,
        })
    }

    /// The folder that relative paths of the configuration are relative to.
    pub fn base(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    /// An integration's complaint about its system, with the place of the key that it names, or
    /// of the system's table.
    pub fn explain(&self, error: &ConnectError) -> ConfigError {
        let settings = self
            .systems
            .get(&error.system)
            .map(|system| &system.settings);
        let key = settings.and_then(|settings| key_in_question(&error.message, settings));
        self.system_error(&error.system, key, error.to_string())
    }

    /// What is wrong with a table or a value, with its place.
    pub fn error_at(&self, path: &[&str], message: String) -> ConfigError {
        ConfigError {
            file: self.file.clone(),
            origin: self.origins.of(path),
            message,
        }
    }

    /// What is wrong with a hook, with the place of the key that names its secret, or of its table.
    pub fn hook_error(&self, hook: &HookName, message: String) -> ConfigError {
        let table = ["hooks", hook.as_str()];
        let key = self.hooks.get(hook).and_then(HookConfig::stored);
        let at_key = key.and_then(|(key, _)| self.origins.of(&[table[0], table[1], key]));
        ConfigError {
            file: self.file.clone(),
            origin: at_key.or_else(|| self.origins.of(&table)),
            message,
        }
    }

    /// An error about a system, with the place of one of its keys, or of its table.
    pub fn system_error(
        &self,
        system: &SystemName,
        key: Option<&str>,
        message: impl Into<String>,
    ) -> ConfigError {
        let table = ["systems", system.as_str()];
        let at_key = key.and_then(|key| self.origins.of(&[table[0], table[1], key]));
        ConfigError {
            file: self.file.clone(),
            origin: at_key.or_else(|| self.origins.of(&table)),
            message: message.into(),
        }
    }
}

/// The key that a message is about: one that it names in ticks, or one whose value it quotes.
fn key_in_question<'t>(message: &str, settings: &'t toml::Table) -> Option<&'t str> {
    let mut in_ticks = message.split('`').skip(1).step_by(2);
    let named =
        in_ticks.find_map(|ticked| settings.get_key_value(ticked.split([' ', '=']).next()?));
    let quoted = || {
        let quotes = |value: &toml::Value| {
            value
                .as_str()
                .is_some_and(|text| text.len() > 3 && message.contains(text))
        };
        settings.iter().find(|(_, value)| quotes(value))
    };
    named.or_else(quoted).map(|(key, _)| key.as_str())
}

type Wrong = (Option<Origin>, String);

fn people(
    tables: IndexMap<PersonName, PersonTable>,
    origins: &Origins,
) -> Result<Vec<Person>, Wrong> {
    let mut people: Vec<Person> = vec![];
    for (name, PersonTable { roles, uid }) in tables {
        check_name("person", "people", name.as_str(), origins)?;
        if let Some(uid) = uid
            && let Some(first) = people.iter().find(|person| person.uid == Some(uid))
        {
            let message = format!(
                "the uid {uid} is {}'s already: one identity belongs to one person",
                first.name
            );
            return Err((origins.of(&["people", name.as_str(), "uid"]), message));
        }
        people.push(Person { name, roles, uid });
    }
    Ok(people)
}

fn systems(
    tables: IndexMap<SystemName, toml::Table>,
    origins: &Origins,
) -> Result<BTreeMap<SystemName, SystemConfig>, Wrong> {
    let mut systems = BTreeMap::new();
    for (name, mut settings) in tables {
        check_name("system", "systems", name.as_str(), origins)?;
        let kind = take_text(&mut settings, &name, "kind", origins)?;
        let environment = take_text(&mut settings, &name, "environment", origins)?;
        let Some(kind) = kind else {
            let known = settings.keys().map(String::as_str).collect::<Vec<_>>();
            let near = nearest::nearest("kind", known);
            let hint = near
                .map(|near| format!(" (is it `{near}`?)"))
                .unwrap_or_default();
            let message = format!(
                "[systems.{name}] has no `kind`{hint}: write which integration it belongs to, as in \
                 `kind = \"docker\"`"
            );
            return Err((origins.of(&["systems", name.as_str()]), message));
        };
        let environment = environment.map_or_else(Environment::production, |text| {
            Environment::from(text.as_str())
        });
        systems.insert(
            name,
            SystemConfig {
                kind,
                environment,
                settings,
            },
        );
    }
    Ok(systems)
}

fn take_text(
    settings: &mut toml::Table,
    system: &SystemName,
    key: &str,
    origins: &Origins,
) -> Result<Option<String>, Wrong> {
    match settings.remove(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) => Ok(Some(text)),
        Some(other) => {
            let message = format!("[systems.{system}]: `{key}` must be text, and is {other}");
            Err((origins.of(&["systems", system.as_str(), key]), message))
        }
    }
}

/// Names stand in addresses (`s3://SYSTEM/…`), in labels and in what people type.
fn check_name(what: &str, section: &str, name: &str, origins: &Origins) -> Result<(), Wrong> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(good) {
        return Ok(());
    }
    let message = format!("`{name}` cannot be the name of a {what}: use letters, digits, - and _");
    Err((origins.of(&[section, name]), message))
}

#[cfg(test)]
mod tests;
