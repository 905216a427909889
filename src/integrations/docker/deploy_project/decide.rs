//! Which services of a project are to be deployed, in which order, and what is left to Compose.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::container::Container;
use super::super::deploy_service;
use super::super::engine::Docker;
use super::super::service::{self, Service};
use super::{Input, Output, Target};
use crate::action::{ActionError, Result};
use crate::domain::plan::{Change, Plan};

/// Everything about it that is settled before the first effect.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Decision {
    pub(super) project: String,
    /// In the order in which they are deployed; some of them may run their image already.
    pub(super) services: Vec<Target>,
    /// What is left to Compose, and why.
    left: Vec<String>,
}

impl Decision {
    /// Looks at the project's files and its containers; changes nothing.
    pub(super) async fn make(docker: &Docker, input: &Input) -> Result<Self> {
        let project = &input.project;
        if !input.images.is_empty() {
            return Ok(Self {
                project: project.clone(),
                services: input.images.clone(),
                left: Vec::new(),
            });
        }
        let all = service::all(docker).await?;
        let behind = |name: &str| {
            name.strip_prefix(project)?
                .strip_prefix('/')
                .map(str::to_owned)
        };
        let there: Vec<_> = all
            .into_iter()
            .filter(|service| service.is_compose)
            .filter_map(|service| Some((behind(&service.name)?, service)))
            .collect();
        let labels = there
            .first()
            .and_then(|(_, service)| service.containers.first()?.labels.clone());
        let wanted = docker
            .projects()
            .wanted(docker.name(), project, labels.unwrap_or_default())
            .await?;
        let mut decision = Self {
            project: project.clone(),
            services: Vec::new(),
            left: Vec::new(),
        };
        let mut there: HashMap<_, _> = there.into_iter().collect();
        for one in wanted {
            let service = there.remove(&one.service);
            match why_left(docker, service.as_ref(), one.image.as_deref()).await? {
                Some(why) => decision.left.push(format!("{} {why}", one.service)),
                None => decision.services.extend(one.image.map(|image| Target {
                    service: one.service,
                    image,
                    image_id: None,
                })),
            }
        }
        let mut strangers: Vec<_> = there.into_keys().collect();
        strangers.sort();
        let strangers = strangers
            .into_iter()
            .map(|name| format!("{name} is not in the files any more"));
        decision.left.extend(strangers);
        if decision.services.is_empty() {
            return Err(decision.nothing(docker));
        }
        Ok(decision)
    }

    fn nothing(&self, docker: &Docker) -> ActionError {
        ActionError::fatal(format!(
            "no service of `{}` can be deployed on `{}`: {}; `docker compose up` starts a project",
            self.project,
            docker.name(),
            if self.left.is_empty() {
                "its files name none".to_owned()
            } else {
                self.left.join(", ")
            }
        ))
    }

    /// The plans of all services as one.
    pub(super) fn plan(&self, plans: Vec<(&str, Plan)>) -> Plan {
        let changed: Vec<_> = plans
            .iter()
            .filter(|(_, plan)| !plan.changes.is_empty())
            .map(|(service, _)| *service)
            .collect();
        let summary = if changed.is_empty() {
            format!("nothing: {} runs what its files name", self.project)
        } else {
            format!(
                "deploy {}, in this order: {}",
                self.project,
                changed.join(", ")
            )
        };
        let mut whole = Plan::new(summary);
        let mut notes: Vec<(String, Vec<&str>)> = Vec::new();
        for (service, plan) in plans {
            for fact in plan.preconditions {
                if !whole.preconditions.contains(&fact) {
                    whole.preconditions.push(fact);
                }
            }
            let of_service = plan.changes.into_iter().map(|change| Change {
                subject: format!("{service}: {}", change.subject),
                ..change
            });
            whole.changes.extend(of_service);
            for note in plan.notes {
                match notes.iter_mut().find(|(known, _)| *known == note) {
                    Some((_, services)) => services.push(service),
                    None => notes.push((note, vec![service])),
                }
            }
        }
        for (note, services) in notes {
            whole = whole.note(format!("{}: {note}", services.join(", ")));
        }
        if !changed.is_empty() {
            whole = whole.note(
                "all of them are proven before any old container goes: when one fails, all go back",
            );
        }
        if !self.left.is_empty() {
            whole = whole.note(format!(
                "left to `docker compose up`: {}",
                self.left.join("; ")
            ));
        }
        whole.note(
            "of the files only the images are brought about; `docker compose up` brings whatever else \
             they say",
        )
    }

    /// What was done.
    pub(super) fn output(self, services: Vec<deploy_service::Output>) -> Output {
        let services: Vec<_> = services.into_iter().filter(|one| one.changed).collect();
        let message = if services.is_empty() {
            format!(
                "{} runs what its files name already: nothing was changed",
                self.project
            )
        } else {
            let each: Vec<_> = services.iter().map(|one| one.message.as_str()).collect();
            each.join("; ")
        };
        Output {
            project: self.project,
            changed: !services.is_empty(),
            services,
            left: self.left,
            message,
        }
    }
}

impl Target {
    /// What its own deploy is given.
    pub(super) fn input(&self, of: &Decision, input: &Input) -> Result<deploy_service::Input> {
        debug_assert_eq!(of.project, input.project);
        input_of(input, &self.service, &self.image, self.image_id.as_deref())
    }
}

/// What the deploy of one service is given.
pub(super) fn input_of(
    input: &Input,
    service: &str,
    image: &str,
    image_id: Option<&str>,
) -> Result<deploy_service::Input> {
    let given = json!({
        "service": format!("{}/{service}", input.project),
        "image": image,
        "image_id": image_id,
        "healthy_within": input.healthy_within,
        "drain": input.drain,
    });
    serde_json::from_value(given)
        .map_err(|error| ActionError::fatal(format!("{service} cannot be deployed: {error}")))
}

/// Why a service is not deployed but left to Compose.
async fn why_left(
    docker: &Docker,
    service: Option<&Service>,
    image: Option<&str>,
) -> Result<Option<String>> {
    if image.is_none() {
        return Ok(Some("names no image".to_owned()));
    }
    let Some(service) = service else {
        return Ok(Some("has no container".to_owned()));
    };
    let containers = service.inspect(docker).await?;
    if containers.iter().any(|one| docker.is_own(&one.id)) {
        return Ok(Some(
            "is Purser itself, which cannot replace itself".to_owned(),
        ));
    }
    let runs = |one: &Container| one.is_running() || one.is_restarting();
    Ok((!containers.iter().any(runs)).then(|| "does not run".to_owned()))
}
