//! The real program: `purser up` on files of its own, and what persons type at a shell.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getgid, getuid};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// How long anything here may take: more than anybody would wait.
const PATIENCE: Duration = Duration::from_mins(1);
/// The user `nobody` of every system.
const NOBODY: u32 = 65_534;

/// Who types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    /// Whoever runs the tests; an operator.
    Ann,
    /// The second person; an operator too.
    Bo,
    /// Known, and without a role that any workflow asks for.
    Cy,
    /// Not known at all.
    Stranger,
}

impl Person {
    fn uid(self) -> u32 {
        match self {
            Self::Ann => getuid().as_raw(),
            Self::Bo => NOBODY,
            Self::Cy => NOBODY - 1,
            Self::Stranger => NOBODY - 2,
        }
    }
}

/// What a command has printed, and its exit code.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// What it printed with `--json`.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A folder with configuration, workflows and commands, and the server that works there.
pub struct Home {
    folder: TempDir,
    server: Option<Child>,
    starts: usize,
}

impl Home {
    /// Files for a server that knows these systems: names with tables of the configuration, each
    /// with its `kind`.
    pub fn new(systems: &[(&str, toml::Table)]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("purser-home-")
            .tempdir_in("/var/tmp")
            .unwrap();
        open_to_all(folder.path());
        let home = Self {
            folder,
            server: None,
            starts: 0,
        };
        for inner in ["workflows", "commands"] {
            fs::create_dir(home.path(inner)).unwrap();
        }
        home.write("purser.toml", &config(systems));
        home
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file there that everybody may read, and makes the folders on the way.
    pub fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
        open_to_all(&self.path(name));
    }

    /// Writes `workflows/NAME.yaml`: `rest` is all but its name and summary. A person with the role
    /// `operator` may start it.
    pub fn workflow(&self, name: &str, rest: &str) {
        let text = format!(
            "name: {name}\nsummary: For a story\nwho: {{ production: [operator] }}\n{rest}"
        );
        self.write(&format!("workflows/{name}.yaml"), &text);
    }

    /// Adds lines to the configuration.
    pub fn configure(&self, lines: &str) {
        let text = fs::read_to_string(self.path("purser.toml")).unwrap();
        self.write("purser.toml", &format!("{text}\n{lines}"));
    }

    /// Starts the server, which also listens on a TCP port that is free.
    pub async fn up_in_public(&mut self) {
        self.up_with(&[("PURSER__SERVER__LISTEN", "127.0.0.1:0")])
            .await;
    }

    /// Where the server listens for hooks, as it says in its log.
    pub fn address(&self) -> String {
        self.address_of("hooks and health")
    }

    /// The address in the line of the log that says what is served there.
    pub fn address_of(&self, what: &str) -> String {
        let log = self.log();
        let said = log.lines().find(|line| line.contains(what));
        let address = said.and_then(|line| line.rsplit_once("address="));
        let (_, address) = address.unwrap_or_else(|| panic!("it listens nowhere: {log}"));
        address.to_owned()
    }

    /// Starts the server and waits until it takes calls.
    pub async fn up(&mut self) {
        self.up_with(&[]).await;
    }

    /// The same, with these variables of the environment.
    pub async fn up_with(&mut self, environment: &[(&str, &str)]) {
        self.start(environment);
        self.takes_calls().await;
    }

    /// Starts the server and waits for nothing.
    pub fn start(&mut self, environment: &[(&str, &str)]) {
        assert!(self.server.is_none(), "it is up");
        self.starts += 1;
        let log = File::create(self.path(&format!("purser-{}.log", self.starts))).unwrap();
        let mut server = self.command(Person::Ann, &["up"]);
        server
            .envs(environment.iter().copied())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.server = Some(server.spawn().unwrap());
    }

    /// Waits until the server that was started takes calls.
    pub async fn takes_calls(&mut self) {
        let socket = self.path("purser.sock");
        self.comes_to(|| is_ready(&socket)).await;
    }

    /// Waits until this stands in the log of the server that was started.
    pub async fn says(&mut self, text: &str) {
        let log = self.path(&format!("purser-{}.log", self.starts));
        let says = || fs::read_to_string(&log).is_ok_and(|log| log.contains(text));
        self.comes_to(says).await;
    }

    async fn comes_to(&mut self, there: impl Fn() -> bool) {
        let mut server = self.server.take().expect("it was started");
        let comes = async {
            while !there() {
                if let Some(status) = server.try_wait().unwrap() {
                    panic!("`purser up` has ended with {status}: {}", self.log());
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = timeout(PATIENCE, comes).await.is_ok();
        assert!(in_time, "`purser up` does not come so far: {}", self.log());
        self.server = Some(server);
    }

    /// What the server of the last start has printed.
    pub fn log(&self) -> String {
        let log = self.path(&format!("purser-{}.log", self.starts));
        fs::read_to_string(log).unwrap_or_default()
    }

    /// All that any server here has printed.
    pub fn logs(&self) -> String {
        let log = |start| fs::read_to_string(self.path(&format!("purser-{start}.log")));
        (1..=self.starts).map(|start| log(start).unwrap()).collect()
    }

    /// Waits until the server has ended by itself, as a failpoint ends it.
    pub async fn has_ended(&mut self) -> ExitStatus {
        let mut server = self.server.take().expect("it is up");
        let Ok(status) = timeout(PATIENCE, server.wait()).await else {
            panic!("`purser up` goes on: {}", self.log());
        };
        status.unwrap()
    }

    /// SIGKILL: no time to tidy up.
    pub async fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.has_ended().await;
    }

    /// SIGTERM, and waits until it has gone.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.has_ended().await
    }

    /// Sends a signal to the server.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// The server's process.
    pub fn pid(&self) -> Pid {
        let pid = self.server.as_ref().and_then(Child::id).expect("it is up");
        Pid::from_raw(pid.try_into().unwrap())
    }

    /// Ann types `purser …` and reads what it prints.
    pub async fn types(&self, arguments: &[&str]) -> Said {
        self.person_types(Person::Ann, arguments).await
    }

    /// Somebody types `purser …`.
    pub async fn person_types(&self, person: Person, arguments: &[&str]) -> Said {
        said(arguments, self.command(person, arguments)).await
    }

    /// `purser … --json`, which must succeed.
    pub async fn asks(&self, arguments: &[&str]) -> Value {
        let said = self.types(&[arguments, &["--json"]].concat()).await;
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
        said.json()
    }

    /// Starts a run that nobody watches: its id.
    pub async fn starts(&self, arguments: &[&str]) -> String {
        let run = self
            .asks(&[&["run"], arguments, &["--detach"]].concat())
            .await;
        run["run"]
            .as_str()
            .unwrap_or_else(|| panic!("{run}"))
            .to_owned()
    }

    /// What a run has come to at its end, as `runs watch --json` shows it.
    pub async fn ends(&self, run: &str) -> Value {
        self.types(&["runs", "watch", run, "--json"]).await.json()
    }

    /// `purser …` as this person, with nothing of our own settings for it; not started yet.
    pub fn command(&self, person: Person, arguments: &[&str]) -> Command {
        let mut purser = Command::new(program());
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PURSER")) {
                purser.env_remove(name);
            }
        }
        purser
            .args(arguments)
            .env("PURSER_CONFIG", self.path("purser.toml"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if person.uid() != getuid().as_raw() {
            assert!(getuid().is_root(), "only root can play a second person");
            purser.uid(person.uid()).gid(person.gid());
        }
        purser
    }
}

impl Person {
    /// Everybody is of one group, which may open the socket.
    fn gid(self) -> u32 {
        match self {
            Self::Ann => getgid().as_raw(),
            _ => NOBODY,
        }
    }
}

/// Whether a server takes calls there: one that stands by answers too, and takes none.
fn is_ready(socket: &Path) -> bool {
    let asked = || {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\nHost: purser\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    asked().is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
}

/// The text of `purser.toml`.
fn config(systems: &[(&str, toml::Table)]) -> String {
    let mut config = format!(
        "[server]\nsocket = 'purser.sock'\ngroup = 'nogroup'\n\n[store]\npath = 'store'\n\n\
         [people]\nann = {{ roles = ['operator'], uid = {} }}\n\
         bo = {{ roles = ['operator'], uid = {} }}\ncy = {{ roles = ['reader'], uid = {} }}\n",
        Person::Ann.uid(),
        Person::Bo.uid(),
        Person::Cy.uid()
    );
    for (name, table) in systems {
        let systems = toml::Table::from_iter([((*name).to_owned(), table.clone().into())]);
        let file = toml::Table::from_iter([("systems".to_owned(), systems.into())]);
        config = format!("{config}\n{}", toml::to_string(&file).unwrap());
    }
    config
}

/// Runs a command to its end.
async fn said(arguments: &[&str], mut command: Command) -> Said {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    ended(arguments, command.spawn().unwrap()).await
}

/// What a command that was started has printed at its end.
pub async fn ended(arguments: &[&str], command: Child) -> Said {
    let Ok(output) = timeout(PATIENCE, command.wait_with_output()).await else {
        panic!("`purser {}` does not end", arguments.join(" "));
    };
    let output = output.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said {
        code: output.status.code().expect("it was not killed"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A copy of the program where every user can reach it: the build folder may be in somebody's home.
/// One for each build folder, so that test runs leave no more of them.
pub fn program() -> OsString {
    static COPY: OnceLock<PathBuf> = OnceLock::new();
    let copy = COPY.get_or_init(|| {
        let built = Path::new(env!("CARGO_BIN_EXE_purser"));
        let name = built.display().to_string().replace('/', "-");
        let folder = PathBuf::from(format!("/var/tmp/purser-bin{name}"));
        fs::create_dir_all(&folder).unwrap();
        open_to_all(&folder);
        // Renamed into its place: another test run may be starting the one that stands there.
        let half = tempfile::tempdir_in(&folder).unwrap();
        let copy = half.path().join("purser");
        // By another process: what this one writes, the children of other tests hold open for a
        // moment, and what is open for writing cannot be started.
        let copied = std::process::Command::new("cp")
            .args([built, &copy])
            .status();
        assert!(copied.unwrap().success());
        open_to_all(&copy);
        let program = folder.join("purser");
        fs::rename(copy, &program).unwrap();
        program
    });
    copy.clone().into_os_string()
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
