//! Kills at moments that nobody has chosen.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use purser::domain::interpreter::MOST_TAKEOVERS;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use super::deploy::counts;
use super::image::Pushed;
use super::undo::SICK;
use super::{ASK, books, each, expect_one_run, home_of_docker};
use crate::docker::shop::Shop;
use crate::docker::stage::{Events, V1, V2, docker};
use crate::support::program::Home;

/// Set this to play what has failed once more.
const SEED: &str = "PURSER_TEST_SEED";
const KILLS: u32 = 2;
/// A run that nobody kills takes about this long.
const WHOLE_RUN: u32 = 5000;

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_twice_at_any_moment_a_run_goes_on() {
    each(rounds(1..=4), goes_on).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_twice_at_any_moment_a_run_that_fails_goes_back() {
    each(rounds(5..=6), goes_back).await;
}

/// Servers that are killed while runs end and receipts are sealed: each run has one receipt.
#[tokio::test]
async fn killed_while_runs_end_each_of_them_has_one_receipt() {
    let mut home = home_of_docker();
    home.workflow(
        "go",
        "steps:\n  - id: look\n    uses: docker.list_services\n",
    );
    let mut runs = BTreeSet::new();
    // Of a step that one server more has taken up in vain, as happens on a busy machine, a person is asked.
    let rounds: Vec<_> = rounds(1..=MOST_TAKEOVERS).collect();
    for round in &rounds {
        home.up().await;
        for key in [1, 2, 3].map(|n| format!("{round}, run {n}")) {
            runs.insert(home.starts(&["go", "--key", &key]).await);
        }
        sleep(moment(round, 1) / 20).await;
        home.kill().await;
    }
    home.up().await;
    for run in &runs {
        let ended = home.ends(run).await;
        assert_eq!(ended["run"]["ended"]["state"], "succeeded", "{rounds:?}");
    }
    let receipts = books::receipts(&home, runs.len()).await;
    let with_receipt = receipts.iter().map(|facts| facts["run"].as_str().unwrap());
    let with_receipt: BTreeSet<_> = with_receipt.map(str::to_owned).collect();
    assert_eq!(with_receipt, runs, "{rounds:?}");
}

pub(super) fn rounds(numbers: RangeInclusive<u32>) -> impl Iterator<Item = String> {
    let seed = std::env::var(SEED).unwrap_or_else(|_| {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        now.as_nanos().to_string()
    });
    numbers.map(move |round| format!("{SEED}={seed}, round {round}"))
}

async fn goes_on(round: String) {
    let mut stand = Stand::new(V2).await;
    let run = killed(&mut stand.home, &round, KILLS).await;

    let facts = expect_one_run(&stand.home, &run, "succeeded").await;
    let attempts = [0, 1].map(|step: usize| facts["steps"][step]["attempts"].clone());
    assert_eq!(attempts, [1, 1]);
    let (job, web) = stand.told();
    assert_eq!(job, ["create", "start", "die"]);
    assert_eq!(counts(&web), [1, 1, 1], "{web:?}");
    let shop = &stand.shop;
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_ne!(shop.id(1), stand.old);
    let healthy = format!("{} running healthy", stand.web.reference);
    assert_eq!(shop.state(1), healthy);
}

/// What the job has done stays, so the run is not called rolled back.
async fn goes_back(round: String) {
    let mut stand = Stand::new(SICK).await;
    let run = killed(&mut stand.home, &round, KILLS).await;

    expect_one_run(&stand.home, &run, "failed").await;
    let (job, web) = stand.told();
    assert_eq!(job, ["create", "start", "die"]);
    assert_eq!(counts(&web), [1, 1, 1], "{web:?}");
    let shop = &stand.shop;
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(shop.id(1), stand.old);
    assert_eq!(shop.state(1), format!("{V1} running healthy"));
}

/// A server, a shop, and what happens to the containers of a job and of the shop.
struct Stand {
    home: Home,
    events: (Events, Events),
    shop: Shop,
    /// The shop's first container.
    old: String,
    web: Pushed,
    _job: Pushed,
}

impl Stand {
    /// One whose workflow runs a job, and then deploys what is like this image.
    async fn new(image: &str) -> Self {
        let (job, web) = (Pushed::like(V1), Pushed::like(image));
        let shop = Shop::new();
        let home = home_of_docker();
        home.workflow("go", &steps(&shop, &job, &web));
        let old = shop.start(1, V1, &[]).await;
        let of_the_job = Events::of(&format!("image={}", job.reference));
        Self {
            home,
            events: (of_the_job, shop.events()),
            shop,
            old,
            web,
            _job: job,
        }
    }

    /// What happened to the job's containers, and to the shop's.
    fn told(&mut self) -> (Vec<String>, Vec<String>) {
        let job = self.events.0.until("destroy");
        docker(&["update", "--restart", "no", &self.shop.name(1)]);
        (job, self.events.1.until("update"))
    }
}

/// The run at its end, after so many servers were killed while they worked on it.
pub(super) async fn killed(home: &mut Home, round: &str, kills: u32) -> Value {
    for kill in 1..=kills {
        home.up().await;
        home.starts(&ASK).await;
        sleep(moment(round, kill)).await;
        home.kill().await;
    }
    home.up().await;
    let run = home.starts(&ASK).await;
    home.ends(&run).await
}

/// How long after the request the process is killed.
fn moment(round: &str, kill: u32) -> Duration {
    let drawn = Sha256::digest(format!("{round}, kill {kill}"));
    let drawn = u32::from_be_bytes([drawn[0], drawn[1], drawn[2], drawn[3]]);
    Duration::from_millis((drawn % WHOLE_RUN).into())
}

fn steps(shop: &Shop, job: &Pushed, web: &Pushed) -> String {
    format!(
        "
steps:
  - id: migrate
    uses: docker.run_job
    with:
      image: {}
      command: [job, --lines, '3', --seconds, '1']
  - id: deploy
    uses: docker.deploy_service
    with:
      service: {}
      image: {}
",
        job.reference,
        shop.web(),
        web.reference
    )
}
