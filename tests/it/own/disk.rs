//! A store whose disk is full: it says so, stays whole, and goes on by itself when there is room.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use purser::domain::ending::FinalState;
use purser::domain::names::RunId;
use purser::domain::run::{RunState, StepStatus};
use purser::store::Runs as _;
use xtask::disk::Disk;

use super::{Key, backs_up_to};
use crate::docker::stage::{Cleanup, V1, eventually, inspect, names, unique};
use crate::notices::receiver::{Mood, Receiver};
use crate::support::patience;
use crate::support::program::Home;
use crate::support::systems::docker;
use crate::support::world::World;

/// How large the disks are, in MiB.
const SIZE: u32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_disk_is_named_loses_nothing_and_is_gone_on_from_without_a_restart() {
    let (mut home, step) = (
        Home::new(&[("shop", docker())]),
        unique("full").replace('-', "_"),
    );
    // Room for the WAL, which SQLite takes back only when it has 4 MiB: what changes on the engine goes
    // there too.
    let disk = Disk::mounted_on(&home.path("store"), 4 * SIZE).unwrap();
    let steps = format!(
        "
inputs: {{ seconds: {{ type: string, default: '0' }} }}
steps:
  - id: {step}
    uses: docker.run_job
    with: {{ image: {V1}, command: [job, --lines, '3', --seconds, '{{{{ inputs.seconds }}}}'] }}
"
    );
    home.workflow("go", &steps);
    let to = format!("file://{}", home.path("backups").display());
    backs_up_to(&home, &to, &Key::new(), "");
    let containers = Cleanup(format!("label=purser.step={step}"));
    home.up().await;
    let under_way = home.starts(&["go", "-i", "seconds=3"]).await;
    let runs = |name: &String| inspect(name, "{{.State.Status}}") == "running";
    eventually("the job runs", || names(&containers.0).iter().any(runs)).await;

    disk.fill().unwrap();
    let place = home.path("store").display().to_string();
    // Whatever little room SQLite still had is used up by the first ones.
    let refused = loop {
        let said = home.types(&["run", "backup-purser", "--detach"]).await;
        if said.code != 0 {
            break said;
        }
        disk.fill().unwrap();
    };
    let told = format!(
        "purser: the store {place}: its disk is full, and nothing was written: make room on the disk \
         of that folder. Purser goes on by itself then, and needs no restart\n"
    );
    assert_eq!((refused.code, &refused.err), (1, &told));
    let known = home.asks(&["runs", "list"]).await.as_array().unwrap().len();
    for _ in 0..3 {
        let again = home.types(&["run", "backup-purser", "--detach"]).await;
        assert_eq!((again.code, &again.err), (1, &told));
    }
    let has_ended = |name: &String| inspect(name, "{{.State.Status}}") == "exited";
    eventually("the job is over", || {
        names(&containers.0).iter().all(has_ended)
    })
    .await;
    // The server has tried to write that down, and could not.
    let has_tried = async || home.log().contains("trying again");
    patience::until("the run is tried again", has_tried).await;
    let listed = home.asks(&["runs", "list"]).await;
    assert_eq!(
        listed.as_array().unwrap().len(),
        known,
        "what was refused is no run"
    );
    let waits = home.log().matches("lines of the step wait").count();
    assert!(waits <= 1, "said once, and not {waits} times");

    disk.make_room().unwrap();
    let ended = home.ends(&under_way).await;
    assert_eq!(ended["status"], "succeeded", "{ended:#}");
    assert_eq!(ended["run"]["steps"][&step]["attempt"], 1);
    let next = home.starts(&["go"]).await;
    assert_eq!(home.ends(&next).await["status"], "succeeded");
    let lines = home.asks(&["runs", "lines", &under_way, &step]).await;
    assert_eq!(lines, serde_json::json!(["line 1", "line 2", "line 3"]));
    let verified = home.types(&["receipts", "verify"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    assert_eq!(names(&containers.0), Vec::<String>::new());
    home.stop().await;

    // A server that is started on it listens, and says the same.
    disk.fill().unwrap();
    home.up().await;
    let refused = home.types(&["run", "backup-purser", "--detach"]).await;
    assert_eq!((refused.code, &refused.err), (1, &told));
    disk.make_room().unwrap();
    let last = home.starts(&["go"]).await;
    assert_eq!(home.ends(&last).await["status"], "succeeded");
    home.stop().await;
}

#[tokio::test]
async fn a_new_store_on_a_full_disk_is_not_begun() {
    let mut home = Home::new(&[]);
    let disk = Disk::mounted_on(&home.path("store"), SIZE).unwrap();
    disk.fill().unwrap();
    let up = home.types(&["up"]).await;
    let told = format!(
        "purser: the store {}: its disk is full, and nothing was written: make room on the disk of \
         that folder, then start Purser again\n",
        home.path("store").display()
    );
    assert_eq!((up.code, &up.err), (1, &told));
    disk.make_room().unwrap();
    home.up().await;
    assert_eq!(home.asks(&["runs", "list"]).await, serde_json::json!([]));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_artifact_for_which_there_is_no_room_is_no_attempt_that_failed() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::mounted_on(&folder.path().join("artifacts"), SIZE).unwrap();
    let world = World::open(folder.path(), Arc::default()).await;
    disk.fill().unwrap();
    let draw = "  - { id: one, uses: toy.draw, with: { system: box } }\n";
    let run = world.ask(draw, vec![]).await;
    world
        .until(run, |state| {
            let one = state.step(&"one".into()).into_owned();
            one.status == StepStatus::Running || one.attempt > 0
        })
        .await;
    // It is tried again and again, and is still the first attempt.
    let is_tried = async || world.toy.drawings() >= 2 || has_ended(&world, run).await;
    patience::until("it is tried again", is_tried).await;
    disk.make_room().unwrap();
    let state = world.end(run).await;
    let ended = state.ended.as_ref().unwrap();
    assert_eq!(ended.state, FinalState::Succeeded, "{}", ended.summary);
    assert_eq!(state.step(&"one".into()).attempt, 1);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_for_which_there_is_no_room_is_no_attempt_that_failed() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::mounted_on(folder.path(), SIZE).unwrap());
    let world = World::open(folder.path(), Arc::default()).await;
    let (plans, fills) = (Arc::new(AtomicU32::new(0)), Arc::clone(&disk));
    let count = Arc::clone(&plans);
    // There is room to write down that an attempt has failed, and none for the plan.
    world.toy.set_version(&"v".repeat(512 * 1024));
    world.toy.when_planning(move || {
        if count.fetch_add(1, Ordering::Relaxed) == 0 {
            fills.fill_but(128 * 1024).unwrap();
        }
        None
    });
    let make = "  - { id: one, uses: toy.make, with: { system: box } }\n";
    let run = world.ask(make, vec![]).await;
    // It is made again and again, and is still of the first attempt.
    let is_made = async || plans.load(Ordering::Relaxed) >= 2 || has_ended(&world, run).await;
    patience::until("it is made again", is_made).await;
    disk.make_room().unwrap();
    let state = world.end(run).await;
    let ended = state.ended.as_ref().unwrap();
    assert_eq!(ended.state, FinalState::Succeeded, "{}", ended.summary);
    assert_eq!(state.step(&"one".into()).attempt, 1);
    world.close().await;
}

async fn has_ended(world: &World, run: RunId) -> bool {
    let log = world.store.log(run, 0).await.unwrap();
    RunState::replay(&log).unwrap().ended.is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_place_is_not_told_again_and_again_while_it_cannot_be_written_down_that_it_was() {
    let ops = Receiver::start().await;
    let mut home = Home::new(&[("shop", docker())]);
    let disk = Disk::mounted_on(&home.path("store"), SIZE).unwrap();
    home.configure(&format!("[places.ops]\nwebhook = '{}'\n", ops.url()));
    let fails = "uses: docker.show_logs, with: { service: nobody }";
    home.workflow(
        "fail",
        &format!("notify: {{ failure: ops }}\nsteps: [{{ id: log, {fails} }}]"),
    );
    home.workflow("look", "steps: [{ id: look, uses: docker.list_services }]");
    home.up().await;
    ops.is(Mood::Waits);
    home.starts(&["fail"]).await;
    ops.is_sent(1).await;

    disk.fill().unwrap();
    while home.types(&["run", "look", "--detach"]).await.code == 0 {
        disk.fill().unwrap();
    }
    ops.is(Mood::Answers(200));
    let cannot = "what waits for a place cannot be sent";
    let has_tried = async || home.log().matches(cannot).count() >= 3;
    patience::until("it has tried three times", has_tried).await;
    assert_eq!(ops.sent().len(), 1, "{:#?}", ops.sent());

    disk.make_room().unwrap();
    let is_told = async || home.asks(&["notify", "list"]).await[0]["waiting"] == 0;
    patience::until("nothing waits for the place", is_told).await;
    home.stop().await;
    assert_eq!(ops.sent().len(), 1, "{:#?}", ops.sent());
}
