//! `docker.stop_service`: every container of a service, by its own signal and grace.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::container::Container;
use super::engine::{Docker, PATIENCE};
use super::image;
use super::service::Service;
use super::stop_start::{self, Was};
use crate::action::{
    Action, ActionError, ActionSpec, Context, EffectStatus, ReadContext, Result, Risk, Undone,
};
use crate::domain::effect::{EffectSort, EffectSpec};
use crate::domain::plan::Plan;
use crate::domain::run::StepState;
use crate::domain::time::Span;
use crate::domain::undo::WayBack;
use crate::domain::words::counted;

const STOP: &str = "stop_container";

/// How a container ends that the kernel has killed.
const KILLED: i64 = 137;

/// Stops a service. The item of each effect is the container's name.
pub(super) struct StopService;

/// What to stop.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// `project/service`, or `service` when that is clear, or a container's name.
    service: String,
    /// How long each container may take to be healthy when this is taken back.
    #[serde(default = "a_minute")]
    healthy_within: Span,
}

fn a_minute() -> Span {
    Span::new(Duration::from_mins(1))
}

/// What was stopped.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The service's full name.
    service: String,
    /// Whether anything was done; `false` when none of its containers ran.
    changed: bool,
    /// Those that ran, in the order in which they were stopped.
    containers: Vec<Stopped>,
    /// All this in a sentence.
    message: String,
}

/// One container.
#[derive(Serialize, JsonSchema)]
struct Stopped {
    name: String,
    /// How it ended; 137 when it had to be killed, because it did not end within its grace period.
    exit_code: i64,
}

impl Action for StopService {
    type System = Docker;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "docker.stop_service",
        summary: "Stop the containers of a service, each by its own signal and grace period",
        risk: Risk::Change,
        service: Some("service"),
        effects: &[EffectSpec {
            name: STOP,
            sort: EffectSort::Repeatable,
            limit: PATIENCE,
        }],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, docker: &Docker, input: Input) -> Result<Plan> {
        let (service, containers) = find(docker, &input.service).await?;
        let (running, still): (Vec<_>, Vec<_>) =
            containers.iter().partition(|one| Was::of(one).ran);
        if running.is_empty() {
            return Ok(Plan::new(format!("nothing: {} does not run", service.name)));
        }
        let mut plan = Plan::new(format!("stop {}", service.name));
        for container in &running {
            plan = plan
                .relies_on(format!("image of {}", container.name), container.image_id())
                .changes(
                    &container.name,
                    Some(container.state()),
                    Some("stopped".to_owned()),
                )
                .note(format!(
                    "{} is {}",
                    container.name,
                    image::short(&container.id)
                ));
        }
        for port in stop_start::published(&service) {
            plan = plan.note(format!("nothing answers at {port} while it is stopped"));
        }
        for name in stop_start::dependants(docker, &service).await? {
            plan = plan.note(format!(
                "{name} depends on it, as its Compose file says, and goes on running without it"
            ));
        }
        for container in running.iter().filter(|one| stop_start::comes_back(one)) {
            plan = plan.note(format!(
                "{} has the restart policy `always`: it comes back when the engine itself is \
                 started anew",
                container.name
            ));
        }
        for container in still {
            plan = plan.note(format!("{} does not run now", container.name));
        }
        if service.is_compose {
            plan = plan.note("the next `docker compose up` starts it again");
        }
        Ok(plan.note("can be undone: what ran is started again, and has to be as well as it was"))
    }

    async fn run(&self, ctx: &Context, docker: &Docker, input: Input) -> Result<Output> {
        let (service, before): (String, Vec<Was>) = ctx
            .record("before", || async {
                find(docker, &input.service).await.map(stop_start::recorded)
            })
            .await?;
        let mut containers = Vec::new();
        for was in before.into_iter().filter(|was| was.ran) {
            ctx.progress(format!("stopping {}", was.name));
            ctx.repeatable((STOP, was.name.as_str()), |_| stop(docker, &was))
                .await?;
            containers.push(stopped(docker, &was).await?);
        }
        Ok(Output {
            changed: !containers.is_empty(),
            message: message(&service, &containers),
            service,
            containers,
        })
    }

    async fn undo(&self, ctx: &Context, docker: &Docker, input: Input) -> Result<Undone> {
        let recorded = ctx.journal.recorded("before".to_owned()).await;
        let before = recorded.and_then(|value| serde_json::from_value(value).ok());
        let (_, before): (String, Vec<Was>) = before.unwrap_or_default();
        let effects = ctx.effects().await;
        let mut left = Vec::new();
        for name in stop_start::touched(&effects) {
            let record = effects
                .iter()
                .find(|e| e.effect.item.as_deref() == Some(&name));
            let was = match record.map(|record| &record.status) {
                Some(EffectStatus::Done(was)) => serde_json::from_value(was.clone()).ok(),
                _ => before.iter().find(|was| was.name == name).cloned(),
            };
            // The first effect that is taken back ends the records: then its name is all that is known.
            let found = match &was {
                Some(was) => Container::find(docker, &was.id).await?,
                None => Container::find(docker, &name).await?,
            };
            if found.is_none() {
                left.push(format!(
                    "{name} was removed from `{}` by someone else and cannot be started again",
                    docker.name()
                ));
            }
            let was = was.or_else(|| {
                let found = found.as_ref()?;
                Some(Was {
                    ran: true,
                    well: true,
                    ..Was::of(found)
                })
            });
            let within = input.healthy_within.duration();
            ctx.undo((STOP, name.as_str()), |_, done: Option<Was>| async move {
                let Some(was) = done.clone().or(was).filter(|_| found.is_some()) else {
                    return Ok(());
                };
                // A stop that was begun before a crash must end before the start can last.
                if done.is_none() {
                    Container::stop(docker, &was.id).await?;
                }
                was.bring_back(docker, within).await
            })
            .await?;
        }
        Ok(match left[..] {
            [] => Undone::Fully,
            _ => Undone::ExceptFor(left.join("; ")),
        })
    }

    fn way_back(&self, _: &StepState) -> WayBack {
        WayBack::Undo
    }
}

/// Refuses what could not be started again.
async fn find(docker: &Docker, wanted: &str) -> Result<(Service, Vec<Container>)> {
    let service = Service::find(docker, wanted).await?;
    let containers = service.inspect(docker).await?;
    for container in &containers {
        let (name, on) = (&container.name, docker.name());
        if docker.is_own(&container.id) {
            return Err(ActionError::fatal(format!(
                "Purser itself runs in {name} on `{on}` and cannot stop itself: use `docker stop \
                 {name}` on the host"
            )));
        }
        let host = container.facts.host_config.as_ref();
        if host.and_then(|host| host.auto_remove) == Some(true) {
            return Err(ActionError::fatal(format!(
                "{name} on `{on}` was started with --rm: the engine removes it as soon as it is \
                 stopped, and it could not be started again; nothing was changed: use `docker stop \
                 {name}` on the host if it may go"
            )));
        }
    }
    Ok((service, containers))
}

/// What it was goes into the journal, for the way back.
async fn stop(docker: &Docker, was: &Was) -> Result<Was> {
    if Container::stop(docker, &was.id).await? {
        return Ok(was.clone());
    }
    was.present(docker, "stopped").await.map(|_| was.clone())
}

/// That it has ended is looked at, not taken for granted.
async fn stopped(docker: &Docker, was: &Was) -> Result<Stopped> {
    let now = was.present(docker, "seen to have stopped").await?;
    if now.is_running() || now.is_restarting() {
        return Err(ActionError::fatal(format!(
            "{} on `{}` was stopped and runs again: somebody else starts it; find out who, and stop \
             that first",
            was.name,
            docker.name()
        )));
    }
    Ok(Stopped {
        name: now.name.clone(),
        exit_code: now.exit_code(),
    })
}

fn message(service: &str, containers: &[Stopped]) -> String {
    if containers.is_empty() {
        return format!("{service} did not run: nothing was changed");
    }
    let killed: Vec<_> = containers
        .iter()
        .filter(|one| one.exit_code == KILLED)
        .map(|one| one.name.as_str())
        .collect();
    let killed = match killed[..] {
        [] => String::new(),
        _ => format!(
            "; {} ended by SIGKILL (exit code {KILLED})",
            killed.join(", ")
        ),
    };
    format!(
        "{service} is stopped ({}){killed}",
        counted(containers.len(), "container")
    )
}
