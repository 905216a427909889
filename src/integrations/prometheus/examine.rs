//! Whether a Prometheus answers, and whether it has anything to tell.

use super::Prometheus;
use crate::action::{Clock, ClockReading, Examination, Result};
use crate::domain::finding::Remark;

impl Prometheus {
    pub(super) async fn looked_at(&self, clock: &dyn Clock) -> Examination {
        let mut found = Examination::default();
        match self.version().await {
            Ok(version) => {
                found.add(Ok(Remark::well(format!(
                    "Prometheus {version} at {}",
                    self.url()
                ))));
            }
            Err(error) => {
                found.add(Err(error));
                return found;
            }
        }
        found.add(self.targets().await);
        let before = clock.now();
        let headers = self.headers().await;
        found.clock = headers.and_then(|headers| ClockReading::of_http(before, &headers, clock));
        found
    }

    async fn targets(&self) -> Result<Remark> {
        let up = self.count("count(up)").await?;
        let down = self.count("count(up == 0)").await?;
        Ok(match (up, down) {
            (0, _) => Remark::warning(
                "it answers queries, and has no targets: every query will find nothing",
                "add `scrape_configs` to its own configuration",
            ),
            (all, 0) => Remark::well(format!("queries are answered; targets: {all}, all up")),
            (all, down) => Remark::warning(
                format!("of its {all} targets {down} cannot be scraped"),
                format!(
                    "look at {}/targets?search=&scrapePool=&health=unhealthy",
                    self.url()
                ),
            ),
        })
    }

    async fn count(&self, query: &str) -> Result<u64> {
        let answer = self.ask("query", &[("query", query)], 1).await?;
        let count = answer.series.first().and_then(super::series::Series::last);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of series"
        )]
        Ok(count.unwrap_or(0.0) as u64)
    }
}
