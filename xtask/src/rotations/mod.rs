//! Rotations of a client's secret in a real Keycloak while services log in by it: what the bench
//! measures, and the torture kills.

pub(crate) mod logins;
pub(crate) mod realm;
pub(crate) mod shop;

/// What has to be up for it.
pub(crate) const PARTS: [&str; 2] = ["docker", "keycloak"];
