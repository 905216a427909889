//! What people see on their terminals when they talk to the real program, on real parts.
//!
//! One file for each thing that a reader may look for. A snapshot is what stands on the terminal,
//! with the exit code below it; names and times that differ in each run are replaced by words.

mod approvals;
mod around_a_deploy;
mod backups;
mod changes;
pub(crate) mod console;
mod damaged;
mod deploys;
mod discord;
mod doctor;
mod downgrade;
mod engine_restarts;
mod everyday;
mod exit_codes;
mod holds;
mod images;
mod init;
mod init_again;
mod input_files;
mod jobs;
mod limits;
mod links;
mod lint;
mod named;
mod people;
pub(crate) mod plain;
mod plans_that_change;
mod prometheus;
mod receipts;
mod relay;
mod reload;
mod reruns;
mod retention;
mod rollbacks;
mod runs;
mod schedules;
mod secret_inputs;
mod secret_store;
mod secrets;
mod server;
mod standby;
mod suggest;
mod terminal;
mod undo;
mod wrong_names;

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::docker::stage::{eventually, inspect, names};
use crate::support::database::Database;
use crate::support::program::{Home, Person, Said};
use crate::support::s3::Bucket;
use crate::support::systems::{docker, of_kind};

/// A home with its server, and the words to show instead of what differs in each run.
struct Story {
    home: Home,
    words: Vec<(String, &'static str)>,
}

impl Story {
    /// Files for these systems; nothing runs yet.
    fn with(systems: &[(&str, toml::Table)]) -> Self {
        Self::at(Home::new(systems))
    }

    /// The story of this home.
    fn at(home: Home) -> Self {
        let words = vec![(home.path("").display().to_string(), "HOME/")];
        Self { home, words }
    }

    /// Files for a Docker engine called `shop`.
    fn of_docker() -> Self {
        Self::with(&[("shop", docker())])
    }

    /// The same, with a workflow `migrate` that runs a job in one step, and its server.
    async fn of_job() -> Self {
        let mut story = Self::of_docker();
        story.home.workflow("migrate", MIGRATE);
        story.home.up().await;
        story
    }

    /// Files for a database `orders-db` and the store `minio` for its backups.
    fn of_backups(database: &Database, bucket: &Bucket) -> Self {
        let systems = [
            ("orders-db", of_kind("postgres", database.settings())),
            ("minio", of_kind("s3", bucket.settings())),
        ];
        let mut story = Self::with(&systems);
        story.call(&database.name, "DATABASE");
        story.call(&bucket.name, "BUCKET");
        let to = format!("s3://minio/{}/orders", bucket.name);
        story
            .home
            .workflow("backup", &BACKUP.replace("FOLDER", &to));
        story.home.workflow("list", &LIST.replace("FOLDER", &to));
        story
    }

    /// From now on this word is shown instead of that name.
    fn call(&mut self, name: &str, word: &'static str) {
        self.words.push((name.to_owned(), word));
    }

    /// Puts a system into the configuration in place of the one of this name.
    fn set_system(&self, name: &str, settings: &toml::Table) {
        let file = self.home.path("purser.toml");
        let mut config: toml::Table = fs::read_to_string(file).unwrap().parse().unwrap();
        config["systems"][name] = settings.clone().into();
        self.home.write("purser.toml", &config.to_string());
    }

    /// Ann types `purser …`: what she sees.
    async fn sees(&self, line: &str) -> String {
        self.person_sees(Person::Ann, line).await
    }

    /// Somebody types `purser …`: what they see.
    async fn person_sees(&self, person: Person, line: &str) -> String {
        let said = self.home.person_types(person, &words(line)).await;
        self.shown(&said)
    }

    /// Starts a run that nobody watches: its id.
    async fn starts(&self, line: &str) -> String {
        self.home.starts(&words(line)).await
    }

    /// The run that was asked for last.
    async fn last_run(&self) -> String {
        let runs = self.home.asks(&["runs", "list"]).await;
        runs[0]["id"].as_str().unwrap().to_owned()
    }

    /// What a run is like once it is as wanted.
    async fn until(&self, run: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let view = self.home.asks(&["runs", "show", run]).await;
            if wanted(&view) {
                return view;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{view:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until people are asked about a run's plan: its digest as they see it.
    async fn asks_approval(&self, run: &str) -> String {
        let asks = |view: &Value| view["status"] == json!({ "waiting": "approval" });
        let view = self.until(run, asks).await;
        let digest = view["run"]["approval"]["digest"].as_str().unwrap();
        digest["sha256:".len()..][..12].to_owned()
    }

    /// What stands on the terminal in the end, and the exit code below it.
    fn shown(&self, said: &Said) -> String {
        let lines = format!("{}{}", said.out, said.err);
        self.plain(&format!("{lines}exit code {}", said.code))
    }

    /// A text with what differs in each run replaced.
    fn plain(&self, text: &str) -> String {
        let called = self
            .words
            .iter()
            .fold(text.to_owned(), |text, (name, word)| {
                text.replace(name, word)
            });
        plain::plain(&called)
    }
}

/// The words of a line, as a shell splits them that knows no quotes.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// The containers that a run has made and that are still there, stopped ones too.
fn containers_of(run: &str) -> Vec<String> {
    names(&format!("label=purser.run={run}"))
}

/// A workflow of one step that runs a job.
const MIGRATE: &str = r#"
inputs:
  lines: { type: string, default: "3" }
  seconds: { type: string, default: "0" }
  exit: { type: string, default: "0" }
steps:
  - id: migrate
    uses: docker.run_job
    with:
      image: purser-test/web:v1
      command: [job, --lines, "{{ inputs.lines }}", --seconds, "{{ inputs.seconds }}", --exit, "{{ inputs.exit }}"]
"#;

/// A workflow that backs a database up.
const BACKUP: &str = r#"
inputs:
  database: { type: string }
steps:
  - id: dump
    uses: postgres.backup
    with: { system: orders-db, database: "{{ inputs.database }}", to: FOLDER }
"#;

/// A workflow that lists the backups.
const LIST: &str = "
steps:
  - id: list
    uses: postgres.list_backups
    with: { system: orders-db, from: FOLDER }
";

/// Waits until a run's job is at work.
async fn job_runs(run: &str) {
    let is_running = |name: &String| inspect(name, "{{.State.Status}}") == "running";
    eventually("the job runs", || containers_of(run).iter().any(is_running)).await;
}
