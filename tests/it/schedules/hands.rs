//! A scheduler whose clock is moved by hand, over an engine with a toy.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use purser::action::{Clock, Registry};
use purser::domain::event::{Event, Requested, Trigger};
use purser::domain::person::Actor;
use purser::domain::receipt::Subject;
use purser::domain::schedule::{Misfire, Overlap, ScheduleName, Scheduled, Timing};
use purser::domain::time::Timestamp;
use purser::domain::workflow::Workflow;
use purser::engine::{Alarm, Scheduler, SchedulerParts, Timetable};
use purser::store::{Receipts as _, Runs as _, ScheduleRow, Schedules as _, Store};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::support::toy::{self, Toy};
use crate::support::world::{Dice, World, requested};

/// How long the scheduler or the sealer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A clock that stands still until it is moved.
pub(super) struct HandClock {
    state: Mutex<Hand>,
    moved: Notify,
    /// Told when the scheduler goes to sleep.
    sleeps: Notify,
}

struct Hand {
    now: Timestamp,
    /// Counts the moves.
    moves: u64,
    /// The move that the scheduler's present look has seen.
    seen: u64,
    /// Whether the scheduler's next question for the time begins a look.
    looks: bool,
    /// The last move after which the scheduler went to sleep.
    slept: u64,
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        self.state.lock().unwrap().now
    }
}

/// The same clock as the scheduler asks it.
struct Watched(Arc<HandClock>);

impl Clock for Watched {
    fn now(&self) -> Timestamp {
        let mut hand = self.0.state.lock().unwrap();
        if hand.looks {
            hand.looks = false;
            hand.seen = hand.moves;
        }
        hand.now
    }
}

impl Alarm for Watched {
    fn wait(&self, _: Timestamp) -> BoxFuture<'_, ()> {
        async move {
            loop {
                let moved = self.0.moved.notified();
                {
                    let mut hand = self.0.state.lock().unwrap();
                    hand.looks = true;
                    if hand.seen < hand.moves {
                        return;
                    }
                    hand.slept = hand.seen;
                    self.0.sleeps.notify_one();
                }
                moved.await;
            }
        }
        .boxed()
    }
}

/// What the files say.
struct Files {
    scheduled: Mutex<Vec<Scheduled>>,
    refuses: Mutex<Option<String>>,
    definition: Workflow,
}

impl Timetable for Files {
    fn scheduled(&self) -> Vec<Scheduled> {
        self.scheduled.lock().unwrap().clone()
    }

    fn request(
        &self,
        name: &ScheduleName,
        at: Option<Timestamp>,
        by: Actor,
    ) -> Result<(Requested, Workflow), String> {
        if let Some(why) = &*self.refuses.lock().unwrap() {
            return Err(why.clone());
        }
        let trigger = Trigger::Schedule {
            name: name.clone(),
            at,
        };
        let definition = self.definition.clone();
        Ok((requested(&definition, by, trigger), definition))
    }
}

/// A schedule of the workflow `play`, its engine, and a clock.
pub(super) struct Hands {
    pub(super) world: World,
    clock: Arc<HandClock>,
    files: Arc<Files>,
    scheduler: Scheduler,
}

/// 2026-11-25T12:00:00Z.
const NOON: i64 = 1_795_608_000;

/// So many seconds behind noon.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((NOON + seconds) * 1_000_000)
}

/// A schedule of this expression with policies as they are by default.
pub(super) fn scheduled(expression: &str) -> Scheduled {
    Scheduled {
        name: name(),
        timing: Timing::new(expression.parse().unwrap(), "UTC".parse().unwrap()),
        misfire: Misfire::Once,
        overlap: Overlap::Skip,
        jitter: None,
    }
}

pub(super) fn name() -> ScheduleName {
    ScheduleName::new("play".into(), "often".to_owned())
}

impl Hands {
    /// Starts at this time, over the store in a folder.
    pub(super) async fn open(folder: &Path, toy: &Arc<Toy>, now: i64, files: Scheduled) -> Self {
        let clock = Arc::new(HandClock {
            state: Mutex::new(Hand {
                now: at(now),
                moves: 1,
                seen: 0,
                looks: true,
                slept: 0,
            }),
            moved: Notify::new(),
            sleeps: Notify::new(),
        });
        let engines = Arc::clone(&clock) as Arc<dyn Clock>;
        let world = World::open_by(folder, Arc::clone(toy), engines).await;
        let definition = serde_saphyr::from_str(
            "name: play\nsummary: Play\nsteps:\n  - { id: one, uses: toy.make, with: { system: box } }",
        );
        let files = Arc::new(Files {
            scheduled: Mutex::new(vec![files]),
            refuses: Mutex::default(),
            definition: definition.unwrap(),
        });
        let scheduler = Scheduler::start(SchedulerParts {
            store: Arc::clone(&world.store) as Arc<dyn Store>,
            registry: Arc::new(Registry::new(vec![toy::integration()])),
            clock: Arc::new(Watched(Arc::clone(&clock))),
            alarm: Arc::new(Watched(Arc::clone(&clock))),
            entropy: Arc::new(Dice),
            timetable: Arc::clone(&files) as Arc<dyn Timetable>,
            changed: Arc::default(),
        });
        let hands = Self {
            world,
            clock,
            files,
            scheduler,
        };
        hands.asleep().await;
        hands
    }

    /// Stops both, as SIGTERM would.
    pub(super) async fn close(self) {
        self.scheduler.stop().await;
        self.world.close().await;
    }

    /// Moves the clock, either way, and waits until the scheduler has done all that follows.
    pub(super) async fn move_to(&self, seconds: i64) {
        {
            let mut hand = self.clock.state.lock().unwrap();
            hand.now = at(seconds);
            hand.moves += 1;
        }
        self.clock.moved.notify_one();
        self.asleep().await;
    }

    /// Moves the clock on from minute to minute; no run takes longer than that.
    pub(super) async fn walk(&self, from: i64, to: i64) {
        for seconds in (from..=to).step_by(60) {
            self.move_to(seconds).await;
            self.done().await;
        }
    }

    /// Changes what the file says; the scheduler looks at once.
    pub(super) async fn write(&self, scheduled: Option<Scheduled>) {
        *self.files.scheduled.lock().unwrap() = scheduled.into_iter().collect();
        self.look().await;
    }

    /// From now on the workflow cannot be started.
    pub(super) fn refuse(&self, why: &str) {
        *self.files.refuses.lock().unwrap() = Some(why.to_owned());
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn look(&self) {
        let now = self.now();
        self.move_to(now.micros() / 1_000_000 - NOON).await;
    }

    async fn asleep(&self) {
        let is_asleep = || {
            let hand = self.clock.state.lock().unwrap();
            hand.slept == hand.moves
        };
        let waiting = async {
            while !is_asleep() {
                self.clock.sleeps.notified().await;
            }
        };
        timeout(PATIENCE, waiting)
            .await
            .expect("it goes to sleep again");
    }

    /// For which fires there were runs, oldest run first, in seconds behind noon.
    pub(super) async fn fired(&self) -> Vec<i64> {
        let mut rows = self.world.store.list(500).await.unwrap();
        rows.reverse();
        let mut fires = vec![];
        for row in rows {
            let log = self.world.store.log(row.id, 0).await.unwrap();
            let Event::Requested(request) = &log[0].event else {
                panic!("{log:?}");
            };
            assert_eq!(request.by.person.as_str(), "schedule play.often");
            match &request.trigger {
                Trigger::Schedule { at: Some(at), .. } => {
                    fires.push(at.micros() / 1_000_000 - NOON);
                }
                other => panic!("{other:?}"),
            }
        }
        fires
    }

    /// The same, once no run is under way.
    pub(super) async fn done(&self) -> Vec<i64> {
        for run in self.world.store.unfinished().await.unwrap() {
            self.world.end(run).await;
        }
        self.fired().await
    }

    /// What the store keeps of the schedule.
    pub(super) async fn row(&self) -> ScheduleRow {
        self.world.store.schedules().await.unwrap().remove(0)
    }

    /// What receipts say of fires that were passed over.
    pub(super) async fn passed_over(&self) -> Vec<String> {
        let store = &self.world.store;
        let mut commits = store.commits();
        let sealing = async {
            while !store.unsealed_receipts().await.unwrap().is_empty() {
                commits.changed().await.unwrap();
            }
        };
        timeout(PATIENCE, sealing)
            .await
            .expect("receipts are sealed");
        let receipts = self.world.store.receipts_after(0, 500).await.unwrap();
        let about = receipts
            .iter()
            .filter(|receipt| matches!(receipt.content.subject, Subject::PassedOver { .. }));
        about
            .map(|receipt| receipt.text(&receipt.content.summary).unwrap().to_owned())
            .collect()
    }
}
