//! Names for people to choose from while they type.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::connection::Prometheus;
use super::promql;
use crate::action::{ActionError, Result, ports};
use crate::domain::nearest;

impl ports::Suggest for Prometheus {
    /// Completes `metrics` and `graphs`.
    fn names<'a>(
        &'a self,
        what: &'a str,
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<String>>> {
        async move {
            match what {
                "metrics" => self.metrics().await,
                "graphs" => Ok(self.settings().graphs.keys().cloned().collect()),
                _ => {
                    let known = ["metrics", "graphs"];
                    let why = nearest::unknown("list of Prometheus names", what, known);
                    Err(ActionError::fatal(why))
                }
            }
        }
        .boxed()
    }

    /// A metric is completed within its query: `sum(rate(htt`.
    fn place<'t>(&self, what: &str, typed: &'t str) -> Option<(&'t str, &'t str)> {
        match what {
            "metrics" => promql::metric_at_end(typed),
            _ => Some(("", typed)),
        }
    }
}
