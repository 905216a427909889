//! `docker.deploy_service` behind a proxy, killed at all that it does to the switch: people outside are
//! led to one of the two sets at every moment.

use super::deploy::ACTION;
use super::{MOMENTS, each, expect_one_run, killed_at, points};
use crate::docker::front::{Site, visit};
use crate::docker::stage::{V1, V2};
use crate::support::program::Home;
use crate::support::stack::variable;
use crate::support::systems::{docker as engine, of_kind};

/// What is done only where a proxy stands in front.
pub(super) const SWITCHING: [&str; 4] = [
    "make_idle_image",
    "create_switch",
    "stop_old_switch",
    "remove_old_switch",
];

/// What no version says.
pub(super) const WRONG: &str = "web v9";

/// A server that knows the stack's engine, and the Traefik in front of it.
pub(super) fn home() -> Home {
    home_behind(&[])
}

/// The same, with further settings of the Traefik.
pub(super) fn home_behind(more: &[(&str, String)]) -> Home {
    let mut shop = engine();
    shop.insert("proxy".to_owned(), "edge".into());
    let entry = format!("http://{}", variable("PURSER_TEST_TRAEFIK"));
    let mut edge = toml::toml! {
        url = (variable("PURSER_TEST_TRAEFIK_API"))
        entrypoints = { web = entry }
    };
    for (name, value) in more {
        edge.insert((*name).to_owned(), value.as_str().into());
    }
    Home::new(&[("shop", shop), ("edge", of_kind("traefik", edge))])
}

/// A service that is led to by a switch already, in version 2.
async fn switched() -> Site {
    let site = Site::of(1).await;
    site.deploy("v2").run().await.unwrap();
    site
}

/// A deploy of v1 that is live when the proxy's answer holds this; one that is to go back does so sooner.
pub(super) fn steps(site: &Site, says: &str) -> String {
    let within = if says == WRONG { "8s" } else { "30s" };
    format!(
        "
steps:
  - id: deploy
    uses: docker.deploy_service
    with:
      service: {}
      image: {V1}
      drain: 0s
      routed_within: {within}
      proxy_probe: {{ path: /, contains: {says} }}
",
        site.shop.web()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_at_the_switch_a_deploy_goes_on() {
    each(points(ACTION, &SWITCHING, &MOMENTS), goes_on).await;
}

/// What is done to the containers of a set as well as to those that are replaced one by one.
const OF_A_SET: [&str; 5] = [
    "create_new",
    "start_new",
    "stop_old",
    "remove_old",
    "rename_new",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_at_the_containers_of_a_set_a_deploy_goes_on() {
    each(points(ACTION, &OF_A_SET, &["acted"]), goes_on).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_while_the_switch_is_taken_back_a_deploy_leaves_nothing() {
    // The old switch goes when nothing is taken back any more.
    let taken_back = &SWITCHING[..3];
    each(
        points(ACTION, taken_back, &["undoing", "undone"]),
        goes_back,
    )
    .await;
}

async fn goes_on(point: String) {
    let site = switched().await;
    let old = site.switches();
    let mut home = home();
    home.workflow("go", &steps(&site, "web v1"));

    let run = killed_at(&point, &mut home).await;

    let facts = expect_one_run(&home, &run, "succeeded").await;
    assert_eq!(facts["steps"][0]["attempts"], 1);
    assert_eq!(facts["steps"][0]["proof"], "versioned");
    assert_eq!(site.shop.containers(), [site.shop.name(1)]);
    assert_eq!(site.shop.state(1), format!("{V1} running healthy"));
    let switches = site.switches();
    assert_eq!(switches.len(), 1);
    assert_ne!(switches, old);
    assert_eq!(visit(&site.host), Ok("web v1".to_owned()));
}

async fn goes_back(point: String) {
    let site = switched().await;
    let (old, switches) = (site.shop.id(1), site.switches());
    let mut home = home();
    home.workflow("go", &steps(&site, WRONG));

    let run = killed_at(&point, &mut home).await;

    expect_one_run(&home, &run, "rolled_back").await;
    assert_eq!(site.shop.containers(), [site.shop.name(1)]);
    assert_eq!(site.shop.id(1), old);
    assert_eq!(site.shop.state(1), format!("{V2} running healthy"));
    assert_eq!(site.switches(), switches);
    assert_eq!(visit(&site.host), Ok("web v2".to_owned()));
}
