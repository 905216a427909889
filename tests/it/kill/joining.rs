//! `docker.deploy_service` of a service in two networks, killed while a new container joins the second one,
//! once it is healthy.

use super::deploy::{ACTION, counts};
use super::image::Pushed;
use super::{MOMENTS, each, expect_one_run, home_of_docker, killed_at, points};
use crate::docker::shop::{Front, Shop};
use crate::docker::stage::{V1, V2, docker};

/// What is done only where networks are joined late.
pub(super) const JOINING: [&str; 1] = ["join_networks"];

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_while_a_new_container_joins_a_network_a_deploy_goes_on() {
    each(points(ACTION, &JOINING, &MOMENTS), goes_on).await;
}

async fn goes_on(point: String) {
    let image = Pushed::like(V2);
    let shop = Shop::new();
    shop.start(1, V1, &["--health-interval", "2s"]).await;
    let front = Front::of(&shop);
    let mut events = shop.events();
    let mut home = home_of_docker();
    let steps = format!(
        "
steps:
  - id: deploy
    uses: docker.deploy_service
    with:
      service: {}
      image: {}
      join_once_healthy: [front]
",
        shop.web(),
        image.reference
    );
    home.workflow("go", &steps);

    let run = killed_at(&point, &mut home).await;

    expect_one_run(&home, &run, "succeeded").await;
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(
        shop.state(1),
        format!("{} running healthy", image.reference)
    );
    assert_eq!(front.aliases(&shop.name(1)), Some(vec!["web".to_owned()]));
    docker(&["update", "--restart", "no", &shop.name(1)]);
    let told = events.until("update");
    assert_eq!(counts(&told), [1, 1, 1], "{told:?}");
}
