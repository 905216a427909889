//! `keycloak.rotate_client_secret`: another secret for a client, proven by everybody who uses it.

mod check;
mod told;

use std::time::Duration;

use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::Keycloak;
use super::issuer::{Before, ClientIssuer};
use crate::action::{Action, ActionError, ActionSpec, Context, ReadContext, Result, Risk, Undone};
use crate::domain::plan::Plan;
use crate::domain::run::StepState;
use crate::domain::time::{Span, Timestamp};
use crate::domain::undo::WayBack;
use crate::rotation::{EFFECTS, Gave, LAST_UNDOABLE, Outcome, Rotation, former, is_over};

/// What the step keeps of how it was before.
const BEFORE: &str = "before";

/// Rotates the secret of one client.
pub(super) struct RotateClientSecret;

/// Whose secret, and how.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The client, by its client id. Who uses its secret is in the configuration.
    client: String,
    /// Where Keycloak does not keep two secrets of the client: rotate all the same, with a gap in which
    /// nobody is let in.
    #[serde(default)]
    allow_gap: bool,
    /// How long nobody may be turned away after the old secret is revoked.
    #[serde(default = "ten_seconds")]
    watch: Span,
}

fn ten_seconds() -> Span {
    Span::new(Duration::from_secs(10))
}

/// What has come of it.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The client.
    client: String,
    /// What each who uses its secret has shown, after the old one was revoked.
    consumers: Vec<Gave>,
    /// From the first time that somebody was turned away to the first login after the last; 0 where nobody
    /// was, absent where that cannot be known.
    gap_seconds: Option<f64>,
    /// Since when Keycloak had refused the client before, because its secret had become too old (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_since: Option<String>,
    /// The old secret was tried after it was revoked, and refused; absent where that cannot be tried.
    old_refused: Option<bool>,
    /// When Keycloak refuses the new secret too, because a policy says so (RFC 3339).
    locked_out_at: Option<String>,
    /// All this in a sentence.
    message: String,
}

impl Action for RotateClientSecret {
    type System = Keycloak;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "keycloak.rotate_client_secret",
        summary: "Give a client another secret, and each who uses it, prove that they work, or go back",
        risk: Risk::Change,
        service: Some("client"),
        effects: EFFECTS,
        last_undoable: Some(LAST_UNDOABLE),
    };

    async fn plan(&self, ctx: &ReadContext, keycloak: &Keycloak, input: Input) -> Result<Plan> {
        let found = check::look(ctx, keycloak, &input).await?;
        Ok(found.plan(ctx.clock.now()))
    }

    async fn run(&self, ctx: &Context, keycloak: &Keycloak, input: Input) -> Result<Output> {
        let look = || async {
            let found = check::look(&ctx.read, keycloak, &input).await?;
            Ok(found.before)
        };
        let before: Before = ctx.record(BEFORE, look).await?;
        // What is recorded is gone as soon as the first effect is taken back.
        keep(ctx, &before).await?;
        let issuer = issuer(ctx, keycloak, &input, before.clone()).await?;
        let outcome = rotation(ctx, keycloak, &input, &issuer).forward().await?;
        ctx.let_go(BEFORE).await?;
        Ok(output(&input, &before, outcome, ctx.read.clock.now()))
    }

    async fn undo(&self, ctx: &Context, keycloak: &Keycloak, input: Input) -> Result<Undone> {
        let Some(before) = before(ctx).await? else {
            // Nothing is issued before this is kept; what has come to its end has let it go.
            return Ok(if is_over(ctx).await {
                Undone::ExceptFor(format!(
                    "the client {} of `{}` keeps its new secret, by which everybody has logged in",
                    input.client,
                    keycloak.name()
                ))
            } else {
                Undone::Fully
            });
        };
        let issuer = issuer(ctx, keycloak, &input, before).await?;
        let undone = rotation(ctx, keycloak, &input, &issuer).back().await?;
        let undone = match (undone, issuer.revived().await?) {
            (undone, None) => undone,
            (Undone::Fully, Some(note)) => Undone::ExceptFor(note),
            (Undone::ExceptFor(left), Some(note)) => Undone::ExceptFor(format!("{left}; {note}")),
        };
        ctx.let_go(BEFORE).await?;
        Ok(undone)
    }

    fn way_back(&self, _: &StepState) -> WayBack {
        WayBack::Stays(
            "a secret that was revoked does not come back: rotate it once more".to_owned(),
        )
    }
}

async fn before(ctx: &Context) -> Result<Option<Before>> {
    let Some(kept) = ctx.held(BEFORE).await? else {
        return Ok(None);
    };
    let before = serde_json::from_str(kept.expose_secret());
    before.map(Some).map_err(|error| {
        ActionError::fatal(format!(
            "what this step has kept of the client is not what this version of Purser expects ({error})"
        ))
    })
}

async fn keep(ctx: &Context, before: &Before) -> Result<()> {
    let text = serde_json::to_string(before).map_err(|error| {
        ActionError::fatal(format!("what the client was cannot be kept: {error}"))
    })?;
    ctx.hold(BEFORE, &SecretString::from(text)).await
}

async fn issuer<'a>(
    ctx: &'a Context,
    keycloak: &'a Keycloak,
    input: &'a Input,
    before: Before,
) -> Result<ClientIssuer<'a>> {
    Ok(ClientIssuer {
        keycloak,
        clock: &*ctx.read.clock,
        client_id: &input.client,
        before,
        former: former(ctx).await?,
    })
}

fn rotation<'a>(
    ctx: &'a Context,
    keycloak: &'a Keycloak,
    input: &Input,
    issuer: &'a ClientIssuer<'a>,
) -> Rotation<'a> {
    Rotation {
        ctx,
        issuer,
        consumers: keycloak.consumers_of(&input.client),
        watch: input.watch.duration(),
    }
}

fn output(input: &Input, before: &Before, outcome: Outcome, now: Timestamp) -> Output {
    Output {
        message: told::message(&input.client, &outcome, before.refused_since),
        client: input.client.clone(),
        gap_seconds: outcome.gap.map(|gap| gap.as_secs_f64()),
        refused_since: before.refused_since.map(|at| at.to_string()),
        old_refused: outcome.old_refused,
        locked_out_at: before
            .lock_out_after
            .map(|after| now.plus(after).to_string()),
        consumers: outcome.consumers,
    }
}
