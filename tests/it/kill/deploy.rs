//! `docker.deploy_service`, killed in each of its ways: one new container takes the old one's
//! place. What is done only where a proxy stands in front is killed in `switch.rs` and `routes.rs`, and
//! what is done to a project's `.env` in `pin.rs`.

use super::image::Pushed;
use super::pin::PINNING;
use super::routes::FILING;
use super::switch::SWITCHING;
use super::{MOMENTS, each, effects, expect_one_run, home_of_docker, killed_at, points};
use crate::docker::shop::Shop;
use crate::docker::stage::{V1, V2, docker};

pub(super) const ACTION: &str = "docker.deploy_service";

/// A check starts a program, and there are many containers: with the image's own second the machine
/// would do little else.
const SELDOM_CHECKED: [&str; 2] = ["--health-interval", "2s"];

/// How a new container takes the old one's place.
pub(super) struct Way {
    /// What the run's output calls it.
    pub(super) name: &'static str,
    /// How the old container is started, so that it is replaced in this way.
    pub(super) options: &'static [&'static str],
    /// The effects that only the other one of these ways has.
    lacks: &'static [&'static str],
    /// What is taken back of a deploy that fails.
    pub(super) taken_back: &'static [&'static str],
    /// How often a container is started when the deploy is taken back.
    pub(super) starts_back: usize,
}

pub(super) static BESIDE: Way = Way {
    name: "rolling",
    options: &SELDOM_CHECKED,
    lacks: &["rename_old"],
    taken_back: &["create_new", "start_new"],
    starts_back: 1,
};

/// A container that writes to a volume cannot run twice at once.
pub(super) static RECREATE: Way = Way {
    name: "recreate",
    options: &["--health-interval", "2s", "--volume", "/data"],
    lacks: &["rename_new", "join_by_name"],
    taken_back: &["stop_old", "rename_old", "create_new", "start_new"],
    starts_back: 2,
};

/// What is done only behind a proxy, or to files.
fn elsewhere() -> Vec<&'static str> {
    [&SWITCHING[..], &FILING, &PINNING].concat()
}

impl Way {
    pub(super) fn effects(&self) -> Vec<&'static str> {
        let mut effects = effects(ACTION);
        let before = effects.len();
        let elsewhere = elsewhere();
        effects.retain(|effect| !self.lacks.contains(effect) && !elsewhere.contains(effect));
        let left_out = elsewhere.len() + self.lacks.len();
        assert_eq!(
            effects.len(),
            before - left_out,
            "one of {:?} is no effect",
            self.lacks
        );
        effects
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_at_every_failpoint_a_deploy_beside_the_old_one_goes_on() {
    let points = points(ACTION, &BESIDE.effects(), &MOMENTS);
    each(points, |point| goes_on(&BESIDE, point)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_at_every_failpoint_a_deploy_in_the_old_ones_place_goes_on() {
    let points = points(ACTION, &RECREATE.effects(), &MOMENTS);
    each(points, |point| goes_on(&RECREATE, point)).await;
}

#[test]
fn what_one_way_lacks_the_other_one_has() {
    for effect in effects(ACTION) {
        let is_killed = [&BESIDE, &RECREATE].map(|way| way.effects().contains(&effect));
        let is_killed = is_killed.contains(&true) || elsewhere().contains(&effect);
        assert!(is_killed, "{effect} is never killed");
    }
}

async fn goes_on(way: &Way, point: String) {
    let image = Pushed::like(V2);
    let shop = Shop::new();
    let old = shop.start(1, V1, way.options).await;
    let mut events = shop.events();
    let mut home = home_of_docker();
    home.workflow("go", &steps(&shop, &image.reference));

    let run = killed_at(&point, &mut home).await;

    let facts = expect_one_run(&home, &run, "succeeded").await;
    assert_eq!(facts["steps"][0]["attempts"], 1);
    assert_eq!(facts["steps"][0]["proof"], "healthy");
    assert_eq!(
        run["run"]["steps"]["deploy"]["output"]["strategy"],
        way.name
    );
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_ne!(shop.id(1), old);
    let healthy = format!("{} running healthy", image.reference);
    assert_eq!(shop.state(1), healthy);
    docker(&["update", "--restart", "no", &shop.name(1)]);
    let told = events.until("update");
    assert_eq!(counts(&told), [1, 1, 1], "{told:?}");
}

/// How many containers were created, started and removed.
pub(super) fn counts(told: &[String]) -> [usize; 3] {
    ["create", "start", "destroy"].map(|what| told.iter().filter(|event| *event == what).count())
}

/// A deploy of the shop's `web`.
pub(super) fn steps(shop: &Shop, image: &str) -> String {
    format!(
        "
steps:
  - id: deploy
    uses: docker.deploy_service
    with:
      service: {}
      image: {image}
",
        shop.web()
    )
}
