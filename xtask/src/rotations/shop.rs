//! The services that log in: what they are started with, and what they say of their logins.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use xtask::exchange::{Request, exchange};

use crate::deploys::log::now;
use crate::sh;
use crate::stack::parts::docker::{docker, socket};
use crate::stack::parts::images::Program;
use crate::stack::places::Places;

const IMAGE: &str = "purser-rotations/web:v1";
const DRESS: &str = "ENV VERSION=v1\n";
/// Where the containers see the project's folder.
const FOLDER: &str = "/secrets";
const PORT: u16 = 8080;
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it may take until a service that was started says something.
const START: Duration = Duration::from_secs(20);
/// Between two looks at all of them: what a container counts after the last look at it is not seen.
const LOOK: Duration = Duration::from_millis(100);

/// A Compose project, which goes with this.
pub(crate) struct Shop<'a> {
    places: &'a Places,
    pub(crate) project: String,
    folder: PathBuf,
}

/// A container of it.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) address: Ipv4Addr,
}

/// What a container says of its logins.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Counts {
    pub(crate) ok: usize,
    /// Answered with something else than a token.
    pub(crate) failed: usize,
    /// Not answered.
    pub(crate) unreachable: usize,
    pub(crate) last_failure: Option<String>,
    /// The digest of the secret that it uses.
    pub(crate) secret_sha256: Option<String>,
}

impl<'a> Shop<'a> {
    /// One without services yet. Its files are in this folder, which is there.
    pub(crate) fn new(places: &'a Places, project: &str, folder: PathBuf) -> Result<Self> {
        let shop = Self {
            places,
            project: project.to_owned(),
            folder,
        };
        shop.clear();
        Program::ensure(places)?.dress(places, IMAGE, DRESS)?;
        Ok(shop)
    }

    /// A file of its folder, as the machine sees it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file of its folder; how the containers call it.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<String> {
        fs::write(self.file(name), text)?;
        Ok(format!("{FOLDER}/{name}"))
    }

    /// Starts the container of a service as Compose would, and waits until it answers.
    pub(crate) fn start(&self, service: &str, environment: &[(&str, &str)]) -> Result<Container> {
        let name = format!("{}-{service}-1", self.project);
        let labels = [
            format!("{PROJECT}={}", self.project),
            format!("{SERVICE}={service}"),
            "com.docker.compose.container-number=1".to_owned(),
        ];
        let mount = format!("type=bind,src={},dst={FOLDER}", self.folder.display());
        let mut run = vec!["run", "--detach", "--name", &name, "--mount", &mount];
        for label in &labels {
            run.extend(["--label", label]);
        }
        // Not as arguments: those are in the list of processes.
        let variables = self.folder.with_extension("variables");
        let lines = environment.iter().map(|(k, v)| format!("{k}={v}\n"));
        fs::write(&variables, lines.collect::<String>())?;
        let path = variables.display().to_string();
        run.extend(["--env-file", &path, IMAGE]);
        docker(self.places, &run)?;
        fs::remove_file(&variables)?;
        let containers = self.containers()?.into_iter();
        let found = containers.into_iter().find(|one| one.name == name);
        let found = found.with_context(|| format!("{name} does not run"))?;
        let begun = Instant::now();
        while found.asks("/healthz").is_err() {
            sh::check_interrupted()?;
            ensure!(begun.elapsed() < START, "{name} does not answer");
            sleep(LOOK);
        }
        Ok(found)
    }

    /// All containers that run, as the engine tells it.
    pub(crate) fn containers(&self) -> Result<Vec<Container>> {
        containers(self.places, &self.project)
    }

    /// The names of all containers of a service, running or not.
    pub(crate) fn all_of(&self, service: &str) -> Result<Vec<String>> {
        let of_project = format!("label={PROJECT}={}", self.project);
        let of_service = format!("label={SERVICE}={service}");
        let mut list = vec!["ps", "--all", "--format", "{{.Names}}"];
        list.extend(["--filter", &of_project, "--filter", &of_service]);
        let names = docker(self.places, &list)?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// How many containers of each service were made since then, in microseconds since 1970.
    pub(crate) fn made_since(&self, since: u64) -> Result<BTreeMap<String, usize>> {
        // As it has to be written in an address: {"label":["PROJECT=project"],"event":["create"]}
        let path = format!(
            "/events?since={}&until={}&filters=%7B%22label%22:%5B%22{PROJECT}%3D{}%22%5D,\
             %22event%22:%5B%22create%22%5D%7D",
            in_seconds(since),
            in_seconds(now()?),
            self.project
        );
        let mut made = BTreeMap::new();
        for event in ask_engine(self.places, &path)?.lines() {
            let event: Value = serde_json::from_str(event)?;
            let service = event["Actor"]["Attributes"][SERVICE].as_str();
            let service = service.context("a container of no service was made")?;
            *made.entry(service.to_owned()).or_default() += 1;
        }
        Ok(made)
    }

    fn clear(&self) {
        let of_project = format!("label={PROJECT}={}", self.project);
        let list = ["ps", "--all", "--quiet", "--filter", &of_project];
        for id in docker(self.places, &list).unwrap_or_default().lines() {
            let _ = docker(self.places, &["rm", "--force", id]);
        }
    }
}

impl Drop for Shop<'_> {
    fn drop(&mut self) {
        self.clear();
        let _ = docker(self.places, &["image", "rm", IMAGE]);
    }
}

fn containers(places: &Places, project: &str) -> Result<Vec<Container>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Listed {
        id: String,
        names: Vec<String>,
        labels: BTreeMap<String, String>,
        network_settings: Networks,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Networks {
        networks: BTreeMap<String, Network>,
    }
    #[derive(Deserialize)]
    struct Network {
        #[serde(rename = "IPAddress")]
        address: String,
    }
    // As it has to be written in an address: {"label":["PROJECT=project"]}
    let path =
        format!("/containers/json?filters=%7B%22label%22:%5B%22{PROJECT}%3D{project}%22%5D%7D");
    let said = ask_engine(places, &path)?;
    let listed: Vec<Listed> = serde_json::from_str(&said)?;
    let container = |mut one: Listed| {
        let mut networks = one.network_settings.networks.into_values();
        Some(Container {
            name: one.names.first()?.trim_start_matches('/').to_owned(),
            service: one.labels.remove(SERVICE)?,
            // One that just starts or ends has none.
            address: networks.next()?.address.parse().ok()?,
            id: one.id,
        })
    };
    Ok(listed.into_iter().filter_map(container).collect())
}

fn ask_engine(places: &Places, path: &str) -> Result<String> {
    let stream = UnixStream::connect(socket(places)).context("the engine takes no calls")?;
    stream.set_read_timeout(Some(START))?;
    let (status, said) = exchange(stream, "docker", &Request::get(path))?;
    ensure!(status == 200, "the engine: GET {path}: {status} {said}");
    Ok(said)
}

fn in_seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

impl Container {
    /// Where it answers.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}:{PORT}{path}", self.address)
    }

    /// What it says of its logins.
    pub(crate) fn logins(&self) -> Result<Counts> {
        Ok(serde_json::from_str(&self.asks("/logins")?)?)
    }

    fn asks(&self, path: &str) -> Result<String> {
        self.sends(&Request::get(path))
    }

    /// What it answers, if that is well.
    pub(crate) fn sends(&self, request: &Request) -> Result<String> {
        let address = SocketAddr::from((self.address, PORT));
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (status, said) = exchange(stream, &self.name, request)?;
        let is_well = (200..300).contains(&status);
        ensure!(is_well, "{} answers {status} {said}", self.name);
        Ok(said)
    }
}

impl Counts {
    /// Whether it says that it uses this secret.
    pub(crate) fn use_secret(&self, secret: &str) -> bool {
        let digest = hex::encode(Sha256::digest(secret));
        self.secret_sha256.as_ref() == Some(&digest)
    }
}

/// What all containers that there ever were have counted, each as it was at the last look at it.
pub(crate) struct Watch {
    seen: Arc<Mutex<Seen>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

type Seen = BTreeMap<String, (Container, Counts)>;

impl Watch {
    /// Looks at the containers of a project from now on.
    pub(crate) fn begin(shop: &Shop) -> Result<Self> {
        let (seen, is_over) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let (theirs, project) = (Arc::clone(&seen), shop.project.clone());
        let (until, places) = (Arc::clone(&is_over), Places::from_env()?);
        let thread = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                look(&places, &project, &theirs);
                sleep(LOOK);
            }
        });
        Ok(Self {
            seen,
            is_over,
            thread: Some(thread),
        })
    }

    /// Which service each address belongs to, or did.
    pub(crate) fn services(&self) -> BTreeMap<Ipv4Addr, String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let both = seen.values();
        both.map(|(one, _)| (one.address, one.service.clone()))
            .collect()
    }

    /// The counts of each container, by its service.
    pub(crate) fn end(mut self) -> Vec<(String, Counts)> {
        self.stop();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let both = seen.values();
        both.map(|(one, counts)| (one.service.clone(), counts.clone()))
            .collect()
    }

    fn stop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop();
    }
}

fn look(places: &Places, project: &str, seen: &Mutex<Seen>) {
    // Whoever does not answer, because it goes or comes, is asked again.
    for one in containers(places, project).unwrap_or_default() {
        let Ok(counts) = one.logins() else { continue };
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(one.id.clone(), (one, counts));
    }
}
