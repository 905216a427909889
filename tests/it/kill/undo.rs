//! A deploy that fails, killed while it is taken back: the old container is there again, and
//! nothing is left of the new one.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;

use nix::sys::signal::Signal;

use super::deploy::{ACTION, BESIDE, RECREATE, Way, counts, steps};
use super::{each, expect_one_run, home_of_docker, killed_at, points};
use crate::docker::shop::Shop;
use crate::docker::stage::{V1, V2, docker, names};
use crate::support::program::Home;

/// Never healthy.
pub(super) const SICK: &str = "purser-test/web:v3";
/// Before an effect is taken back; and after it, before that is on disk.
const MOMENTS: [&str; 2] = ["undoing", "undone"];

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_while_it_is_taken_back_a_deploy_beside_the_old_one_leaves_nothing() {
    let points = points(ACTION, BESIDE.taken_back, &MOMENTS);
    each(points, |point| goes_back(&BESIDE, point)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_while_it_is_taken_back_a_deploy_in_the_old_ones_place_leaves_nothing() {
    let points = points(ACTION, RECREATE.taken_back, &MOMENTS);
    each(points, |point| goes_back(&RECREATE, point)).await;
}

async fn goes_back(way: &Way, point: String) {
    let shop = Shop::new();
    let old = shop.start(1, V1, way.options).await;
    let mut events = shop.events();
    let mut home = home_of_docker();
    home.workflow("go", &steps(&shop, SICK));

    let run = killed_at(&point, &mut home).await;

    let facts = expect_one_run(&home, &run, "rolled_back").await;
    // All that is taken back is killed: what is added to it must be added to the way.
    let of_the_old_one = |effect: &&str| format!("{effect}[{}]", shop.name(1));
    let taken_back: BTreeSet<_> = way.taken_back.iter().map(of_the_old_one).collect();
    let effects = facts["steps"][0]["effects"].as_array().unwrap();
    let undone = effects.iter().filter(|effect| effect["status"] == "undone");
    let undone: BTreeSet<_> = undone
        .map(|effect| effect["effect"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(undone, taken_back);

    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(shop.id(1), old);
    assert_eq!(shop.state(1), format!("{V1} running healthy"));
    let id = run["run"]["id"].as_str().unwrap();
    let left = names(&format!("label=purser.run={id}"));
    assert_eq!(left, Vec::<String>::new());
    docker(&["update", "--restart", "no", &shop.name(1)]);
    let told = events.until("update");
    assert_eq!(counts(&told), [1, way.starts_back, 1], "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_while_a_deploy_that_succeeded_is_undone_what_ran_before_runs_again() {
    // What ran before is there: it is not fetched.
    let effects = BESIDE.effects();
    let effects: Vec<_> = effects.into_iter().filter(|e| *e != "pull_image").collect();
    let points = points(ACTION, &effects, &super::MOMENTS);
    each(points, |point| is_undone(&BESIDE, point)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_while_it_is_undone_a_deploy_in_the_old_ones_place_is_undone_all_the_same() {
    let effects = RECREATE.effects();
    let effects: Vec<_> = effects.into_iter().filter(|e| *e != "pull_image").collect();
    let points = points(ACTION, &effects, &["acted"]);
    each(points, |point| is_undone(&RECREATE, point)).await;
}

/// Asks for a run to be undone by a server that is killed at this failpoint; a new one goes on with it: the
/// id of the run that does.
pub(super) async fn undone_over(point: &str, home: &mut Home, run: &str) -> String {
    home.up_with(&[("PURSER_FAILPOINT", point)]).await;
    let ask = ["undo", run, "--detach", "--key", "undo", "--json"];
    let asked = home.types(&ask).await;
    let died = home.has_ended().await;
    let signal = died.signal();
    assert_eq!(signal, Some(Signal::SIGKILL as i32), "{}", home.log());
    home.up().await;
    let undo = home.asks(&ask[..5]).await["run"].clone();
    // The first server may have died before it could answer.
    if asked.code == 0 {
        assert_eq!(asked.json()["run"], undo);
    }
    let undo = undo.as_str().unwrap();
    let ended = home.ends(undo).await;
    assert_eq!(ended["status"], "succeeded", "{ended:#}");
    undo.to_owned()
}

async fn is_undone(way: &Way, point: String) {
    let shop = Shop::new();
    shop.start(1, V1, way.options).await;
    let mut home = home_of_docker();
    home.workflow("go", &steps(&shop, V2));
    home.up().await;
    let run = home.starts(&super::ASK).await;
    assert_eq!(home.ends(&run).await["status"], "succeeded");
    home.stop().await;

    undone_over(&point, &mut home, &run).await;

    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(shop.state(1), format!("{V1} running healthy"));
    let left = names(&format!("label=purser.run={run}"));
    assert_eq!(left, Vec::<String>::new());
    let facts = super::books::receipts(&home, 2).await;
    assert_eq!(facts[1]["undo_of"], run.as_str());
    assert_eq!(facts[1]["state"], "succeeded");
    let steps = facts[1]["steps"].as_array().unwrap();
    let back = steps.iter().find(|step| step["step"] == "deploy/undo");
    assert_eq!(back.unwrap()["proof"], "healthy");
}
