//! A client of the service that asks all of its addresses, over and over, and counts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::docker::{Container, Docker};

/// The port on which the test images serve.
const PORT: u16 = 8080;
/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(4);
/// Between two looks at which addresses there are. A new container runs for longer than that
/// before the old one is stopped.
const LOOK: Duration = Duration::from_millis(100);
/// A round without an answer for so long is one that nobody answered.
const PATIENCE: Duration = Duration::from_secs(1);
/// After this, all are asked once more: a lost packet is sent again only after a second, and says
/// nothing about who is there.
const AGAIN: Duration = Duration::from_millis(200);

/// What it has counted.
#[derive(Debug, Default, Clone)]
pub(crate) struct Count {
    /// How often it has asked until somebody answered, or nobody did.
    pub(crate) rounds: u64,
    /// In how many of these rounds no healthy container answered.
    pub(crate) unanswered: u64,
    /// The longest time between two healthy answers.
    pub(crate) longest: Duration,
    /// The healthy answers of each version.
    pub(crate) versions: BTreeMap<String, Answers>,
    /// How long it has asked.
    pub(crate) lasted: Duration,
}

/// The healthy answers of one version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answers {
    pub(crate) count: u64,
    first: Instant,
    last: Instant,
}

impl Count {
    /// How long both versions answered side by side.
    pub(crate) fn overlap(&self, old: &str, new: &str) -> Duration {
        match (self.versions.get(old), self.versions.get(new)) {
            (Some(old), Some(new)) => old.last.saturating_duration_since(new.first),
            _ => Duration::ZERO,
        }
    }

    fn answer(&mut self, version: String) {
        let now = Instant::now();
        let answers = self.versions.entry(version);
        let answers = answers.or_insert(Answers {
            count: 0,
            first: now,
            last: now,
        });
        answers.count += 1;
        answers.last = now;
    }
}

/// Asks until it is stopped or dropped.
pub(crate) struct Client {
    stop: Arc<AtomicBool>,
    asker: Option<JoinHandle<Count>>,
}

impl Client {
    /// Begins to ask.
    pub(crate) fn start(docker: &Docker) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let addresses = Arc::new(Mutex::new(addresses(docker)?));
        let (docker, found, stopped) = (docker.clone(), Arc::clone(&addresses), Arc::clone(&stop));
        thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Ok(now) = self::addresses(&docker) {
                    *found.lock().unwrap_or_else(PoisonError::into_inner) = now;
                }
                thread::sleep(LOOK);
            }
        });
        let stopped = Arc::clone(&stop);
        let asker = Some(thread::spawn(move || ask_until(&stopped, &addresses)));
        Ok(Self { stop, asker })
    }

    /// Ends it, and returns what it has counted.
    pub(crate) fn stop(mut self) -> Result<Count> {
        self.stop.store(true, Ordering::Relaxed);
        let asker = self.asker.take().context("the client was stopped before")?;
        asker
            .join()
            .ok()
            .context("the client that counts has crashed")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn addresses(docker: &Docker) -> Result<Vec<Ipv4Addr>> {
    Ok(docker
        .containers()?
        .iter()
        .filter_map(Container::address)
        .collect())
}

fn ask_until(stop: &AtomicBool, addresses: &Mutex<Vec<Ipv4Addr>>) -> Count {
    let mut count = Count::default();
    let mut inquiry = Inquiry::default();
    let start = Instant::now();
    let mut answered_at = start;
    while !stop.load(Ordering::Relaxed) {
        count.rounds += 1;
        if let Some(version) = inquiry.round(addresses) {
            count.answer(version);
            count.longest = count.longest.max(answered_at.elapsed());
            answered_at = Instant::now();
        } else {
            count.unanswered += 1;
        }
        thread::sleep(PAUSE);
    }
    count.longest = count.longest.max(answered_at.elapsed());
    count.lasted = start.elapsed();
    count
}

/// All questions that are under way. In each round all addresses are asked at once, and the first
/// healthy answer ends it: an address where nobody is any more keeps nobody waiting.
struct Inquiry {
    /// Who has not answered since they were last asked.
    asked: BTreeSet<Ipv4Addr>,
    /// Questions without an answer.
    open: usize,
    answers: Sender<(Ipv4Addr, Option<String>)>,
    inbox: Receiver<(Ipv4Addr, Option<String>)>,
}

impl Default for Inquiry {
    fn default() -> Self {
        let (answers, inbox) = mpsc::channel();
        Self {
            asked: BTreeSet::new(),
            open: 0,
            answers,
            inbox,
        }
    }
}

impl Inquiry {
    /// The first healthy answer, unless all say no or nobody says anything.
    fn round(&mut self, addresses: &Mutex<Vec<Ipv4Addr>>) -> Option<String> {
        let start = Instant::now();
        self.ask(addresses);
        while self.open > 0 && start.elapsed() < PATIENCE {
            let Ok((address, answer)) = self.inbox.recv_timeout(AGAIN) else {
                self.asked.clear();
                self.ask(addresses);
                continue;
            };
            self.open -= 1;
            self.asked.remove(&address);
            if answer.is_some() {
                return answer;
            }
        }
        None
    }

    fn ask(&mut self, addresses: &Mutex<Vec<Ipv4Addr>>) {
        let addresses = addresses.lock().unwrap_or_else(PoisonError::into_inner);
        for address in addresses.iter().copied() {
            if self.asked.insert(address) {
                self.open += 1;
                let answers = self.answers.clone();
                thread::spawn(move || answers.send((address, healthy_answer(address))));
            }
        }
    }
}

/// The version that answers at this address, if it also calls itself well.
fn healthy_answer(address: Ipv4Addr) -> Option<String> {
    get(address, "/healthz")?;
    get(address, "/").map(|body| body.trim().trim_start_matches("web ").to_owned())
}

/// The body of an answer with status 200.
fn get(address: Ipv4Addr, path: &str) -> Option<String> {
    let mut stream =
        TcpStream::connect_timeout(&SocketAddr::from((address, PORT)), PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200 ").then(|| body.to_owned())
}
