//! `PostgreSQL`, the version that the machine has.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use nix::unistd::{User, geteuid};

use crate::sh;
use crate::stack::need::{Need, debian, folder_of, must_find};
use crate::stack::part::{Launch, Part};
use crate::stack::places::Places;
use crate::stack::{ports, secret};

const NAME: &str = "postgres";
const PORT: u16 = ports::of(NAME);
/// The server refuses to run as root.
const USER: &str = "postgres";

/// Tests put it before the server, each with settings of its own.
const POOLER: &str = "pgbouncer";

/// A test server may lose all at a crash of the machine; in return it never waits for a disk.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
password_encryption = 'scram-sha-256'
max_connections = 200
timezone = 'UTC'
fsync = off
synchronous_commit = off
full_page_writes = off
";

/// One server with an empty cluster.
pub(crate) struct Postgres;

impl Part for Postgres {
    fn name(&self) -> &'static str {
        NAME
    }

    fn needs(&self, _places: &Places) -> Vec<Need> {
        let programs = ["initdb", "postgres", "pg_isready", "psql", "pg_dump"];
        let mut needs = programs
            .map(|program| debian(program, "postgresql"))
            .to_vec();
        needs.push(debian(POOLER, POOLER));
        needs
    }

    fn launch(&self, places: &Places) -> Result<Launch> {
        let dir = places.dir(NAME);
        init(places, &dir)?;
        let mut command = as_server_user("postgres")?;
        command
            .arg("-D")
            .arg(dir.join("data"))
            .args(["-p", &PORT.to_string()]);
        command.arg("-k").arg(dir.join("data"));
        let version = sh::output(Command::new(must_find("postgres")?).arg("--version"))?;
        let version = version.split_whitespace().nth(2).unwrap_or("?").to_owned();
        Ok(Launch {
            command,
            version,
            address: format!("127.0.0.1:{PORT}"),
        })
    }

    fn is_ready(&self, _places: &Places) -> Result<bool> {
        let mut ask = Command::new(must_find("pg_isready")?);
        Ok(sh::output(ask.args(["-q", "-h", "127.0.0.1", "-p", &PORT.to_string()])).is_ok())
    }

    /// Fast: sessions are ended, not awaited.
    fn stop_signal(&self) -> Signal {
        Signal::SIGINT
    }

    fn env(&self, places: &Places) -> Result<Vec<(&'static str, String)>> {
        let url = format!(
            "postgres://postgres:{}@127.0.0.1:{PORT}/postgres",
            secret::of(places, NAME)?
        );
        let programs = folder_of("initdb")?.display().to_string();
        Ok(vec![
            ("PURSER_TEST_POSTGRES_URL", url),
            ("PURSER_TEST_POSTGRES_BIN", programs),
            (
                "PURSER_TEST_PGBOUNCER",
                must_find(POOLER)?.display().to_string(),
            ),
        ])
    }
}

/// Makes an empty cluster, whatever was there before.
fn init(places: &Places, dir: &Path) -> Result<()> {
    let data = dir.join("data");
    if data.exists() {
        fs::remove_dir_all(&data)?;
    }
    fs::create_dir(&data)?;
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700))?;
    secret::of(places, NAME)?;
    let password = secret::path(places, NAME);
    if let Some(user) = server_user()? {
        for path in [&data, &password] {
            chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
    }
    let mut initdb = as_server_user("initdb")?;
    initdb.args([
        "--username=postgres",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
    ]);
    initdb.args([
        "--locale=C.UTF-8",
        "--data-checksums",
        "--no-sync",
        "--no-instructions",
    ]);
    initdb
        .arg("--pwfile")
        .arg(password)
        .arg("--pgdata")
        .arg(&data);
    sh::output(initdb.current_dir(dir))?;
    // Appended: the last word counts, and the file stays as the server's makers explain it.
    let config = data.join("postgresql.conf");
    let text = fs::read_to_string(&config)? + SETTINGS;
    fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))
}

/// A program of the server's, as the user whom it accepts.
fn as_server_user(program: &str) -> Result<Command> {
    let mut command = Command::new(must_find(program)?);
    if let Some(user) = server_user()? {
        command
            .uid(user.uid.as_raw())
            .gid(user.gid.as_raw())
            .env("HOME", user.dir);
    }
    Ok(command)
}

/// The user to become; none, if we are not root.
fn server_user() -> Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    User::from_name(USER)?
        .with_context(|| format!("there is no user {USER}"))
        .map(Some)
}
