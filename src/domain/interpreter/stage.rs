//! A run for tests.

use serde_json::{Value, json};

use crate::domain::names::RunId;
use crate::domain::run::RunState;
use crate::domain::time::Timestamp;

/// A run with these inputs that Bo has asked for.
pub(super) fn run(inputs: &Value) -> RunState {
    let request = json!({
        "workflow": "play", "definition": format!("sha256:{:064}", 0), "dialect": 1,
        "inputs": inputs,
        "by": { "person": "bo", "roles": [], "through": "uid 0" }, "trigger": "api",
        "environments": [], "approval": [], "systems": {}, "concurrency": null, "timeout": null,
    });
    let id = RunId::new(uuid::Uuid::from_u128(7));
    let request = serde_json::from_value(request).unwrap();
    RunState::asked_for(id, request, Timestamp::from_micros(0))
}
