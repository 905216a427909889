//! Connections to the database: each of them direct, with limits of its own, and checked.

use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::LEASE;
use super::problem::{broken, unavailable};
use crate::domain::redact::Redactor;
use crate::store::{Result, StoreError};

/// The oldest server that is still looked after, and that we are tested with the successors of.
const OLDEST: i32 = 130_000;

/// How long a connection may take to come about.
const LIMIT: Duration = Duration::from_secs(10);

/// The longest name that a server keeps of a client.
const LONGEST_NAME: usize = 63;

/// A variable that each of our sessions carries from its first byte. A pooler drops it, refuses it,
/// or hands us a session that carries another's.
const MARK: &str = "purser.session";

/// The tables, in the order in which a missing right on them is told.
const TABLES: [&str; 20] = [
    "lease",
    "definitions",
    "runs",
    "events",
    "step_lines",
    "artifact_refs",
    "receipts",
    "schedules",
    "fires",
    "secrets",
    "locks",
    "identities",
    "telling",
    "outbox",
    "run_messages",
    "published_commands",
    "given_secrets",
    "asked_windows",
    "stack_changes",
    "watched",
];

/// Where the database is, and as whom we come.
#[derive(Clone)]
pub struct Access {
    /// `postgres://user:password@host:port/database`.
    pub url: SecretString,
    /// What [`holder`] makes: the process as people know it, and as no other is called.
    pub holder: String,
    /// How long a lease lasts that is not renewed.
    pub lease: Duration,
}

impl Access {
    /// By the URL in this file, with the usual lease. From now on the URL is masked.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn by_file(file: &Path, holder: String, redactor: &Redactor) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|error| StoreError::File {
            file: file.display().to_string(),
            message: format!("cannot be read ({error}): it holds the URL of the store's database"),
        })?;
        let url = text.trim();
        redactor.learn(url);
        Ok(Self {
            url: url.into(),
            holder,
            lease: LEASE,
        })
    }

    /// Where the server listens, by host and port; `None` where it is a socket of this machine.
    pub fn server(&self) -> Option<(String, u16)> {
        let options: PgConnectOptions = self.url.expose_secret().parse().ok()?;
        let server = (options.get_host().to_owned(), options.get_port());
        options.get_socket().is_none().then_some(server)
    }
}

/// How connections are made.
#[derive(Clone)]
pub(super) struct Connector {
    options: PgConnectOptions,
    mark: String,
    pub(super) place: String,
}

impl Connector {
    /// # Errors
    /// The URL is none.
    pub(super) fn new(access: &Access) -> Result<Self> {
        let options: PgConnectOptions =
            access
                .url
                .expose_secret()
                .parse()
                .map_err(|_| StoreError::Unavailable {
                    place: "in PostgreSQL".to_owned(),
                    message:
                        "its URL is none: it is like postgres://USER:PASSWORD@HOST:5432/DATABASE"
                            .to_owned(),
                })?;
        let place = place_of(&options);
        let limit = |part: u32| (access.lease / part).as_millis().max(1).to_string();
        let options = options
            .application_name(&application(&access.holder))
            .options([
                (MARK, access.holder.clone()),
                // A process that is frozen in mid-transaction must not keep the log from its
                // successor; nor must one that waits for a lock.
                ("idle_in_transaction_session_timeout", limit(3)),
                ("lock_timeout", limit(3)),
            ]);
        Ok(Self {
            options,
            mark: access.holder.clone(),
            place,
        })
    }

    /// A connection that leads to the server itself.
    ///
    /// # Errors
    /// There is none, or a pooler stands between.
    pub(super) async fn connect(&self) -> Result<PgConnection> {
        let connecting = tokio::time::timeout(LIMIT, self.options.connect());
        let mut connection = match connecting.await {
            Ok(connected) => connected.map_err(|error| self.not_connected(&error))?,
            Err(_) => return Err(broken(&self.place, "the server does not answer")),
        };
        if self.is_marked(&mut connection).await? {
            Ok(connection)
        } else {
            let _ = connection.close().await;
            Err(self.pooled())
        }
    }

    /// Whether the session is the one that we have asked for.
    async fn is_marked(&self, connection: &mut PgConnection) -> Result<bool> {
        let mark: Option<String> = sqlx::query_scalar("SELECT current_setting($1, true)")
            .bind(MARK)
            .fetch_one(connection)
            .await
            .map_err(|error| unavailable(&self.place, &error))?;
        Ok(mark.as_deref() == Some(&*self.mark))
    }

    fn pooled(&self) -> StoreError {
        broken(
            &self.place,
            "there is a connection pooler (such as PgBouncer) before the server, and it would hand \
             one session to several clients: give the URL of the server itself",
        )
    }

    fn not_connected(&self, error: &sqlx::Error) -> StoreError {
        let refuses_our_mark = error.as_database_error().is_some_and(|error| {
            error.code().as_deref() == Some("08P01")
                && error.message().contains("unsupported startup parameter")
        });
        if refuses_our_mark {
            self.pooled()
        } else {
            unavailable(&self.place, error)
        }
    }
}

/// What the sessions of a process are called on the server.
pub(super) fn application(holder: &str) -> String {
    let name = format!("purser {holder}");
    name.chars().take(LONGEST_NAME).collect()
}

/// A name for this process that no other has: host, process and a few random letters.
pub fn holder(host: &str, process: u32, random: [u8; 4]) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let host: String = host.chars().filter(fits).take(32).collect();
    let host = if host.is_empty() { "host" } else { &host };
    format!("{host}:{process}/{}", hex::encode(random))
}

fn place_of(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or(options.get_username());
    match options.get_socket() {
        Some(socket) => format!("{database} at {}", socket.display()),
        None => format!(
            "{database} at {}:{}",
            options.get_host(),
            options.get_port()
        ),
    }
}

/// Refuses a server that will not do before anything is made on it.
pub(super) async fn examine(connection: &mut PgConnection, place: &str) -> Result<()> {
    let row = sqlx::query(
        "SELECT current_setting('server_version_num')::int AS version, \
         pg_is_in_recovery() AS is_replica, current_user::text AS me",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|error| unavailable(place, &error))?;
    if let Some(message) = too_old(row.get("version")) {
        return Err(broken(place, &message));
    }
    if row.get("is_replica") {
        let message = "the server is a replica and takes no writes: name the primary";
        return Err(broken(place, message));
    }
    may_write(connection, place, row.get("me")).await
}

/// Whether tables can be made or changed there.
pub(super) async fn may_make_tables(connection: &mut PgConnection, place: &str) -> Result<()> {
    let row = sqlx::query(
        "SELECT current_user::text AS me, current_database()::text AS database, \
         current_schema()::text AS schema, \
         COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create",
    )
    .fetch_one(connection)
    .await
    .map_err(|error| unavailable(place, &error))?;
    let (me, database): (String, String) = (row.get("me"), row.get("database"));
    let Some(schema) = row.get::<Option<String>, _>("schema") else {
        let message = format!(
            "no schema of {me}'s search_path is there: type CREATE SCHEMA AUTHORIZATION \"{me}\" in \
             {database}"
        );
        return Err(broken(place, &message));
    };
    if row.get("may_create") {
        return Ok(());
    }
    let message = format!(
        "{me} may make no tables in it: type GRANT CREATE, USAGE ON SCHEMA \"{schema}\" TO \
         \"{me}\" in {database} as its owner"
    );
    Err(broken(place, &message))
}

/// Tables that others have made do as well, if they may be used.
async fn may_write(connection: &mut PgConnection, place: &str, me: String) -> Result<()> {
    let closed: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM UNNEST($1::text[]) WITH ORDINALITY AS tables (name, n) \
         WHERE to_regclass(name) IS NOT NULL AND NOT (has_table_privilege(to_regclass(name), \
         'SELECT') AND has_table_privilege(to_regclass(name), 'INSERT') AND \
         has_table_privilege(to_regclass(name), 'UPDATE') AND \
         has_table_privilege(to_regclass(name), 'DELETE')) ORDER BY n",
    )
    .bind(&TABLES.map(str::to_owned)[..])
    .fetch_all(connection)
    .await
    .map_err(|error| unavailable(place, &error))?;
    if closed.is_empty() {
        return Ok(());
    }
    Err(broken(
        place,
        &format!(
            "{me} may not write to {}: type GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO \"{me}\" \
             as their owner",
            closed.join(", "),
            closed.join(", ")
        ),
    ))
}

fn too_old(version: i32) -> Option<String> {
    (version < OLDEST).then(|| {
        format!(
            "the server is PostgreSQL {}, and Purser needs {} or newer: upgrade it, or use another",
            version / 10_000,
            OLDEST / 10_000
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_told_of_every_table_that_there_is() {
        let made = super::super::MIGRATIONS.iter().flat_map(|migration| {
            let words: Vec<_> = migration.sql.as_str().split_whitespace().collect();
            let tables = words
                .windows(3)
                .filter(|words| words[..2] == ["CREATE", "TABLE"]);
            tables.map(|words| words[2].to_owned()).collect::<Vec<_>>()
        });
        let known: std::collections::BTreeSet<_> = TABLES.map(str::to_owned).into();
        assert_eq!(made.collect::<std::collections::BTreeSet<_>>(), known);
    }

    #[test]
    fn a_server_that_is_no_longer_looked_after_is_refused() {
        assert_eq!(
            too_old(120_022).unwrap(),
            "the server is PostgreSQL 12, and Purser needs 13 or newer: upgrade it, or use another"
        );
        assert_eq!(too_old(130_000), None);
    }

    #[test]
    fn a_process_has_a_name_that_people_know_and_a_server_keeps_whole() {
        assert_eq!(
            holder("web-1", 4711, [0x5f, 0x3a, 1, 2]),
            "web-1:4711/5f3a0102"
        );
        let long = holder(&"é long name ".repeat(9), u32::MAX, [0; 4]);
        assert_eq!(
            application(&long),
            format!("purser {long}"),
            "nothing is cut off"
        );
    }

    #[test]
    fn what_is_told_of_a_database_has_no_password() {
        let place = |url: &str| place_of(&url.parse().unwrap());
        assert_eq!(place("postgres://me:geheim@db:6543/bot"), "bot at db:6543");
        assert_eq!(
            place("postgres:///bot?host=/run/postgresql&user=me"),
            "bot at /run/postgresql"
        );
    }
}
