//! The parts. A new one is a file here, a line in the list, and its ports in the table.

mod bridge;
pub(crate) mod docker;
pub(crate) mod images;
pub(crate) mod keycloak;
mod minio;
mod postgres;
mod prometheus;
mod registry;
pub(crate) mod traefik;

use crate::stack::part::Part;

/// All parts, in the order in which they are listed.
pub(crate) const ALL: &[&dyn Part] = &[
    &docker::Docker,
    &registry::Registry,
    &postgres::Postgres,
    &minio::Minio,
    &prometheus::Prometheus,
    &traefik::Traefik,
    &keycloak::Keycloak,
];
