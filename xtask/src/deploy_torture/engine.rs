//! The engine, as somebody sees it who knows nothing of Purser: what is there, and what happens.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::deploys::log;
use crate::deploys::site::Site;
use crate::sh;
use crate::stack::parts::docker::{client, docker};

/// How long the engine may take to tell what has happened.
const PATIENCE: Duration = Duration::from_secs(20);

/// The label of a container that leads a proxy to a set: the service.
const SWITCH: &str = "purser.switch";
const PROJECT: &str = "com.docker.compose.project";

/// A container of the service, or a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) image: String,
    pub(super) image_id: String,
    /// `running healthy`; without a check `running`.
    pub(super) state: String,
    /// The names of its volumes.
    pub(super) volumes: BTreeSet<String>,
    pub(super) address: Option<Ipv4Addr>,
    /// The run that has made it, if Purser has.
    pub(super) run: Option<String>,
}

/// All that is there of a service, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct There {
    pub(super) containers: Vec<Container>,
    pub(super) switches: Vec<Container>,
    /// The names of the images of the application, and of switches.
    pub(super) tags: BTreeSet<String>,
}

impl There {
    pub(super) fn of(site: &Site) -> Result<Self> {
        let of_project = format!("label={PROJECT}={}", site.project);
        let of_service = format!("label={SWITCH}={}", site.service());
        let list = ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"];
        let listed = docker(site.places, &list)?;
        let is_ours = |tag: &&str| tag.starts_with("purser-bench/") || tag.starts_with("purser/");
        Ok(Self {
            containers: containers(site, &of_project)?,
            switches: containers(site, &of_service)?,
            tags: listed.lines().filter(is_ours).map(str::to_owned).collect(),
        })
    }
}

/// The containers that this filter lets through, running or not.
fn containers(site: &Site, filter: &str) -> Result<Vec<Container>> {
    let list = ["ps", "--all", "--quiet", "--no-trunc", "--filter", filter];
    let ids = docker(site.places, &list)?;
    let ids: Vec<_> = ids.lines().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let facts = docker(site.places, &[&["inspect"], &ids[..]].concat())?;
    let facts: Vec<Value> = serde_json::from_str(&facts)?;
    let mut all: Vec<_> = facts
        .iter()
        .map(container)
        .collect::<Option<_>>()
        .context("the engine tells too little of a container")?;
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

fn container(facts: &Value) -> Option<Container> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let status = facts["State"]["Status"].as_str()?;
    let health = facts["State"]["Health"]["Status"].as_str();
    let mounts = facts["Mounts"].as_array().into_iter().flatten();
    let networks = facts["NetworkSettings"]["Networks"].as_object()?;
    let mut addresses = networks
        .values()
        .filter_map(|network| network["IPAddress"].as_str());
    Some(Container {
        id: text(&facts["Id"])?,
        name: facts["Name"].as_str()?.trim_start_matches('/').to_owned(),
        image: text(&facts["Config"]["Image"])?,
        image_id: text(&facts["Image"])?,
        state: health.map_or_else(|| status.to_owned(), |health| format!("{status} {health}")),
        volumes: mounts.filter_map(|mount| text(&mount["Name"])).collect(),
        address: addresses.find_map(|address| address.parse().ok()),
        run: text(&facts["Config"]["Labels"]["purser.run"]),
    })
}

/// One thing that has happened to a container of the service, or to a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// `create`, `start`, `die`, `rename`, `destroy`.
    pub(super) what: String,
    pub(super) id: String,
    pub(super) is_switch: bool,
}

/// What happens, from a moment on.
pub(super) struct Events {
    listener: sh::Running,
    told: Arc<Ears>,
}

#[derive(Default)]
struct Ears {
    told: Mutex<Vec<Told>>,
    more: Condvar,
}

/// What the listener does itself, so that it knows that it has heard everything before.
const MARK: &str = "update";

impl Events {
    pub(super) fn of(site: &Site) -> Result<Self> {
        let now = log::now()?;
        let since = format!("{}.{:06}", now / 1_000_000, now % 1_000_000);
        let mut events = client(site.places)?;
        events.args(["events", "--since", &since, "--format", "{{json .}}"]);
        // Not the checks, which are many: the engine remembers few.
        for what in ["create", "start", "die", "rename", "destroy", MARK] {
            events.args(["--filter", &format!("event={what}")]);
        }
        events.args(["--filter", "type=container"]);
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
        let told = Arc::<Ears>::default();
        let (hears, project, service) = (Arc::clone(&told), site.project.clone(), site.service());
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Some(one) = read(&line, &project, &service) {
                    hears.lock().push(one);
                    hears.more.notify_all();
                }
            }
        });
        Ok(Self { listener, told })
    }

    /// How much has happened so far.
    pub(super) fn count(&self) -> usize {
        self.told.lock().len()
    }

    /// Waits until so much has happened; no longer than that.
    pub(super) fn waits(&self, count: usize, longest: Duration) {
        let too_few = |told: &mut Vec<Told>| told.len() < count;
        let waited = self
            .told
            .more
            .wait_timeout_while(self.told.lock(), longest, too_few);
        drop(waited);
    }

    /// All that has happened until now and was not yet asked for. This container is told to be
    /// restarted by nobody, as before.
    pub(super) fn so_far(&self, site: &Site, container: &str) -> Result<Vec<Told>> {
        site.docker(&["update", "--restart", "no", container])?;
        let is_mark = |told: &Told| told.what == MARK;
        let begun = Instant::now();
        loop {
            let mut told = self.told.lock();
            if let Some(at) = told.iter().position(is_mark) {
                let before = told.drain(..=at).filter(|one| !is_mark(one));
                return Ok(before.collect());
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "the engine tells nothing any more"
            );
            drop(self.told.more.wait_timeout(told, PATIENCE));
        }
    }
}

impl Ears {
    fn lock(&self) -> MutexGuard<'_, Vec<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let listener = Pid::from_raw(self.listener.process.id().cast_signed());
        let _ = killpg(listener, Signal::SIGKILL);
        let _ = self.listener.process.wait();
    }
}

/// An event of this project or this service's switches.
fn read(line: &str, project: &str, service: &str) -> Option<Told> {
    let event: Value = serde_json::from_str(line).ok()?;
    let of = &event["Actor"]["Attributes"];
    let is_switch = of[SWITCH] == service;
    (is_switch || of[PROJECT] == project).then_some(())?;
    Some(Told {
        what: event["Action"].as_str()?.to_owned(),
        id: event["Actor"]["ID"].as_str()?.to_owned(),
        is_switch,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_happens_to_the_service_and_its_switches_is_heard() {
        let heard = |labels: Value| {
            let actor = json!({ "ID": "0a", "Attributes": labels });
            let event = json!({ "Action": "start", "Actor": actor });
            read(&event.to_string(), "shop", "shop/web").map(|told| (told.what, told.is_switch))
        };
        let start = "start".to_owned();
        assert_eq!(
            heard(json!({ PROJECT: "shop" })),
            Some((start.clone(), false))
        );
        assert_eq!(heard(json!({ SWITCH: "shop/web" })), Some((start, true)));
        assert_eq!(heard(json!({ PROJECT: "other" })), None);
        assert_eq!(heard(json!({ SWITCH: "other/web" })), None);
    }

    #[test]
    fn a_container_is_read_as_the_engine_shows_it() {
        let facts = json!({
            "Id": "0a", "Name": "/web-1", "Image": "sha256:1",
            "Config": { "Image": "web:v1", "Labels": { "purser.run": "r" } },
            "State": { "Status": "running", "Health": { "Status": "healthy" } },
            "Mounts": [{ "Type": "volume", "Name": "data" }, { "Type": "bind" }],
            "NetworkSettings": { "Networks": { "net": { "IPAddress": "172.18.0.2" } } },
        });
        let expected = Container {
            id: "0a".to_owned(),
            name: "web-1".to_owned(),
            image: "web:v1".to_owned(),
            image_id: "sha256:1".to_owned(),
            state: "running healthy".to_owned(),
            volumes: BTreeSet::from(["data".to_owned()]),
            address: Some(Ipv4Addr::new(172, 18, 0, 2)),
            run: Some("r".to_owned()),
        };
        assert_eq!(container(&facts), Some(expected));
    }
}
