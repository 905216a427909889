//! Purser's own log: lines to standard error, every known secret masked.

use std::io::{self, Write};
use std::sync::Arc;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::domain::redact::Redactor;

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What keeps the connection to a chat logs whole messages as they come: at its lower levels, as the fields
/// of its spans, and where it cannot read one. What people type into a window as a secret is among them,
/// before anybody can know it for one.
const OF_A_CHAT: [&str; 3] = ["serenity", "tungstenite", "tokio_tungstenite"];

/// The module that says what it cannot read.
const READS: &str = "gateway::ws";

fn is_no_whole_message(line: &Metadata<'_>) -> bool {
    let target = line.target();
    let (crate_name, module) = target.split_once("::").unwrap_or((target, ""));
    !OF_A_CHAT.contains(&crate_name)
        || (line.is_event() && *line.level() <= Level::INFO && module != READS)
}

/// Starts the log. `level` is a filter such as `info` or `purser=debug,warn`.
///
/// # Errors
/// The filter does not parse, or a log was started before.
pub fn start(format: Format, level: &str, redactor: Arc<Redactor>) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|error| format!("[log] level: {error}"))?;
    let filtered = tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(is_no_whole_message));
    let lines = tracing_subscriber::fmt::layer().with_writer(Masking { redactor });
    let started = match format {
        Format::Text => filtered.with(lines.with_ansi(false)).try_init(),
        Format::Json => filtered.with(lines.json().flatten_event(true)).try_init(),
    };
    started.map_err(|error| error.to_string())
}

struct Masking {
    redactor: Arc<Redactor>,
}

impl<'a> MakeWriter<'a> for Masking {
    type Writer = MaskedLine;

    fn make_writer(&'a self) -> Self::Writer {
        MaskedLine {
            redactor: Arc::clone(&self.redactor),
            line: Vec::new(),
        }
    }
}

/// Gathers one event and writes it masked when it is complete, so that a secret which is written
/// in two pieces is found all the same.
struct MaskedLine {
    redactor: Arc<Redactor>,
    line: Vec<u8>,
}

impl Write for MaskedLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for MaskedLine {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.line);
        // A log that cannot be written must not stop the work.
        let _ = io::stderr().write_all(self.redactor.text(&text).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_whole_message_of_a_chat_is_logged() {
        let kept = Kept::default();
        let writer = kept.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry()
            .with(filter_fn(is_no_whole_message))
            .with(lines);
        tracing::subscriber::with_default(subscriber, || {
            let message = "canary";
            let target = tracing::info_span!(target: concat!("serenity", "::gateway::shard"), "take", message);
            let _within = target.enter();
            tracing::warn!(target: concat!("serenity", "::gateway::shard"), "the sequence is off");
            tracing::warn!(target: concat!("serenity", "::gateway::ws"), "cannot be read: {message}");
            tracing::debug!(target: concat!("serenity", "::http"), "{message}");
            tracing::trace!(target: "tungstenite::protocol", "{message}");
            tracing::trace!(target: "purser::engine", "ours");
        });
        let kept = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(
            kept.contains("the sequence is off") && kept.contains("ours"),
            "{kept}"
        );
        assert!(!kept.contains("canary"), "{kept}");
    }
}
