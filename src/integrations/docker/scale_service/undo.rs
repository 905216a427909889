//! Back to as many as there were, until the first surplus one is removed.
//!
//! Nothing here relies on what was recorded: the first effect that is taken back ends the records, and
//! an undo may itself be killed and called again.

use std::time::Duration;

use super::super::container::{self, Container};
use super::super::engine::Docker;
use super::super::stop_start::{self, Was};
use super::carry_out::Made;
use super::decide::Decision;
use super::{CREATE, Input, REMOVE, START, STOP};
use crate::action::{Context, EffectRecord, EffectStatus, Result, Undone};
use crate::domain::effect::EffectKey;

/// Those that were stopped are as slow as they ever were, whatever new ones were given.
const AT_LEAST: Duration = Duration::from_mins(1);

struct Undo<'a> {
    ctx: &'a Context,
    docker: &'a Docker,
    within: Duration,
    decision: Option<Decision>,
    effects: Vec<EffectRecord>,
}

/// Takes it back, or says what cannot come back.
pub(super) async fn all(ctx: &Context, docker: &Docker, input: &Input) -> Result<Undone> {
    let recorded = ctx.journal.recorded("decision".to_owned()).await;
    let undo = Undo {
        ctx,
        docker,
        within: input.healthy_within.duration().max(AT_LEAST),
        decision: recorded.and_then(|value| serde_json::from_value(value).ok()),
        effects: ctx.effects().await,
    };
    let mut names = stop_start::touched(&undo.effects);
    let mut seen = Vec::new();
    names.retain(|name| {
        let is_new = !seen.contains(name);
        seen.push(name.clone());
        is_new
    });
    let mut gone = Vec::new();
    for name in names {
        if undo.effect(CREATE, &name).is_some() {
            undo.take_away(&name).await?;
        } else if !undo.start_again(&name).await? {
            gone.push(name);
        }
    }
    Ok(match gone[..] {
        [] => Undone::Fully,
        _ => Undone::ExceptFor(format!(
            "removed from `{}` for good: {}; scale the service again to have others in their place \
             (docker.scale_service)",
            docker.name(),
            gone.join(", ")
        )),
    })
}

impl Undo<'_> {
    fn effect(&self, effect: &str, container: &str) -> Option<&EffectRecord> {
        let is_it = |e: &&EffectRecord| {
            e.effect.name == effect && e.effect.item.as_deref() == Some(container)
        };
        self.effects.iter().find(is_it)
    }

    /// Removes a container that was added.
    async fn take_away(&self, name: &str) -> Result<()> {
        self.ctx
            .undo((START, name), |_, _: Option<()>| async { Ok(()) })
            .await?;
        let take_away = |key: EffectKey, _: Option<Made>| async move {
            if let Some(made) = container::made_by(self.docker, &key).await? {
                Container::stop(self.docker, &made.id).await?;
                Container::remove(self.docker, &made.id, true).await?;
            }
            Ok(())
        };
        self.ctx.undo((CREATE, name), take_away).await
    }

    /// Starts a surplus container again, if it ran; `false` when it is gone.
    async fn start_again(&self, name: &str) -> Result<bool> {
        let was = self.was(name);
        let id = was.as_ref().map_or(name, |was| was.id.as_str());
        let Some(found) = Container::find(self.docker, id).await? else {
            return Ok(false);
        };
        let was = was.unwrap_or_else(|| Was {
            ran: true,
            well: true,
            ..Was::of(&found)
        });
        let again = |_, done: Option<Was>| async move {
            let is_open = done.is_none();
            let was = done.unwrap_or(was);
            if !was.ran {
                return Ok(());
            }
            // A stop that was begun before a crash must end before the start can last.
            if is_open {
                Container::stop(self.docker, &was.id).await?;
            }
            was.bring_back(self.docker, self.within).await
        };
        self.ctx.undo((STOP, name), again).await?;
        self.ctx
            .undo((REMOVE, name), |_, _: Option<()>| async { Ok(()) })
            .await?;
        Ok(true)
    }

    /// The surplus container as it was.
    fn was(&self, name: &str) -> Option<Was> {
        if let Some(EffectStatus::Done(was)) = self.effect(STOP, name).map(|e| &e.status)
            && let Ok(was) = serde_json::from_value(was.clone())
        {
            return Some(was);
        }
        let surplus = &self.decision.as_ref()?.surplus;
        surplus.iter().find(|was| was.name == name).cloned()
    }
}
