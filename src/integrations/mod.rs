//! The integrations: one folder or file each, and this list.
//!
//! They know the domain and the action layer; never a chat, never each other.

pub mod docker;
pub mod folders;
pub mod http;
pub mod keycloak;
pub mod own;
pub mod postgres;
pub mod prometheus;
pub mod s3;
pub mod traefik;

use crate::action::Integration;

/// Every integration that Purser has.
pub fn all() -> Vec<Integration> {
    vec![
        docker::integration(),
        http::integration(),
        keycloak::integration(),
        own::integration(),
        postgres::integration(),
        prometheus::integration(),
        s3::integration(),
        traefik::integration(),
    ]
}
