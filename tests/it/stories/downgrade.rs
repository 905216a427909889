//! An older version of the program, on a store with runs that use an action which it does not have.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use purser::action::Clock as _;
use purser::domain::approval::ApprovalPolicy;
use purser::domain::ending::FinalState;
use purser::domain::event::Trigger;
use purser::domain::names::RunId;
use purser::domain::run::{RunStatus, WaitingFor};
use purser::domain::workflow::Workflow;
use purser::store::sqlite::SqliteStore;
use purser::store::{NewRun, Runs as _};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::support::journal::WallClock;
use crate::support::program::Home;
use crate::support::toy::Toy;
use crate::support::world::{World, actor, requested};

const STEPS: &str = "  - { id: one, uses: toy.make, with: { system: box } }\n";
/// What the program says: it has no `toy`.
const WHY: &str = "waits for a version of Purser that has this action: unknown action `toy.make`";

/// A run that nobody has looked at yet, and that people are to approve.
async fn asked_for(store: &Path) -> RunId {
    let text = format!("name: play\nsummary: Play\nsteps:\n{STEPS}");
    let definition: Workflow = serde_saphyr::from_str(&text).unwrap();
    let policy: ApprovalPolicy = serde_json::from_str(r#"{ "by": ["operator"] }"#).unwrap();
    let mut request = requested(&definition, actor("ann"), Trigger::Api);
    request.approval = vec![policy];
    let store = SqliteStore::open(store, Arc::default()).await.unwrap();
    let run = store
        .create(NewRun {
            id: RunId::new(Uuid::now_v7()),
            at: WallClock.now(),
            request,
            definition,
            idempotency_key: None,
            secrets: vec![],
        })
        .await
        .unwrap();
    store.close().await;
    run
}

/// Waits until `purser runs show` says this.
async fn shows(home: &Home, run: RunId, text: &str) {
    let run = run.to_string();
    let shows = async {
        while !home.types(&["runs", "show", &run]).await.out.contains(text) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let in_time = timeout(Duration::from_secs(20), shows).await;
    assert!(
        in_time.is_ok(),
        "{:?}",
        home.types(&["runs", "show", &run]).await
    );
}

#[tokio::test]
async fn runs_wait_for_an_action_that_is_gone_and_go_on_when_it_is_back() {
    let mut home = Home::new(&[]);
    let folder = home.path("store");
    let toy = Arc::new(Toy::default());
    toy.hang(true);
    let newer = World::open(&folder, Arc::clone(&toy)).await;
    let begun = newer.ask(STEPS, vec![]).await;
    newer.until(begun, |_| toy.calls() == 1).await;
    newer.close().await;
    let asked = asked_for(&folder).await;

    home.up().await;
    for run in [begun, asked] {
        shows(&home, run, &format!("now: `one` {WHY}")).await;
        let is_said = |line: &str| line.contains(&run.to_string()) && line.contains(WHY);
        assert_eq!(
            home.log().lines().filter(|line| is_said(line)).count(),
            1,
            "once and no more: {}",
            home.log()
        );
    }
    assert!(home.stop().await.success());

    toy.hang(false);
    let newer = World::open(&folder, Arc::clone(&toy)).await;
    let state = newer.end(begun).await;
    assert_eq!(state.ended.unwrap().state, FinalState::Succeeded);
    assert_eq!((toy.things(), toy.calls()), (vec![1], 1));
    let waits = |state: &purser::domain::run::RunState| {
        state.status() == RunStatus::Waiting(WaitingFor::Approval)
    };
    newer.until(asked, waits).await;
}
