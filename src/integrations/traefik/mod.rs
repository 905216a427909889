//! Traefik: what it serves, and whether it does.
//!
//! ```toml
//! [systems.edge]
//! kind = "traefik"
//! url = "http://traefik:8080"
//! entrypoints = { web = "http://traefik:80" }
//! ```
//!
//! Its API is only read: what it serves changes by the labels of containers, or by files in a folder
//! that it reads.

mod connection;
mod folder;
mod settings;
mod view;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema as _;

pub use connection::Traefik;

use crate::action::{Integration, Ports, Result, System};

/// What Purser can do with a Traefik.
pub fn integration() -> Integration {
    Integration {
        kind: "traefik",
        connect: |connect| Ok(Arc::new(Traefik::connect(connect)?)),
        settings: settings::Settings::json_schema,
        suggests: &[],
        actions: Vec::new,
    }
}

impl System for Traefik {
    fn address(&self) -> String {
        self.url().to_owned()
    }

    fn ports(self: Arc<Self>) -> Ports {
        Ports {
            proxy: Some(self),
            ..Ports::default()
        }
    }

    fn check(&self) -> BoxFuture<'_, Result<String>> {
        self.looked_at().boxed()
    }
}
