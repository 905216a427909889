//! What to say when a query finds nothing: does the metric exist, and if not, which one was meant?

use super::connection::Prometheus;
use super::promql::Words;
use super::time;
use crate::action::Result;
use crate::domain::nearest;
use crate::domain::schedule::Zone;

/// Of so many metrics of a query it is looked why they are missing.
const MOST: usize = 3;

/// Explains an empty answer, a sentence for each metric that has no series at that time.
pub(super) async fn explain(
    prometheus: &Prometheus,
    query: &str,
    at: f64,
    zone: Zone,
) -> Result<String> {
    let metrics = Words::of(query).metrics;
    if metrics.is_empty() {
        return Ok("no series: nothing fits this query".to_owned());
    }
    let known = prometheus.metrics().await?;
    let mut said = Vec::new();
    let mut count = 0;
    for metric in metrics.iter().take(MOST) {
        if !known.contains(metric) {
            said.push(unknown(metric, &known));
            continue;
        }
        count = series_of(prometheus, metric, at).await?;
        if count == 0 {
            let at = time::shown(at, zone);
            said.push(format!(
                "the metric `{metric}` exists, and has no series at {at}"
            ));
        }
    }
    if said.is_empty() {
        let metric = &metrics[0];
        let series = if count == 1 {
            "1 series"
        } else {
            &format!("{count} series")
        };
        said.push(format!(
            "the metric `{metric}` exists, with {series} at that time: no labels or values fit what \
             the query asks for"
        ));
    }
    Ok(format!("no series: {}", said.join("; ")))
}

fn unknown(metric: &str, known: &[String]) -> String {
    nearest::unknown("metric", metric, known.iter().map(String::as_str))
}

async fn series_of(prometheus: &Prometheus, metric: &str, at: f64) -> Result<u64> {
    let at = time::written(at);
    let query = format!("count({metric})");
    let answer = prometheus
        .ask("query", &[("query", &query), ("time", &at)], 1)
        .await?;
    let count = answer.series.first().and_then(super::series::Series::last);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count"
    )]
    Ok(count.unwrap_or(0.0) as u64)
}
