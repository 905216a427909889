//! Services: the containers with one Compose project and service, else one container by name.

use std::collections::{BTreeMap, HashMap};

use bollard::models::ContainerSummary;

use super::container::{self, Container, LABEL_EFFECT};
use super::engine::Docker;
use super::front::SWITCH;
use crate::action::{ActionError, Result};
use crate::domain::nearest;

pub(super) const PROJECT: &str = "com.docker.compose.project";
pub(super) const SERVICE: &str = "com.docker.compose.service";
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// A service as the list of containers shows it.
#[derive(Clone, Debug)]
pub(super) struct Service {
    /// `project/service`, or the container's name.
    pub(super) name: String,
    /// `service`, or the container's name.
    pub(super) short: String,
    /// Compose made it, so `docker compose up` may replace what Purser puts there.
    pub(super) is_compose: bool,
    /// Its containers, by name.
    pub(super) containers: Vec<ContainerSummary>,
}

impl Service {
    /// The service of this name, or why there is none: the nearest name, or the candidates.
    pub(super) async fn find(docker: &Docker, wanted: &str) -> Result<Self> {
        let services = all(docker).await?;
        pick(&services, wanted)
            .cloned()
            .map_err(|why| ActionError::fatal(format!("on `{}`: {why}", docker.name())))
    }

    /// Its containers, looked at one by one; one that went away meanwhile is left out.
    pub(super) async fn inspect(&self, docker: &Docker) -> Result<Vec<Container>> {
        let mut found = Vec::new();
        for id in self.containers.iter().filter_map(|c| c.id.as_deref()) {
            found.extend(Container::find(docker, id).await?);
        }
        Ok(found)
    }
}

/// Every service of the engine, by name, with stopped ones, without jobs.
pub(super) async fn all(docker: &Docker) -> Result<Vec<Service>> {
    Ok(grouped(container::list(docker, None).await?))
}

fn grouped(containers: Vec<ContainerSummary>) -> Vec<Service> {
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    let none = HashMap::new();
    for container in containers {
        let labels = container.labels.as_ref().unwrap_or(&none);
        if is_job(labels) || labels.contains_key(SWITCH) {
            continue;
        }
        let own_name = name_of(&container);
        let service = labels.get(SERVICE).filter(|_| labels.contains_key(PROJECT));
        let (short, is_compose) = match service {
            Some(service) => (service.clone(), true),
            None => (own_name.clone(), false),
        };
        let name = full_name(labels, &own_name);
        let service = services.entry(name.clone()).or_insert(Service {
            name,
            short,
            is_compose,
            containers: Vec::new(),
        });
        service.containers.push(container);
    }
    let mut services: Vec<_> = services.into_values().collect();
    for service in &mut services {
        service.containers.sort_by_key(name_of);
    }
    services
}

/// The full name of the service that a container with these labels and this name belongs to.
pub(super) fn full_name(labels: &HashMap<String, String>, container: &str) -> String {
    match (labels.get(PROJECT), labels.get(SERVICE)) {
        (Some(project), Some(service)) => format!("{project}/{service}"),
        _ => container.to_owned(),
    }
}

/// Every container, stopped ones too, with the service that it belongs to, or as `job NAME`.
pub(super) async fn owned(docker: &Docker) -> Result<Vec<(String, ContainerSummary)>> {
    let none = HashMap::new();
    let containers = container::list(docker, None).await?.into_iter();
    Ok(containers
        .map(|container| {
            let labels = container.labels.as_ref().unwrap_or(&none);
            let own_name = name_of(&container);
            let owner = if is_job(labels) {
                format!("job {own_name}")
            } else {
                full_name(labels, &own_name)
            };
            (owner, container)
        })
        .collect())
}

/// What was started to end by itself: Compose's one-off containers and Purser's jobs.
pub(super) fn is_job(labels: &HashMap<String, String>) -> bool {
    let is_one_off = labels
        .get(ONE_OFF)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    is_one_off || is_own_job(labels)
}

/// Purser's own job, and not a service that it has deployed: both carry the id of a run.
pub(super) fn is_own_job(labels: &HashMap<String, String>) -> bool {
    let effect = labels.get(LABEL_EFFECT);
    effect.is_some_and(|key| key.ends_with("/create_container"))
}

/// A container's own name: the one without the name of a container that links to it.
pub(super) fn name_of(container: &ContainerSummary) -> String {
    let names = container.names.iter().flatten();
    let mut names = names.map(|name| name.trim_start_matches('/'));
    names
        .find(|name| !name.contains('/'))
        .unwrap_or_default()
        .to_owned()
}

fn pick<'a>(services: &'a [Service], wanted: &str) -> Result<&'a Service, String> {
    if let Some(exact) = services.iter().find(|service| service.name == wanted) {
        return Ok(exact);
    }
    let candidates: Vec<_> = services
        .iter()
        .filter(|service| service.short == wanted)
        .collect();
    match candidates[..] {
        [one] => Ok(one),
        [] => Err(unknown(services, wanted)),
        _ => {
            let names: Vec<_> = candidates.iter().map(|s| format!("`{}`", s.name)).collect();
            Err(format!(
                "`{wanted}` may be {}: write which",
                names.join(" or ")
            ))
        }
    }
}

fn unknown(services: &[Service], wanted: &str) -> String {
    let owner = services
        .iter()
        .find(|s| s.containers.iter().any(|c| name_of(c) == wanted));
    if let Some(owner) = owner {
        return format!(
            "`{wanted}` is a container of the service `{}`: write that",
            owner.name
        );
    }
    // A short name is compared with short names, but the answer is the name that always works.
    let by_short = if wanted.contains('/') {
        None
    } else {
        let near = nearest::nearest(wanted, services.iter().map(|s| s.short.as_str()));
        near.and_then(|near| services.iter().find(|s| s.short == near))
    };
    if let Some(near) = by_short {
        return format!("unknown service `{wanted}`; did you mean `{}`?", near.name);
    }
    let names: Vec<_> = services.iter().map(|s| s.name.as_str()).collect();
    nearest::unknown("service", wanted, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str, labels: &[(&str, &str)]) -> ContainerSummary {
        ContainerSummary {
            names: Some(vec![format!("/{name}")]),
            labels: Some(
                labels
                    .iter()
                    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                    .collect(),
            ),
            ..ContainerSummary::default()
        }
    }

    fn stack() -> Vec<Service> {
        let web = |project| [(PROJECT, project), (SERVICE, "web")];
        grouped(vec![
            container("shop-web-2", &web("shop")),
            container("shop-web-1", &web("shop")),
            container("blog-web-1", &web("blog")),
            container("shop-db-1", &[(PROJECT, "shop"), (SERVICE, "db")]),
            container(
                "shop-web-run-1",
                &[(PROJECT, "shop"), (SERVICE, "web"), (ONE_OFF, "True")],
            ),
            container("gateway", &[]),
            container(
                "purser-migrate-1",
                &[(LABEL_EFFECT, "r/s/0/create_container")],
            ),
        ])
    }

    fn named(wanted: &str) -> Result<String, String> {
        pick(&stack(), wanted).map(|service| service.name.clone())
    }

    #[test]
    fn a_service_goes_by_its_full_name_or_by_a_short_one_that_is_clear() {
        assert_eq!(named("shop/web").unwrap(), "shop/web");
        assert_eq!(named("db").unwrap(), "shop/db");
        assert_eq!(named("gateway").unwrap(), "gateway");
        assert_eq!(
            stack().len(),
            4,
            "jobs and one-off containers are no services"
        );
    }

    #[test]
    fn a_name_that_does_not_do_says_what_would() {
        let wrong: Vec<_> = ["web", "shop/wed", "dv", "shop-web-2", "gatewey"]
            .iter()
            .map(|wanted| named(wanted).unwrap_err())
            .collect();
        insta::assert_snapshot!(wrong.join("\n"), @r"
        `web` may be `blog/web` or `shop/web`: write which
        unknown service `shop/wed`; did you mean `shop/web`?
        unknown service `dv`; there is `blog/web`, `gateway`, `shop/db`, `shop/web`
        `shop-web-2` is a container of the service `shop/web`: write that
        unknown service `gatewey`; did you mean `gateway`?
        ");
    }
}
