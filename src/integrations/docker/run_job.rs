//! `docker.run_job`: a container that is started once, watched to its end, and removed.
//!
//! The container is the record of what happened: its name is made from the effect's key, so it
//! cannot be created twice, and its state says whether it was ever started, so it is not started
//! twice. A job that ended while Purser was down is found with its exit code and its whole log,
//! because it is removed only after both were read.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{ListNetworksOptions, LogsOptionsBuilder, WaitContainerOptions};
use futures_util::{StreamExt as _, TryStreamExt as _};
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::container::{self, Container};
use super::create::once;
use super::engine::{Docker, or_missing};
use super::image::{self, Named, PULL_IMAGE, Reference};
use super::logs::{self, Lines, Tail};
use crate::action::{
    Action, ActionError, ActionSpec, Context, EffectStatus, Found, ReadContext, Result, Risk,
    Undone,
};
use crate::domain::effect::{EffectKey, EffectSort, EffectSpec};
use crate::domain::nearest;
use crate::domain::plan::Plan;
use crate::domain::run::StepState;
use crate::domain::secret::SecretText;
use crate::domain::undo::WayBack;

const CREATE: &str = "create_container";
const START: &str = "start_container";
const REMOVE: &str = "remove_container";

/// Runs a one-off container.
pub(super) struct RunJob;

/// A container to run once.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The image, fetched when the engine does not have it: `shop/web:v2`.
    image: String,
    /// What to run instead of the image's own command; its entrypoint stays.
    #[serde(default)]
    command: Option<Vec<String>>,
    /// Environment variables. A value may be a secret: `"{{ secrets.NAME }}"`. Others stand in the
    /// workflow's file and are kept with the run, so put no password there. No value is in a plan.
    #[serde(default)]
    env: BTreeMap<String, SecretText>,
    /// The network to join, such as the one of the database to migrate; else the engine's default.
    #[serde(default)]
    network: Option<String>,
}

/// How the job ended.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// Always 0: any other code fails the step.
    exit_code: i64,
    /// From its start to its end, by the engine's clock.
    seconds: f64,
    /// The container's name; it is removed by now.
    container: String,
    /// The last lines that it printed.
    last_lines: Vec<String>,
}

impl Action for RunJob {
    type System = Docker;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "docker.run_job",
        summary: "Run a container once, such as a migration, and report its log and exit code",
        risk: Risk::Change,
        service: None,
        effects: &[
            PULL_IMAGE,
            EffectSpec {
                name: CREATE,
                sort: EffectSort::Keyed,
                limit: Duration::from_mins(1),
            },
            EffectSpec {
                name: START,
                sort: EffectSort::Askable,
                limit: Duration::from_secs(10),
            },
            EffectSpec {
                name: REMOVE,
                sort: EffectSort::Repeatable,
                limit: Duration::from_mins(1),
            },
        ],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, docker: &Docker, input: Input) -> Result<Plan> {
        let (reference, named) = look_at(docker, &input).await?;
        let what = match &input.command {
            Some(command) => format!("{reference} with {}", command.join(" ")),
            None => reference.to_string(),
        };
        let mut plan = Plan::new(format!("run {what} once on {}", docker.name()))
            .relies_on(format!("image {reference}"), named.id())
            .changes(
                "a container that is removed when it has ended",
                None,
                Some(what),
            );
        plan = reference.foretell(docker, &named, plan).await?;
        if let Some(network) = &input.network {
            plan = plan.relies_on("network", network);
        }
        if !input.env.is_empty() {
            let variables: Vec<_> = input.env.iter().map(variable).collect();
            plan = plan.relies_on("environment variables", variables.join(", "));
        }
        for (variable, value) in &input.env {
            if let SecretText::Stored(secret) = value {
                plan = plan.note(format!("it is given the secret {secret} as {variable}"));
            }
        }
        Ok(plan.note("what the job itself does is not known to Purser and cannot be undone by it"))
    }

    async fn run(&self, ctx: &Context, docker: &Docker, input: Input) -> Result<Output> {
        let named = ctx
            .record("image", || async { Ok(look_at(docker, &input).await?.1) })
            .await?;
        let reference = Reference::parse(&input.image)?;
        let image = reference.provide(ctx, docker, &named).await?;
        let made: Made = ctx
            .repeatable(CREATE, |key| {
                create(ctx, docker, key, &input, &reference, &image)
            })
            .await?;
        ctx.effect(
            START,
            |_| start(docker, &made),
            |_| was_started(docker, &made),
        )
        .await?;
        let end: End = ctx.record("end", || watch(ctx, docker, &made)).await?;
        if let Some(failure) = end.failure(&made, docker) {
            return Err(failure);
        }
        ctx.repeatable(REMOVE, |_| Container::remove(docker, &made.id, true))
            .await?;
        Ok(Output {
            exit_code: end.exit_code,
            seconds: end.seconds,
            container: made.name,
            last_lines: end.last_lines,
        })
    }

    async fn undo(&self, ctx: &Context, docker: &Docker, _: Input) -> Result<Undone> {
        let was_started = may_have_run(ctx, docker).await?;
        ctx.undo(REMOVE, |_, _: Option<()>| async { Ok(()) })
            .await?;
        ctx.undo(START, |_, _: Option<()>| async { Ok(()) }).await?;
        ctx.undo(CREATE, |key, _: Option<Made>| async move {
            take_away(docker, &key).await
        })
        .await?;
        // A fetched image stays: it is a copy in the engine's store.
        Ok(if was_started {
            Undone::ExceptFor("what the job did before it was removed stays".to_owned())
        } else {
            Undone::Fully
        })
    }

    fn way_back(&self, _: &StepState) -> WayBack {
        WayBack::Stays("what the job did stays: docker.run_job has no undo".to_owned())
    }
}

/// The container of the job.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Made {
    id: String,
    name: String,
}

/// How it ended.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    exit_code: i64,
    out_of_memory: bool,
    seconds: f64,
    last_lines: Vec<String>,
}

impl End {
    fn failure(&self, made: &Made, docker: &Docker) -> Option<ActionError> {
        if self.exit_code == 0 && !self.out_of_memory {
            return None;
        }
        let memory = if self.out_of_memory {
            ", out of memory"
        } else {
            ""
        };
        Some(ActionError::fatal(format!(
            "the job {} on `{}` ended with exit code {}{memory} after {:.1} s; {}",
            made.name,
            docker.name(),
            self.exit_code,
            self.seconds,
            logs::quote(&self.last_lines)
        )))
    }
}

/// Everything that can be known to be wrong before anything is changed.
async fn look_at(docker: &Docker, input: &Input) -> Result<(Reference, Named)> {
    let reference = Reference::parse(&input.image)?;
    if let Some(bad) = input.env.keys().find(|name| !is_variable(name)) {
        return Err(ActionError::fatal(format!(
            "`{bad}` cannot name an environment variable"
        )));
    }
    if let Some(network) = &input.network {
        find_network(docker, network).await?;
    }
    let named = reference.resolve(docker).await?;
    Ok((reference, named))
}

/// A variable as a plan names it: `MODE`, `PGPASSWORD (secret ORDERS_PASSWORD)`.
fn variable((name, value): (&String, &SecretText)) -> String {
    match value {
        SecretText::Literal(_) => name.clone(),
        SecretText::Stored(secret) => format!("{name} (secret {secret})"),
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

async fn find_network(docker: &Docker, wanted: &str) -> Result<()> {
    let client = docker.client().await?;
    let networks = client
        .list_networks(None::<ListNetworksOptions>)
        .await
        .map_err(|error| docker.failed("its networks were listed", error))?;
    let names: Vec<_> = networks
        .iter()
        .filter_map(|network| network.name.as_deref())
        .collect();
    if names.contains(&wanted) {
        return Ok(());
    }
    let why = nearest::unknown("network", wanted, names);
    Err(ActionError::fatal(format!("on `{}`: {why}", docker.name())))
}

async fn create(
    ctx: &Context,
    docker: &Docker,
    key: EffectKey,
    input: &Input,
    reference: &Reference,
    image: &str,
) -> Result<Made> {
    let name = container_name(&key);
    let mut env = Vec::new();
    for (name, value) in &input.env {
        let value = ctx.secret_text(value).await?;
        env.push(format!("{name}={}", value.expose_secret()));
    }
    let body = ContainerCreateBody {
        image: Some(reference.to_string()),
        cmd: input.command.clone(),
        env: Some(env),
        labels: Some(container::labels(&key)),
        host_config: Some(HostConfig {
            network_mode: input.network.clone(),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let container = once(docker, &key, &name, body).await?;
    if container.image_id() != image {
        Container::remove(docker, &container.id, true).await?;
        return Err(ActionError::fatal(format!(
            "{reference} names another image on `{}` now ({} when the step began, {} now); \
             nothing was run: plan it again",
            docker.name(),
            image::short(image),
            image::short(container.image_id())
        )));
    }
    Ok(Made {
        id: container.id,
        name,
    })
}

/// The engine refuses a second container of this name: that is what makes the effect keyed.
fn container_name(key: &EffectKey) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let step = key
        .step
        .as_str()
        .chars()
        .map(|c| if allowed(c) { c } else { '-' });
    format!("purser-{}-{}", step.collect::<String>(), key.token())
}

async fn start(docker: &Docker, made: &Made) -> Result<()> {
    Container::start(docker, &made.id).await
}

async fn was_started(docker: &Docker, made: &Made) -> Result<Found<()>> {
    Ok(match Container::find(docker, &made.id).await? {
        Some(container) if container.started_at().is_some() => Found::Done(()),
        Some(_) => Found::NotDone,
        None => Found::Unclear(format!(
            "the container {} was removed by someone else, and with it the only trace of whether \
             the job ran",
            made.name
        )),
    })
}

/// Follows the log to the job's end. Read again from its first line after a restart of Purser.
async fn watch(ctx: &Context, docker: &Docker, made: &Made) -> Result<End> {
    ctx.progress(format!("{} runs", made.name));
    let followed = async {
        let last_lines = follow(ctx, docker, made).await?;
        wait(docker, made).await?;
        Ok::<_, ActionError>(last_lines)
    };
    let last_lines = tokio::select! {
        last_lines = followed => last_lines?,
        () = ctx.cancel.cancelled() => {
            return Err(ActionError::cancelled(format!(
                "cancelled while the job {} ran on `{}`",
                made.name,
                docker.name()
            )));
        }
    };
    let container = Container::find(docker, &made.id)
        .await?
        .ok_or_else(|| lost(docker, made))?;
    let ran = match (container.started_at(), container.finished_at()) {
        (Some(from), Some(to)) => to.since(from),
        _ => Duration::ZERO,
    };
    Ok(End {
        exit_code: container.exit_code(),
        out_of_memory: container.is_out_of_memory(),
        seconds: ran.as_secs_f64(),
        last_lines,
    })
}

async fn follow(ctx: &Context, docker: &Docker, made: &Made) -> Result<Vec<String>> {
    let options = LogsOptionsBuilder::new()
        .follow(true)
        .stdout(true)
        .stderr(true)
        .build();
    let mut stream = docker.client().await?.logs(&made.id, Some(options));
    let (mut lines, mut tail) = (Lines::default(), Tail::default());
    let mut say = |line: &str| {
        ctx.log.line(line);
        tail.push(line);
    };
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => lines.push(&piece, &mut say),
            // A log driver that cannot be read back is no reason to leave the job alone.
            Err(error) => {
                say(&format!("(the log cannot be read: {error})"));
                break;
            }
        }
    }
    lines.finish(&mut say);
    Ok(tail.lines())
}

/// Returns when it has ended. The code is read from the container, which keeps it.
async fn wait(docker: &Docker, made: &Made) -> Result<()> {
    let client = docker.client().await?;
    let mut ended = client.wait_container(&made.id, None::<WaitContainerOptions>);
    match ended.try_next().await {
        Ok(_) | Err(bollard::errors::Error::DockerContainerWaitError { .. }) => Ok(()),
        Err(error) => match or_missing(Err::<(), _>(error)) {
            Ok(_) => Err(lost(docker, made)),
            Err(error) => Err(docker.failed("the end of the job was waited for", error)),
        },
    }
}

fn lost(docker: &Docker, made: &Made) -> ActionError {
    ActionError::fatal(format!(
        "the container {} was removed from `{}` by someone else while its job ran: nobody can \
         tell how far it came; look at what it changes before you run it again",
        made.name,
        docker.name()
    ))
}

/// Whether the job has done anything, as far as can be told; when in doubt, yes.
async fn may_have_run(ctx: &Context, docker: &Docker) -> Result<bool> {
    let effects = ctx.effects().await;
    let Some(start) = effects.iter().find(|e| e.effect.name == START) else {
        return Ok(false);
    };
    match start.status {
        EffectStatus::Failed => Ok(false),
        EffectStatus::Done(_) | EffectStatus::Undone => Ok(true),
        EffectStatus::Started => {
            let create = effects.iter().find(|e| e.effect.name == CREATE);
            let Some(EffectStatus::Done(made)) = create.map(|e| &e.status) else {
                return Ok(true);
            };
            let id = made
                .get("id")
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default();
            let container = Container::find(docker, id).await?;
            Ok(container.is_none_or(|container| container.started_at().is_some()))
        }
    }
}

/// Stops the job by its own signal, kills it after its grace period, and removes it.
async fn take_away(docker: &Docker, key: &EffectKey) -> Result<()> {
    if let Some(container) = container::made_by(docker, key).await? {
        Container::stop(docker, &container.id).await?;
        Container::remove(docker, &container.id, true).await?;
    }
    Ok(())
}
