//! Units guessed from what a metric is called.

use super::promql::Words;
pub(super) use crate::domain::unit::Unit;

/// A unit, and the metric whose name gave it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guess {
    pub(super) unit: Unit,
    pub(super) from: String,
}

impl Unit {
    /// The unit of what a query gives, if the names of its metrics say so. Products and quotients
    /// have units of their own, and counts of series have none.
    pub(super) fn guess(query: &str) -> Option<Guess> {
        let words = Words::of(query);
        let counts = [
            "count",
            "count_values",
            "group",
            "absent",
            "changes",
            "resets",
            "timestamp",
        ];
        if words.signs.contains(['*', '/', '%', '^']) || words.calls(&counts) {
            return None;
        }
        let mut guesses = words
            .metrics
            .iter()
            .map(|name| (of_metric(name, &words), name));
        let (first, name) = guesses.next()?;
        let unit = first.filter(|_| guesses.all(|(other, _)| other == first))?;
        Some(Guess {
            unit,
            from: name.clone(),
        })
    }
}

fn of_metric(name: &str, words: &Words) -> Option<Unit> {
    let is_rate = words.calls(&["rate", "irate", "deriv"]) && !words.calls(&["histogram_quantile"]);
    let is_count = name.ends_with("_count") || name.ends_with("_bucket") && is_rate;
    let base = ["_total", "_sum", "_bucket"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    let base = base.unwrap_or(name);
    let unit = match base.rsplit(['_', ':']).next() {
        _ if is_count => None,
        Some("bytes") => Some(Unit::Bytes),
        // An instant is written in seconds too, and is no length of time until it is subtracted.
        Some("seconds")
            if base.ends_with("time_seconds") || base.ends_with("timestamp_seconds") =>
        {
            words.calls(&["time"]).then_some(Unit::Seconds)
        }
        Some("seconds") => Some(Unit::Seconds),
        Some("percent") => Some(Unit::Percent),
        Some("ratio") => Some(Unit::Ratio),
        Some("celsius") => Some(Unit::Celsius),
        _ => None,
    };
    match (unit, is_rate) {
        (unit, false) => unit,
        (Some(Unit::Bytes), true) => Some(Unit::BytesPerSecond),
        // Seconds per second: how much of the time.
        (Some(Unit::Seconds), true) => Some(Unit::Ratio),
        (None, true) if name.ends_with("_total") || is_count => Some(Unit::PerSecond),
        (_, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(query: &str) -> Option<Unit> {
        Unit::guess(query).map(|guess| guess.unit)
    }

    #[test]
    fn the_suffix_and_what_is_done_with_it_give_the_unit() {
        assert_eq!(guess("node_memory_MemFree_bytes"), Some(Unit::Bytes));
        assert_eq!(guess("max by (x) (a_bytes - b_bytes)"), Some(Unit::Bytes));
        assert_eq!(
            guess("rate(net_bytes_total[5m])"),
            Some(Unit::BytesPerSecond)
        );
        assert_eq!(guess("increase(net_bytes_total[5m])"), Some(Unit::Bytes));
        assert_eq!(
            guess("sum(rate(http_requests_total[1m]))"),
            Some(Unit::PerSecond)
        );
        assert_eq!(guess("rate(cpu_seconds_total[1m])"), Some(Unit::Ratio));
        assert_eq!(
            guess("histogram_quantile(0.9, rate(latency_seconds_bucket[5m]))"),
            Some(Unit::Seconds)
        );
        assert_eq!(
            guess("time() - process_start_time_seconds"),
            Some(Unit::Seconds)
        );
        assert_eq!(guess("room_celsius"), Some(Unit::Celsius));
    }

    #[test]
    fn where_the_names_do_not_say_it_nothing_is_guessed() {
        for query in [
            "up",
            "a_bytes / b_bytes",
            "a_bytes + b_seconds",
            "count(a_bytes)",
            "process_start_time_seconds",
            "http_seconds_count",
            "1",
        ] {
            assert_eq!(guess(query), None, "{query}");
        }
    }
}
