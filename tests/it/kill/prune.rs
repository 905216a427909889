//! `docker.prune_images`, killed: what was to go is gone, and what was to stay is there.

use super::{MOMENTS, each, effects, expect_one_run, home_of_docker, killed_at, points};
use crate::docker::pruning::Repository;

const ACTION: &str = "docker.prune_images";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_at_every_failpoint_a_prune_comes_to_its_end() {
    each(points(ACTION, &effects(ACTION), &MOMENTS), prunes).await;
}

async fn prunes(point: String) {
    let shop = Repository::with(3);
    let mut home = home_of_docker();
    home.workflow("go", &steps(&shop.name));

    let run = killed_at(&point, &mut home).await;

    let facts = expect_one_run(&home, &run, "succeeded").await;
    assert_eq!(facts["steps"][0]["attempts"], 1);
    assert_eq!(shop.tags(), ["v3"]);
    let removed = &run["run"]["steps"]["prune"]["output"]["removed"];
    assert_eq!(removed.as_array().map(Vec::len), Some(2), "{run:#}");
}

fn steps(repository: &str) -> String {
    format!(
        "
steps:
  - id: prune
    uses: docker.prune_images
    with: {{ keep: 1, repositories: [{repository}] }}
"
    )
}
