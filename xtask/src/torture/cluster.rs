//! A `PostgreSQL` of its own that keeps what it has committed, to be killed and started again.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};

use super::{Group, leftovers};

/// The server refuses to run as root.
const USER: &str = "postgres";
/// A start that takes longer has failed: after a kill the dead server's children have to notice.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

static COUNT: AtomicU32 = AtomicU32::new(0);

/// The cluster, and the server that works on it.
pub struct Cluster {
    folder: PathBuf,
    /// Where the programs of the server are.
    programs: PathBuf,
    port: u16,
    server: Option<Child>,
    /// Variables that every start gets.
    pub(super) environment: Vec<(String, String)>,
    group: Group,
    /// The folder is left where it is.
    is_kept: bool,
}

impl Cluster {
    /// Makes an empty cluster with the programs in this folder, and starts its server.
    ///
    /// # Errors
    /// A program is missing, or the server does not start.
    pub fn start(programs: &Path, group: Group) -> Result<Self> {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("purser-cluster-{}-{count}", std::process::id());
        let folder = Path::new(leftovers::PLACE).join(name);
        fs::create_dir_all(&folder)?;
        leftovers::own(&folder)?;
        if let Some(user) = server_user()? {
            let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
            chown(&folder, Some(uid), Some(gid))?;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let mut cluster = Self {
            folder,
            programs: programs.to_owned(),
            port,
            server: None,
            environment: vec![],
            group,
            is_kept: false,
        };
        let mut initdb = cluster.program("initdb")?;
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8"]);
        initdb.args(["--locale=C.UTF-8", "--no-instructions", "--pgdata"]);
        let made = initdb.arg(cluster.folder.join("data")).output()?;
        let complaints = String::from_utf8_lossy(&made.stderr);
        ensure!(
            made.status.success(),
            "no cluster can be made: {complaints}"
        );
        cluster.starts()?;
        Ok(cluster)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Its only database, reached at this address: its own, or that of a way to it.
    pub fn url(&self, address: SocketAddr) -> String {
        format!("postgres://postgres@{address}/postgres")
    }

    /// SIGKILL to the server and to all of its children, of which one may just be committing; waits
    /// until it is gone.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&mut self) -> Result<()> {
        let mut server = self.server.take().context("the database does not run")?;
        let pid = Pid::from_raw(server.id().cast_signed());
        // Stopped, so that it neither makes new children nor takes leave of the dead ones.
        kill(pid, Signal::SIGSTOP)?;
        for child in children(pid)? {
            let _ = kill(child, Signal::SIGKILL);
        }
        server.kill()?;
        server.wait()?;
        Ok(())
    }

    /// Starts the server, and waits until it takes connections.
    ///
    /// # Errors
    /// It does not come to that in time.
    pub fn starts(&mut self) -> Result<()> {
        self.starts_within(PATIENCE)
    }

    fn starts_within(&mut self, patience: Duration) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if self.server.is_none() {
                self.server = Some(self.begin()?);
            }
            if self.is_ready()? {
                return Ok(());
            }
            let ended = self.server.as_mut().map(Child::try_wait).transpose()?;
            if ended.flatten().is_some() {
                // Children of the killed one still hold its memory, or somebody has its port.
                self.server = None;
            }
            sleep(LOOK);
        }
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        bail!("the database does not start:\n{log}")
    }

    /// Leaves the folder where it is, for whoever wants to know what went wrong.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
        leftovers::let_go(&self.folder);
    }

    fn begin(&self) -> Result<Child> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut postgres = self.program("postgres")?;
        postgres
            .arg("-D")
            .arg(self.folder.join("data"))
            .args(["-p", &self.port.to_string(), "-h", "127.0.0.1", "-k"])
            .arg(&self.folder)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(log.try_clone()?)
            .stderr(log);
        postgres.spawn().context("the database cannot be started")
    }

    /// Asked on the socket in its own folder: while it is down, its port may come to be another's.
    fn is_ready(&self) -> Result<bool> {
        let port = self.port.to_string();
        let mut ask = self.program("pg_isready")?;
        let asked = ask.args(["-q", "-p", &port, "-h"]).arg(&self.folder);
        Ok(asked.status()?.success())
    }

    fn log(&self) -> PathBuf {
        self.path("log")
    }

    /// A path in its folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn program(&self, name: &str) -> Result<Command> {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(&self.folder).stdin(Stdio::null());
        self.group.of(&mut command);
        if let Some(user) = server_user()? {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        Ok(command)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.kill();
        if !self.is_kept {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn children(pid: Pid) -> Result<Vec<Pid>> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let pids = listed.split_whitespace().map(str::parse);
    Ok(pids
        .map(|pid| pid.map(Pid::from_raw))
        .collect::<Result<_, _>>()?)
}

/// The user to become; none, if we are not root.
fn server_user() -> Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let user = User::from_name(USER)?;
    user.map(Some)
        .with_context(|| format!("there is no user {USER}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_got_its_port_is_not_taken_for_it() -> Result<()> {
        const PROGRAMS: &str = "PURSER_TEST_POSTGRES_BIN";
        let programs = std::env::var_os(PROGRAMS).context(PROGRAMS)?;
        let mut one = Cluster::start(Path::new(&programs), Group::Ours)?;
        let other = Cluster::start(Path::new(&programs), Group::Ours)?;
        one.kill()?;
        let port = std::mem::replace(&mut one.port, other.port);
        assert!(one.starts_within(Duration::from_secs(2)).is_err());
        one.port = port;
        one.starts()
    }
}
