//! Beats of the real program.

use axum::http::StatusCode;

use super::receiver::Receiver;
use crate::support::patience;
use crate::support::program::Home;
use crate::support::systems::{docker, of_kind};

/// Each second, and quick.
const OFTEN: &str = "
steps:
  - { id: look, uses: docker.list_services }
on:
  - { schedule: '* * * * * *', id: often }
";

fn home() -> Home {
    Home::new(&[("box", of_kind("docker", docker()))])
}

#[tokio::test]
async fn while_purser_lives_beats_come() {
    let (address, receiver) = Receiver::listen().await;
    let mut home = home();
    home.write("url", &format!("{address}/beat/secret-of-ours\n"));
    home.configure("[heartbeat]\nurl_file = 'url'\nevery = '5s'\n");
    receiver.answer(&[StatusCode::NOT_FOUND]);
    home.up().await;
    let came = receiver.comes(2).await;
    assert_eq!(came, ["GET /beat/secret-of-ours"; 2]);
    home.stop().await;
    let log = home.log();
    assert!(log.contains("a heartbeat did not arrive"), "{log}");
    assert!(log.contains("heartbeats arrive again"), "{log}");
    assert!(!log.contains("secret-of-ours"), "{log}");
}

#[tokio::test]
async fn a_run_of_a_schedule_that_succeeds_is_told_and_one_that_fails_is_not() {
    let (address, receiver) = Receiver::listen().await;
    let mut home = home();
    home.workflow("look", OFTEN);
    home.workflow(
        "fail",
        &OFTEN.replace("list_services }", "show_logs, with: { service: nobody } }"),
    );
    home.configure(&format!(
        "[heartbeat.schedules]\n'look.often' = {{ url = '{address}/looked' }}\n\
         'fail.often' = {{ url = '{address}/failed' }}\n"
    ));
    receiver.answer(&[StatusCode::BAD_GATEWAY]);
    home.up().await;
    let came = receiver.comes(3).await;
    let runs = home.asks(&["runs", "list"]).await;
    let failed = |run: &serde_json::Value| run["workflow"] == "fail" && run["status"] == "failed";
    assert!(runs.as_array().unwrap().iter().any(failed), "{runs:#}");
    assert!(came.iter().all(|line| line == "GET /looked"), "{came:?}");
    home.stop().await;
}

#[tokio::test]
async fn a_fire_that_was_missed_while_purser_was_down_is_no_trouble() {
    let (address, receiver) = Receiver::listen().await;
    let mut home = home();
    home.workflow("look", &OFTEN.replace("* * * * * *", "@hourly"));
    home.configure(&format!(
        "[heartbeat]\nurl = '{address}/well'\ntrouble_url = '{address}/trouble'\nevery = '5s'\n"
    ));
    home.up().await;
    // The scheduler has met it once the store has it.
    let is_met = async || in_store(&home, "UPDATE schedules SET seen = seen").await > 0;
    patience::until("the store has the schedule", is_met).await;
    home.stop().await;
    let hours = "UPDATE schedules SET seen = seen - 3 * 3600 * 1000000";
    assert_eq!(in_store(&home, hours).await, 1);
    let before = receiver.came().len();
    home.up().await;
    let came = receiver.comes(before + 2).await;
    assert!(came.iter().all(|line| line == "GET /well"), "{came:?}");
    let runs = home.asks(&["runs", "list"]).await;
    assert_eq!(runs[0]["workflow"], "look", "it was made up for: {runs:#}");
    home.stop().await;
}

/// What another client does in the store: how many rows it changed.
async fn in_store(home: &Home, change: &'static str) -> u64 {
    use sqlx::Connection as _;
    let url = format!("sqlite://{}", home.path("store/purser.db").display());
    let mut store = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let changed = sqlx::query(change).execute(&mut store).await.unwrap();
    store.close().await.unwrap();
    changed.rows_affected()
}

#[tokio::test]
async fn a_schedule_that_no_file_has_is_an_error() {
    let home = home();
    home.workflow("look", OFTEN);
    home.configure("[heartbeat.schedules]\n'look.oftn' = { url = 'https://beats.example/1' }\n");
    let said = home.types(&["lint"]).await;
    assert_eq!(said.code, 2);
    let place = home.path("purser.toml");
    let said = said
        .out
        .replace(&place.display().to_string(), "purser.toml");
    insta::assert_snapshot!(
        said,
        @"purser.toml:18:1: unknown schedule `look.oftn`; did you mean `look.often`?"
    );
}

#[tokio::test]
async fn what_is_wrong_in_the_tables_is_said_with_its_place() {
    for (lines, wanted) in [
        (
            "[heartbeat]\nevery = '5m'",
            "[heartbeat] needs `url`, `url_file` or `url_secret`: where the beats go",
        ),
        (
            "[heartbeat]\nurl = 'beats.example'",
            "[heartbeat]: `url` holds no address that begins with http:// or https://",
        ),
        (
            "[heartbeat]\nurl = 'https://b.example'\nevery = '1s'",
            "a beat is sent at most every 5 seconds",
        ),
        (
            "[heartbeat]\nurl = 'https://b.example'\nurl_file = 'x'",
            "there is more than one of `url`, `url_file` and `url_secret`: keep one of them",
        ),
        (
            "[heartbeat]\nurl_file = 'nowhere'",
            "nowhere cannot be read",
        ),
        (
            "[heartbeat.schedules]\n'nightly' = { url = 'https://b.example' }",
            "`nightly` names no schedule: write WORKFLOW.ID",
        ),
        (
            "[metrics]\nlisten = '127.0.0.1:0'\ntoken_file = 'nowhere'",
            "nowhere cannot be read",
        ),
        ("[metrics]\nlistn = '127.0.0.1:0'", "listen"),
    ] {
        let home = home();
        home.configure(lines);
        let said = home.types(&["up"]).await;
        assert_eq!(said.code, 2, "{lines}: {said:?}");
        assert!(said.err.contains(wanted), "{lines}: {}", said.err);
        assert!(said.err.contains("purser.toml:"), "{lines}: {}", said.err);
    }
}
