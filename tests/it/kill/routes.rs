//! `docker.deploy_service` behind a proxy that is led by files, killed at all that it does to them: the file is
//! the old one or the new one, whole, and so are the containers that it leads to.

use super::deploy::ACTION;
use super::switch::{WRONG, home_behind, steps};
use super::{MOMENTS, each, expect_one_run, killed_at, points};
use crate::docker::front::{Site, visit};
use crate::docker::front_file::Routes;
use crate::docker::stage::{V1, V2};
use crate::support::program::Home;
use crate::support::stack::variable;

/// What is done only where a proxy is led by files.
pub(super) const FILING: [&str; 1] = ["write_routes"];

fn home() -> Home {
    home_behind(&[("routes", variable("PURSER_TEST_TRAEFIK_FILES"))])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_at_the_file_of_routes_a_deploy_goes_on() {
    each(points(ACTION, &FILING, &MOMENTS), goes_on).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_while_the_file_is_put_back_a_deploy_leaves_what_was() {
    each(points(ACTION, &FILING, &["undoing", "undone"]), goes_back).await;
}

async fn goes_on(point: String) {
    let site = Site::of(1).await;
    let routes = Routes::of(&site);
    let mut home = home();
    home.workflow("go", &steps(&site, "web v2").replace(V1, V2));

    let run = killed_at(&point, &mut home).await;

    let facts = expect_one_run(&home, &run, "succeeded").await;
    assert_eq!(facts["steps"][0]["proof"], "versioned");
    assert_eq!(site.shop.containers(), [site.shop.name(1)]);
    assert_eq!(site.shop.state(1), format!("{V2} running healthy"));
    assert!(routes.text().is_some());
    assert_eq!(visit(&site.host), Ok("web v2".to_owned()));
}

async fn goes_back(point: String) {
    let site = Site::of(1).await;
    let routes = Routes::of(&site);
    let old = site.shop.id(1);
    let mut home = home();
    home.workflow("go", &steps(&site, WRONG).replace(V1, V2));

    let run = killed_at(&point, &mut home).await;

    expect_one_run(&home, &run, "rolled_back").await;
    assert_eq!((site.shop.id(1), routes.text()), (old, None));
    assert_eq!(site.shop.containers(), [site.shop.name(1)]);
    assert_eq!(visit(&site.host), Ok("web v1".to_owned()));
}
