//! Stories of a real Prometheus: what it is asked, and what people are told.
//!
//! The stack's Prometheus has a history of an hour that is the same in every run: it begins at
//! [`BEGIN`], seconds of the epoch.

mod empty;
mod limits;
mod query;
mod range;
mod settings;
mod wrong;

use std::sync::Arc;

use purser::action::{Action as _, ActionSpec, AnyAction, Systems};
use purser::domain::names::RunId;
use purser::integrations::prometheus::{self, Query, QueryRange};
use serde_json::{Value, json};

use crate::support::journal::MemoryJournal;
use crate::support::stack::variable;
use crate::support::systems::connect;

/// 2025-01-01T00:00:00Z.
pub const BEGIN: u64 = 1_735_689_600;
/// Its last minutes.
const END: &str = "2025-01-01T00:59:45Z";

/// The table of `[systems.prometheus]` that leads to the stack's.
pub fn settings() -> toml::Table {
    let _ = rustls::crypto::ring::default_provider().install_default();
    toml::toml! { url = (variable("PURSER_TEST_PROMETHEUS_URL")) }
}

/// Systems with a `prometheus` of these settings.
fn systems(settings: toml::Table) -> Systems {
    let mut systems = Systems::new();
    connect(
        &mut systems,
        &prometheus::integration(),
        "prometheus",
        settings,
    );
    systems
}

async fn run(
    action: &dyn AnyAction,
    spec: ActionSpec,
    settings: toml::Table,
    input: Value,
) -> Result<Value, String> {
    let journal = Arc::new(MemoryJournal::default());
    run_in(&journal, action, spec, settings, input).await
}

async fn run_in(
    journal: &Arc<MemoryJournal>,
    action: &dyn AnyAction,
    spec: ActionSpec,
    settings: toml::Table,
    input: Value,
) -> Result<Value, String> {
    let run = RunId::new(uuid::Uuid::now_v7());
    let systems = Arc::new(systems(settings));
    let ctx = journal.context(run, spec, "prometheus", &systems);
    action.run(&ctx, input).await.map_err(|error| error.message)
}

/// What `prometheus.query` gives or says.
async fn query(input: Value) -> Result<Value, String> {
    query_with(settings(), input).await
}

async fn query_with(settings: toml::Table, input: Value) -> Result<Value, String> {
    run(&Query, Query::SPEC, settings, input).await
}

/// What `prometheus.query_range` gives or says.
async fn range(input: Value) -> Result<Value, String> {
    range_with(settings(), input).await
}

async fn range_with(settings: toml::Table, input: Value) -> Result<Value, String> {
    run(&QueryRange, QueryRange::SPEC, settings, input).await
}

/// What people read of an instant of the history.
async fn text(query_text: &str) -> String {
    let input = json!({ "query": query_text, "time": "2025-01-01T00:10:00Z" });
    said(&query(input).await.unwrap())
}

fn said(output: &Value) -> String {
    output["text"].as_str().unwrap().to_owned()
}

/// The same question, asked by a client that is none of Purser's.
async fn ask(path: &str, query: &[(&str, &str)]) -> Value {
    let url = format!("{}/api/v1/{path}", variable("PURSER_TEST_PROMETHEUS_URL"));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = reqwest::Client::new()
        .get(url)
        .query(query)
        .send()
        .await
        .unwrap();
    answer.json::<Value>().await.unwrap()["data"].clone()
}
