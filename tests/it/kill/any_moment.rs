//! Kills at moments that nobody has chosen.

use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use super::deploy::counts;
use super::image::Pushed;
use super::{ASK, each, expect_one_run, home_of_docker};
use crate::docker::shop::Shop;
use crate::docker::stage::{Events, V1, V2, docker};

/// Set this to play what has failed once more.
const SEED: &str = "PURSER_TEST_SEED";
const ROUNDS: u32 = 5;
const KILLS: u32 = 2;
/// A run that nobody kills takes about this long.
const WHOLE_RUN: u32 = 5000;

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_twice_at_any_moment_a_run_goes_on() {
    let seed = std::env::var(SEED).unwrap_or_else(|_| {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        now.as_nanos().to_string()
    });
    let rounds = (1..=ROUNDS).map(|round| format!("{SEED}={seed}, round {round}"));
    each(rounds, goes_on).await;
}

async fn goes_on(round: String) {
    let (job, web) = (Pushed::like(V1), Pushed::like(V2));
    let shop = Shop::new();
    let old = shop.start(1, V1, &[]).await;
    let mut events = (
        Events::of(&format!("image={}", job.reference)),
        shop.events(),
    );
    let mut home = home_of_docker();
    home.workflow("go", &steps(&shop, &job, &web));

    for kill in 1..=KILLS {
        home.up().await;
        home.starts(&ASK).await;
        sleep(moment(&round, kill)).await;
        home.kill().await;
    }
    home.up().await;
    let run = home.starts(&ASK).await;
    let run = home.ends(&run).await;

    let facts = expect_one_run(&home, &run, "succeeded").await;
    let attempts = [0, 1].map(|step: usize| facts["steps"][step]["attempts"].clone());
    assert_eq!(attempts, [1, 1]);
    assert_eq!(events.0.until("destroy"), ["create", "start", "die"]);
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_ne!(shop.id(1), old);
    let healthy = format!("{} running healthy", web.reference);
    assert_eq!(shop.state(1), healthy);
    docker(&["update", "--restart", "no", &shop.name(1)]);
    let told = events.1.until("update");
    assert_eq!(counts(&told), [1, 1, 1], "{told:?}");
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
