//! A clock that is set while an effect is under way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use purser::action::{Action as _, AnyAction, Clock, Systems};
use purser::domain::names::{Environment, RunId, SystemName};
use purser::domain::time::Timestamp;
use serde_json::json;

use crate::support::journal::{MemoryJournal, Moment, WallClock};
use crate::support::toy::{Make, Toy};

/// Set forward by an hour, in a process that has just begun.
struct SetForward(Instant);

impl Clock for SetForward {
    fn now(&self) -> Timestamp {
        WallClock.now().plus(Duration::from_hours(1))
    }

    fn active_for(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Whatever the clock says, a request of the process that died may still land.
#[tokio::test]
async fn what_a_dead_process_began_is_not_asked_for_early_because_the_clock_was_set_forward() {
    let mut systems = Systems::new();
    let toy = Arc::new(Toy::default());
    systems.insert(
        SystemName::from("box"),
        "toy",
        Environment::production(),
        Arc::clone(&toy) as Arc<dyn purser::action::System>,
    );
    let (systems, journal) = (Arc::new(systems), Arc::<MemoryJournal>::default());
    let run = RunId::new(uuid::Uuid::now_v7());
    let context = || journal.context(run, Make::SPEC, "box", &systems);

    journal.die_at("make_thing", Moment::Started);
    AnyAction::run(&Make, &context(), json!({}))
        .await
        .unwrap_err();
    let restarted = Instant::now();
    let mut ctx = context();
    ctx.read.clock = Arc::new(SetForward(restarted));
    AnyAction::run(&Make, &ctx, json!({})).await.unwrap();
    assert!(restarted.elapsed() >= Make::SPEC.effects[0].limit);
    assert_eq!(toy.calls(), 1);
}
