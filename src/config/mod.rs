//! The configuration: `purser.toml`, and what the environment overrides.
//!
//! `PURSER__SECTION__KEY` overrides a value. Every error names the file, line and column, or the
//! variable, that it comes from, and the nearest thing that would be right.

mod address;
mod discord;
mod document;
mod error;
mod freezes;
mod hooks;
mod own;
mod people;
mod places;
mod retention;
mod schema;
mod secrets;
mod systems;
mod vitals;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::hold::Freeze;
use crate::domain::names::{FreezeName, HookName, PersonName, PlaceName, Role, SystemName};
use crate::domain::person::Person;
use crate::domain::schedule::Zone;
use crate::domain::time::Span;
pub use address::Address;
pub use discord::DiscordConfig;
use document::{Document, Origins};
pub use error::{ConfigError, Origin, WrongKey};
pub use hooks::{HookConfig, HookKey};
pub use places::{ChannelConfig, NotifyConfig, PlaceConfig, WebhookConfig};
pub use retention::Retention;
pub use schema::schema;
pub use systems::SystemConfig;
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
    /// How long what has ended is kept.
    pub retention: Retention,
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
    /// How Purser is talked to in Discord; `None`: not at all.
    pub discord: Option<DiscordConfig>,
    /// Where people are told.
    pub places: BTreeMap<PlaceName, PlaceConfig>,
    /// Who is told of what.
    pub notify: NotifyConfig,
    /// When nothing is begun where.
    pub freezes: Vec<Freeze>,
    /// Who may begin something in spite of freezes and locks.
    pub break_glass: Vec<Role>,
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

impl Server {
    /// The group that may use the socket, if there is such a group.
    pub fn group(&self) -> Option<&str> {
        self.group.as_deref().or(Some("purser"))
    }
}

/// `[store]`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreFolder {
    /// The folder of the SQLite store, of the keys and of the artifacts.
    pub path: PathBuf,
    /// The file with the URL of the `PostgreSQL` database that holds the tables. Without it SQLite does.
    pub url_file: Option<PathBuf>,
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
    /// So many runs may be under way or wait at the same time; what is asked for beyond is refused.
    pub unfinished_runs: NonZeroUsize,
    /// So many steps act on one system at the same time; more wait.
    pub steps_per_system: NonZeroUsize,
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

impl Default for StoreFolder {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/var/lib/purser"),
            url_file: None,
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
        const EIGHT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);
        Self {
            concurrent_runs: EIGHT.saturating_mul(NonZeroUsize::MIN.saturating_add(1)),
            unfinished_runs: NonZeroUsize::MIN.saturating_add(1_999),
            steps_per_system: EIGHT,
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
    /// How long what has ended is kept.
    #[serde(default)]
    retention: retention::RetentionTable,
    /// How schedules are read.
    #[serde(default)]
    schedules: Schedules,
    /// What is logged, and how.
    #[serde(default)]
    log: Log,
    /// Everybody whom Purser knows, by name.
    #[serde(default)]
    people: IndexMap<PersonName, people::PersonTable>,
    /// Where other programs may post, by the name in the address.
    #[serde(default)]
    hooks: IndexMap<HookName, hooks::HookTable>,
    /// Where figures are served.
    metrics: Option<vitals::MetricsTable>,
    /// Who is told that Purser lives.
    heartbeat: Option<vitals::HeartbeatTable>,
    /// How Purser is talked to in Discord.
    discord: Option<discord::DiscordTable>,
    /// Where people are told, by name.
    #[serde(default)]
    places: IndexMap<PlaceName, places::PlaceTable>,
    /// Who is told of what.
    #[serde(default)]
    notify: places::NotifyTable,
    /// When nothing is begun where, by name.
    #[serde(default)]
    freezes: IndexMap<FreezeName, freezes::FreezeTable>,
    /// Who may begin something in spite of freezes and locks.
    #[serde(default)]
    break_glass: freezes::BreakGlassTable,
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
        let has_bot = file.discord.is_some();
        let places = places::places(file.places, has_bot, base, &origins).map_err(wrong)?;
        let zone = file.schedules.timezone;
        let notify = places::notify(file.notify, &places, zone, &origins).map_err(wrong)?;
        let systems = systems::systems(file.systems, &origins).map_err(wrong)?;
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
                url_file: file.store.url_file.map(|url| base.join(url)),
            },
            catalog: CatalogPaths {
                workflows: base.join(file.catalog.workflows),
                commands: base.join(file.catalog.commands),
            },
            engine: file.engine,
            retention: retention::retention(&file.retention, &origins).map_err(wrong)?,
            schedules: file.schedules,
            log: file.log,
            people: people::people(file.people, &origins).map_err(wrong)?,
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
            discord: file
                .discord
                .map(|table| discord::discord(table, base, file.server.listen.is_some(), &origins))
                .transpose()
                .map_err(wrong)?,
            places,
            notify,
            freezes: freezes::freezes(file.freezes, &systems, zone, &origins).map_err(wrong)?,
            break_glass: file.break_glass.roles,
            systems,
            origins,
        })
    }

    /// The folder that relative paths of the configuration are relative to.
    pub fn base(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }
}

type Wrong = (Option<Origin>, String);

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
