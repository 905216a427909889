//! `docker.restart_service`: container by container, each proven before the next.

use std::time::Duration;

use bollard::query_parameters::RestartContainerOptions;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::container::Container;
use super::engine::{Docker, PATIENCE};
use super::image;
use super::proof::{self, Expected, Level};
use super::service::Service;
use crate::action::{Action, ActionError, ActionSpec, Context, ReadContext, Result, Risk, Undone};
use crate::domain::effect::{EffectSort, EffectSpec};
use crate::domain::plan::Plan;
use crate::domain::run::StepState;
use crate::domain::time::{Span, Timestamp};
use crate::domain::undo::WayBack;

const RESTART: &str = "restart_container";

/// Restarts a service.
pub(super) struct RestartService;

/// What to restart.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// `project/service`, or `service` when that is clear, or a container's name.
    service: String,
    /// How long each container may take to be healthy again.
    #[serde(default = "a_minute")]
    healthy_within: Span,
}

fn a_minute() -> Span {
    Span::new(Duration::from_mins(1))
}

/// What was restarted, and what it has shown since.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The service's full name.
    service: String,
    /// In the order in which they were restarted.
    containers: Vec<Restarted>,
    /// The least that any of them has shown.
    proof: Level,
}

/// One container.
#[derive(Serialize, JsonSchema)]
struct Restarted {
    name: String,
    proof: Level,
    /// What has shown it.
    by: String,
}

/// A container before its restart.
#[derive(Serialize, Deserialize)]
struct Before {
    id: String,
    name: String,
    started_at: Option<Timestamp>,
}

impl Action for RestartService {
    type System = Docker;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "docker.restart_service",
        summary: "Restart a service's containers one by one and wait until each is healthy",
        risk: Risk::Change,
        service: Some("service"),
        effects: &[EffectSpec {
            name: RESTART,
            // It looks first whether the container was started since, so a second try is none.
            sort: EffectSort::Repeatable,
            limit: PATIENCE,
        }],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, docker: &Docker, input: Input) -> Result<Plan> {
        let (service, containers) = find(docker, &input.service).await?;
        let mut plan = Plan::new(format!("restart {}, container by container", service.name));
        for container in &containers {
            plan = plan
                .relies_on(format!("image of {}", container.name), container.image_id())
                .changes(
                    &container.name,
                    Some(container.state()),
                    Some("restarted".to_owned()),
                )
                .note(format!(
                    "{} is {}",
                    container.name,
                    image::short(&container.id)
                ));
        }
        if containers.len() == 1 {
            plan = plan.note(format!(
                "{} does not answer while it restarts",
                service.name
            ));
        }
        Ok(plan.note("a restart cannot be undone"))
    }

    async fn run(&self, ctx: &Context, docker: &Docker, input: Input) -> Result<Output> {
        let (service, before): (String, Vec<Before>) = ctx
            .record("before", || look(docker, &input.service))
            .await?;
        let expected = Expected {
            within: input.healthy_within.duration(),
            probe: None,
            cancel: Some(&ctx.cancel),
        };
        let mut containers = Vec::new();
        for container in before {
            ctx.progress(format!("restarting {}", container.name));
            ctx.repeatable((RESTART, container.name.as_str()), |_| {
                restart(docker, &container)
            })
            .await?;
            let shown = proof::prove(docker, &container.id, &expected).await?;
            containers.push(Restarted {
                name: container.name,
                proof: shown.level,
                by: shown.by,
            });
        }
        let proof = containers
            .iter()
            .map(|c| c.proof)
            .min()
            .unwrap_or(Level::Started);
        Ok(Output {
            service,
            containers,
            proof,
        })
    }

    async fn undo(&self, ctx: &Context, _: &Docker, _: Input) -> Result<Undone> {
        let effects = ctx.effects().await;
        let live = effects.iter().filter(|effect| effect.is_live());
        let names: Vec<_> = live
            .filter_map(|effect| effect.effect.item.as_deref())
            .collect();
        Ok(match names[..] {
            [] => Undone::Fully,
            _ => Undone::ExceptFor(format!("{} stays restarted", names.join(", "))),
        })
    }

    fn way_back(&self, _: &StepState) -> WayBack {
        WayBack::Stays("what was restarted stays so".to_owned())
    }
}

async fn find(docker: &Docker, wanted: &str) -> Result<(Service, Vec<Container>)> {
    let service = Service::find(docker, wanted).await?;
    let containers = service.inspect(docker).await?;
    if containers
        .iter()
        .any(|container| docker.is_own(&container.id))
    {
        return Err(ActionError::fatal(format!(
            "Purser itself runs in {} on `{}` and cannot restart itself: use `docker restart` on \
             the host",
            service.name,
            docker.name()
        )));
    }
    Ok((service, containers))
}

async fn look(docker: &Docker, wanted: &str) -> Result<(String, Vec<Before>)> {
    let (service, containers) = find(docker, wanted).await?;
    let before = containers.into_iter().map(|container| Before {
        started_at: container.started_at(),
        id: container.id,
        name: container.name,
    });
    Ok((service.name, before.collect()))
}

/// Restarts it unless it was started since `before`.
async fn restart(docker: &Docker, before: &Before) -> Result<()> {
    let gone = || {
        ActionError::fatal(format!(
            "{} was removed from `{}` by someone else before it could be restarted",
            before.name,
            docker.name()
        ))
    };
    let now = Container::find(docker, &before.id)
        .await?
        .ok_or_else(gone)?;
    if now.is_running() && now.started_at() != before.started_at {
        return Ok(());
    }
    let client = docker.patient_client().await?;
    let done = client
        .restart_container(&before.id, None::<RestartContainerOptions>)
        .await;
    done.map_err(|error| docker.failed(&format!("{} was restarted", before.name), error))
}
