//! One database server as it is configured, and how it is reached: by Purser and by its tools.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::process::Command;

use super::explain::Failure;
use super::tools::{self, Tool, Version};
use crate::action::{ActionError, Connect, ConnectError, Result};
use crate::domain::names::{SecretName, SystemName};
use crate::domain::nearest;
use crate::domain::redact::password_in;
use crate::domain::secret::SecretSource;

/// How long to wait for a connection, the login included.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// A setting that the server keeps for a session and that no pooler passes on: where it is
/// missing, something stands between.
const DIRECT: (&str, &str) = ("purser.direct", "yes");

/// The table `[systems.NAME]`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The file that holds postgres://USER:PASSWORD@HOST:PORT/DATABASE, and nothing else.
    url_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    url_secret: Option<SecretName>,
    /// The folder of `pg_dump` and its kin; without it they are looked for.
    bin: Option<PathBuf>,
    /// The folder in which backups are restored to prove them.
    scratch: Option<PathBuf>,
    /// Whether a drill restores as a superuser of its scratch server.
    #[serde(default)]
    drill_as_superuser: bool,
}

/// A database server.
pub struct Postgres {
    name: SystemName,
    url_source: SecretSource,
    options: PgConnectOptions,
    database: String,
    /// What its tools are told by environment; the password is among it.
    environment: Vec<(&'static str, SecretString)>,
    bin: Option<PathBuf>,
    scratch: PathBuf,
    drill_as_superuser: bool,
}

impl Postgres {
    /// Reads the settings and the URL, which is a secret. Does no other I/O.
    pub fn connect(connect: &Connect<'_>) -> Result<Self, ConnectError> {
        let settings: Settings = connect.settings()?;
        let source = SecretSource::exactly_one("url", settings.url_file, settings.url_secret)
            .map_err(|wrong| connect.error(wrong))?;
        let secret = connect.secret(&source)?;
        let wrong = |why: &str| {
            connect.error(format!(
                "{source} holds no address of a database ({why}): write \
                 postgres://USER:PASSWORD@HOST:PORT/DATABASE"
            ))
        };
        let url = reqwest::Url::parse(secret.expose_secret())
            .map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(wrong("it does not begin with postgres://"));
        }
        let options = PgConnectOptions::from_str(secret.expose_secret())
            .map_err(|_| wrong("it cannot be read"))?
            .application_name("purser")
            .options([DIRECT])
            .disable_statement_logging();
        let database = options
            .get_database()
            .unwrap_or(options.get_username())
            .to_owned();
        Ok(Self {
            name: connect.name.clone(),
            environment: environment_of(&url, password_in(secret.expose_secret()), &options),
            url_source: source,
            options,
            database,
            bin: settings.bin.map(|bin| connect.base.join(bin)),
            scratch: settings.scratch.map_or_else(
                || PathBuf::from("/var/tmp"),
                |scratch| connect.base.join(scratch),
            ),
            drill_as_superuser: settings.drill_as_superuser,
        })
    }

    /// The name in `[systems.NAME]`.
    pub fn name(&self) -> &SystemName {
        &self.name
    }

    /// The database that the URL names.
    pub(super) fn default_database(&self) -> &str {
        &self.database
    }

    /// Where its scratch servers' folders are made.
    pub(super) fn scratch_parent(&self) -> &Path {
        &self.scratch
    }

    /// Whether what a dump holds may do everything on a scratch server.
    pub(super) fn drill_as_superuser(&self) -> bool {
        self.drill_as_superuser
    }

    pub(super) fn bin(&self) -> Option<&Path> {
        self.bin.as_deref()
    }

    pub(super) fn host_and_port(&self) -> String {
        match self.options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => format!("{}:{}", self.options.get_host(), self.options.get_port()),
        }
    }

    /// Where people put a better URL.
    pub(super) fn url_source(&self) -> &SecretSource {
        &self.url_source
    }

    pub(super) fn user(&self) -> &str {
        self.options.get_username()
    }

    /// A new connection to a database of this server, directly and not through a pooler.
    pub(super) async fn open(&self, database: &str) -> Result<PgConnection> {
        match self.try_open(database).await {
            Ok(connection) => Ok(connection),
            Err(Failure::NoDatabase) => Err(self.no_such_database(database).await),
            Err(failure) => {
                Err(self.explain(&format!("connect to the database `{database}`"), failure))
            }
        }
    }

    async fn try_open(&self, database: &str) -> Result<PgConnection, Failure> {
        let options = self.options.clone().database(database);
        let connect = async {
            let mut connection = PgConnection::connect_with(&options).await?;
            let direct: Option<String> = sqlx::query_scalar("SELECT current_setting($1, true)")
                .bind(DIRECT.0)
                .fetch_one(&mut connection)
                .await?;
            if direct.as_deref() == Some(DIRECT.1) {
                Ok(connection)
            } else {
                Err(Failure::Pooler)
            }
        };
        tokio::time::timeout(CONNECT_WITHIN, connect)
            .await
            .unwrap_or_else(|_| {
                Err(Failure::Unreachable(format!(
                    "no answer within {}",
                    humantime::format_duration(CONNECT_WITHIN)
                )))
            })
    }

    async fn no_such_database(&self, wrong: &str) -> ActionError {
        let name = &self.name;
        ActionError::fatal(match self.databases().await {
            Ok(known) => format!(
                "{name}: {}",
                nearest::unknown("database", wrong, known.iter().map(String::as_str))
            ),
            Err(_) => format!("{name}: there is no database `{wrong}`"),
        })
    }

    /// The names of all databases that can be connected to.
    pub(super) async fn databases(&self) -> Result<Vec<String>> {
        let mut connection = match self.try_open(&self.database).await {
            Err(Failure::NoDatabase) => self.try_open("postgres").await,
            other => other,
        }
        .map_err(|failure| self.explain("list the databases", failure))?;
        sqlx::query_scalar(
            "SELECT datname::text FROM pg_database WHERE datallowconn AND NOT datistemplate \
             ORDER BY datname",
        )
        .fetch_all(&mut connection)
        .await
        .map_err(|error| self.explain("list the databases", error.into()))
    }

    /// The version of the server.
    pub(super) async fn server_version(&self) -> Result<Version> {
        let mut connection = self.open(&self.database).await?;
        self.version_over(&mut connection).await
    }

    pub(super) async fn version_over(&self, connection: &mut PgConnection) -> Result<Version> {
        let text: String = sqlx::query_scalar("SHOW server_version")
            .fetch_one(connection)
            .await
            .map_err(|error| self.explain("ask for its version", error.into()))?;
        Version::in_text(&text).ok_or_else(|| {
            ActionError::fatal(format!(
                "{} says that its version is `{text}`, which is none that Purser knows",
                self.name
            ))
        })
    }

    /// A `pg_dump` that can dump this server: not older than it.
    pub(super) async fn pg_dump_for(&self, server: &Version) -> Result<Tool> {
        let pg_dump = tools::find("pg_dump", self.bin()).await?;
        if pg_dump.version.major < server.major {
            return Err(ActionError::fatal(format!(
                "{} runs PostgreSQL {server}, and {} is version {}, which cannot dump a newer \
                 server; nothing was begun; install the client of version {} or set `bin` in \
                 [systems.{}] to its folder",
                self.name,
                pg_dump.path.display(),
                pg_dump.version,
                server.major,
                self.name
            )));
        }
        Ok(pg_dump)
    }

    /// A tool of the server's, told by its environment alone where to connect, so that no
    /// password stands in a list of processes.
    pub(super) fn command(&self, tool: &Tool, database: &str) -> Command {
        let mut command = tools::command(&tool.path);
        for (name, value) in &self.environment {
            command.env(name, value.expose_secret());
        }
        command.env("PGDATABASE", database);
        command
    }
}

fn environment_of(
    url: &reqwest::Url,
    password: Option<String>,
    options: &PgConnectOptions,
) -> Vec<(&'static str, SecretString)> {
    let host = options.get_socket().map_or_else(
        || options.get_host().to_owned(),
        |folder| folder.display().to_string(),
    );
    let mut environment = vec![
        ("PGHOST", host),
        ("PGPORT", options.get_port().to_string()),
        ("PGUSER", options.get_username().to_owned()),
        ("PGAPPNAME", "purser".to_owned()),
        ("PGCONNECT_TIMEOUT", CONNECT_WITHIN.as_secs().to_string()),
    ];
    environment.extend(password.map(|password| ("PGPASSWORD", password)));
    for (name, value) in url.query_pairs() {
        let variable = match &*name {
            "sslmode" | "ssl-mode" => "PGSSLMODE",
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => "PGSSLROOTCERT",
            "sslcert" | "ssl-cert" => "PGSSLCERT",
            "sslkey" | "ssl-key" => "PGSSLKEY",
            _ => continue,
        };
        environment.push((variable, value.into_owned()));
    }
    environment
        .into_iter()
        .map(|(name, value)| (name, SecretString::from(value)))
        .collect()
}
