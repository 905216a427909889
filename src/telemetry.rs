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

/// They log at the lower levels whole messages of a chat as they come. What people type into a window
/// as a secret is among them, before anybody can know it for one.
const WHOLE_MESSAGES: [&str; 3] = ["serenity", "tungstenite", "tokio_tungstenite"];

fn is_no_whole_message(line: &Metadata<'_>) -> bool {
    let crate_name = line.target().split(':').next().unwrap_or_default();
    *line.level() <= Level::INFO || !WHOLE_MESSAGES.contains(&crate_name)
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
