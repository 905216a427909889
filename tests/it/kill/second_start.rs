//! A server that is stopped in the middle of its work, and one that is started twice.

use serde_json::json;

use super::{ASK, expect_one_run, home_of_docker};
use crate::docker::stage::{Cleanup, Events, V1, eventually, names, unique};
use crate::support::program::Home;

/// A job that runs for some seconds, in a step of a name that no other test uses.
struct Job {
    home: Home,
    step: String,
    container: Cleanup,
}

impl Job {
    fn new() -> Self {
        let (home, step) = (home_of_docker(), unique("job").replace('-', "_"));
        let steps = format!(
            "
steps:
  - id: {step}
    uses: docker.run_job
    with:
      image: {V1}
      command: [job, --lines, '5', --seconds, '5']
"
        );
        home.workflow("go", &steps);
        let container = Cleanup(format!("label=purser.step={step}"));
        Self {
            home,
            step,
            container,
        }
    }

    fn containers(&self) -> Vec<String> {
        names(&self.container.0)
    }

    /// The job ends well, and has run once.
    async fn runs_once(self, run: &str, mut events: Events) {
        let run = self.home.ends(run).await;
        let facts = expect_one_run(&self.home, &run, "succeeded").await;
        assert_eq!(facts["steps"][0]["attempts"], 1);
        assert_eq!(events.until("destroy"), ["create", "start", "die"]);
        assert_eq!(self.containers(), Vec::<String>::new());
        let id = run["run"]["id"].as_str().unwrap();
        let lines = self.home.asks(&["runs", "lines", id, &self.step]).await;
        let all: Vec<_> = (1..=5).map(|n| format!("line {n}")).collect();
        assert_eq!(lines, json!(all));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_told_to_stop_leaves_its_work_to_the_next_one() {
    let mut job = Job::new();
    let events = Events::of(&job.container.0);
    job.home.up().await;
    let run = job.home.starts(&ASK).await;
    eventually("the job runs", || !job.containers().is_empty()).await;
    let container = job.containers();

    let stopped = job.home.stop().await;
    assert!(stopped.success(), "{stopped}: {}", job.home.log());
    assert_eq!(job.containers(), container);

    job.home.up().await;
    job.runs_once(&run, events).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_second_server_on_a_store_is_told_who_holds_it_and_the_first_goes_on() {
    let mut job = Job::new();
    let events = Events::of(&job.container.0);
    job.home.up().await;
    let run = job.home.starts(&ASK).await;
    eventually("the job runs", || !job.containers().is_empty()).await;

    let second = job.home.types(&["up"]).await;
    assert_eq!(second.code, 1, "{second:?}");
    let who = format!("is held by the process {}: ", job.home.pid());
    assert!(second.err.contains(&who), "{second:?}");

    job.runs_once(&run, events).await;
}
