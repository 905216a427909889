//! Containers that runs have left behind, and the janitor that looks for them.

use std::sync::Arc;

use purser::action::Clock as _;
use purser::docker_proxy::Allowances;
use purser::domain::names::RunId;
use purser::domain::retention::Keep;
use purser::domain::run::RunStatus;
use purser::engine::{Janitor, JanitorParts};
use purser::store::ArtifactFolder;
use uuid::Uuid;

use super::stage::{Cleanup, V1, docker, eventually, names, systems, unique};
use crate::support::hand_clock::{HandClock, NOON};
use crate::support::journal::WallClock;
use crate::support::proxy::Proxy;
use crate::support::toy::Toy;
use crate::support::world::World;

const ONE: &str = "  - { id: one, uses: toy.make, with: { system: box } }\n";

/// A container as a run makes it: of a job, or of a service.
fn make(mark: &str, name: &str, run: RunId, effect: &str, start: bool) {
    let (mark, name) = (format!("test.mark={mark}"), format!("{mark}-{name}"));
    let (run_label, effect) = (
        format!("purser.run={run}"),
        format!("purser.effect={run}/one/0/{effect}"),
    );
    let make: &[&str] = if start {
        &["run", "--detach"]
    } else {
        &["create"]
    };
    let labels = ["--label", &mark, "--label", &run_label, "--label", &effect];
    docker(&[make, &["--name", &name], &labels, &[V1]].concat());
}

#[tokio::test]
async fn a_job_that_an_ended_run_has_left_is_removed_and_nothing_of_anybody_else() {
    let folder = tempfile::tempdir().unwrap();
    let toy = Arc::new(Toy::default());
    let world = World::open(folder.path(), Arc::clone(&toy)).await;
    let ended = world.ask(ONE, vec![]).await;
    world.end(ended).await;
    toy.hang(true);
    let live = world.ask(ONE, vec![]).await;
    let is_live = |state: &purser::domain::run::RunState| state.status() == RunStatus::Running;
    world.until(live, is_live).await;

    let mark = unique("left");
    let filter = format!("label=test.mark={mark}");
    let _cleanup = Cleanup(filter.clone());
    make(&mark, "ended", ended, "create_container", false);
    make(&mark, "ended-running", ended, "create_container", true);
    make(&mark, "service", ended, "create_new[web]", true);
    make(&mark, "live", live, "create_container", true);
    make(
        &mark,
        "strange",
        RunId::new(Uuid::now_v7()),
        "create_container",
        false,
    );

    let proxy = Proxy::new(Allowances::default());
    let seconds = WallClock.now().micros() / 1_000_000 - NOON;
    let in_two_hours = HandClock::at(seconds + 2 * 60 * 60);
    let janitor = |clock: &HandClock| {
        Janitor::start(JanitorParts {
            store: world.store.clone(),
            artifacts: Arc::new(ArtifactFolder::new(folder.path().join("artifacts"))),
            systems: systems(&format!("host = '{}'", proxy.host())).unwrap(),
            clock: Arc::new(clock.clone()),
            alarm: Arc::new(clock.clone()),
            keep_runs: Keep::Always,
            keep_artifacts: Keep::Always,
        })
    };
    let running = janitor(&in_two_hours);
    let left = ["live", "service", "strange"].map(|name| format!("{mark}-{name}"));
    eventually("both are gone", || names(&filter) == left).await;
    running.stop().await;

    world.cancel(live).await;
    world.end(live).await;
    let running = janitor(&in_two_hours);
    let left = ["service", "strange"].map(|name| format!("{mark}-{name}"));
    eventually("the third is gone too", || names(&filter) == left).await;
    running.stop().await;
    world.close().await;
}
