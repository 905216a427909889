//! `docker.deploy_service` of a Compose project, killed at what it does to the project's `.env`.

use super::deploy::{ACTION, steps};
use super::undo::undone_over;
use super::{ASK, MOMENTS, each, expect_one_run, killed_at, points};
use crate::docker::compose::{DOTENV, Folder};
use crate::docker::shop::Shop;
use crate::docker::stage::{V1, V2};
use crate::support::program::Home;
use crate::support::systems::docker as engine;

/// What is done only where Purser may write to the project's folder.
pub(super) const PINNING: [&str; 1] = ["pin_version"];

const COMPOSE: &str = "services:\n  web: { image: \"purser-test/web:${WEB_TAG}\" }\n";

async fn shop(image: &str) -> (Shop, Folder, Home) {
    let shop = Shop::new();
    shop.start(1, image, &[]).await;
    let folder = Folder::new(COMPOSE, Some(DOTENV));
    let mut table = engine();
    let mut projects = toml::Table::new();
    projects.insert(
        shop.project.clone(),
        folder.path().display().to_string().into(),
    );
    table.insert("projects".to_owned(), projects.into());
    let home = Home::new(&[("shop", table)]);
    home.workflow("go", &steps(&shop, V2));
    (shop, folder, home)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_while_the_version_is_pinned_a_deploy_goes_on() {
    each(points(ACTION, &PINNING, &MOMENTS), goes_on).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_while_it_is_unpinned_the_file_is_what_it_was() {
    each(points(ACTION, &PINNING, &["undoing", "undone"]), goes_back).await;
}

async fn goes_on(point: String) {
    let (shop, folder, mut home) = shop(V1).await;
    let run = killed_at(&point, &mut home).await;
    let facts = expect_one_run(&home, &run, "succeeded").await;
    assert_eq!(facts["steps"][0]["attempts"], 1);
    assert_eq!(shop.state(1), format!("{V2} running healthy"));
    assert_eq!(folder.env(), DOTENV.replace("'v1'", "'v2'"));
    assert!(!facts.to_string().contains("horse"), "{facts:#}");
}

/// Nothing was deployed but the version pinned: an undo takes just that back.
async fn goes_back(point: String) {
    let (shop, folder, mut home) = shop(V2).await;
    home.up().await;
    let run = home.starts(&ASK).await;
    assert_eq!(home.ends(&run).await["status"], "succeeded");
    assert_eq!(folder.env(), DOTENV.replace("'v1'", "'v2'"));
    home.stop().await;
    undone_over(&point, &mut home, &run).await;
    assert_eq!(folder.env(), DOTENV);
    assert_eq!(shop.state(1), format!("{V2} running healthy"));
}
