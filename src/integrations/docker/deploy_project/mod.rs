//! `docker.deploy_project`: every service of a Compose project that runs another image than its files
//! name, in the order in which they need each other.
//!
//! Each is deployed as `docker.deploy_service` would, within a part of the step's journal. All of them are
//! proven before any old container goes: when one fails, all go back.

mod decide;
mod way_back;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::decide::Decision;
use super::deploy_service::DeployService;
use super::engine::Docker;
use crate::action::{Action, ActionSpec, Context, ReadContext, Result, Risk, Undone};
use crate::domain::plan::Plan;
use crate::domain::run::StepState;
use crate::domain::time::Span;
use crate::domain::undo::WayBack;

/// Deploys a project. The item of each effect is the service, and what the effect is on behind it.
pub(super) struct DeployProject;

/// What to put live.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The Compose project, of those whose folders are configured (`projects`).
    project: String,
    /// Just these, in this order, instead of what the project's files name.
    #[serde(default)]
    images: Vec<Target>,
    /// How long each new container may take to be healthy.
    #[serde(default = "a_minute")]
    healthy_within: Span,
    /// How long the old containers of a service have to finish what they have begun, where a proxy in
    /// front is switched.
    #[serde(default = "ten_seconds")]
    drain: Span,
}

/// One service, and the image to put live.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    /// The service, as the project's files call it.
    service: String,
    /// Its image: `registry/shop/web:v2`.
    image: String,
    /// The id of the image, `sha256:…`, where it must be just that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image_id: Option<String>,
}

fn ten_seconds() -> Span {
    Span::new(Duration::from_secs(10))
}

fn a_minute() -> Span {
    Span::new(Duration::from_mins(1))
}

/// What was deployed, in order, and what was not.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The project.
    project: String,
    /// Whether anything was done.
    changed: bool,
    /// Those that were deployed, in that order, and what each has shown.
    services: Vec<super::deploy_service::Output>,
    /// What is left to `docker compose up`, and why.
    left: Vec<String>,
    /// All this in a sentence.
    message: String,
}

impl Action for DeployProject {
    type System = Docker;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "docker.deploy_project",
        summary: "Put live what a Compose project's files name, service by service, or go back with all",
        risk: Risk::Change,
        // No text: any lock on a service of the engine concerns it.
        service: Some("images"),
        effects: DeployService::SPEC.effects,
        last_undoable: DeployService::SPEC.last_undoable,
    };

    async fn plan(&self, ctx: &ReadContext, docker: &Docker, input: Input) -> Result<Plan> {
        let decision = Decision::make(docker, &input).await?;
        let mut plans = Vec::new();
        for service in &decision.services {
            let plan = DeployService
                .plan(ctx, docker, service.input(&decision, &input)?)
                .await?;
            plans.push((service.service.as_str(), plan));
        }
        Ok(decision.plan(plans))
    }

    async fn run(&self, ctx: &Context, docker: &Docker, input: Input) -> Result<Output> {
        let decision: Decision = ctx
            .record("project", || Decision::make(docker, &input))
            .await?;
        let mut parts = Vec::new();
        for service in &decision.services {
            parts.push((
                ctx.part(&service.service),
                service.input(&decision, &input)?,
            ));
        }
        let mut proven = Vec::new();
        for (part, input) in &parts {
            proven.push(DeployService::prove(part, docker, input).await?);
        }
        for one in &proven {
            one.last_look().await?;
        }
        let mut outputs = Vec::new();
        for one in proven {
            outputs.push(one.finish().await?);
        }
        Ok(decision.output(outputs))
    }

    async fn undo(&self, ctx: &Context, docker: &Docker, input: Input) -> Result<Undone> {
        let mut left = Vec::new();
        for service in ctx.parts().await.into_iter().rev() {
            let part = ctx.part(&service);
            let one = decide::input_of(&input, &service, "", None)?;
            if let Undone::ExceptFor(what) = DeployService.undo(&part, docker, one).await? {
                left.push(what);
            }
        }
        Ok(match left[..] {
            [] => Undone::Fully,
            _ => Undone::ExceptFor(left.join("; ")),
        })
    }

    fn way_back(&self, step: &StepState) -> WayBack {
        way_back::of(step)
    }
}
