//! Which systems there are, by the containers that run.

use std::collections::BTreeSet;
use std::net::IpAddr;

use secrecy::{ExposeSecret as _, SecretString};

use super::products::{self, Integration, Product};
use super::{Candidate, Seen, Target};
use crate::action::ports::RunningContainer;

/// What is said of an address in a network of the engine's.
const UNPUBLISHED: &str =
    ", at an address that changes when the container is made anew: publish its port";

/// The engine on which the containers run.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Its address: `unix:///var/run/docker.sock`, `tcp://HOST:2375`.
    pub host: String,
}

impl Engine {
    /// The machine on which ports are published, when it is not this one.
    fn machine(&self) -> Option<&str> {
        let rest = self.host.strip_prefix("tcp://")?;
        let machine = rest.rsplit_once(':').map_or(rest, |(machine, _)| machine);
        (!matches!(machine, "127.0.0.1" | "localhost" | "[::1]")).then_some(machine)
    }
}

/// What runs, as systems and as what gets no table.
pub fn detect(containers: &[RunningContainer], engine: &Engine) -> (Vec<Candidate>, Vec<Seen>) {
    let mut candidates = vec![];
    let mut seen = vec![];
    let mut services = BTreeSet::new();
    for container in containers {
        // Of a service with several containers one stands for all.
        if container
            .compose
            .as_ref()
            .is_some_and(|service| !services.insert(service))
        {
            continue;
        }
        let Some(product) = products::of(container) else {
            continue;
        };
        let mut origin = origin(container);
        match target(product, container, engine) {
            Ok(target) => {
                if published(container, product.port).is_none() {
                    origin += UNPUBLISHED;
                }
                candidates.push(Candidate {
                    name: name(container, containers),
                    origin,
                    target,
                });
            }
            Err(why) => seen.push(Seen {
                product: product.name,
                origin,
                why,
            }),
        }
    }
    (candidates, seen)
}

/// The service's name; with its project where another project has a service of that name.
fn name(container: &RunningContainer, all: &[RunningContainer]) -> String {
    let Some((project, service)) = &container.compose else {
        return container.name.clone();
    };
    let elsewhere = |other: &RunningContainer| {
        let compose = other.compose.as_ref();
        compose.is_some_and(|(p, s)| s == service && p != project)
    };
    if all.iter().any(elsewhere) {
        format!("{project}-{service}")
    } else {
        service.clone()
    }
}

fn origin(container: &RunningContainer) -> String {
    let service = container.compose.as_ref().map_or_else(
        || container.name.clone(),
        |(project, service)| format!("{project}/{service}"),
    );
    one_line(&format!("{service} ({})", container.image))
}

/// A text of somebody else's that stands in a comment.
fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}

fn target(
    product: &Product,
    container: &RunningContainer,
    engine: &Engine,
) -> Result<Target, String> {
    if product.integration == Integration::None {
        return Err("Purser has no integration for it yet".to_owned());
    }
    let at = reach(container, product.port, engine).ok_or_else(|| {
        format!(
            "its port {} is not published and it has no address that this machine reaches: publish it",
            product.port
        )
    })?;
    match product.integration {
        Integration::Postgres => postgres(container, at),
        Integration::S3 => s3(container, &at),
        Integration::Prometheus | Integration::None => Ok(Target::Prometheus {
            url: format!("http://{at}"),
        }),
    }
}

/// `HOST:PORT` of a container's port: where it is published, else its address in a network.
fn reach(container: &RunningContainer, port: u16, engine: &Engine) -> Option<String> {
    match (published(container, port), engine.machine()) {
        (Some((_, published)), Some(machine)) => Some(format!("{machine}:{published}")),
        (Some((ip, published)), None) if ip.is_unspecified() => {
            Some(format!("127.0.0.1:{published}"))
        }
        (Some((ip, published)), None) => Some(in_url(ip, published)),
        (None, Some(_)) => None,
        (None, None) => container
            .addresses
            .values()
            .next()
            .map(|ip| in_url(*ip, port)),
    }
}

fn published(container: &RunningContainer, port: u16) -> Option<(IpAddr, u16)> {
    let mut own = container.ports.iter().filter(|own| own.inner == port);
    own.find_map(|own| own.published)
}

fn in_url(ip: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(ip, port).to_string()
}

fn variable<'c>(container: &'c RunningContainer, names: &[&str]) -> Option<&'c SecretString> {
    let mut set = names
        .iter()
        .filter_map(|name| container.environment.get(*name));
    set.find(|value| !value.expose_secret().is_empty())
}

fn postgres(container: &RunningContainer, at: String) -> Result<Target, String> {
    let text =
        |names: &[&str]| variable(container, names).map(|text| text.expose_secret().to_owned());
    let user =
        text(&["POSTGRES_USER", "POSTGRESQL_USERNAME"]).unwrap_or_else(|| "postgres".to_owned());
    let database = text(&["POSTGRES_DB", "POSTGRESQL_DATABASE"]).unwrap_or_else(|| user.clone());
    let password = variable(container, &["POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD"]);
    match password {
        Some(password) => Ok(Target::Postgres {
            user,
            password: Some(password.clone()),
            at,
            database,
        }),
        None => Err(format!(
            "its password does not stand in its environment: --add NAME=postgres://USER@{at}/DATABASE \
             --password-file NAME=FILE"
        )),
    }
}

fn s3(container: &RunningContainer, at: &str) -> Result<Target, String> {
    let access_key = variable(container, &["MINIO_ROOT_USER", "MINIO_ACCESS_KEY"]);
    let secret_key = variable(container, &["MINIO_ROOT_PASSWORD", "MINIO_SECRET_KEY"]);
    match access_key.zip(secret_key) {
        Some((access_key, secret_key)) => Ok(Target::S3 {
            endpoint: format!("http://{at}"),
            access_key: access_key.clone(),
            secret_key: secret_key.clone(),
            bucket: None,
        }),
        None => Err(format!(
            "its keys do not stand in its environment: --add NAME=s3+http://ACCESS_KEY@{at}/BUCKET \
             --password-file NAME=FILE"
        )),
    }
}
