//! `keycloak.set_up_rotation`: has Keycloak take two secrets of some clients while one is replaced.
//!
//! A policy refuses every client whose secret is too old, so it is never for all: it goes by a role that
//! clients have of their own. The lists of profiles and policies are set as a whole; all that is in them of
//! others stays.

mod carry_out;
mod decide;
mod lists;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::decide::Decision;
use super::connection::Keycloak;
use crate::action::{Action, ActionSpec, Context, ReadContext, Result, Risk, Undone};
use crate::domain::effect::{EffectSort, EffectSpec};
use crate::domain::plan::Plan;
use crate::domain::run::StepState;
use crate::domain::time::Span;
use crate::domain::undo::WayBack;

const SET_PROFILES: &str = "set_profiles";
const CREATE_ROLE: &str = "create_role";
const SET_POLICIES: &str = "set_policies";
const SET_LOCK_OUT: &str = "set_lock_out";

/// Longer than two answers may take.
const LIMIT: Duration = Duration::from_secs(40);

/// Sets rotation up. The item of effects on clients is the client's id.
pub(super) struct SetUpRotation;

/// For whom, and how.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The clients whose secrets are to be replaced without a gap. Those that have the role already stay.
    clients: Vec<String>,
    /// The role that clients get of their own, by which the policy knows them.
    #[serde(default = "usual_role")]
    role: String,
    /// How old a secret may become before Keycloak refuses its client.
    #[serde(default = "ten_years")]
    lock_out_after: Span,
    /// How long Keycloak takes a secret that it has replaced by itself, as when somebody regenerates one.
    #[serde(default = "a_day")]
    overlap: Span,
}

fn usual_role() -> String {
    "purser-rotates".to_owned()
}

fn ten_years() -> Span {
    Span::new(Duration::from_hours(3650 * 24))
}

fn a_day() -> Span {
    Span::new(Duration::from_hours(24))
}

/// What was set up.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// Whether anything was done; `false` when all was so already.
    changed: bool,
    /// The clients of which Keycloak takes two secrets now.
    clients: Vec<String>,
    /// All this in one sentence.
    message: String,
}

const fn effect(name: &'static str) -> EffectSpec {
    EffectSpec {
        name,
        sort: EffectSort::Repeatable,
        limit: LIMIT,
    }
}

impl Action for SetUpRotation {
    type System = Keycloak;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "keycloak.set_up_rotation",
        summary: "Have Keycloak take two secrets of these clients while one is replaced, by a policy that \
                  concerns no other client",
        risk: Risk::Change,
        service: None,
        effects: &[
            effect(SET_PROFILES),
            effect(CREATE_ROLE),
            effect(SET_POLICIES),
            effect(SET_LOCK_OUT),
        ],
        last_undoable: None,
    };

    async fn plan(&self, ctx: &ReadContext, keycloak: &Keycloak, input: Input) -> Result<Plan> {
        let decision = Decision::make(keycloak, &input).await?;
        Ok(decision.plan(keycloak, &input, ctx.clock.now()))
    }

    async fn run(&self, ctx: &Context, keycloak: &Keycloak, input: Input) -> Result<Output> {
        let decision: Decision = ctx
            .record("decision", || Decision::make(keycloak, &input))
            .await?;
        carry_out::all(ctx, keycloak, &input, decision).await
    }

    async fn undo(&self, ctx: &Context, keycloak: &Keycloak, input: Input) -> Result<Undone> {
        carry_out::back(ctx, keycloak, &input).await
    }

    fn way_back(&self, _: &StepState) -> WayBack {
        WayBack::Undo
    }
}
