//! `docker.start_service`: the containers of a service that do not run, each proven.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::container::Container;
use super::engine::{Docker, PATIENCE};
use super::image;
use super::proof::{self, Expected, Level};
use super::service::Service;
use super::stop_start::{self, Was};
use crate::action::{Action, ActionSpec, Context, ReadContext, Result, Risk, Undone};
use crate::domain::effect::{EffectSort, EffectSpec};
use crate::domain::plan::Plan;
use crate::domain::run::StepState;
use crate::domain::time::Span;
use crate::domain::undo::WayBack;

const START: &str = "start_container";

/// Starts a service. The item of each effect is the container's name.
pub(super) struct StartService;

/// What to start.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// `project/service`, or `service` when that is clear, or a container's name.
    service: String,
    /// How long each container may take to be healthy.
    #[serde(default = "a_minute")]
    healthy_within: Span,
}

fn a_minute() -> Span {
    Span::new(Duration::from_mins(1))
}

/// What was started, and what it has shown since.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The service's full name.
    service: String,
    /// Whether anything was done; `false` when all its containers ran.
    changed: bool,
    /// Those that did not run, in the order in which they were started.
    containers: Vec<Started>,
    /// The least that any of them has shown; absent when nothing was done.
    proof: Option<Level>,
    /// All this in a sentence.
    message: String,
}

/// One container.
#[derive(Serialize, JsonSchema)]
struct Started {
    name: String,
    proof: Level,
    /// What has shown it.
    by: String,
}

impl Action for StartService {
    type System = Docker;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "docker.start_service",
        summary: "Start the containers of a service that do not run, and wait until each is healthy",
        risk: Risk::Change,
        service: Some("service"),
        effects: &[EffectSpec {
            name: START,
            // It looks first whether the container was started since, so a second try is none.
            sort: EffectSort::Repeatable,
            limit: PATIENCE,
        }],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, docker: &Docker, input: Input) -> Result<Plan> {
        let (service, containers) = find(docker, &input.service).await?;
        let (running, still): (Vec<_>, Vec<_>) =
            containers.iter().partition(|one| Was::of(one).ran);
        if still.is_empty() {
            return Ok(Plan::new(format!("nothing: {} runs", service.name)));
        }
        let mut plan = Plan::new(format!("start {}", service.name));
        for container in still {
            plan = plan
                .relies_on(format!("image of {}", container.name), container.image_id())
                .changes(
                    &container.name,
                    Some(container.state()),
                    Some("running".to_owned()),
                )
                .note(format!(
                    "{} is {}",
                    container.name,
                    image::short(&container.id)
                ));
        }
        for container in running {
            plan = plan.note(format!(
                "{} is {} already",
                container.name,
                container.state()
            ));
        }
        for name in stop_start::missing(docker, &service).await? {
            plan = plan.note(format!(
                "it depends on {name}, as its Compose file says, and that does not run"
            ));
        }
        Ok(plan
            .note(format!(
                "each has {} to prove itself by its HEALTHCHECK; without one it only has to run for 5 s",
                input.healthy_within
            ))
            .note("can be undone: what did not run is stopped again"))
    }

    async fn run(&self, ctx: &Context, docker: &Docker, input: Input) -> Result<Output> {
        let (service, before): (String, Vec<Was>) = ctx
            .record("before", || async {
                find(docker, &input.service).await.map(stop_start::recorded)
            })
            .await?;
        let still: Vec<_> = before.into_iter().filter(|was| !was.ran).collect();
        for was in &still {
            ctx.progress(format!("starting {}", was.name));
            ctx.repeatable((START, was.name.as_str()), |_| start(docker, was))
                .await?;
        }
        let expected = Expected {
            within: input.healthy_within.duration(),
            probe: None,
            cancel: Some(&ctx.cancel),
        };
        let mut containers = Vec::new();
        for was in still {
            ctx.progress(format!("{} has to prove itself", was.name));
            let shown = proof::prove(docker, &was.id, &expected).await?;
            containers.push(Started {
                name: was.name,
                proof: shown.level,
                by: shown.by,
            });
        }
        let proof = containers.iter().map(|one| one.proof).min();
        Ok(Output {
            changed: proof.is_some(),
            message: message(&service, &containers),
            service,
            containers,
            proof,
        })
    }

    async fn undo(&self, ctx: &Context, docker: &Docker, _: Input) -> Result<Undone> {
        for name in stop_start::touched(&ctx.effects().await) {
            let again = |_, done: Option<Was>| {
                let id = done.map_or_else(|| name.clone(), |was| was.id);
                // One that somebody has removed meanwhile does not run either.
                async move { Container::stop(docker, &id).await.map(drop) }
            };
            ctx.undo((START, name.as_str()), again).await?;
        }
        Ok(Undone::Fully)
    }

    fn way_back(&self, _: &StepState) -> WayBack {
        WayBack::Undo
    }
}

async fn find(docker: &Docker, wanted: &str) -> Result<(Service, Vec<Container>)> {
    let service = Service::find(docker, wanted).await?;
    let containers = service.inspect(docker).await?;
    Ok((service, containers))
}

/// Starts it unless it was started since: one that has died by itself meanwhile is not tried again.
async fn start(docker: &Docker, was: &Was) -> Result<Was> {
    let now = was.present(docker, "started").await?;
    if now.started_at() == was.started_at {
        Container::start(docker, &was.id).await?;
    }
    Ok(was.clone())
}

fn message(service: &str, containers: &[Started]) -> String {
    let Some(least) = containers.iter().min_by_key(|one| one.proof) else {
        return format!("{service} ran already: nothing was changed and nothing was proven");
    };
    format!("{service} runs: {} ({})", least.proof, least.by)
}
