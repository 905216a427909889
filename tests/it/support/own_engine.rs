//! A Docker engine of a story's own, beside the stack's: it may be killed and started again.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tempfile::TempDir;

use super::patience;
use super::stack::variable;

/// Longer than an engine takes to start or to end, also on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// It has the stack's images that it was given, and one network.
pub struct OwnEngine {
    folder: TempDir,
    process: Option<Child>,
    /// The bridge of its network, which is the machine's.
    bridge: String,
}

impl OwnEngine {
    /// One that runs, with these images of the stack's.
    pub async fn with(images: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("purser-engine-")
            .tempdir_in("/var/tmp")
            .unwrap();
        let id = uuid::Uuid::now_v7().simple().to_string();
        let bridge = format!("purser-{}", &id[id.len() - 8..]);
        let mut engine = Self {
            folder,
            process: None,
            bridge,
        };
        let settings = engine.settings().to_string();
        fs::write(engine.path("daemon.json"), settings).unwrap();
        engine.start();
        engine.is_up().await;
        engine.take(images);
        engine.make_network(&id);
        engine
    }

    /// As the configuration of Purser writes it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    /// Docker's own client. Panics with its complaint when it fails.
    pub fn docker(&self, arguments: &[&str]) -> String {
        let output = client(&self.host(), arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {arguments:?}: {complaint}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Starts a container of the Compose project `shop`, of this image: its id.
    pub fn serve(&self, service: &str, image: &str, options: &[&str]) -> String {
        let name = format!("shop-{service}-1");
        let labels = [
            "com.docker.compose.project=shop".to_owned(),
            format!("com.docker.compose.service={service}"),
            "com.docker.compose.container-number=1".to_owned(),
        ];
        let mut arguments = vec!["run", "--detach", "--name", &name];
        for label in &labels {
            arguments.extend(["--label", label]);
        }
        arguments.extend(["--network", &self.bridge]);
        arguments.extend(options);
        arguments.push(image);
        self.docker(&arguments)
    }

    /// `NAME ID running healthy` of each container of the project, stopped ones too.
    pub fn containers(&self) -> Vec<String> {
        let filter = "label=com.docker.compose.project=shop";
        let all = self.docker(&["ps", "--all", "--quiet", "--filter", filter]);
        let format = "{{.Name}} {{.Id}} {{.State.Status}} {{.State.Health.Status}}";
        let look = |id: &str| self.docker(&["inspect", "--format", format, id]);
        let mut all: Vec<_> = all.split_whitespace().map(look).collect();
        all.sort();
        let names = all
            .iter()
            .map(|line| line.trim_start_matches('/').to_owned());
        names.collect()
    }

    /// Waits until so many of them are healthy.
    pub async fn are_well(&self, services: usize) {
        patience::until("they are healthy", async || {
            let well = |line: &&String| line.ends_with("running healthy");
            self.containers().iter().filter(well).count() == services
        })
        .await;
    }

    /// How many containers run that deploys have made.
    pub fn new_ones(&self) -> usize {
        let filter = ["--filter", "label=purser.run"];
        let new = self.docker(&[&["ps", "--quiet"], &filter[..]].concat());
        new.lines().count()
    }

    /// SIGKILL: its containers are left to themselves.
    pub fn kill(&mut self) {
        self.ends_by(Signal::SIGKILL);
    }

    /// SIGTERM, and waits until it has stopped its containers and ended.
    pub fn stop(&mut self) {
        self.ends_by(Signal::SIGTERM);
    }

    /// Starts it, and waits for nothing.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("log"))
            .unwrap();
        let mut command = Command::new("dockerd");
        command
            .arg("--config-file")
            .arg(self.path("daemon.json"))
            .args(["--host", &self.host()])
            // Apart from others where the machine has one containerd for all.
            .args(["--containerd-namespace", &self.bridge])
            .args([
                "--containerd-plugins-namespace",
                &format!("{}-plugins", self.bridge),
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.process = Some(command.spawn().expect("dockerd can be run"));
    }

    /// Waits until it answers.
    pub async fn is_up(&mut self) {
        let begun = Instant::now();
        while !self.answers() {
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            let late = begun.elapsed() > PATIENCE;
            assert!(ended.is_none() && !late, "{ended:?}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn answers(&self) -> bool {
        client(&self.host(), &["version"]).status.success()
    }

    fn ends_by(&mut self, signal: Signal) {
        let mut process = self.process.take().expect("it runs");
        // One that has ended by itself is waited for all the same.
        let _ = kill(Pid::from_raw(process.id().try_into().unwrap()), signal);
        process.wait().unwrap();
        // Its containerd goes with it, a moment later: the next engine would take it for one that runs.
        let begun = Instant::now();
        while self.has_containerd() && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn has_containerd(&self) -> bool {
        let file = self.path("run/containerd/containerd.pid");
        let pid = fs::read_to_string(file).unwrap_or_default();
        let pid = pid.trim();
        !pid.is_empty() && Path::new("/proc").join(pid).exists()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The machine's firewall is left alone, and there is no bridge but that of its network.
    fn settings(&self) -> serde_json::Value {
        json!({
            "data-root": self.path("data"),
            "exec-root": self.path("run"),
            "pidfile": self.path("pid"),
            "storage-driver": "overlay2",
            "bridge": "none",
            "iptables": false,
            "ip6tables": false,
            "ip-forward": false,
            "ip-masq": false,
            "shutdown-timeout": 5,
            "max-download-attempts": 1,
        })
    }

    fn take(&self, images: &[&str]) {
        let stack = variable("PURSER_TEST_DOCKER_HOST");
        let saved = client(&stack, &[&["save"], images].concat());
        assert!(saved.status.success(), "{saved:?}");
        let mut load = Command::new("docker")
            .args(["--host", &self.host(), "load", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        load.stdin.take().unwrap().write_all(&saved.stdout).unwrap();
        assert!(load.wait().unwrap().success());
    }

    fn make_network(&self, id: &str) {
        // A subnet that neither the stack nor, most likely, another story has.
        let byte = u8::from_str_radix(&id[id.len() - 2..], 16).unwrap();
        let subnet = format!("10.214.{byte}.0/24");
        let name = format!("com.docker.network.bridge.name={}", self.bridge);
        self.docker(&[
            "network",
            "create",
            "--subnet",
            &subnet,
            "--opt",
            &name,
            &self.bridge,
        ]);
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        if self.process.is_none() {
            // Nobody else ends what it had started.
            self.start();
        }
        let begun = Instant::now();
        while !self.answers() && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(50));
        }
        let host = self.host();
        let all = client(&host, &["ps", "--all", "--quiet"]).stdout;
        let all = String::from_utf8_lossy(&all).into_owned();
        let all: Vec<_> = all.split_whitespace().collect();
        client(&host, &[&["rm", "--force", "--volumes"], &all[..]].concat());
        self.stop();
        // Its containerd, where that goes on.
        for pid in processes_of(self.folder.path()) {
            let _ = kill(pid, Signal::SIGKILL);
        }
        let _ = Command::new("ip")
            .args(["link", "delete", &self.bridge])
            .output();
        for mounted in mounted_below(self.folder.path()).iter().rev() {
            let _ = Command::new("umount").arg("--lazy").arg(mounted).output();
        }
    }
}

fn client(host: &str, arguments: &[&str]) -> Output {
    Command::new("docker")
        .args(["--host", host])
        .args(arguments)
        .output()
        .expect("docker can be run")
}

/// The processes that were started with a path in this folder, which are this engine's own.
fn processes_of(folder: &Path) -> Vec<Pid> {
    let folder = folder.display().to_string();
    let all = fs::read_dir("/proc").unwrap().flatten();
    let is_ours = |path: &Path| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&folder)
    };
    all.filter(|entry| is_ours(&entry.path()))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .map(Pid::from_raw)
        .collect()
}

fn mounted_below(folder: &Path) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    let points = points.map(PathBuf::from);
    points.filter(|point| point.starts_with(folder)).collect()
}
