//! `docker.deploy_service`: another image for a service, proven before the old one goes.
//!
//! Three ways. *Rolling*: the new container runs beside the old one until it has proven itself; at
//! every instant one healthy container answers. *Blue-green*, where a proxy stands in front: a whole
//! new set is proven beside the old one, and the proxy is switched at one instant. *Recreate*, for
//! what cannot run twice at once: the old container is stopped and put aside under another name, and
//! comes back if the new one does not prove itself.
//!
//! Old containers are removed at the very end, all together: until then everything can be undone.

mod as_before;
mod back_to;
mod behind;
mod blue_green;
mod by_hand;
mod by_labels;
mod by_name;
mod carry_out;
mod choose;
mod decide;
mod differences;
mod environment;
mod forward;
mod kept_up;
mod pin;
mod stages;
mod switch_back;
mod told;
mod undo;
mod way_back;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub(super) use self::back_to::offers;
use self::by_name::Found;
use self::decide::Decision;
pub(super) use self::way_back::former_image;
use super::engine::{Docker, PATIENCE};
use super::front::ProxyProbe;
use super::image::{PULL_IMAGE, Reference};
use super::probe::Probe;
use super::proof::Level;
use super::strategy::Strategy;
use crate::action::{Action, ActionSpec, Context, ReadContext, Result, Risk, Undone};
use crate::domain::effect::{EffectSort, EffectSpec};
use crate::domain::plan::Plan;
use crate::domain::run::StepState;
use crate::domain::time::Span;
use crate::domain::undo::WayBack;

/// What to do about a container of which nobody can tell what was set for it.
const INSTEAD: &str = "make the container anew from its Compose file";

const CREATE_NEW: &str = "create_new";
const START_NEW: &str = "start_new";
const JOIN_BY_NAME: &str = "join_by_name";
const MAKE_IDLE_IMAGE: &str = "make_idle_image";
const CREATE_SWITCH: &str = "create_switch";
const WRITE_ROUTES: &str = "write_routes";
const STOP_OLD_SWITCH: &str = "stop_old_switch";
const REMOVE_OLD_SWITCH: &str = "remove_old_switch";
const STOP_OLD: &str = "stop_old";
const RENAME_OLD: &str = "rename_old";
const PIN_VERSION: &str = "pin_version";
const REMOVE_OLD: &str = "remove_old";
const RENAME_NEW: &str = "rename_new";

/// No old set is left longer to finish what it has begun.
const LONGEST_DRAIN: Duration = Duration::from_mins(30);

/// No old set is kept longer for a way back at once.
const LONGEST_KEEP: Duration = Duration::from_hours(24);

/// Deploys a service. The item of each effect is the container's own name; those on switches have none.
pub(super) struct DeployService;

/// What to put live, and what counts as live.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// `project/service`, or `service` when that is clear, or a container's name.
    service: String,
    /// The image to run: `registry/shop/web:v2`. Either this, `version` or `back_to`.
    #[serde(default)]
    image: Option<String>,
    /// A tag of the image that the service runs now: `v2`.
    #[serde(default)]
    version: Option<String>,
    /// The image that an earlier run had put live, by its receipt: the run's id, or the beginning or end
    /// of it; `previous` for the image before the one that runs now.
    #[serde(default)]
    back_to: Option<String>,
    /// The id of the image, `sha256:…`, where it must be just that one: a tag may name another image
    /// by now.
    #[serde(default)]
    image_id: Option<String>,
    /// How long each new container may take to be healthy.
    #[serde(default = "a_minute")]
    healthy_within: Span,
    /// The service may run twice at once although it writes to volumes.
    #[serde(default)]
    parallel: bool,
    /// How the new containers take the old ones' place; left out, the best way that is possible.
    #[serde(default)]
    strategy: Option<Strategy>,
    /// What to ask a new container whose image has no HEALTHCHECK, over HTTP or TCP; or a command that
    /// is its HEALTHCHECK from then on.
    #[serde(default)]
    probe: Option<Probe>,
    /// What to ask through the proxy in front, once it leads to the new containers. With `contains` the
    /// deploy is only done when the new version answers.
    #[serde(default)]
    proxy_probe: Option<ProxyProbe>,
    /// When others find a new container by the service's name in its networks, where containers are replaced
    /// one by one and no proxy stands in front.
    #[serde(default)]
    found_by_name: Found,
    /// Told to stop, a container fails its HEALTHCHECK at once and goes on answering until the proxy in front
    /// has noticed: then it needs no switch, and the containers keep their labels.
    #[serde(default)]
    drains_itself: bool,
    /// How long the proxy in front may take to show each of what it has to: the new containers, the
    /// switch, and that it leads by that. Traefik takes up to two seconds each time by default.
    #[serde(default = "half_a_minute")]
    routed_within: Span,
    /// How long the old containers have to finish what they have begun, after the proxy in front leads
    /// to the new ones.
    #[serde(default = "ten_seconds")]
    drain: Span,
    /// How long the old containers go on after that, though the proxy in front leads to them no more:
    /// until then a cancel goes back to them at once.
    #[serde(default = "no_time")]
    keep: Span,
    /// What the environment of each new container has, whatever the old one's had. No file says this.
    #[serde(skip)]
    environment: BTreeMap<String, SecretString>,
}

impl Input {
    /// With these variables in the environment of each new container.
    pub(super) fn with_environment(mut self, environment: &BTreeMap<String, SecretString>) -> Self {
        self.environment.clone_from(environment);
        self
    }
}

fn no_time() -> Span {
    Span::new(Duration::ZERO)
}

fn half_a_minute() -> Span {
    Span::new(Duration::from_secs(30))
}

fn ten_seconds() -> Span {
    Span::new(Duration::from_secs(10))
}

fn a_minute() -> Span {
    Span::new(Duration::from_mins(1))
}

/// What was deployed, and what it has shown.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The service's full name.
    service: String,
    /// Whether anything was done; `false` when the service runs this image already.
    pub(super) changed: bool,
    /// What it runs now.
    image: String,
    /// The image's id, `sha256:…`.
    image_id: String,
    /// The image that it ran before; absent when nothing was done, or its containers differed.
    replaced_image: Option<String>,
    /// Its id, `sha256:…`.
    replaced_image_id: Option<String>,
    /// Absent when nothing was done.
    strategy: Option<Strategy>,
    /// The least that any of the new containers has shown; absent when nothing was done.
    proof: Option<Level>,
    /// What has shown it.
    proven_by: Option<String>,
    /// The longest time from an old container's stop to its successor's proof, by the proxy too where that
    /// can be asked; 0 when the proof came first.
    gap_seconds: f64,
    /// The new containers.
    containers: Vec<String>,
    /// All this in one sentence.
    pub(super) message: String,
}

const fn effect(name: &'static str, sort: EffectSort, limit: Duration) -> EffectSpec {
    EffectSpec { name, sort, limit }
}

impl Action for DeployService {
    type System = Docker;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "docker.deploy_service",
        summary: "Put another image of a service live, prove it, and go back if it does not work",
        risk: Risk::Change,
        service: Some("service"),
        effects: &[
            PULL_IMAGE,
            effect(CREATE_NEW, EffectSort::Keyed, Duration::from_mins(1)),
            effect(START_NEW, EffectSort::Askable, Duration::from_secs(10)),
            effect(
                JOIN_BY_NAME,
                EffectSort::Repeatable,
                Duration::from_secs(30),
            ),
            effect(
                MAKE_IDLE_IMAGE,
                EffectSort::Repeatable,
                Duration::from_mins(1),
            ),
            effect(CREATE_SWITCH, EffectSort::Keyed, Duration::from_mins(1)),
            effect(
                WRITE_ROUTES,
                EffectSort::Repeatable,
                Duration::from_secs(30),
            ),
            effect(
                STOP_OLD_SWITCH,
                EffectSort::Repeatable,
                Duration::from_mins(1),
            ),
            effect(STOP_OLD, EffectSort::Repeatable, PATIENCE),
            effect(RENAME_OLD, EffectSort::Repeatable, Duration::from_secs(30)),
            effect(PIN_VERSION, EffectSort::Repeatable, Duration::from_secs(30)),
            effect(REMOVE_OLD, EffectSort::Repeatable, Duration::from_mins(1)),
            effect(RENAME_NEW, EffectSort::Repeatable, Duration::from_secs(30)),
            effect(
                REMOVE_OLD_SWITCH,
                EffectSort::Repeatable,
                Duration::from_mins(1),
            ),
        ],
        last_undoable: Some(PIN_VERSION),
    };

    async fn plan(&self, ctx: &ReadContext, docker: &Docker, input: Input) -> Result<Plan> {
        let decision = Decision::make(docker, &ctx.systems, &input).await?;
        let plan = decision.plan(&input);
        let plan = decision.with_differences(docker, &input, plan).await?;
        let image = Reference::parse(&decision.image)?;
        image.foretell(docker, &decision.named, plan).await
    }

    async fn run(&self, ctx: &Context, docker: &Docker, input: Input) -> Result<Output> {
        let standing = Self::prove(ctx, docker, &input).await?;
        standing.last_look().await?;
        standing.finish().await
    }

    async fn undo(&self, ctx: &Context, docker: &Docker, input: Input) -> Result<Undone> {
        // Too large to be carried around in the future of a whole project.
        match Box::pin(undo::all(ctx, docker, &input)).await {
            Err(why) => Err(by_hand::told(ctx, why).await),
            undone => undone,
        }
    }

    fn way_back(&self, step: &StepState) -> WayBack {
        way_back::of(step)
    }
}
