//! `docker.run_job`, killed: its container is made, runs and goes once.

use serde_json::json;

use super::image::Pushed;
use super::{MOMENTS, each, effects, expect_one_run, home_of_docker, killed_at, points};
use crate::docker::stage::{Events, V1, names};

const ACTION: &str = "docker.run_job";

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_at_every_failpoint_a_job_runs_once() {
    each(points(ACTION, &effects(ACTION), &MOMENTS), runs_once).await;
}

async fn runs_once(point: String) {
    let image = Pushed::like(V1);
    let mut events = Events::of(&format!("image={}", image.reference));
    let mut home = home_of_docker();
    home.workflow("go", &steps(&image.reference));

    let run = killed_at(&point, &mut home).await;

    let facts = expect_one_run(&home, &run, "succeeded").await;
    assert_eq!(facts["steps"][0]["attempts"], 1);
    assert_eq!(events.until("destroy"), ["create", "start", "die"]);
    let id = run["run"]["id"].as_str().unwrap();
    let left = names(&format!("label=purser.run={id}"));
    assert_eq!(left, Vec::<String>::new());
    let lines = home.asks(&["runs", "lines", id, "job"]).await;
    assert_eq!(lines, json!(["line 1", "line 2", "line 3"]));
}

fn steps(image: &str) -> String {
    format!(
        "
steps:
  - id: job
    uses: docker.run_job
    with:
      image: {image}
      command: [job, --lines, '3', --seconds, '0.1']
"
    )
}
