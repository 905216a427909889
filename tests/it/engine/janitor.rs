//! What the janitor clears away, by a clock that is moved by hand, and what it leaves alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use purser::action::ports::{Leftover, Sweeps};
use purser::action::{ActionError, Ports, System, Systems};
use purser::domain::ending::FinalState;
use purser::domain::names::{Environment, RunId, SystemName};
use purser::domain::retention::Keep;
use purser::domain::run::{RunStatus, WaitingFor};
use purser::domain::time::Timestamp;
use purser::engine::{Alarm, Janitor, JanitorParts};
use purser::store::{
    ArtifactFolder, Artifacts as _, Housekeeping as _, Outbox as _, Receipts as _, Runs as _,
    Telling,
};
use tokio::sync::watch;
use uuid::Uuid;

use super::{BROKEN, ONE, ending};
use crate::support::hand_clock::{HandClock, NOON, at};
use crate::support::toy::Toy;
use crate::support::world::World;

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

/// Where a round is waited for.
struct Rounds {
    clock: HandClock,
    over: watch::Sender<u64>,
}

impl Alarm for Rounds {
    fn wait(&self, until: Timestamp) -> BoxFuture<'_, ()> {
        self.over.send_modify(|rounds| *rounds += 1);
        self.clock.wait(until)
    }
}

/// A janitor beside an engine.
struct Hands {
    world: World,
    clock: HandClock,
    rounds: watch::Receiver<u64>,
    janitor: Janitor,
}

impl Hands {
    /// Returns after its first round, at noon.
    async fn start(world: World, clock: HandClock, folder: &Path, systems: Systems) -> Self {
        let over = watch::Sender::new(0);
        let mut rounds = over.subscribe();
        let janitor = Janitor::start(JanitorParts {
            store: world.store.clone(),
            artifacts: Arc::new(ArtifactFolder::new(folder.join("artifacts"))),
            systems: Arc::new(systems),
            clock: Arc::new(clock.clone()),
            alarm: Arc::new(Rounds {
                clock: clock.clone(),
                over,
            }),
            keep_runs: Keep::days(90),
            keep_artifacts: Keep::days(30),
        });
        rounds.wait_for(|over| *over == 1).await.unwrap();
        Self {
            world,
            clock,
            rounds,
            janitor,
        }
    }

    /// Moves the clock on, by ten minutes at least, and returns after the round that follows.
    async fn move_to(&mut self, seconds: i64) {
        let over = *self.rounds.borrow_and_update();
        self.clock.move_to(seconds);
        let next = self.rounds.wait_for(|rounds| *rounds > over);
        let next = tokio::time::timeout(Duration::from_secs(20), next).await;
        next.expect("no round came").unwrap();
    }

    async fn stop(self) {
        self.janitor.stop().await;
        self.world.close().await;
    }
}

async fn world(folder: &Path, toy: &Arc<Toy>) -> (World, HandClock) {
    let clock = HandClock::at(0);
    let world = World::open_by(folder, Arc::clone(toy), Arc::new(clock.clone())).await;
    (world, clock)
}

/// Waits until the run's receipt is sealed, and has everybody told of it.
async fn told(world: &World, run: RunId) {
    let mut commits = world.store.commits();
    let receipt = loop {
        if let Some(receipt) = world.store.receipt_of(run).await.unwrap() {
            break receipt;
        }
        commits.changed().await.unwrap();
    };
    let mut reached = world.store.begin_telling().await.unwrap();
    reached.receipt = receipt.seq;
    let telling = Telling {
        notices: vec![],
        reached,
        at: at(0),
    };
    world.store.tell(telling).await.unwrap();
}

/// The files of the artifacts, as if they had been written at this time.
fn date(folder: &Path, seconds: i64) -> Vec<PathBuf> {
    let mut files = vec![];
    let written = Duration::from_secs(u64::try_from(NOON + seconds).unwrap());
    for part in fs::read_dir(folder.join("artifacts")).unwrap() {
        for file in fs::read_dir(part.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let file = fs::File::options().append(true).open(&path).unwrap();
            file.set_modified(UNIX_EPOCH + written).unwrap();
            files.push(path);
        }
    }
    files
}

#[tokio::test]
async fn first_goes_what_a_run_has_kept_and_then_the_run_and_its_receipt_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (world, clock) = world(folder.path(), &Arc::default()).await;
    let artifacts = ArtifactFolder::new(folder.path().join("artifacts"));
    let named_by_nobody = artifacts.keep(b"half a chart".to_vec()).await.unwrap();
    let draw = "  - { id: draw, uses: toy.draw, with: { system: box } }\n";
    let run = world.ask(draw, vec![]).await;
    let state = world.end(run).await;
    let kept: Vec<_> = state.steps[0]
        .artifacts
        .iter()
        .map(|kept| &kept.digest)
        .collect();
    told(&world, run).await;
    assert_eq!(date(folder.path(), 0).len(), 3);
    let mut hands = Hands::start(world, clock, folder.path(), Systems::new()).await;

    hands.move_to(DAY).await;
    assert!(
        artifacts.has(&named_by_nobody).await.unwrap(),
        "its event may still come"
    );
    hands.move_to(DAY + HOUR).await;
    assert!(!artifacts.has(&named_by_nobody).await.unwrap());
    hands.move_to(30 * DAY).await;
    for digest in &kept {
        assert!(artifacts.has(digest).await.unwrap());
    }
    hands.move_to(31 * DAY).await;
    for digest in &kept {
        assert!(!artifacts.has(digest).await.unwrap());
    }
    let store = Arc::clone(&hands.world.store);
    hands.move_to(90 * DAY).await;
    assert_eq!(store.list(9).await.unwrap().len(), 1);
    hands.move_to(91 * DAY).await;
    assert_eq!(store.list(9).await.unwrap(), []);
    assert!(store.receipt_of(run).await.unwrap().is_some());
    let gone = store.find_gone(&run.to_string()).await.unwrap();
    assert_eq!(gone[0].at, at(91 * DAY));
    hands.stop().await;
}

/// A place where steps leave things.
#[derive(Default)]
struct Shed {
    things: Mutex<Vec<Leftover>>,
    is_locked: Mutex<bool>,
}

impl Shed {
    fn put(&self, id: &str, run: RunId, made_at: Timestamp) {
        let thing = Leftover {
            id: id.to_owned(),
            what: format!("the {id} thing"),
            run,
            made_at,
        };
        self.things.lock().unwrap().push(thing);
    }

    fn lock(&self, is_locked: bool) {
        *self.is_locked.lock().unwrap() = is_locked;
    }

    fn there(&self) -> BTreeSet<String> {
        let things = self.things.lock().unwrap();
        things.iter().map(|thing| thing.id.clone()).collect()
    }

    fn systems(self: &Arc<Self>) -> Systems {
        let mut systems = Systems::new();
        let shed = Arc::clone(self) as Arc<dyn System>;
        systems.insert(
            SystemName::from("shed"),
            "shed",
            Environment::production(),
            shed,
        );
        systems
    }
}

impl System for Shed {
    fn address(&self) -> String {
        "memory".to_owned()
    }

    fn ports(self: Arc<Self>) -> Ports {
        Ports {
            sweeps: Some(self),
            ..Ports::default()
        }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, ActionError>> {
        async { Ok("shed 1".to_owned()) }.boxed()
    }
}

impl Sweeps for Shed {
    fn leftovers(&self) -> BoxFuture<'_, Result<Vec<Leftover>, ActionError>> {
        async { Ok(self.things.lock().unwrap().clone()) }.boxed()
    }

    fn sweep<'a>(&'a self, leftover: &'a Leftover) -> BoxFuture<'a, Result<(), ActionError>> {
        async {
            if *self.is_locked.lock().unwrap() {
                return Err(ActionError::retryable("it is locked"));
            }
            let mut things = self.things.lock().unwrap();
            things.retain(|thing| thing.id != leftover.id);
            Ok(())
        }
        .boxed()
    }
}

fn set<const N: usize>(ids: [&str; N]) -> BTreeSet<String> {
    ids.map(str::to_owned).into()
}

#[tokio::test]
async fn what_an_ended_run_has_left_goes_and_everything_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    let toy = Arc::new(Toy::default());
    let (world, clock) = world(folder.path(), &toy).await;
    let ended = world.ask(ONE, vec![]).await;
    world.end(ended).await;
    toy.break_undo();
    let stuck = world.ask(&format!("{ONE}{BROKEN}"), vec![]).await;
    assert_eq!(ending(&world.end(stuck).await).0, FinalState::Stuck);
    let live = world
        .ask("  - { id: bell, wait: { hook: bell } }\n", vec![])
        .await;
    let waits = RunStatus::Waiting(WaitingFor::Signal);
    world.until(live, |state| state.status() == waits).await;
    let stranger = RunId::new(Uuid::now_v7());

    let shed = Arc::new(Shed::default());
    for (id, run) in [
        ("old", ended),
        ("stuck", stuck),
        ("live", live),
        ("strange", stranger),
    ] {
        shed.put(id, run, at(-HOUR));
    }
    shed.put("young", ended, at(60 - HOUR));
    let mut hands = Hands::start(world, clock, folder.path(), shed.systems()).await;
    assert_eq!(shed.there(), set(["stuck", "live", "strange", "young"]));
    hands.move_to(600).await;
    assert_eq!(shed.there(), set(["stuck", "live", "strange"]));

    hands.world.cancel(live).await;
    hands.world.end(live).await;
    hands.move_to(1200).await;
    assert_eq!(
        shed.there(),
        set(["stuck", "strange"]),
        "its run is over now"
    );
    hands.stop().await;
}

#[tokio::test]
async fn what_cannot_be_removed_now_is_removed_later_also_when_its_run_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let (world, clock) = world(folder.path(), &Arc::default()).await;
    let run = world.ask(ONE, vec![]).await;
    world.end(run).await;
    told(&world, run).await;
    let shed = Arc::new(Shed::default());
    shed.put("old", run, at(-HOUR));
    shed.lock(true);
    let mut hands = Hands::start(world, clock, folder.path(), shed.systems()).await;
    assert_eq!(shed.there(), set(["old"]));
    hands.move_to(91 * DAY).await;
    assert_eq!(hands.world.store.list(9).await.unwrap(), []);
    assert_eq!(shed.there(), set(["old"]));
    shed.lock(false);
    hands.move_to(92 * DAY).await;
    assert_eq!(shed.there(), set([]), "the receipts still know its run");
    hands.stop().await;
}
