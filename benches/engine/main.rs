//! How fast the engine is on a store, beside the same rows written by hand with the same driver.
//!
//! Started by `cargo xtask bench engine`, which makes figures of what it prints: a line of JSON for
//! each, with what was measured of ours and of the reference, in turn.

#![allow(
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "it measures by the machine's clock, and what goes wrong ends it"
)]

mod place;
mod raw;
mod world;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use place::Place;
use serde_json::json;
use world::{STEPS, World};
use xtask::torture::{Cluster, Group};

/// The folder with the programs of `PostgreSQL`.
const PROGRAMS: &str = "PURSER_BENCH_POSTGRES_BIN";

/// Ours and theirs are measured this often, in turn.
const ROUNDS: usize = 5;
/// Runs of a round, one after the other.
const IN_A_ROW: usize = 40;
/// Runs of a round that are asked for at once.
const AT_ONCE: usize = 200;
/// Runs of an idle engine.
const IDLE: usize = 100;
/// Between two of these.
const PAUSE: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() {
    let folder = Folder::new();
    measure("sqlite", &folder, None).await;
    let programs = PathBuf::from(std::env::var_os(PROGRAMS).expect(PROGRAMS));
    let server = Cluster::start(&programs, Group::Ours).unwrap();
    measure("pg", &folder, Some(&server)).await;
}

/// All figures of a store; on the server, if there is one.
async fn measure(store: &str, folder: &Folder, server: Option<&Cluster>) {
    let place =
        async |name: String| Place::new(&format!("{store}-{name}"), &folder.0, server).await;
    let (mut ours, mut reference, mut bytes) = (vec![], vec![], vec![]);
    for round in 0..=ROUNDS {
        let (one, other) = (
            place(format!("row-{round}")).await,
            place(format!("raw-{round}")).await,
        );
        let (took, size) = in_a_row(&one).await;
        let raw = raw::writes_the_same(&one, &other).await;
        // The first round warms the machine's caches.
        if round > 0 {
            ours.push(steps_per_second(IN_A_ROW, took));
            reference.push(steps_per_second(IN_A_ROW, raw));
            bytes.push(size);
        }
    }
    println!(
        "{}",
        json!({ "figure": format!("engine.{store}.steps_vs_raw"), "ours": ours,
                "reference": reference, "unit": "steps/s" })
    );
    let mut runs = vec![];
    for round in 0..=ROUNDS {
        let took = at_once(&place(format!("many-{round}")).await).await;
        if round > 0 {
            runs.push(count(AT_ONCE) / took.as_secs_f64());
        }
    }
    let idle = idle(&place("idle".to_owned()).await).await;
    for (figure, ours, unit) in [
        ("five_step_runs_per_s", runs, "runs/s"),
        ("idle_p50_ms", idle, "ms"),
        ("bytes_per_run", bytes, "bytes"),
    ] {
        let figure = format!("engine.{store}.{figure}");
        println!(
            "{}",
            json!({ "figure": figure, "ours": ours, "unit": unit })
        );
    }
}

/// How long runs take that are asked for one after the other, and how many bytes each leaves.
async fn in_a_row(place: &Place) -> (Duration, f64) {
    let mut world = World::open(place).await;
    // What a store is made of once is no part of what a run costs.
    world.run().await;
    let before = place.size().await;
    let begun = Instant::now();
    for _ in 0..IN_A_ROW {
        world.run().await;
    }
    let took = begun.elapsed();
    world.all_sealed().await;
    let size = place.size().await - before;
    world.close().await;
    (took, size / count(IN_A_ROW))
}

/// How long runs take that are asked for at once.
async fn at_once(place: &Place) -> Duration {
    let mut world = World::open(place).await;
    world.run().await;
    let begun = Instant::now();
    world.runs(AT_ONCE).await;
    let took = begun.elapsed();
    world.close().await;
    took
}

/// Milliseconds from the request to the first step, of runs that nothing keeps waiting.
async fn idle(place: &Place) -> Vec<f64> {
    let mut world = World::open(place).await;
    world.run().await;
    let mut all = vec![];
    for _ in 0..IDLE {
        tokio::time::sleep(PAUSE).await;
        let begun = Instant::now();
        world.run().await;
        let started = world.first_step_at();
        all.push((started - begun).as_secs_f64() * 1000.0);
    }
    world.close().await;
    all
}

fn steps_per_second(runs: usize, took: Duration) -> f64 {
    count(runs * STEPS) / took.as_secs_f64()
}

#[allow(clippy::cast_precision_loss, reason = "a few thousands")]
fn count(of: usize) -> f64 {
    of as f64
}

/// A folder on a disk, and not in memory, where a commit costs what it costs; removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = PathBuf::from(format!("/var/tmp/purser-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
