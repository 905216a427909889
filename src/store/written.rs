//! Runs as their rows have them: secrets masked, and everything that is JSON written as text.

use crate::domain::event::Event;
use crate::domain::redact::Redactor;
use crate::domain::run::RunStatus;

use super::NewRun;

/// A new run as its rows will have it.
pub(super) struct Written {
    pub(super) run: NewRun,
    pub(super) request: String,
    pub(super) definition: String,
    pub(super) concurrency: Option<String>,
}

impl Written {
    pub(super) fn of(run: NewRun, redactor: &Redactor) -> Self {
        let request = Event::Requested(Box::new(run.request.clone())).masked(redactor);
        let concurrency = run.request.concurrency.as_deref();
        Self {
            request: serde_json::json!(request).to_string(),
            definition: serde_json::json!(run.definition).to_string(),
            concurrency: concurrency.map(|key| redactor.text(key)),
            run,
        }
    }
}

/// A status as the list of runs keeps it.
pub(super) fn status_text(status: RunStatus) -> String {
    serde_json::json!(status).to_string()
}

/// The place in a log or a chain as databases count.
pub(super) fn place(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
