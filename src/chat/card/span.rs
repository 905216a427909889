//! Lengths of time in words.

use std::time::Duration;

/// `1.4 s`, `2 min 5 s`.
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..=59 => format!("{:.1} s", span.as_secs_f64()),
        60..=3599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// As [`duration`], for what is still under way.
pub fn whole_seconds(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..=59 => format!("{seconds} s"),
        _ => duration(span),
    }
}
