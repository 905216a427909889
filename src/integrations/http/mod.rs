//! Any web service of the house that speaks HTTP: asked, and told to do something once.
//!
//! ```toml
//! [systems.billing]
//! kind = "http"
//! url = "https://billing:8443/api"
//! ```

mod answer;
mod connection;
mod explain;
mod get;
mod request;
mod send;
mod settings;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema as _;

pub use connection::WebService;
pub use get::Get;
pub use send::Send;

use crate::action::{Integration, Ports, Result, System};

/// What Purser can do with a web service.
pub fn integration() -> Integration {
    Integration {
        kind: "http",
        connect: |connect| Ok(Arc::new(WebService::connect(connect)?)),
        settings: settings::Settings::json_schema,
        suggests: &[],
        actions: || vec![Arc::new(Get), Arc::new(Send)],
    }
}

impl System for WebService {
    fn address(&self) -> String {
        self.url().to_owned()
    }

    fn ports(self: Arc<Self>) -> Ports {
        Ports::default()
    }

    fn check(&self) -> BoxFuture<'_, Result<String>> {
        self.looked_at().boxed()
    }
}
