//! Freezes and locks: what does not begin while they are in force, and goes on by itself behind them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use purser::action::Clock;
use purser::domain::ending::FinalState;
use purser::domain::event::{Event, Requested};
use purser::domain::hold::{Freeze, Lock, Window};
use purser::domain::names::{Environment, RunId};
use purser::domain::person::Actor;
use purser::domain::receipt::{Draft, Subject};
use purser::domain::run::{RunState, RunStatus, StepStatus};
use purser::domain::schedule::{ScheduleName, Timing, Zone};
use purser::domain::time::{Span, Timestamp};
use purser::engine::Alarm;
use purser::store::{Locks as _, Receipts as _};
use tokio::sync::Notify;

use super::{ONE, TWO, ending};
use crate::support::patience;
use crate::support::toy::Toy;
use crate::support::world::{World, actor};

/// A clock that stands still until it is moved.
struct HandClock {
    now: Mutex<Timestamp>,
    moved: Notify,
}

impl HandClock {
    fn at(text: &str) -> Arc<Self> {
        Arc::new(Self {
            now: Mutex::new(text.parse().unwrap()),
            moved: Notify::new(),
        })
    }

    fn move_to(&self, text: &str) {
        *self.now.lock().unwrap() = text.parse().unwrap();
        self.moved.notify_waiters();
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }
}

impl Alarm for HandClock {
    fn wait(&self, until: Timestamp) -> BoxFuture<'_, ()> {
        async move {
            loop {
                let moved = self.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                if self.now() >= until {
                    return;
                }
                moved.await;
            }
        }
        .boxed()
    }
}

/// An engine whose clock is moved by hand.
struct Held {
    world: World,
    clock: Arc<HandClock>,
    _folder: tempfile::TempDir,
}

const NOON: &str = "2026-11-25T12:00:00Z";

impl Held {
    async fn by(freezes: Vec<Freeze>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = HandClock::at(NOON);
        let time = (Arc::clone(&clock) as _, Arc::clone(&clock) as _);
        let toy = Arc::new(Toy::default());
        let world = World::open_with(folder.path(), toy, time, freezes).await;
        Self {
            world,
            clock,
            _folder: folder,
        }
    }

    /// Ann locks this for an hour.
    async fn lock(&self, target: &str) -> Lock {
        let lasts = Span::new(Duration::from_hours(1));
        let lock = Lock::new(
            target.parse().unwrap(),
            "ann".into(),
            "the disk is being changed",
            self.clock.now(),
            lasts,
        )
        .unwrap();
        let taken = self.world.holds.take(lock.clone(), |_| receipt("locked"));
        taken.await.unwrap().unwrap();
        lock
    }

    /// Somebody asks for a run of these steps.
    async fn ask_by(&self, by: Actor, steps: &str) -> RunId {
        self.world.ask_with(steps, |request| request.by = by).await
    }

    /// Bo does.
    async fn ask(&self, steps: &str) -> RunId {
        self.ask_by(actor("bo"), steps).await
    }

    /// Waits until the run says this of itself.
    async fn says(&self, run: RunId, text: &str) {
        let mut said = self.world.said();
        let says = said.wait_for(|said| said.get(&run).is_some_and(|said| said == text));
        if tokio::time::timeout(Duration::from_secs(20), says)
            .await
            .is_err()
        {
            panic!("it says {:?}", self.world.progress(run));
        }
    }
}

fn receipt(summary: &str) -> Draft {
    let subject = Subject::Changed {
        what: "lock box".to_owned(),
    };
    let at = NOON.parse().unwrap();
    Draft::without_run(subject, actor("ann"), at, summary, [7; 32])
}

/// From noon on, for an hour, each day.
fn lunch() -> Freeze {
    let begins = Timing::new("0 12 * * *".parse().unwrap(), Zone::UTC);
    Freeze {
        name: "lunch".into(),
        reason: "nobody is there".to_owned(),
        environments: vec![Environment::production()],
        systems: vec![],
        window: Window::recurring(begins, Span::new(Duration::from_hours(1))).unwrap(),
        except: vec![],
    }
}

const FROZEN: &str =
    "`one` waits: box is frozen (lunch) until 2026-11-25T13:00:00Z: nobody is there";
const LOCKED: &str =
    "`one` waits: box is locked by ann until 2026-11-25T13:00:00Z: the disk is being changed";

fn status(state: &RunState, step: &str) -> StepStatus {
    state.step(&step.into()).status
}

#[tokio::test]
async fn a_run_in_a_freeze_waits_in_the_queue_says_why_and_begins_when_it_ends() {
    let held = Held::by(vec![lunch()]).await;
    let run = held.ask(&format!("{ONE}{TWO}")).await;
    held.says(run, FROZEN).await;
    held.clock.move_to("2026-11-25T12:59:59Z");
    let waits = held.world.until(run, |_| true).await;
    assert_eq!(waits.status(), RunStatus::Queued);
    held.clock.move_to("2026-11-25T13:00:00Z");
    let state = held.world.end(run).await;
    assert_eq!(
        ending(&state),
        (FinalState::Succeeded, "2 steps done".into())
    );
    assert_eq!(held.world.progress(run), None);
}

#[tokio::test]
async fn a_schedule_waits_too_and_what_only_reads_does_not() {
    let held = Held::by(vec![lunch()]).await;
    let name: ScheduleName = "play.nightly".to_owned().try_into().unwrap();
    let fired = held.ask_by(Actor::schedule(&name), ONE).await;
    held.says(fired, FROZEN).await;
    let look = "  - { id: look, uses: toy.draw, with: { system: box } }\n";
    let state = held.world.end(held.ask(look).await).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
}

#[tokio::test]
async fn what_is_held_before_it_begins_keeps_no_room_from_others() {
    let excepting = Freeze {
        except: vec!["backup".into()],
        ..lunch()
    };
    let held = Held::by(vec![excepting]).await;
    // As many as are carried out at once.
    for _ in 0..4 {
        let run = held.ask(ONE).await;
        held.says(run, FROZEN).await;
    }
    let backup = held
        .world
        .ask_with(ONE, |request| request.workflow = "backup".into())
        .await;
    let state = held.world.end(backup).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
}

#[tokio::test]
async fn a_lock_holds_others_until_it_is_released_and_its_owner_never() {
    let held = Held::by(vec![]).await;
    let lock = held.lock("box").await;
    let of_bo = held.ask(ONE).await;
    held.says(of_bo, LOCKED).await;
    let of_ann = held.ask_by(actor("ann"), ONE).await;
    let state = held.world.end(of_ann).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
    assert_eq!(held.world.toy.calls(), 1);
    let released = held.world.holds.release(&lock, receipt("released"));
    assert!(released.await.unwrap());
    let state = held.world.end(of_bo).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
}

/// The number of the receipt of a run that has ended.
async fn number_of(world: &World, run: RunId) -> u64 {
    world.receipt(run).await.seq
}

#[tokio::test]
async fn held_runs_of_one_key_begin_in_the_order_in_which_they_were_asked_for() {
    let held = Held::by(vec![]).await;
    let lock = held.lock("box").await;
    let mut runs = vec![];
    for _ in 0..6 {
        let of_bo = |request: &mut Requested| {
            request.by = actor("bo");
            request.concurrency = Some("box".to_owned());
        };
        let run = held.world.ask_with(ONE, of_bo).await;
        held.says(run, LOCKED).await;
        runs.push(run);
    }
    let released = held.world.holds.release(&lock, receipt("released"));
    assert!(released.await.unwrap());
    let mut numbers = vec![];
    for run in runs {
        held.world.end(run).await;
        numbers.push(number_of(&held.world, run).await);
    }
    assert!(numbers.is_sorted(), "{numbers:?}");
}

#[tokio::test]
async fn a_lock_on_a_part_concerns_steps_on_that_part() {
    let held = Held::by(vec![]).await;
    held.lock("box/lid").await;
    let part = |part: &str| {
        format!("  - {{ id: one, uses: toy.make, with: {{ system: box, part: {part} }} }}\n")
    };
    let state = held.world.end(held.ask(&part("wheel")).await).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
    let lid = held.ask(&part("toybox/lid")).await;
    let whichever = held.ask(ONE).await;
    for run in [lid, whichever] {
        held.says(run, &LOCKED.replace("box is", "box/lid is"))
            .await;
    }
}

#[tokio::test]
async fn an_expired_lock_is_removed_with_a_receipt_and_who_waited_goes_on() {
    let held = Held::by(vec![]).await;
    held.lock("box").await;
    let run = held.ask(ONE).await;
    held.says(run, LOCKED).await;
    held.clock.move_to("2026-11-25T13:00:00Z");
    let state = held.world.end(run).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
    let store = &held.world.store;
    let is_gone = async || store.locks().await.unwrap().is_empty();
    patience::until("the lock is gone", is_gone).await;
    let told = "the lock of ann on box has expired: the disk is being changed";
    let expired = async || {
        let receipts = store.receipts_after(0, 9).await.unwrap();
        let mut receipts = receipts.into_iter();
        receipts.find(|receipt| receipt.text(&receipt.content.summary) == Some(told))
    };
    let expired = patience::found("a receipt says that it has expired", expired).await;
    assert_eq!(expired.content.by.through, "its time");
}

#[tokio::test]
async fn a_lock_in_mid_run_holds_the_next_step_and_not_the_one_that_has_begun() {
    let held = Held::by(vec![]).await;
    held.world.toy.hang(true);
    let until_told = "  - { id: tell, uses: toy.pour, with: { system: box } }\n";
    let run = held.ask(&format!("{until_told}{ONE}")).await;
    let pours = |state: &RunState| state.step(&"tell".into()).effects.len() == 2;
    held.world.until(run, pours).await;
    held.lock("box").await;
    held.world.toy.hang(false);
    held.says(run, LOCKED).await;
    let state = held.world.until(run, |_| true).await;
    assert_eq!(status(&state, "tell"), StepStatus::Succeeded);
    assert_eq!(status(&state, "one"), StepStatus::Pending);
    held.world.toy.hang(true);
    held.clock.move_to("2026-11-25T13:00:00Z");
    let begun = |state: &RunState| !state.step(&"one".into()).effects.is_empty();
    held.world.until(run, begun).await;
    assert_eq!(held.world.progress(run), None, "it waits no more");
    held.world.cancel(run).await;
    held.world.end(run).await;
}

#[tokio::test]
async fn a_lock_on_a_part_holds_a_run_from_its_first_step_though_another_input_comes_later() {
    let held = Held::by(vec![]).await;
    held.lock("box/web").await;
    let steps = |part: &str| {
        let with = "system: box, part: PART, hang: \"{{ steps.one.output.key == '' }}\"";
        let with = with.replace("PART", part);
        let one = ONE.replace("system: box", "system: box, part: press");
        format!("{one}  - {{ id: two, uses: toy.make, with: {{ {with} }} }}\n")
    };
    let locked = LOCKED.replace("box", "box/web").replace("one", "two");
    let web = held.ask(&steps("web")).await;
    held.says(web, &locked).await;
    let unknown = held.ask(&steps("\"{{ steps.one.output.key }}\"")).await;
    held.says(unknown, &locked).await;
    assert_eq!(held.world.toy.calls(), 0);
    let other = held.ask(&steps("db")).await;
    let state = held.world.end(other).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
}

#[tokio::test]
async fn a_held_run_can_be_cancelled_and_takes_back_what_it_did() {
    let held = Held::by(vec![]).await;
    let until_told = "  - { id: wait, wait: { hook: bell } }\n";
    let run = held.ask(&format!("{ONE}{until_told}{TWO}")).await;
    let waits = |state: &RunState| status(state, "wait") == StepStatus::Waiting;
    held.world.until(run, waits).await;
    held.lock("box").await;
    let rung = Event::Signalled {
        step: "wait".into(),
        message: "1".to_owned(),
        data: serde_json::Value::Null,
    };
    held.world.say(run, rung).await;
    held.says(run, &LOCKED.replace("one", "two")).await;
    held.world.cancel(run).await;
    let state = held.world.end(run).await;
    assert_eq!(ending(&state).0, FinalState::Cancelled);
    assert_eq!(status(&state, "one"), StepStatus::Undone);
}

/// A step that failed once and is locked before it is tried again.
async fn locked_before_it_is_tried_again(held: &Held) -> RunId {
    let again = ONE.replace(" }\n", ", retry: { attempts: 2, first: 10ms } }\n");
    let run = held.ask(&again).await;
    let failed = |state: &RunState| state.step(&"one".into()).retry_at.is_some();
    held.world.until(run, failed).await;
    held.lock("box").await;
    held.clock.move_to("2026-11-25T12:00:01Z");
    run
}

#[tokio::test]
async fn a_step_that_has_touched_something_is_tried_again_in_spite_of_a_lock() {
    let held = Held::by(vec![]).await;
    held.world.toy.lose_next_answer();
    let run = locked_before_it_is_tried_again(&held).await;
    let state = held.world.end(run).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
    assert_eq!(held.world.toy.things(), [1]);
}

#[tokio::test]
async fn broken_glass_lets_a_run_through_and_its_receipt_says_so() {
    let held = Held::by(vec![lunch()]).await;
    held.lock("box").await;
    let run = held
        .world
        .ask_with(ONE, |request| {
            request.by = actor("bo");
            request.break_glass = Some("the shop is down".to_owned());
        })
        .await;
    let state = held.world.end(run).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
    let receipt = held.world.receipt(run).await;
    assert_eq!(
        receipt.text(&receipt.content.summary),
        Some("1 step done. bo broke the glass: the shop is down")
    );
}
