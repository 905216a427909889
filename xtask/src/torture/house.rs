//! A Purser with files and a store of its own, started and killed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getuid};

use super::{Group, Options, api, leftovers, store};

/// A start, or an end by itself, that takes longer has failed.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

const CONFIG: &str = "purser.toml";
/// The file with the URL of the database.
const URL_FILE: &str = "store.url";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// The folder, and the server that works there.
pub(super) struct House {
    folder: PathBuf,
    program: PathBuf,
    group: Group,
    server: Option<Child>,
    starts: u32,
    /// Variables that every start gets.
    pub(super) environment: Vec<(String, String)>,
    /// The folder is left where it is.
    is_kept: bool,
}

impl House {
    /// Files for a server that acts on a web service at this address, with a store in its folder or
    /// in the database at this URL.
    pub(super) fn new(options: &Options, database: Option<&str>, effects: &str) -> Result<Self> {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("purser-torture-{}-{count}", std::process::id());
        let house = Self {
            folder: Path::new(leftovers::PLACE).join(name),
            program: options.program.clone(),
            group: options.group,
            server: None,
            starts: 0,
            environment: vec![],
            is_kept: false,
        };
        for inner in ["workflows", "commands"] {
            fs::create_dir_all(house.path(inner))?;
        }
        leftovers::own(&house.folder)?;
        if let Some(url) = database {
            house.write(URL_FILE, url)?;
        }
        let uid = getuid();
        let store = store::settings(&house.path("store"), database.map(|_| URL_FILE));
        house.write(
            CONFIG,
            &format!(
                "[server]\nsocket = 'purser.sock'\n\n[engine]\nconcurrent_runs = 100000\n\
                 unfinished_runs = 100000\nsteps_per_system = 100000\n\n\
                 [people]\ntess = {{ roles = ['operator'], uid = {uid} }}\n\n\
                 [systems.effects]\nkind = 'http'\nurl = '{effects}'\nenvironment = 'staging'\n\
                 timeout = '5s'\n\n{store}"
            ),
        )?;
        Ok(house)
    }

    /// A second one with the same store and the same files.
    pub(super) fn beside(first: &Self) -> Result<Self> {
        let second = Self {
            folder: first.folder.with_extension("standby"),
            program: first.program.clone(),
            group: first.group,
            server: None,
            starts: 0,
            environment: vec![],
            is_kept: false,
        };
        fs::create_dir_all(&second.folder)?;
        leftovers::own(&second.folder)?;
        for same in [CONFIG, URL_FILE, "workflows", "commands"] {
            std::os::unix::fs::symlink(first.path(same), second.path(same))?;
        }
        Ok(second)
    }

    /// A path in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file there.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.path(name), text).with_context(|| format!("cannot write {name}"))
    }

    /// Where it takes calls.
    pub(super) fn socket(&self) -> PathBuf {
        self.path("purser.sock")
    }

    /// Starts the server, and does not wait for it.
    pub(super) fn begin(&mut self, environment: &[(&str, &str)]) -> Result<()> {
        ensure!(self.server.is_none(), "the server is up");
        self.starts += 1;
        let log = File::create(self.log_path())?;
        let mut up = self.command(&["up"]);
        up.envs(environment.iter().copied())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(log.try_clone()?)
            .stderr(log);
        self.server = Some(up.spawn().context("the server does not start")?);
        Ok(())
    }

    /// Waits until it takes calls.
    pub(super) fn is_up(&mut self) -> Result<()> {
        let begun = Instant::now();
        let socket = self.socket();
        while !api::is_ready(&socket) {
            if let Some(status) = self.server.as_mut().context("not begun")?.try_wait()? {
                bail!("`purser up` has ended with {status}:\n{}", self.log());
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "no calls are taken:\n{}",
                self.log()
            );
            sleep(LOOK);
        }
        Ok(())
    }

    /// Starts the server and waits until it takes calls.
    pub(super) fn up(&mut self) -> Result<()> {
        self.begin(&[])?;
        self.is_up()
    }

    /// Whether a server was started and not killed.
    ///
    /// # Errors
    /// It has ended by itself: nothing that comes over it here is a reason, as nobody takes its place.
    pub(super) fn runs(&mut self) -> Result<bool> {
        let Some(server) = &mut self.server else {
            return Ok(false);
        };
        if let Some(status) = server.try_wait()? {
            self.server = None;
            let log = self.log_path();
            bail!(
                "the server has ended by itself with {status}: see {}",
                log.display()
            );
        }
        Ok(true)
    }

    /// SIGKILL: no time to tidy up.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        let log = self.log_path();
        ensure!(
            self.has_ended()?,
            "the server had ended by itself: see {}",
            log.display()
        );
        Ok(())
    }

    /// Sends a signal to the server.
    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        let server = self.server.as_ref().context("the server is not up")?;
        kill(Pid::from_raw(server.id().cast_signed()), signal).context("cannot send a signal")
    }

    /// Waits until it has ended by itself; whether SIGKILL has ended it.
    pub(super) fn has_ended(&mut self) -> Result<bool> {
        use std::os::unix::process::ExitStatusExt as _;
        let begun = Instant::now();
        let server = self.server.as_mut().context("the server is not up")?;
        let status = loop {
            if let Some(status) = server.try_wait()? {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                bail!("the server goes on:\n{}", self.log());
            }
            sleep(LOOK);
        };
        self.server = None;
        Ok(status.signal() == Some(Signal::SIGKILL as i32))
    }

    /// Kills the server, if there is one, and leaves the folder where it is, for whoever wants to know
    /// what went wrong.
    pub(super) fn keep(&mut self) {
        self.ends();
        self.is_kept = true;
        leftovers::let_go(&self.folder);
    }

    fn ends(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Whether a second server that is started here ends by itself, and not well.
    pub(super) fn refuses_a_second(&self) -> Result<bool> {
        let log = File::create(self.path("second.log"))?;
        let mut up = self.command(&["up"]);
        let mut second = up.stdout(log.try_clone()?).stderr(log).spawn()?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = second.try_wait()? {
                return Ok(!status.success());
            }
            sleep(LOOK);
        }
        second.kill()?;
        second.wait()?;
        Ok(false)
    }

    /// `purser …`: what it prints, if it ends well.
    pub(super) fn purser(&self, arguments: &[&str]) -> Result<String> {
        let said = self.command(arguments).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if !said.status.success() {
            let told = text(&said.stdout) + &text(&said.stderr);
            bail!("`purser {}` says: {told}", arguments.join(" "));
        }
        Ok(text(&said.stdout))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut purser = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PURSER")) {
                purser.env_remove(name);
            }
        }
        purser
            .args(arguments)
            .env("PURSER_CONFIG", self.path(CONFIG))
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        self.group.of(&mut purser);
        purser
    }

    fn log_path(&self) -> PathBuf {
        self.path(&format!("purser-{}.log", self.starts))
    }

    /// What the server of the last start has printed.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.ends();
        if !self.is_kept {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_ends_by_itself_is_no_server_that_was_not_started() -> Result<()> {
        let options = Options {
            program: PathBuf::from("/bin/false"),
            store: store::Store::Sqlite,
            group: Group::Ours,
            kills: 0,
            seed: 0,
            say: |_| (),
            interrupted: || false,
        };
        let mut house = House::new(&options, None, "http://127.0.0.1:1")?;
        assert!(!house.runs()?);
        house.begin(&[])?;
        let ended = loop {
            match house.runs() {
                Ok(true) => sleep(LOOK),
                ended => break ended,
            }
        };
        let why = ended.map_or_else(|error| error.to_string(), |runs| format!("runs: {runs}"));
        assert!(
            why.starts_with("the server has ended by itself with exit status: 1: see /var/tmp/"),
            "{why}"
        );
        Ok(())
    }
}
