//! Progress, as plain lines on standard error: standard output belongs to answers.

use std::fmt::Display;
use std::time::Instant;

/// One line of progress about `who`.
pub(crate) fn line(who: &str, what: impl Display) {
    eprintln!("{who:<9} {what}");
}

/// How long it took since `start`, for people.
pub(crate) fn took(start: Instant) -> String {
    format!("{:.1} s", start.elapsed().as_secs_f64())
}
