//! The products that are known by their images: one entry each.

use crate::action::ports::RunningContainer;

/// A product that runs in containers.
pub(super) struct Product {
    /// What people call it.
    pub(super) name: &'static str,
    /// The last part of its images' names.
    images: &'static [&'static str],
    /// Where it listens by itself.
    pub(super) port: u16,
    /// How Purser can use it.
    pub(super) integration: Integration,
}

/// How Purser can use a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Integration {
    Postgres,
    S3,
    Prometheus,
    /// Not yet.
    None,
}

/// The variables in which containers hold who may log in.
pub const VARIABLES: &[&str] = &[
    "POSTGRES_USER",
    "POSTGRES_PASSWORD",
    "POSTGRES_DB",
    "POSTGRESQL_USERNAME",
    "POSTGRESQL_PASSWORD",
    "POSTGRESQL_DATABASE",
    "MINIO_ROOT_USER",
    "MINIO_ROOT_PASSWORD",
    "MINIO_ACCESS_KEY",
    "MINIO_SECRET_KEY",
];

const fn product(
    name: &'static str,
    images: &'static [&'static str],
    port: u16,
    integration: Integration,
) -> Product {
    Product {
        name,
        images,
        port,
        integration,
    }
}

const PRODUCTS: &[Product] = &[
    product(
        "postgres",
        &[
            "postgres",
            "postgresql",
            "postgis",
            "pgvector",
            "timescaledb",
            "timescaledb-ha",
            "spilo-15",
            "spilo-16",
            "spilo-17",
        ],
        5432,
        Integration::Postgres,
    ),
    product("minio", &["minio"], 9000, Integration::S3),
    product("prometheus", &["prometheus"], 9090, Integration::Prometheus),
    product(
        "victoria-metrics",
        &["victoria-metrics"],
        8428,
        Integration::Prometheus,
    ),
    product("pgbouncer", &["pgbouncer"], 6432, Integration::None),
    product("traefik", &["traefik"], 8080, Integration::None),
    product("keycloak", &["keycloak"], 8080, Integration::None),
    product(
        "grafana",
        &["grafana", "grafana-oss", "grafana-enterprise"],
        3000,
        Integration::None,
    ),
    product("alertmanager", &["alertmanager"], 9093, Integration::None),
    product("n8n", &["n8n"], 5678, Integration::None),
    product(
        "redis",
        &["redis", "redis-stack", "redis-stack-server"],
        6379,
        Integration::None,
    ),
    product("valkey", &["valkey"], 6379, Integration::None),
    product("kong", &["kong", "kong-gateway"], 8001, Integration::None),
    product("jenkins", &["jenkins"], 8080, Integration::None),
    product("uptime-kuma", &["uptime-kuma"], 3001, Integration::None),
    product(
        "mysql",
        &["mysql", "mysql-server", "mariadb"],
        3306,
        Integration::None,
    ),
    product("mongodb", &["mongo", "mongodb"], 27017, Integration::None),
    product("rabbitmq", &["rabbitmq"], 5672, Integration::None),
    product("loki", &["loki"], 3100, Integration::None),
    product("caddy", &["caddy"], 2019, Integration::None),
    product("nginx", &["nginx"], 80, Integration::None),
    product("gitea", &["gitea", "forgejo"], 3000, Integration::None),
    product("registry", &["registry"], 5000, Integration::None),
];

/// The product that runs in a container: by its image, or by the name of its service together with
/// the port on which that product listens.
pub(super) fn of(container: &RunningContainer) -> Option<&'static Product> {
    let image = last_part(&container.image);
    let by_image = PRODUCTS
        .iter()
        .find(|product| product.images.contains(&image));
    by_image.or_else(|| {
        let (_, service) = container.compose.as_ref()?;
        let listens = |port| container.ports.iter().any(|own| own.inner == port);
        PRODUCTS
            .iter()
            .find(|product| service == product.name && listens(product.port))
    })
}

/// `timescaledb` in `docker.io/timescale/timescaledb:2.17-pg16@sha256:…`.
fn last_part(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split(':').next().unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::ports::ContainerPort;

    fn product_of(image: &str, service: &str, port: u16) -> Option<&'static str> {
        let container = RunningContainer {
            image: image.to_owned(),
            compose: Some(("shop".to_owned(), service.to_owned())),
            ports: vec![ContainerPort {
                inner: port,
                published: None,
            }],
            ..RunningContainer::default()
        };
        of(&container).map(|product| product.name)
    }

    #[test]
    fn a_product_is_known_by_its_image_wherever_that_comes_from() {
        let known = |image| product_of(image, "x", 1);
        assert_eq!(known("postgres:15"), Some("postgres"));
        assert_eq!(known("bitnami/postgresql"), Some("postgres"));
        assert_eq!(
            known("localhost:5000/timescale/timescaledb:2.17-pg16@sha256:00"),
            Some("postgres")
        );
        assert_eq!(known("quay.io/minio/minio:latest"), Some("minio"));
        assert_eq!(known("prom/prometheus"), Some("prometheus"));
        assert_eq!(known("edoburu/pgbouncer"), Some("pgbouncer"));
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        assert_eq!(
            product_of("prometheuscommunity/postgres-exporter", "x", 5432),
            None
        );
        assert_eq!(product_of("shop/db", "postgres", 8080), None);
        assert_eq!(product_of("shop/db", "postgres", 5432), Some("postgres"));
    }
}
