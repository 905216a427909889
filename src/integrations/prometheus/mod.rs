//! Prometheus, and whatever else answers its HTTP API: what the stack's figures are, and were.
//!
//! ```toml
//! [systems.prometheus]
//! kind = "prometheus"
//! url = "http://prometheus:9090"
//! ```

mod answer;
mod connection;
mod empty;
mod examine;
mod explain;
mod promql;
mod query;
mod query_range;
mod series;
mod settings;
mod sparkline;
mod suggest;
mod table;
mod time;
mod unit;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema as _;

pub use connection::Prometheus;
pub use query::Query;
pub use query_range::QueryRange;

use crate::action::{Clock, Examination, Integration, Ports, Result, System, Uses};

/// What Purser can do with a Prometheus.
pub fn integration() -> Integration {
    Integration {
        kind: "prometheus",
        connect: |connect| Ok(Arc::new(Prometheus::connect(connect)?)),
        settings: settings::Settings::json_schema,
        suggests: suggest::LISTS,
        actions: || vec![Arc::new(Query), Arc::new(QueryRange)],
    }
}

impl System for Prometheus {
    fn address(&self) -> String {
        self.url().to_owned()
    }

    fn ports(self: Arc<Self>) -> Ports {
        Ports {
            suggest: Some(self),
            ..Ports::default()
        }
    }

    fn check(&self) -> BoxFuture<'_, Result<String>> {
        async {
            Ok(format!(
                "Prometheus {} at {}",
                self.version().await?,
                self.url()
            ))
        }
        .boxed()
    }

    fn examine<'a>(&'a self, _: &'a Uses, clock: &'a dyn Clock) -> BoxFuture<'a, Examination> {
        self.looked_at(clock).boxed()
    }
}
