//! The Docker engine, seen from outside: asked over its socket, without Purser.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Deserialize;

use crate::sh;
use crate::stack::need::must_find;

/// The service that the demo deploys: the containers with these two labels.
pub(crate) const SERVICE: &str = "bookshop/web";
/// The one container that it consists of, as Compose would call it.
pub(crate) const CONTAINER: &str = "bookshop-web-1";
/// Where its images are; the versions are their tags.
pub(crate) const REPOSITORY: &str = "purser-test/web";
const PROJECT_LABEL: &str = "com.docker.compose.project=bookshop";
const SERVICE_LABEL: &str = "com.docker.compose.service=web";
/// The label by which Purser marks what a run has made.
const RUN_LABEL: &str = "purser.run";

const PATIENCE: Duration = Duration::from_secs(10);

/// The engine.
#[derive(Clone)]
pub(crate) struct Docker {
    host: String,
    socket: PathBuf,
}

/// A container of the service, running or not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Container {
    /// Its full id.
    pub(crate) id: String,
    names: Vec<String>,
    image: String,
    /// `sha256:…`
    #[serde(rename = "ImageID")]
    pub(crate) image_id: String,
    state: String,
    status: String,
    labels: BTreeMap<String, String>,
    network_settings: Networks,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Networks {
    networks: BTreeMap<String, Endpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Endpoint {
    #[serde(rename = "IPAddress")]
    address: String,
}

impl Container {
    /// The beginning of its id, as people see it.
    pub(crate) fn short_id(&self) -> &str {
        short(&self.id)
    }

    /// The tag of its image.
    pub(crate) fn version(&self) -> &str {
        self.image.rsplit_once(':').map_or("?", |(_, tag)| tag)
    }

    /// Its address in its first network, if it runs.
    pub(crate) fn address(&self) -> Option<Ipv4Addr> {
        let mut endpoints = self.network_settings.networks.values();
        endpoints.find_map(|endpoint| endpoint.address.parse().ok())
    }

    /// The run that made it, if Purser did.
    pub(crate) fn run(&self) -> Option<&str> {
        self.labels.get(RUN_LABEL).map(String::as_str)
    }

    /// `bookshop-web-1 v2 running healthy`
    pub(crate) fn describe(&self) -> String {
        let name = self
            .names
            .first()
            .map_or("?", |name| name.trim_start_matches('/'));
        let health = ["unhealthy", "health: starting", "healthy"];
        let health = health.iter().find(|word| self.status.contains(*word));
        let health = health.map(|word| format!(" {word}")).unwrap_or_default();
        format!("{name} {} {}{health}", self.version(), self.state)
    }
}

/// The beginning of an id, as people see it.
pub(crate) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// All of them in one line; `none`, if there are none.
pub(crate) fn describe(containers: &[Container]) -> String {
    let all: Vec<String> = containers.iter().map(Container::describe).collect();
    if all.is_empty() {
        "none".to_owned()
    } else {
        all.join(" + ")
    }
}

impl Docker {
    /// The engine at `unix://…`.
    pub(crate) fn at(host: &str) -> Result<Self> {
        let socket = host
            .strip_prefix("unix://")
            .context("the engine has no Unix socket")?;
        Ok(Self {
            host: host.to_owned(),
            socket: socket.into(),
        })
    }

    /// Where it is, as Docker's own client takes it.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// All containers of the service, whatever their state.
    pub(crate) fn containers(&self) -> Result<Vec<Container>> {
        let labels = serde_json::json!({ "label": [PROJECT_LABEL, SERVICE_LABEL] });
        let filters = labels.to_string().replace('"', "%22").replace(' ', "");
        let mut all: Vec<Container> =
            serde_json::from_str(&self.get(&format!("/containers/json?all=1&filters={filters}"))?)?;
        all.sort_by(|one, other| one.names.cmp(&other.names));
        Ok(all)
    }

    /// Since when a container has been running without a break, to the nanosecond.
    pub(crate) fn started_at(&self, id: &str) -> Result<String> {
        let facts: serde_json::Value =
            serde_json::from_str(&self.get(&format!("/containers/{id}/json"))?)?;
        let at = facts["State"]["StartedAt"].as_str();
        Ok(at
            .context("the engine does not say since when it runs")?
            .to_owned())
    }

    /// Starts the service at a version, as Compose would.
    pub(crate) fn start_service(&self, name: &str, version: &str) -> Result<()> {
        let image = format!("{REPOSITORY}:{version}");
        let run = ["run", "--detach", "--name", name, "--label", PROJECT_LABEL];
        let labels = [
            "--label",
            SERVICE_LABEL,
            "--label",
            "com.docker.compose.container-number=1",
        ];
        self.docker(&[&run[..], &labels, &[&image]].concat())
    }

    /// Removes all containers of the service.
    pub(crate) fn remove_service(&self) -> Result<()> {
        let all = self.containers()?;
        let mut remove = vec!["rm", "--force", "--volumes"];
        remove.extend(all.iter().map(|container| container.id.as_str()));
        if all.is_empty() {
            Ok(())
        } else {
            self.docker(&remove)
        }
    }

    /// Listens to the engine's own log of events, from now on.
    pub(crate) fn listen_for_creations(&self) -> Result<Creations> {
        let label = format!("label={PROJECT_LABEL}");
        let mut events = self.client()?;
        events.args(["events", "--filter", &label, "--filter", "event=create"]);
        // The client takes a while to connect: what happens meanwhile counts too.
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        events.args([
            "--since",
            &format!("{}.{:09}", now.as_secs(), now.subsec_nanos()),
        ]);
        events.args(["--format", "{{json .Actor.Attributes}}"]);
        events
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut listener = sh::spawn(&mut events)?;
        let out = listener
            .process
            .stdout
            .take()
            .context("`docker events` has no output")?;
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let hears = Arc::clone(&heard);
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                hears
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
        Ok(Creations { listener, heard })
    }

    fn docker(&self, args: &[&str]) -> Result<()> {
        sh::output(self.client()?.args(args)).map(drop)
    }

    fn client(&self) -> Result<Command> {
        let mut client = Command::new(must_find("docker")?);
        client
            .env_remove("DOCKER_CONTEXT")
            .env("DOCKER_HOST", &self.host);
        Ok(client)
    }

    /// HTTP/1.0, so that the answer comes in one piece and ends with the connection.
    fn get(&self, path: &str) -> Result<String> {
        let mut stream = UnixStream::connect(&self.socket).context("the engine does not answer")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
            _ => bail!("the engine answers to GET {path}: {answer}"),
        }
    }
}

/// The containers of the service that the engine has created while we listened.
pub(crate) struct Creations {
    listener: sh::Running,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Creations {
    /// For each of them the run that it is labelled with.
    pub(crate) fn runs(&self) -> Result<Vec<String>> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let run = |line: &String| {
            let labels: BTreeMap<String, String> = serde_json::from_str(line)?;
            Ok(labels
                .get(RUN_LABEL)
                .cloned()
                .unwrap_or_else(|| "none".to_owned()))
        };
        heard.iter().map(run).collect()
    }
}

impl Drop for Creations {
    fn drop(&mut self) {
        let _ = killpg(
            Pid::from_raw(self.listener.process.id().cast_signed()),
            Signal::SIGTERM,
        );
        let _ = self.listener.process.wait();
    }
}
