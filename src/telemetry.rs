//! Purser's own log: lines to standard error, every known secret masked.

use std::io::{self, Write};
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

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
const WHOLE_MESSAGES: [&str; 3] = [
    "serenity=info",
    "tungstenite=info",
    "tokio_tungstenite=info",
];

/// Starts the log. `level` is a filter such as `info` or `purser=debug,warn`.
///
/// # Errors
/// The filter does not parse, or a log was started before.
pub fn start(format: Format, level: &str, redactor: Arc<Redactor>) -> Result<(), String> {
    let mut filter = EnvFilter::try_new(level).map_err(|error| format!("[log] level: {error}"))?;
    for quiet in WHOLE_MESSAGES {
        filter = filter.add_directive(quiet.parse().map_err(|error| format!("{error}"))?);
    }
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Masking { redactor });
    let started = match format {
        Format::Text => builder.with_ansi(false).try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
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
