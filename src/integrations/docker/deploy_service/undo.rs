//! Back to the old containers, exactly as they were, until the first of them is removed.
//!
//! Nothing here relies on what was recorded: an undo may itself be killed and called again, and
//! the first effect that it takes back ends the records of its generation. Old containers are
//! known by the effects' results and their names, new ones by their label.

use std::pin::pin;
use std::time::Duration;

use serde_json::Value;

use super::super::container::{self, Container};
use super::super::engine::Docker;
use super::super::proof::{self, Expected};
use super::by_labels::Listed;
use super::carry_out::{Placed, rename};
use super::decide::{Decision, Replica};
use super::{
    CREATE_NEW, Input, JOIN_BY_NAME, REMOVE_OLD, RENAME_NEW, RENAME_OLD, START_NEW, STOP_OLD,
};
use crate::action::{ActionError, Context, EffectRecord, EffectStatus, Result, Undone};
use crate::domain::effect::EffectKey;

/// Old images are as slow as they ever were, whatever the new one was given.
const AT_LEAST: Duration = Duration::from_mins(1);

/// The proxy is given no less to come back than it is given by default.
const ROUTED_AT_LEAST: Duration = Duration::from_secs(30);

/// What a new set has begun has no longer than this to be finished: people wait for the way back.
const LONGEST_DRAIN: Duration = Duration::from_secs(10);

/// Between two looks at what the engine may still be making.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) struct Undo<'a> {
    pub(super) ctx: &'a Context,
    pub(super) docker: &'a Docker,
    pub(super) within: Duration,
    /// How long the proxy in front may take to lead to the old ones again.
    pub(super) routed_within: Duration,
    /// How long requests to the new set have to be finished.
    pub(super) drain: Duration,
    pub(super) decision: Option<Decision>,
    pub(super) effects: Vec<EffectRecord>,
    /// The proxy in front, where it is not switched.
    pub(super) listed: Listed,
}

/// Takes the deploy back, or says what stays and what can be done about it.
pub(super) async fn all(ctx: &Context, docker: &Docker, input: &Input) -> Result<Undone> {
    let recorded = ctx.journal.recorded("decision".to_owned()).await;
    let decision: Option<Decision> = recorded.and_then(|value| serde_json::from_value(value).ok());
    let mut undo = Undo {
        ctx,
        docker,
        within: input.healthy_within.duration().max(AT_LEAST),
        routed_within: input.routed_within.duration().max(ROUTED_AT_LEAST),
        drain: input.drain.duration().min(LONGEST_DRAIN),
        decision,
        effects: ctx.effects().await,
        listed: Listed::Nowhere,
    };
    if !undo.has_switched() {
        let systems = &ctx.read.systems;
        let names = undo.names();
        undo.listed = Listed::find(docker, systems, undo.decision.as_ref(), names.first()).await;
    }
    if let Some(removed) = undo.removed().await? {
        return Ok(Undone::ExceptFor(undo.too_late(&removed).await?));
    }
    let mut left = undo.not_as_before().await?;
    left.extend(undo.unpin().await?);
    left.extend(undo.switch_back().await?);
    for name in undo.names().iter().rev() {
        left.extend(undo.container(name).await?);
    }
    // A fetched image stays: it is a copy in the engine's store, and the service is as it was.
    Ok(match left[..] {
        [] => Undone::Fully,
        _ => Undone::ExceptFor(left.join("; ")),
    })
}

impl Undo<'_> {
    /// The containers that were touched, in that order.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for name in self
            .effects
            .iter()
            .filter_map(|effect| effect.effect.item.clone())
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    pub(super) fn effect(&self, effect: &str, container: &str) -> Option<&EffectRecord> {
        let is_it = |e: &&EffectRecord| {
            e.effect.name == effect && e.effect.item.as_deref() == Some(container)
        };
        self.effects.iter().find(is_it)
    }

    /// The old container as it was before the deploy.
    pub(super) fn old(&self, name: &str) -> Option<Replica> {
        if let Some(EffectStatus::Done(old)) = self.effect(STOP_OLD, name).map(|e| &e.status)
            && let Ok(old) = serde_json::from_value(old.clone())
        {
            return Some(old);
        }
        let replicas = &self.decision.as_ref()?.replicas;
        replicas
            .iter()
            .find(|replica| replica.name == name)
            .cloned()
    }

    /// An old container that this deploy has removed: from then on there is no way back.
    async fn removed(&self) -> Result<Option<Replica>> {
        for effect in self
            .effects
            .iter()
            .filter(|e| e.effect.name == REMOVE_OLD && e.is_live())
        {
            let name = effect.effect.item.as_deref().unwrap_or_default();
            let Some(old) = self.old(name) else {
                continue;
            };
            let is_done = matches!(effect.status, EffectStatus::Done(_));
            if is_done || Container::find(self.docker, &old.id).await?.is_none() {
                return Ok(Some(old));
            }
        }
        Ok(None)
    }

    /// Some old containers may still be there, stopped, when the removal was cut short.
    async fn too_late(&self, removed: &Replica) -> Result<String> {
        let mut stopped = Vec::new();
        for old in self.names().iter().filter_map(|name| self.old(name)) {
            if let Some(container) = Container::find(self.docker, &old.id).await? {
                stopped.push(container.name);
            }
        }
        let left = match stopped[..] {
            [] => String::new(),
            _ => format!("; the old {} is left stopped", stopped.join(", ")),
        };
        Ok(format!(
            "{} on `{}` stays on its new image, as the old container is removed{left}; to go \
             back, deploy `{}` (docker.deploy_service with `image`)",
            removed.name,
            self.docker.name(),
            removed.image
        ))
    }

    /// One container's way back. What could not be put back, in words.
    async fn container(&self, name: &str) -> Result<Option<String>> {
        if let Some(old) = self.old(name)
            && self
                .effects
                .iter()
                .any(|e| e.is_live() && e.effect.item.as_deref() == Some(name))
            && Container::find(self.docker, &old.id).await?.is_none()
        {
            return self.keep_new(&old).await.map(Some);
        }
        let was_put_aside = self
            .effect(RENAME_OLD, name)
            .is_some_and(EffectRecord::is_live);
        if was_put_aside {
            self.remove_new(name).await?;
            self.ctx
                .undo((RENAME_OLD, name), |key, _: Option<()>| {
                    self.name_back(name, key)
                })
                .await?;
        }
        // The old one is back before the new one goes, wherever it can be: one of them answers.
        let unseen = self.start_old(name).await?;
        self.remove_new(name).await?;
        self.ctx
            .undo((REMOVE_OLD, name), |_, _: Option<()>| async { Ok(()) })
            .await?;
        Ok(unseen)
    }

    async fn remove_new(&self, name: &str) -> Result<()> {
        self.ctx
            .undo((RENAME_NEW, name), |_, _: Option<()>| async { Ok(()) })
            .await?;
        self.ctx
            .undo((JOIN_BY_NAME, name), |_, _: Option<()>| async { Ok(()) })
            .await?;
        self.ctx
            .undo((START_NEW, name), |_, _: Option<()>| async { Ok(()) })
            .await?;
        let take_away = |key: EffectKey, _: Option<Placed>| async move {
            if let Some(new) = self.made(&key).await? {
                Container::stop(self.docker, &new.id).await?;
                Container::remove(self.docker, &new.id, true).await?;
            }
            Ok(())
        };
        self.ctx.undo((CREATE_NEW, name), take_away).await
    }

    /// The container that this effect has made. One that was asked for by a process which died may be there
    /// only later, as long as the effect could last.
    pub(super) async fn made(&self, key: &EffectKey) -> Result<Option<Container>> {
        let begun = self.effects.iter().find(|begun| begun.effect == key.effect);
        let begun = begun.filter(|begun| begun.status == EffectStatus::Started);
        let spec = self.ctx.spec.effect(&key.effect.name);
        let Some((begun, spec)) = begun.zip(spec) else {
            return container::made_by(self.docker, key).await;
        };
        let mut landed = pin!(self.ctx.until_landed(spec, begun.started_at));
        loop {
            let found = container::made_by(self.docker, key).await?;
            if found.is_some() {
                return Ok(found);
            }
            tokio::select! {
                landed = &mut landed => {
                    landed?;
                    return container::made_by(self.docker, key).await;
                }
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Gives the container that was put aside its own name back.
    async fn name_back(&self, name: &str, key: EffectKey) -> Result<()> {
        let aside = || format!("{name}-purser-{}", key.token());
        let old = self.old(name).map_or_else(aside, |old| old.id);
        match Container::find(self.docker, &old).await? {
            Some(old) => rename(self.docker, &old.id, name).await,
            None => Ok(()),
        }
    }

    /// Starts the old container again and waits until it is as well as it was, and until the proxy leads to
    /// it, where that goes by its labels. What was not seen of that, in words.
    pub(super) async fn start_old(&self, name: &str) -> Result<Option<String>> {
        let was = self.old(name);
        let mut unseen = None;
        let told = &mut unseen;
        let start = |_: EffectKey, done: Option<Value>| async move {
            let was = done
                .and_then(|old| serde_json::from_value(old).ok())
                .or(was);
            // By its id: somebody may have given it another name.
            let id = was.as_ref().map_or(name, |was| was.id.as_str());
            let Some(old) = Container::find(self.docker, id).await? else {
                return Err(self.lost(name));
            };
            let was_running = was.as_ref().is_none_or(|was| was.was_running);
            let was_well = was.as_ref().is_none_or(|was| was.was_well);
            if !was_running {
                return Ok(());
            }
            // A stop that was begun before a crash must end before the start can last.
            if self
                .effect(STOP_OLD, name)
                .is_some_and(|e| e.status == EffectStatus::Started)
            {
                Container::stop(self.docker, &old.id).await?;
            }
            Container::start(self.docker, &old.id).await?;
            if was_well {
                self.prove_old(&old).await?;
                *told = self.listed_again(&old).await;
            }
            Ok(())
        };
        self.ctx.undo((STOP_OLD, name), start).await?;
        Ok(unseen)
    }

    async fn prove_old(&self, old: &Container) -> Result<()> {
        let expected = Expected {
            within: self.within,
            probe: None,
            cancel: None,
        };
        match proof::prove(self.docker, &old.id, &expected).await {
            Ok(_) => Ok(()),
            Err(why) => Err(ActionError::new(
                why.kind.clone(),
                format!("the old container was started again but is not well: {why}"),
            )
            .because(why)),
        }
    }

    /// The old container is gone without our doing: what there is of the new one is better than
    /// nothing.
    async fn keep_new(&self, old: &Replica) -> Result<String> {
        let gone = format!(
            "{} ({}) was removed from `{}` by someone else and cannot be put back",
            old.name,
            old.image,
            self.docker.name()
        );
        let Some(create) = self.effect(CREATE_NEW, &old.name) else {
            return Ok(gone);
        };
        let key = EffectKey {
            run: self.ctx.run,
            step: self.ctx.step.clone(),
            generation: create.generation,
            effect: create.effect.clone(),
        };
        let Some(new) = container::made_by(self.docker, &key).await? else {
            return Ok(gone);
        };
        if Container::find(self.docker, &old.name).await?.is_none() {
            rename(self.docker, &new.id, &old.name).await?;
        }
        Ok(format!(
            "{gone}; its new container ({}) stays in its place",
            new.image()
        ))
    }

    fn lost(&self, name: &str) -> ActionError {
        ActionError::fatal(format!(
            "{name} is not on `{}` any more and cannot be started again: somebody else removed or \
             renamed it",
            self.docker.name()
        ))
    }
}
