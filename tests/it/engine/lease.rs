//! Runs whose process is no longer the active one.

use std::sync::Arc;

use purser::action::{Action as _, AnyAction, Begun, EffectStatus, Registry, Systems};
use purser::domain::ending::FinalState;
use purser::domain::event::Trigger;
use purser::domain::names::{Environment, RunId, SystemName};
use purser::domain::run::RunState;
use purser::domain::workflow::Workflow;
use purser::store::postgres::{LEASE, PostgresStore};
use purser::store::{NewRun, Runs as _, Store, StoreError, Tenure as _};
use uuid::Uuid;

use super::{ONE, TWO};
use crate::store::place::access;
use crate::support::database::Database;
use crate::support::journal::{MemoryJournal, WallClock};
use crate::support::patience;
use crate::support::toy::{self, Make, Toy};
use crate::support::world::{actor, requested, start};

async fn state(store: &dyn Store, run: RunId) -> RunState {
    RunState::replay(&store.log(run, 0).await.unwrap()).unwrap()
}

/// The run's state once it is as wanted.
pub(super) async fn until(
    store: &dyn Store,
    run: RunId,
    wanted: impl Fn(&RunState) -> bool,
) -> RunState {
    let state = async || Some(state(store, run).await).filter(&wanted);
    patience::found("the run is as wanted", state).await
}

#[tokio::test]
async fn what_a_frozen_process_was_about_is_settled_by_its_successor_and_done_once() {
    let database = Database::create("").await;
    let folder = tempfile::tempdir().unwrap();
    let toy = Arc::new(Toy::default());
    toy.hang(true);
    let open = async |host| {
        let access = access(&database, host, LEASE);
        let store = PostgresStore::open(&access, Arc::default()).await;
        (Arc::new(store.unwrap()), access.holder)
    };
    let (first, _) = open("web-1").await;
    let clock = Arc::new(WallClock);
    let frozen = start(
        Arc::clone(&first) as _,
        &toy,
        Arc::clone(&clock) as _,
        folder.path(),
    );
    let yaml = format!("name: play\nsummary: Play\nsteps:\n{ONE}{TWO}");
    let definition: Workflow = serde_saphyr::from_str(&yaml).unwrap();
    let run = NewRun {
        id: RunId::new(Uuid::now_v7()),
        at: purser::action::Clock::now(&WallClock),
        request: requested(&definition, actor("ann"), Trigger::Api),
        definition,
        idempotency_key: None,
        secrets: vec![],
    };
    let run = first.create(run).await.unwrap();
    until(&*first, run, |state| {
        !state.step(&"one".into()).effects.is_empty()
    })
    .await;
    patience::until("the toy is called", async || toy.calls() > 0).await;

    database
        .execute("UPDATE lease SET until = clock_timestamp() - interval '1 second'")
        .await;
    toy.hang(false);
    let (second, by) = open("web-2").await;
    let successor = start(Arc::clone(&second) as _, &toy, clock, folder.path());
    let ended = until(&*second, run, |state| state.ended.is_some()).await;
    assert_eq!(ended.ended.unwrap().state, FinalState::Succeeded);
    assert_eq!((toy.things(), toy.calls()), (vec![1, 1], 2));
    assert_eq!(first.superseded().await, StoreError::Superseded { by });
    frozen.stop().await;
    successor.stop().await;
    first.let_go().await;
    second.let_go().await;
    database.remove().await;
}

#[tokio::test]
async fn an_effect_whose_start_is_committed_does_not_begin_when_the_run_is_anothers_by_then() {
    let toy = Arc::new(Toy::default());
    let mut systems = Systems::new();
    let box_ = SystemName::from("box");
    systems.insert(
        box_,
        "toy",
        Environment::production(),
        Arc::clone(&toy) as _,
    );
    let journal = Arc::new(MemoryJournal::default());
    let run = RunId::new(Uuid::now_v7());
    let ctx = journal.context(run, Make::SPEC, "box", &Arc::new(systems));
    let registry = Registry::new(vec![toy::integration()]);
    let make: &Arc<dyn AnyAction> = registry.action("toy.make").unwrap();
    journal.give_to_another();
    let refused = make.run(&ctx, serde_json::json!({})).await.unwrap_err();
    assert!(
        refused.may_have_landed,
        "whoever has the run now settles it"
    );
    assert_eq!(toy.calls(), 0);
    let effects = ctx.journal.effects().await;
    assert_eq!(effects[0].status, EffectStatus::Started);
    let begun = ctx.journal.begin("make_thing".into()).await.unwrap();
    assert!(matches!(begun, Begun::Open(..)));
}
