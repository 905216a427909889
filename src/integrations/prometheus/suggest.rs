//! Names for people to choose from while they type.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::connection::Prometheus;
use super::promql;
use crate::action::{ActionError, Offers, ReadContext, Result, ports};
use crate::domain::nearest;

/// What can be completed.
pub(super) const LISTS: &[&str] = &["metrics", "graphs"];

impl ports::Suggest for Prometheus {
    /// Completes `metrics` and `graphs`.
    fn offers<'a>(
        &'a self,
        _: &'a ReadContext,
        what: &'a str,
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Offers>> {
        async move {
            match what {
                "metrics" => Ok(self.metrics().await?.into()),
                "graphs" => {
                    let graphs: Vec<_> = self.settings().graphs.keys().cloned().collect();
                    Ok(graphs.into())
                }
                _ => {
                    let why = nearest::unknown("list of Prometheus names", what, LISTS.to_vec());
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
