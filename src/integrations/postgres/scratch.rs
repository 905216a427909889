//! A scratch server: a `PostgreSQL` of its own in a private folder, reached by a Unix socket only,
//! which lives as long as one drill and leaves nothing behind.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::process::{Child, Command};

use super::tools::{self, Tail, Tool};
use crate::action::{ActionError, Result};
use crate::domain::effect::EffectKey;
use crate::domain::names::RunId;

/// The superuser of the scratch server.
pub(super) const USER: &str = "purser";
/// Longer paths do not fit into a socket's address.
const LONGEST_SOCKET: usize = 100;
const STARTS_WITHIN: Duration = Duration::from_mins(1);
const STOPS_WITHIN: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What the folders of scratch servers begin with.
const BEGINS: &str = "purser-drill-";
/// The file in such a folder that holds the id of its run.
const OWNER: &str = "run";
/// Such a file is no longer.
const LONGEST_OWNER: u64 = 64;
/// Whose process a server may be, when Purser is root: `PostgreSQL` refuses to run as root.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// Nothing of a scratch server must survive a crash, so nothing waits for a disk; and it must
/// hold as many tables in one transaction as anyone has.
const SETTINGS: [&str; 14] = [
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=4GB",
    "checkpoint_timeout=1h",
    "autovacuum=off",
    "max_connections=10",
    "max_locks_per_transaction=10000",
    "max_parallel_workers_per_gather=0",
    "max_parallel_maintenance_workers=0",
    "maintenance_work_mem=128MB",
];

/// The programs that a drill runs, all of one version.
pub(super) struct Programs {
    pub(super) postgres: Tool,
    initdb: PathBuf,
    pub(super) pg_restore: PathBuf,
}

impl Programs {
    /// Finds `initdb`, and beside it what belongs to it.
    pub(super) async fn find(bin: Option<&Path>) -> Result<Self> {
        let initdb = tools::find("initdb", bin).await?;
        let folder = initdb.path.canonicalize().unwrap_or(initdb.path);
        let folder = folder.parent().unwrap_or(Path::new("/"));
        Ok(Self {
            postgres: tools::find("postgres", Some(folder)).await?,
            pg_restore: tools::find("pg_restore", Some(folder)).await?.path,
            initdb: folder.join("initdb"),
        })
    }
}

/// The place of one drill's server, known before the server is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    folder: PathBuf,
    run: RunId,
    account: Option<(u32, u32)>,
}

/// A server that answers.
pub(super) struct Scratch {
    place: Place,
    child: Child,
}

impl Place {
    /// The folder that the drill of this effect has, wherever it is carried out.
    pub(super) fn of(parent: &Path, key: &EffectKey) -> Result<Self> {
        let folder = parent.join(format!("{BEGINS}{}", key.token()));
        if folder.as_os_str().len() > LONGEST_SOCKET - "/s/.s.PGSQL.5432".len() {
            return Err(ActionError::fatal(format!(
                "{} is too long a path for the socket of a scratch server; set `scratch` to a \
                 folder with a shorter one",
                parent.display()
            )));
        }
        Ok(Self {
            folder,
            run: key.run,
            account: account()?,
        })
    }

    /// Those in this folder that say which run has made them, each with when it was made.
    pub(super) fn all_in(parent: &Path) -> io::Result<Vec<(Self, std::time::SystemTime)>> {
        let entries = match std::fs::read_dir(parent) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            entries => entries?,
        };
        let mut found = vec![];
        for entry in entries {
            let entry = entry?;
            if is_name(&entry.file_name().to_string_lossy()) {
                found.extend(Self::found(entry.path()));
            }
        }
        Ok(found)
    }

    fn found(folder: PathBuf) -> Option<(Self, std::time::SystemTime)> {
        let owner = folder.join(OWNER);
        // Others may write where we look: a link or a pipe of theirs is not opened.
        let facts = std::fs::symlink_metadata(&owner).ok()?;
        if !facts.is_file() || facts.len() > LONGEST_OWNER {
            return None;
        }
        let run = std::fs::read_to_string(owner).ok()?.parse().ok()?;
        Some((Self::left(folder, run), facts.modified().ok()?))
    }

    /// Which run it is for.
    pub(super) fn run(&self) -> RunId {
        self.run
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A folder in which somebody has left a server, to be cleared.
    pub(super) fn left(folder: PathBuf, run: RunId) -> Self {
        Self {
            folder,
            run,
            account: None,
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("s")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Stops what still runs here and removes the folder, whoever left it.
    pub(super) async fn clear(&self) -> Result<()> {
        self.stop_all().await;
        let folder = self.folder.clone();
        let removed = tokio::task::spawn_blocking(move || remove_folder(&folder)).await;
        removed
            .map_err(io::Error::other)
            .and_then(|removed| removed)
            .map_err(|error| {
                ActionError::retryable(format!(
                    "the scratch server's folder {} cannot be removed: {error}",
                    self.folder.display()
                ))
                .may_have_landed()
            })
    }

    /// An immediate shutdown first; whoever does not heed it is killed.
    async fn stop_all(&self) {
        for signal in [Signal::SIGQUIT, Signal::SIGKILL] {
            let left = tokio::time::Instant::now() + STOPS_WITHIN;
            let mut running = self.running();
            for pid in &running {
                let _ = kill(*pid, signal);
            }
            while !running.is_empty() && tokio::time::Instant::now() < left {
                tokio::time::sleep(LOOK_EVERY).await;
                running = self.running();
            }
        }
    }

    /// The server's and its tools' processes, told by the folder in their command line.
    fn running(&self) -> Vec<Pid> {
        let Ok(processes) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        processes
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid| {
                std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| self.is_ours(&line))
            })
            .map(Pid::from_raw)
            .collect()
    }

    fn is_ours(&self, command_line: &[u8]) -> bool {
        let mut words = command_line.split(|byte| *byte == 0);
        let program = words.next().unwrap_or_default();
        let is_tool = [&b"postgres"[..], b"initdb", b"pg_restore"]
            .iter()
            .any(|name| program.ends_with(name));
        let folder = self.folder.as_os_str().as_encoded_bytes();
        is_tool && words.any(|word| word.windows(folder.len()).any(|part| part == folder))
    }

    /// Makes the folder and starts a server in it. Leaves what it made on failure: the caller
    /// clears.
    pub(super) async fn start(&self, programs: &Programs) -> Result<Scratch> {
        let log = self.make_folder().map_err(|error| {
            ActionError::retryable(format!(
                "no folder for a scratch server can be made at {}: {error}",
                self.folder.display()
            ))
        })?;
        self.initialize(&programs.initdb).await?;
        let mut postgres = self.command(&programs.postgres.path);
        postgres.arg("-D").arg(self.data());
        postgres.arg("-k").arg(self.socket());
        for setting in SETTINGS {
            postgres.args(["-c", setting]);
        }
        let child = postgres
            .stderr(Stdio::from(log))
            .spawn()
            .map_err(|error| not_started(&error.to_string()))?;
        let mut scratch = Scratch {
            place: self.clone(),
            child,
        };
        scratch.wait_until_it_answers().await?;
        Ok(scratch)
    }

    /// All that Purser makes itself, before the folder is its user's; the log among it.
    fn make_folder(&self) -> io::Result<File> {
        for folder in [&self.folder, &self.socket()] {
            std::fs::create_dir(folder)?;
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        }
        std::fs::write(self.folder.join(OWNER), self.run.to_string())?;
        let log = File::create(self.log())?;
        if let Some((user, group)) = self.account {
            chown(self.socket(), Some(user), Some(group))?;
            chown(&self.folder, Some(user), Some(group))?;
        }
        Ok(log)
    }

    async fn initialize(&self, initdb: &Path) -> Result<()> {
        let ended = self
            .command(initdb)
            .arg("-D")
            .arg(self.data())
            .args([
                "--username",
                USER,
                "--auth-local=trust",
                "--auth-host=reject",
            ])
            .args(["--encoding=UTF8", "--locale=C", "--no-sync"])
            .output()
            .await
            .map_err(|error| not_started(&error.to_string()))?;
        if ended.status.success() {
            return Ok(());
        }
        let said = Tail::of(&*ended.stderr, |_| ()).await;
        Err(not_started(&format!("initdb failed: {said}")))
    }

    /// A program of the server's, as its own user and in its own folder.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = tools::command(program);
        command.current_dir(&self.folder);
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Scratch {
    /// A connection to one of its databases.
    pub(super) async fn open(&self, user: &str, database: &str) -> sqlx::Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass()
            .socket(self.place.socket())
            .port(5432)
            .username(user)
            .database(database)
            .disable_statement_logging();
        PgConnection::connect_with(&options).await
    }

    /// A client program that connects to one of its databases.
    pub(super) fn client(&self, program: &Path, user: &str, database: &str) -> Command {
        let mut command = self.place.command(program);
        command.arg("--host").arg(self.place.socket());
        command.args(["--port=5432", "--username", user, "--no-password"]);
        command.args([OsStr::new("--dbname"), OsStr::new(database)]);
        command
    }

    async fn wait_until_it_answers(&mut self) -> Result<()> {
        let until = tokio::time::Instant::now() + STARTS_WITHIN;
        loop {
            if self.open(USER, "postgres").await.is_ok() {
                return Ok(());
            }
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || tokio::time::Instant::now() > until {
                let said = std::fs::read(self.place.log()).unwrap_or_default();
                let said = Tail::of(&*said, |_| ()).await;
                return Err(not_started(&said.to_string()));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Stops it and removes its folder.
    pub(super) async fn remove(mut self) -> Result<()> {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGQUIT);
        }
        let _ = tokio::time::timeout(STOPS_WITHIN, self.child.wait()).await;
        self.place.clear().await
    }
}

/// Whether a folder of ours can be called so. A shorter name may be the beginning of another's, whose
/// server would be taken for its own.
fn is_name(name: &str) -> bool {
    let token = name.strip_prefix(BEGINS);
    token.is_some_and(|token| token.len() == 12 && token.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn not_started(why: &str) -> ActionError {
    ActionError::retryable(format!("no scratch server could be started: {why}"))
}

fn account() -> Result<Option<(u32, u32)>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    ACCOUNTS
        .iter()
        .find_map(|name| User::from_name(name).ok().flatten())
        .map(|user| Some((user.uid.as_raw(), user.gid.as_raw())))
        .ok_or_else(|| {
            ActionError::fatal(
                "Purser runs as root, PostgreSQL refuses to, and there is neither a user \
                 `postgres` nor a user `nobody` to run a scratch server as; make one",
            )
        })
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A process that is just ending may have written one more file.
        Err(_) => match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        },
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_of_this_very_folder_is_taken_for_ours() {
        let place = Place {
            folder: PathBuf::from("/var/tmp/purser-drill-ab"),
            run: "0197a4d2-0000-7000-8000-000000000001".parse().unwrap(),
            account: None,
        };
        assert!(
            place.is_ours(
                b"/usr/lib/postgresql/15/bin/postgres\0-D\0/var/tmp/purser-drill-ab/data\0"
            )
        );
        assert!(!place.is_ours(b"postgres\0-D\0/var/lib/postgresql/15/main\0"));
        assert!(!place.is_ours(b"vim\0/var/tmp/purser-drill-ab/log\0"));
        assert!(!place.is_ours(b""));
    }
}
