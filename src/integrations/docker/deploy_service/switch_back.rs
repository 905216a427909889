//! The proxy leads to the old set again, before any new container goes.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::container::{self, Container};
use super::behind::{Behind, Switch};
use super::blue_green::{Made, unseen};
use super::undo::Undo;
use super::{CREATE_SWITCH, MAKE_IDLE_IMAGE, STOP_OLD_SWITCH};
use crate::action::{ActionError, EffectRecord, EffectStatus, Result};
use crate::domain::effect::EffectKey;

impl Undo<'_> {
    /// What was not seen of that, in words.
    pub(super) async fn switch_back(&self) -> Result<Option<String>> {
        let is_create =
            |effect: &&EffectRecord| effect.effect.name == CREATE_SWITCH && effect.is_live();
        let Some(create) = self.effects.iter().find(is_create) else {
            return self.forget_image().await.map(|()| None);
        };
        let old = self.old_ones().await?;
        if old.is_empty() {
            // Somebody has removed them: the new ones are better than nothing, and are led to.
            return Ok(None);
        }
        for (name, _) in &old {
            self.start_old(name).await?;
        }
        let behind = self.behind(create);
        let start = |_: EffectKey, old: Option<Switch>| self.start_switch(old, behind.as_ref());
        self.ctx.undo(STOP_OLD_SWITCH, start).await?;
        let ids: Vec<_> = old.into_iter().map(|(_, id)| id).collect();
        let token = self.key_of(create).token();
        let seen = match &behind {
            Some(behind) => self.sees(behind, &token, &ids).await,
            None => Err(ActionError::fatal(
                "which routers those are is not known any more",
            )),
        };
        // Requests may have gone to the new set, which has time to finish them. That belongs to the undo:
        // killed meanwhile, it waits again before any of the set goes.
        let led = behind.as_ref().filter(|_| seen.is_ok());
        let mut forgotten = Ok(());
        let forgets = &mut forgotten;
        let remove = |key: EffectKey, _: Option<Made>| async move {
            if let Some(switch) = container::made_by(self.docker, &key).await? {
                Container::stop(self.docker, &switch.id).await?;
                Container::remove(self.docker, &switch.id, true).await?;
            }
            if let Some(behind) = led {
                *forgets = self.forgets(behind, &token).await;
            }
            Ok(())
        };
        self.ctx.undo(CREATE_SWITCH, remove).await?;
        self.forget_image().await?;
        Ok(seen.and(forgotten).err().map(|why| unseen(&why)))
    }

    /// The old containers that are there: the names that they had, and their ids.
    async fn old_ones(&self) -> Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        for name in self.names() {
            let id = self.old(&name).map_or_else(|| name.clone(), |old| old.id);
            if let Some(old) = Container::find(self.docker, &id).await? {
                found.push((name, old.id));
            }
        }
        Ok(found)
    }

    /// How the proxy was to be switched. Both may be lost where the process died: then nobody can say
    /// what the proxy has to show.
    fn behind(&self, create: &EffectRecord) -> Option<Behind> {
        let made = match &create.status {
            EffectStatus::Done(made) => serde_json::from_value::<Made>(made.clone()).ok(),
            _ => None,
        };
        let decided = || self.decision.as_ref()?.behind.clone();
        made.map(|made| made.behind).or_else(decided)
    }

    async fn start_switch(&self, stopped: Option<Switch>, behind: Option<&Behind>) -> Result<()> {
        let known = || behind.and_then(|behind| behind.old_switch.clone());
        if let Some(old) = stopped.or_else(known)
            && Container::find(self.docker, &old.id).await?.is_some()
        {
            // A stop that was begun before a crash must end before the start can last.
            Container::stop(self.docker, &old.id).await?;
            Container::start(self.docker, &old.id).await?;
        }
        Ok(())
    }

    fn patience(&self) -> (Duration, &CancellationToken) {
        (self.routed_within, &self.ctx.cancel)
    }

    async fn sees(&self, behind: &Behind, token: &str, old: &[String]) -> Result<()> {
        let proxy = self.ctx.read.systems.proxy(behind.proxy.as_str())?;
        let watch = behind.watch(self.docker, proxy, token, self.patience());
        watch.until_others_lead_to(old).await
    }

    async fn forgets(&self, behind: &Behind, token: &str) -> Result<()> {
        let proxy = self.ctx.read.systems.proxy(behind.proxy.as_str())?;
        behind
            .watch(self.docker, proxy, token, self.patience())
            .until_it_forgets()
            .await?;
        self.ctx.sleep(self.drain).await
    }

    /// The image of switches stays for the next deploy.
    async fn forget_image(&self) -> Result<()> {
        self.ctx
            .undo(MAKE_IDLE_IMAGE, |_, _: Option<String>| async { Ok(()) })
            .await
    }

    fn key_of(&self, effect: &EffectRecord) -> EffectKey {
        EffectKey {
            run: self.ctx.run,
            step: self.ctx.step.clone(),
            generation: effect.generation,
            effect: effect.effect.clone(),
        }
    }
}
