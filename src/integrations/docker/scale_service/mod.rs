//! `docker.scale_service`: so many containers of a service, as Compose would have them.
//!
//! New ones are copies of one that runs well, and are proven like those of a deploy. Surplus ones are
//! stopped, and removed at the very end, all together: until then everything can be undone.

mod carry_out;
mod decide;
mod undo;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::decide::Decision;
use super::engine::{Docker, PATIENCE};
use super::probe::Probe;
use super::proof::Level;
use crate::action::{Action, ActionSpec, Context, ReadContext, Result, Risk, Undone};
use crate::domain::effect::{EffectSort, EffectSpec};
use crate::domain::plan::Plan;
use crate::domain::run::StepState;
use crate::domain::time::Span;
use crate::domain::undo::WayBack;

const CREATE: &str = "create_replica";
const START: &str = "start_replica";
const STOP: &str = "stop_surplus";
const REMOVE: &str = "remove_surplus";

/// More containers of one service than this are a typing error.
const MOST: usize = 50;

/// What is given to the way back as it was given to the way there.
const TAKEN_OVER: [&str; 3] = ["healthy_within", "parallel", "probe"];

/// Scales a service. The item of each effect is the container's name.
pub(super) struct ScaleService;

/// How many there are to be, and what counts as well.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// `project/service`, or `service` when that is clear; a service of Compose.
    service: String,
    /// So many containers, 1 to 50.
    #[schemars(range(min = 1, max = 50))]
    replicas: usize,
    /// How long each new container may take to be healthy.
    #[serde(default = "a_minute")]
    healthy_within: Span,
    /// The service may run more than once although it writes to volumes.
    #[serde(default)]
    parallel: bool,
    /// What to ask a new container whose image has no HEALTHCHECK.
    #[serde(default)]
    probe: Option<Probe>,
}

fn a_minute() -> Span {
    Span::new(Duration::from_mins(1))
}

/// What was added or removed.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The service's full name.
    service: String,
    /// Whether anything was done; `false` when it had so many already.
    changed: bool,
    /// How many containers it had.
    before: usize,
    /// How many it has now.
    replicas: usize,
    /// The new containers.
    added: Vec<String>,
    /// Those that are gone.
    removed: Vec<String>,
    /// The least that any of the new containers has shown; absent when none was added.
    proof: Option<Level>,
    /// What has shown it.
    proven_by: Option<String>,
    /// All this in one sentence.
    message: String,
}

const fn effect(name: &'static str, sort: EffectSort, limit: Duration) -> EffectSpec {
    EffectSpec { name, sort, limit }
}

impl Action for ScaleService {
    type System = Docker;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "docker.scale_service",
        summary: "Run so many containers of a Compose service, each new one proven",
        risk: Risk::Change,
        service: Some("service"),
        effects: &[
            effect(CREATE, EffectSort::Keyed, Duration::from_mins(1)),
            effect(START, EffectSort::Askable, Duration::from_secs(10)),
            effect(STOP, EffectSort::Repeatable, PATIENCE),
            effect(REMOVE, EffectSort::Repeatable, Duration::from_mins(1)),
        ],
        last_undoable: Some(STOP),
    };

    async fn plan(&self, _: &ReadContext, docker: &Docker, input: Input) -> Result<Plan> {
        let decision = Decision::make(docker, &input).await?;
        Ok(decision.plan(&input))
    }

    async fn run(&self, ctx: &Context, docker: &Docker, input: Input) -> Result<Output> {
        let decision: Decision = ctx
            .record("decision", || Decision::make(docker, &input))
            .await?;
        carry_out::all(ctx, docker, &input, decision).await
    }

    async fn undo(&self, ctx: &Context, docker: &Docker, input: Input) -> Result<Undone> {
        undo::all(ctx, docker, &input).await
    }

    /// To as many as there were: new ones are proven, as always.
    fn way_back(&self, step: &StepState) -> WayBack {
        let recorded = step.records.get("decision").cloned();
        let decision = recorded.and_then(|value| serde_json::from_value::<Decision>(value).ok());
        let Some(decision) = decision else {
            let why = "how many there were before is not in its journal";
            return WayBack::Stays(why.to_owned());
        };
        let mut input = Map::new();
        for name in TAKEN_OVER {
            if let Some(value) = step.input.get(name) {
                input.insert(name.to_owned(), value.clone());
            }
        }
        input.insert("service".to_owned(), Value::from(decision.service));
        input.insert("replicas".to_owned(), Value::from(decision.before));
        WayBack::by(Self::SPEC.name, input)
    }
}
