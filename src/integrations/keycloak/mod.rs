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

mod ages;
mod check_secrets;
mod client;
mod clients;
mod connection;
mod events;
mod examine;
mod explain;
mod issuer;
mod keys;
mod list_secrets;
mod mark;
mod rights;
mod rotate_client_secret;
mod rotation;
mod set_up_rotation;
mod settings;
mod standing;
mod suggest;
mod token;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema as _;

use check_secrets::CheckSecrets;
pub use connection::Keycloak;
use list_secrets::ListSecrets;
use rotate_client_secret::RotateClientSecret;
use set_up_rotation::SetUpRotation;

use crate::action::{Clock, Examination, Integration, Ports, Result, System, Uses, ports};

/// What Purser can do with a realm of Keycloak.
pub fn integration() -> Integration {
    Integration {
        kind: "keycloak",
        connect: |connect| Ok(Arc::new(Keycloak::connect(connect)?)),
        settings: settings::Settings::json_schema,
        suggests: suggest::LISTS,
        actions: || {
            vec![
                Arc::new(ListSecrets),
                Arc::new(CheckSecrets),
                Arc::new(RotateClientSecret),
                Arc::new(SetUpRotation),
            ]
        },
    }
}

impl System for Keycloak {
    fn address(&self) -> String {
        self.realm_url(self.realm())
    }

    fn ports(self: Arc<Self>) -> Ports {
        Ports {
            keeps_secrets: Some(Arc::clone(&self) as Arc<dyn ports::KeepsSecrets>),
            suggest: Some(self),
            ..Ports::default()
        }
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

    fn examine<'a>(&'a self, uses: &'a Uses, clock: &'a dyn Clock) -> BoxFuture<'a, Examination> {
        self.looked_at(uses, clock).boxed()
    }
}
