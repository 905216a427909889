//! What a Traefik serves, for whoever changes what stands behind it.
//!
//! Source: Traefik's documentation, "API & Dashboard", and its answers (version 3.7).

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::{Client, Url, header};
use serde::Deserialize;

use super::connection::{Traefik, beginning, client};
use crate::action::ports::{ProxyView, Route, RouteFiles, Upstream, Visit, Visited};
use crate::action::{ActionError, Result};
use crate::domain::cause::{innermost, no_client};

/// So much of an answer is read.
const LONGEST_BODY: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Router {
    name: String,
    #[serde(default)]
    rule: String,
    #[serde(default)]
    priority: i64,
    #[serde(default)]
    entry_points: Vec<String>,
    #[serde(default)]
    service: String,
    status: String,
    #[serde(default)]
    error: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    load_balancer: Option<LoadBalancer>,
    #[serde(default)]
    server_status: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct LoadBalancer {
    #[serde(default)]
    servers: Vec<Server>,
}

#[derive(Deserialize)]
struct Server {
    url: String,
}

impl ProxyView for Traefik {
    fn routes(&self) -> BoxFuture<'_, Result<Vec<Route>>> {
        async {
            let routers = self.list::<Router>("http/routers").await?;
            Ok(routers.into_iter().map(route).collect())
        }
        .boxed()
    }

    fn upstreams<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Option<Vec<Upstream>>>> {
        async move {
            let found = self
                .look::<Service>(&format!("http/services/{service}"))
                .await?;
            Ok(found.map(upstreams))
        }
        .boxed()
    }

    fn visit<'a>(&'a self, visit: &'a Visit) -> BoxFuture<'a, Result<Option<Visited>>> {
        async move {
            let Some(entry) = self.entry_points.get(&visit.entry_point) else {
                return Ok(None);
            };
            self.ask(entry, visit).await.map(Some)
        }
        .boxed()
    }

    fn route_files(&self) -> Option<Arc<dyn RouteFiles>> {
        let folder = self.routes.clone()?;
        Some(Arc::new(folder))
    }
}

impl Traefik {
    /// Asks as somebody outside would, whose resolver knows the entry point as that host.
    async fn ask(&self, entry: &Url, visit: &Visit) -> Result<Visited> {
        let failed = |why: String| {
            ActionError::retryable(format!(
                "http://{}{} through the entry point `{}` at {entry}: {why}",
                visit.host, visit.path, visit.entry_point
            ))
        };
        let client = self.visitor(entry, visit).await.map_err(&failed)?;
        let mut url = entry.clone();
        if entry.scheme() == "https" {
            let wrong = |_| failed("its host makes no address".to_owned());
            url.set_host(Some(&visit.host)).map_err(wrong)?;
        }
        let (path, query) = visit.path.split_once('?').unwrap_or((&visit.path, ""));
        url.set_path(path);
        url.set_query((!query.is_empty()).then_some(query));
        let asked = client.get(url).header(header::HOST, &visit.host).send();
        let answer = asked.await.map_err(|error| failed(innermost(&error)))?;
        let status = answer.status().as_u16();
        let body = beginning(answer, LONGEST_BODY).await;
        let (body, _) = body.map_err(|error| failed(innermost(&error)))?;
        Ok(Visited {
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// Over TLS the name that is asked for decides which certificate is shown, so it has to be in the
    /// address; where that leads is said beside it.
    async fn visitor(&self, entry: &Url, visit: &Visit) -> Result<Client, String> {
        // A connection of its own: one that was kept may be to what is being replaced.
        let mut building = client(self.timeout).pool_max_idle_per_host(0);
        if entry.scheme() == "https" {
            let port = entry.port_or_known_default().unwrap_or(443);
            let host = entry.host_str().unwrap_or_default();
            let found = tokio::net::lookup_host((host, port)).await;
            let found = found.map_err(|error| error.to_string())?;
            building = building
                .resolve_to_addrs(&visit.host, &found.collect::<Vec<_>>())
                .danger_accept_invalid_certs(visit.any_certificate);
        }
        building.build().map_err(|error| no_client(&error))
    }
}

fn route(router: Router) -> Route {
    let fault = match router.status.as_str() {
        "enabled" | "warning" => None,
        status if router.error.is_empty() => Some(status.to_owned()),
        _ => Some(router.error.join("; ")),
    };
    // A service without a provider is of the router's own.
    let provider = router.name.rsplit_once('@').map(|(_, provider)| provider);
    let service = match provider {
        Some(provider) if !router.service.contains('@') => {
            format!("{}@{provider}", router.service)
        }
        _ => router.service,
    };
    Route {
        name: router.name,
        rule: router.rule,
        priority: router.priority,
        entry_points: router.entry_points,
        service,
        fault,
    }
}

fn upstreams(service: Service) -> Vec<Upstream> {
    let servers = service.load_balancer.map(|balancer| balancer.servers);
    let mut all: Vec<_> = servers
        .unwrap_or_default()
        .into_iter()
        .map(|server| Upstream {
            is_down: service
                .server_status
                .get(&server.url)
                .is_some_and(|is| is == "DOWN"),
            url: server.url,
        })
        .collect();
    all.sort();
    all
}
