//! Runs that keep others from beginning: those of one concurrency key, and those that act on one
//! system.

use std::sync::Arc;

use purser::domain::approval::ApprovalPolicy;
use purser::domain::effect::EffectName;
use purser::domain::ending::FinalState;
use purser::domain::event::{Event, Requested};
use purser::domain::names::RunId;
use purser::domain::run::{RunState, RunStatus, WaitingFor};
use purser::domain::workflow::WhenBusy;

use purser::store::postgres::{LEASE, PostgresStore};
use purser::store::{Runs as _, Tenure as _};

use super::lease::until;
use super::{ONE, TWO, ending, world};
use crate::store::place::access;
use crate::support::database::Database;
use crate::support::journal::WallClock;
use crate::support::patience;
use crate::support::toy::Toy;
use crate::support::world::{World, actor, new_run, start};

const HANGS: &str = "  - { id: one, uses: toy.make, with: { system: box, hang: true } }\n";

async fn ask(world: &World, steps: &str, when_busy: WhenBusy) -> RunId {
    let change = |request: &mut Requested| {
        request.concurrency = Some("web".to_owned());
        request.when_busy = when_busy;
    };
    world.ask_with(steps, change).await
}

async fn has_begun_an_effect(world: &World, run: RunId, step: &str) {
    let step = step.into();
    world
        .until(run, |state| state.step(&step).has_live_effects())
        .await;
}

async fn is_at_work(world: &World, run: RunId, step: &str) {
    let step = step.into();
    let has_told = |state: &RunState| state.step(&step).records.contains_key("told");
    world.until(run, has_told).await;
}

#[tokio::test]
async fn after_a_restart_the_run_that_had_begun_still_keeps_the_next_of_its_key_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let toy = Arc::new(Toy::default());
    toy.hang(true);
    let before = World::open(folder.path(), Arc::clone(&toy)).await;
    let first = ask(&before, &format!("{ONE}{TWO}"), WhenBusy::Queue).await;
    has_begun_an_effect(&before, first, "one").await;
    let second = ask(&before, ONE, WhenBusy::Queue).await;
    before.close().await;

    let after = World::open(folder.path(), Arc::clone(&toy)).await;
    has_begun_an_effect(&after, first, "two").await;
    toy.hang(false);
    after.cancel(first).await;
    let first = after.end(first).await.ended.unwrap();
    let second = after.end(second).await;
    assert_eq!(ending(&second).0, FinalState::Succeeded);
    assert!(second.started_at > Some(first.at), "it waited");
}

/// From now on the store takes nothing into this run's log, and counts how often it was asked to.
async fn refuse(database: &Database, run: RunId) {
    database
        .execute(&format!(
            "CREATE SEQUENCE refused;
             CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM nextval('refused'); RAISE EXCEPTION 'not now'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW
             WHEN (NEW.run = '{run}') EXECUTE FUNCTION refuse();"
        ))
        .await;
}

#[tokio::test]
async fn a_run_whose_store_fails_for_a_while_keeps_its_key_meanwhile() {
    let database = Database::create("").await;
    let folder = tempfile::tempdir().unwrap();
    let toy = Arc::new(Toy::default());
    toy.hang(true);
    let access = access(&database, "web-1", LEASE);
    let store = Arc::new(PostgresStore::open(&access, Arc::default()).await.unwrap());
    let engine = start(
        Arc::clone(&store) as _,
        &toy,
        Arc::new(WallClock),
        folder.path(),
    );
    let of_web = |request: &mut Requested| request.concurrency = Some("web".to_owned());
    let pours = format!("  - {{ id: one, uses: toy.pour, with: {{ system: box }} }}\n{TWO}");
    let first = store.create(new_run(&pours, of_web)).await.unwrap();
    let pour_out = EffectName::from("pour_out");
    let is_pouring = |state: &RunState| state.step(&"one".into()).effect(&pour_out).is_some();
    until(&*store, first, is_pouring).await;
    let second = store.create(new_run(ONE, of_web)).await.unwrap();

    refuse(&database, first).await;
    toy.hang(false);
    let mut line = database.connect().await;
    let asked = "SELECT is_called FROM refused";
    let is_refused = async || {
        let asked = sqlx::query_scalar(asked).fetch_one(&mut line);
        asked.await.unwrap()
    };
    patience::until("the store refuses the run's event", is_refused).await;
    database.execute("DROP TRIGGER refuse ON events").await;
    let has_ended = |state: &RunState| state.ended.is_some();
    let first = until(&*store, first, has_ended).await.ended.unwrap();
    let second = until(&*store, second, has_ended).await;
    assert_eq!(
        (first.state, ending(&second).0),
        (FinalState::Succeeded, FinalState::Succeeded)
    );
    assert!(second.started_at > Some(first.at), "it waited");
    engine.stop().await;
    store.let_go().await;
    database.remove().await;
}

#[tokio::test]
async fn a_run_that_is_replaced_goes_on_until_the_new_one_is_approved() {
    let (world, _folder) = world().await;
    let older = ask(&world, HANGS, WhenBusy::Queue).await;
    has_begun_an_effect(&world, older, "one").await;
    let policy: ApprovalPolicy = serde_json::from_str(r#"{ "by": ["operator"] }"#).unwrap();
    let newer = world
        .ask_with(ONE, |request| {
            request.approval = vec![policy];
            request.concurrency = Some("web".to_owned());
            request.when_busy = WhenBusy::Replace;
        })
        .await;
    let waits = RunStatus::Waiting(WaitingFor::Approval);
    let state = world.until(newer, |state| state.status() == waits).await;
    let log = world.log(older).await;
    assert_eq!(log.state().await.unwrap().stop, None);
    let yes = Event::Approved {
        by: actor("bo"),
        digest: state.open_approval().unwrap().digest.clone(),
    };
    world.say(newer, yes).await;
    assert_eq!(ending(&world.end(newer).await).0, FinalState::Succeeded);
    assert_eq!(ending(&world.end(older).await).0, FinalState::Cancelled);
}

#[tokio::test]
async fn a_run_says_that_it_waits_for_a_place_only_as_long_as_it_does() {
    let (world, _folder) = world().await;
    world.toy.hang(true);
    let crowd = "  - { id: each, uses: toy.tell, with: { system: box }, foreach: [1, 2, 3, 4], \
                 parallel: 4 }\n";
    let crowd = world.ask(crowd, vec![]).await;
    for n in 0..4 {
        is_at_work(&world, crowd, &format!("each[{n}]")).await;
    }
    let next = "  - { id: one, uses: toy.tell, with: { system: box } }\n";
    let next = world.ask(next, vec![]).await;
    let mut said = world.said();
    let waits = "`one` waits: 4 steps act on `box` already";
    let says = said.wait_for(|said| said.get(&next).is_some_and(|said| said == waits));
    says.await.unwrap();
    world.cancel(crowd).await;
    is_at_work(&world, next, "one").await;
    let silent = said.wait_for(|said| !said.contains_key(&next));
    tokio::time::timeout(std::time::Duration::from_secs(20), silent)
        .await
        .expect("it says no more that it waits")
        .unwrap();
}
