//! What the API offers to somebody who types, and how soon.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{BACKUP, Story};
use crate::support::database::Database;
use crate::support::patience;
use crate::support::s3::Bucket;
use crate::support::systems::of_kind;

const WORKFLOW: &str = r#"
inputs:
  query: { type: string, required: true }
  size: { type: string }
steps:
  - id: query
    uses: prometheus.query
    with: { query: "{{ inputs.query }}" }
"#;

const COMMAND: &str = "
options:
  query: { type: string, required: true, suggest: prometheus.metrics }
  size: { type: choice, choices: [small, large, largest] }
";

/// A Prometheus that answers nobody until it may, and counts who asks.
struct Slow {
    url: String,
    asked: Arc<AtomicUsize>,
    may: Arc<Semaphore>,
}

impl Slow {
    async fn start() -> Self {
        let (asked, may) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let (count, gate) = (Arc::clone(&asked), Arc::clone(&may));
        let names = move || async move {
            count.fetch_add(1, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
            axum::Json(json!({ "status": "success", "data": ["up", "shop_orders_total"] }))
        };
        let app = Router::new().route("/api/v1/label/__name__/values", get(names));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, asked, may }
    }
}

impl Story {
    async fn of_slow(slow: &Slow) -> Self {
        let url = slow.url.as_str();
        let table = of_kind("prometheus", toml::toml! { url = url });
        let mut story = Self::with(&[("prometheus", table)]);
        let home = &story.home;
        for (name, who) in [("ask", "operator"), ("admin", "owner")] {
            let head = format!("name: {name}\nsummary: For a story\n");
            let workflow = format!("{head}who: {{ production: [{who}] }}\n{WORKFLOW}");
            home.write(&format!("workflows/{name}.yaml"), &workflow);
            let command = format!("{head}runs: {name}\n{COMMAND}");
            home.write(&format!("commands/{name}.yaml"), &command);
        }
        home.configure("[people.owner]\nroles = ['owner']");
        story.home.up().await;
        story
    }

    /// What is offered to Ann, and how long it took.
    pub(super) async fn offered(&self, wanted: &Value) -> (Vec<String>, Duration) {
        // Another test may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .unix_socket(self.home.path("purser.sock"))
            .build()
            .unwrap();
        let begun = Instant::now();
        let request = client.post("http://purser/api/v1/suggest").json(wanted);
        let offered: Value = request.send().await.unwrap().json().await.unwrap();
        let took = begun.elapsed();
        let values = offered
            .as_array()
            .unwrap_or_else(|| panic!("{offered}"))
            .iter();
        let values = values.map(|one| one["value"].as_str().unwrap().to_owned());
        (values.collect(), took)
    }
}

pub(super) fn option(command: &str, option: &str, typed: &str) -> Value {
    json!({ "what": { "option": { "command": command, "option": option } }, "typed": typed })
}

#[tokio::test]
async fn a_slow_system_is_asked_once_and_keeps_nobody_waiting() {
    let slow = Slow::start().await;
    let story = Story::of_slow(&slow).await;
    let metric = option("ask", "query", "sum(shop");
    for _ in 0..3 {
        let (values, took) = story.offered(&metric).await;
        assert_eq!(values, Vec::<String>::new());
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    assert_eq!(slow.asked.load(Ordering::SeqCst), 1);
    slow.may.add_permits(1);
    let begun = Instant::now();
    while story.offered(&metric).await.0 != ["sum(shop_orders_total"] {
        assert!(begun.elapsed() < Duration::from_secs(4), "they never come");
    }
    assert_eq!(story.offered(&option("ask", "query", "u")).await.0, ["up"]);
    assert_eq!(
        slow.asked.load(Ordering::SeqCst),
        1,
        "the list is kept for a moment"
    );
}

#[tokio::test]
async fn choices_are_offered_and_nothing_of_what_one_may_not_start() {
    let slow = Slow::start().await;
    slow.may.add_permits(100);
    let story = Story::of_slow(&slow).await;
    let offered = async |wanted: Value| story.offered(&wanted).await.0;
    assert_eq!(
        offered(option("ask", "size", "la")).await,
        ["large", "largest"]
    );
    assert_eq!(offered(option("ask", "query", "")).await.len(), 2);
    assert_eq!(
        offered(option("admin", "size", "")).await,
        Vec::<String>::new()
    );
    assert_eq!(
        offered(option("admin", "query", "")).await,
        Vec::<String>::new()
    );
    assert_eq!(offered(json!({ "what": "command" })).await, ["ask"]);
    assert_eq!(offered(json!({ "what": "workflow" })).await, ["ask"]);
    assert_eq!(slow.asked.load(Ordering::SeqCst), 1);
}

const DRILL: &str = r#"
inputs:
  backup: { type: string, required: true }
  from: { type: string }
steps:
  - id: drill
    uses: postgres.drill_restore
    with: { system: orders-db, backup: "FOLDER/{{ inputs.backup }}" }
"#;

/// A server that can keep backups in the object store and in a folder, and commands that offer them:
/// those of either place, and those of a place that is chosen or typed.
async fn with_backups(database: &Database, bucket: &Bucket) -> (Story, [String; 2]) {
    let mut story = Story::of_backups(database, bucket);
    let places = [
        format!("s3://minio/{}/orders", bucket.name),
        format!("file://{}", story.home.path("backups").display()),
    ];
    let home = &story.home;
    home.workflow("keep", &BACKUP.replace("FOLDER", &places[1]));
    let source = |command: &str, more: &str, of: &str| {
        let option = format!(
            "backup: {{ type: string, required: true, suggest: 'postgres.backups({of})' }}"
        );
        let text =
            format!("name: {command}\nsummary: Drill\noptions:\n{more}  {option}\nruns: drill\n");
        home.write(&format!("commands/{command}.yaml"), &text);
    };
    home.workflow("drill", &DRILL.replace("FOLDER", &places[0]));
    source("stored", "", &places[0]);
    source("kept", "", &places[1]);
    let choice = format!("  from: {{ type: choice, choices: ['{}'] }}\n", places[0]);
    source("chosen", &choice, "from");
    source("typed", "  from: { type: string }\n", "from");
    story.home.up().await;
    (story, places)
}

#[tokio::test]
async fn backups_are_offered_from_where_the_files_say_and_not_from_where_somebody_types() {
    let (database, bucket) = (Database::create("").await, Bucket::create().await);
    let (story, [store, folder]) = with_backups(&database, &bucket).await;
    let mut names = vec![];
    for workflow in ["backup", "keep"] {
        let run = story.starts(workflow).await;
        let ended = story.home.ends(&run).await;
        let url = &ended["run"]["steps"]["dump"]["output"]["backup"];
        let (_, name) = url.as_str().unwrap().rsplit_once('/').unwrap();
        names.push(name.to_owned());
    }
    let wanted = |command: &str, from: Option<&str>| {
        let mut wanted = option(command, "backup", "");
        if let Some(from) = from {
            wanted["what"]["option"]["given"] = json!({ "from": from });
        }
        wanted
    };
    let found = async |wanted: &Value, name: &String| {
        let is_there = async || story.offered(wanted).await.0 == [name.as_str()];
        patience::until("the backup is offered", is_there).await;
    };
    found(&wanted("stored", None), &names[0]).await;
    found(&wanted("kept", None), &names[1]).await;
    found(&wanted("chosen", Some(&store)), &names[0]).await;

    // That they are there, and known by now, has been seen above.
    for (command, from) in [
        ("chosen", Some(folder.as_str())),
        ("chosen", None),
        ("typed", Some(store.as_str())),
        ("typed", Some(folder.as_str())),
        ("typed", Some("")),
    ] {
        let (values, _) = story.offered(&wanted(command, from)).await;
        assert_eq!(values, Vec::<String>::new(), "{command} {from:?}");
    }
    bucket.remove().await;
    database.remove().await;
}

#[tokio::test]
async fn what_purser_itself_has_is_offered_to_who_may_have_it() {
    let mut story = Story::with(&[]);
    let steps = "steps: [{ id: wait, wait: { for: 1ms } }]\n";
    let inputs = "inputs: { of: { type: string }, run: { type: string }, at: { type: string } }\n";
    let on = "on: [{ schedule: '@yearly', id: yearly }]\n";
    story
        .home
        .workflow("report", &format!("{inputs}{on}{steps}"));
    let head = "name: secret\nsummary: For the owner\nwho: { production: [owner] }\n";
    story
        .home
        .write("workflows/secret.yaml", &format!("{head}{steps}"));
    let command = "name: report\nsummary: Report\nruns: report\noptions:\n  \
                   of: { type: string, suggest: purser.workflows }\n  \
                   run: { type: string, suggest: purser.runs }\n  \
                   at: { type: string, suggest: purser.schedules }\n";
    story.home.write("commands/report.yaml", command);
    story.home.configure("[people.owner]\nroles = ['owner']");
    story.home.up().await;
    let run = story.starts("report").await;
    story.home.ends(&run).await;
    let offered = async |of: &str| story.offered(&option("report", of, "")).await.0;
    assert_eq!(offered("of").await, ["report"]);
    assert_eq!(offered("run").await, [&run[run.len() - 8..]]);
    assert_eq!(offered("at").await, ["report.yearly"]);
    let lists = purser::integrations::own::integration().suggests;
    assert_eq!(lists.len(), 3, "each of them is looked at above");
}
