//! A realm of Keycloak: the secrets of its clients.
//!
//! ```toml
//! [systems.sso]
//! kind = "keycloak"
//! url = "https://sso.example.org"
//! realm = "shop"
//! client_id = "purser"
//! client_secret_file = "secrets/keycloak"
//! maximum_age = "90d"
//! ```
#![allow(
    dead_code,
    reason = "what reads and sets the secrets of clients comes behind what it is made from"
)]

mod client;
mod clients;
mod connection;
mod events;
mod explain;
mod issuer;
mod mark;
mod rotate_client_secret;
mod rotation;
mod settings;
mod token;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema as _;

pub use connection::Keycloak;

use crate::action::{Integration, Ports, Result, System};

/// What Purser can do with a realm of Keycloak.
pub fn integration() -> Integration {
    Integration {
        kind: "keycloak",
        connect: |connect| Ok(Arc::new(Keycloak::connect(connect)?)),
        settings: settings::Settings::json_schema,
        suggests: &[],
        actions: || vec![Arc::new(rotate_client_secret::RotateClientSecret)],
    }
}

impl System for Keycloak {
    fn address(&self) -> String {
        self.realm_url(self.realm())
    }

    fn ports(self: Arc<Self>) -> Ports {
        Ports::default()
    }

    fn check(&self) -> BoxFuture<'_, Result<String>> {
        async {
            let clients = self.clients().await?;
            Ok(format!(
                "Keycloak's realm `{}` at {}, clients: {}",
                self.realm(),
                self.url(),
                clients.len()
            ))
        }
        .boxed()
    }
}
