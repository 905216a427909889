//! What a Prometheus gets of the real program, read by Prometheus's own library for Python.

use std::process::Stdio;

use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::support::program::Home;
use crate::support::stack::variable;
use crate::support::systems::{docker, of_kind};

/// Reads `OpenMetrics` strictly and writes it as JSON: name, labels and value of each sample.
const READ: &str = r"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = text_string_to_metric_families(sys.stdin.read())
print(json.dumps([[s.name, s.labels, s.value] for family in families for s in family.samples]))
";

struct Figures(Vec<(String, Value, f64)>);

impl Figures {
    async fn read(text: &str) -> Self {
        let mut reader = Command::new("python3")
            .args(["-c", READ])
            .env("PYTHONPATH", variable("PURSER_TEST_PYTHONPATH"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = reader.stdin.take().unwrap();
        input.write_all(text.as_bytes()).await.unwrap();
        drop(input);
        let output = reader.wait_with_output().await.unwrap();
        assert!(output.status.success(), "it is no OpenMetrics: {text}");
        Self(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// The value of the one sample of this name that has these labels.
    fn of(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |all: &Value| labels.iter().all(|(label, value)| all[label] == *value);
        let mut found = self.0.iter().filter(|(n, all, _)| n == name && fits(all));
        let (_, _, value) = found
            .next()
            .unwrap_or_else(|| panic!("no {name} {labels:?}: {:?}", self.0));
        assert!(found.next().is_none(), "more than one {name} {labels:?}");
        *value
    }
}

fn home() -> Home {
    let home = Home::new(&[("box", of_kind("docker", docker()))]);
    home.workflow("look", "steps: [{ id: look, uses: docker.list_services }]");
    home.workflow(
        "fail",
        "steps: [{ id: log, uses: docker.show_logs, with: { service: nobody } }]",
    );
    home.workflow("never", "steps: [{ id: look, uses: docker.list_services }]");
    home.workflow(
        "often",
        "steps: [{ id: look, uses: docker.list_services }]\n\
         on: [{ schedule: '* * * * * *', id: second }]",
    );
    home
}

#[tokio::test]
async fn runs_steps_and_schedules_are_figures() {
    let mut home = home();
    home.configure("[metrics]\nlisten = '127.0.0.1:0'\n");
    home.up().await;
    assert_eq!(home.types(&["run", "look"]).await.code, 0);
    assert_eq!(home.types(&["run", "look"]).await.code, 0);
    assert_eq!(home.types(&["run", "fail"]).await.code, 1);
    let url = format!("http://{}/metrics", home.address_of("figures are served"));
    let answer = get(&url).await.unwrap();
    assert_eq!(
        answer.headers()[CONTENT_TYPE],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let figures = Figures::read(&answer.text().await.unwrap()).await;
    let look = [("workflow", "look")];
    assert_figure(
        figures.of(
            "purser_runs_requested_total",
            &[look[0], ("trigger", "api")],
        ),
        2.0,
    );
    assert_figure(
        figures.of(
            "purser_runs_ended_total",
            &[look[0], ("state", "succeeded")],
        ),
        2.0,
    );
    for state in ["failed", "rolled_back", "cancelled", "stuck"] {
        let none = [look[0], ("state", state)];
        assert_figure(figures.of("purser_runs_ended_total", &none), 0.0);
    }
    let never = [("workflow", "never"), ("state", "failed")];
    assert_figure(figures.of("purser_runs_ended_total", &never), 0.0);
    assert_figure(figures.of("purser_run_duration_seconds_count", &look), 2.0);
    let failed = [("workflow", "fail"), ("state", "failed")];
    assert_figure(figures.of("purser_runs_ended_total", &failed), 1.0);
    let attempts = "purser_step_attempt_duration_seconds_count";
    let failed = [("action", "docker.show_logs"), ("outcome", "failed")];
    assert_figure(figures.of(attempts, &failed), 1.0);
    assert!(figures.of("purser_run_duration_seconds_sum", &look) > 0.0);
    assert!(figures.of("purser_run_queue_time_seconds_count", &[]) >= 3.0);
    let second = [("schedule", "often.second")];
    assert!(figures.of("purser_schedule_next_timestamp_seconds", &second) > 1.7e9);
    assert!(figures.of("purser_schedule_overdue_seconds", &second) < 60.0);
    assert_figure(figures.of("purser_schedule_paused", &second), 0.0);
    assert_figure(
        figures.of("purser_runs", &[("state", "waiting_approval")]),
        0.0,
    );
    assert!(figures.of("purser_receipts_sealed", &[]) >= 2.0);
    assert_figure(
        figures.of(
            "purser_build_info",
            &[("version", env!("CARGO_PKG_VERSION"))],
        ),
        1.0,
    );
    home.stop().await;
}

#[tokio::test]
async fn the_run_of_a_fire_shows_how_late_it_was() {
    let mut home = home();
    home.configure("[metrics]\nlisten = '127.0.0.1:0'\n");
    home.up().await;
    let url = format!("http://{}/metrics", home.address_of("figures are served"));
    let has_fired = async {
        loop {
            let text = get(&url).await.unwrap().text().await.unwrap();
            if text.contains("purser_schedule_lateness_seconds_count") {
                break Figures::read(&text).await;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let figures = tokio::time::timeout(std::time::Duration::from_secs(30), has_fired);
    let figures = figures.await.expect("it fires");
    let second = [("schedule", "often.second")];
    let late = figures.of("purser_schedule_lateness_seconds_sum", &second);
    let fires = figures.of("purser_schedule_lateness_seconds_count", &second);
    assert!(late / fires < 30.0, "{late} s in {fires} fires");
    home.stop().await;
}

#[tokio::test]
async fn with_a_token_the_figures_are_for_whoever_has_it() {
    let mut home = home();
    home.write("token", "a-token-of-some-length\n");
    home.configure("[metrics]\nlisten = '127.0.0.1:0'\ntoken_file = 'token'\n");
    home.up().await;
    let url = format!("http://{}/metrics", home.address_of("figures are served"));
    let ask = async |token: Option<&str>| {
        let request = client().get(&url);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.unwrap().status()
    };
    assert_eq!(ask(None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(
        ask(Some("a-token-of-some-lengtH")).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(ask(Some("a-token-of-some-length")).await, StatusCode::OK);
    home.stop().await;
}

async fn get(url: &str) -> reqwest::Result<reqwest::Response> {
    client().get(url).send().await
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// Counts are whole numbers: they are equal or they are not.
#[track_caller]
fn assert_figure(figure: f64, wanted: f64) {
    assert!(
        (figure - wanted).abs() < f64::EPSILON,
        "{figure} is not {wanted}"
    );
}
