//! The proxy leads to the old set again, before any new container goes.

use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::super::container::Container;
use super::behind::{Behind, Lead, RouteFile, Switch};
use super::blue_green::{Made, unseen};
use super::undo::Undo;
use super::{CREATE_SWITCH, MAKE_IDLE_IMAGE, STOP_OLD_SWITCH, WRITE_ROUTES};
use crate::action::{ActionError, EffectRecord, EffectStatus, Result};
use crate::domain::effect::EffectKey;

impl Undo<'_> {
    /// What was not seen of that, in words.
    pub(super) async fn switch_back(&self) -> Result<Option<String>> {
        let is_live = |effect: &&EffectRecord| leads(effect) && effect.is_live();
        let Some(lead) = self.effects.iter().find(is_live) else {
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
        let behind = self.behind(lead);
        let start = |_: EffectKey, old: Option<Switch>| self.start_switch(old, behind.as_ref());
        self.ctx.undo(STOP_OLD_SWITCH, start).await?;
        let ids: Vec<_> = old.into_iter().map(|(_, id)| id).collect();
        let token = self.key_of(lead).token();
        let seen = match &behind {
            Some(behind) => self.sees(behind, &token, &ids).await,
            None => Err(ActionError::fatal(
                "which routers those are is not known any more",
            )),
        };
        // Requests may have gone to the new set, which has time to finish them. That belongs to the undo:
        // killed meanwhile, it waits again before any of the set goes.
        let led = behind.as_ref().filter(|_| seen.is_ok());
        let forgotten = match &behind {
            Some(
                behind @ Behind {
                    lead: Lead::File(file),
                    ..
                },
            ) => self.put_file_back(file, behind, &token, led).await?,
            None if lead.effect.name == WRITE_ROUTES => {
                return Err(ActionError::fatal(
                    "which file leads the proxy to the new containers is not known any more, so they are left: \
                     have it lead to the old ones, which run, and remove the new ones",
                ));
            }
            _ => self.remove_switch(&token, led).await?,
        };
        self.forget_image().await?;
        Ok(seen.and(forgotten).err().map(|why| unseen(&why)))
    }

    /// Whether the proxy was, or was to be, led to the new set.
    pub(super) fn has_switched(&self) -> bool {
        self.effects.iter().any(leads)
    }

    /// The old switch leads again. Whether the proxy was seen to have forgotten the new one.
    async fn remove_switch(&self, token: &str, led: Option<&Behind>) -> Result<Result<()>> {
        let mut forgotten = Ok(());
        let forgets = &mut forgotten;
        let remove = |key: EffectKey, _: Option<Made>| async move {
            if let Some(switch) = self.made(&key).await? {
                Container::stop(self.docker, &switch.id).await?;
                Container::remove(self.docker, &switch.id, true).await?;
            }
            if let Some(behind) = led {
                *forgets = self.forgets(behind, token).await;
            }
            Ok(())
        };
        self.ctx.undo(CREATE_SWITCH, remove).await?;
        Ok(forgotten)
    }

    /// The file says again what it said before, if nobody else has changed it.
    async fn put_file_back(
        &self,
        file: &RouteFile,
        behind: &Behind,
        token: &str,
        led: Option<&Behind>,
    ) -> Result<Result<()>> {
        let mut forgotten = Ok(());
        let forgets = &mut forgotten;
        let put_back = |_: EffectKey, _: Option<Behind>| async move {
            let proxy = self.ctx.read.systems.proxy(behind.proxy.as_str())?;
            let ours = behind.routes(token)?;
            let before = file.before.as_deref();
            let files = behind.files(proxy)?;
            files
                .replace(&file.name, &[Some(&ours), before], before)
                .await?;
            if let Some(behind) = led {
                *forgets = self.forgets(behind, token).await;
            }
            Ok(())
        };
        self.ctx.undo(WRITE_ROUTES, put_back).await?;
        Ok(forgotten)
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
    fn behind(&self, lead: &EffectRecord) -> Option<Behind> {
        let made = match &lead.status {
            EffectStatus::Done(made) => Some(made.clone()),
            _ => None,
        };
        let decided = || self.decision.as_ref()?.behind.clone();
        let by_file = |made: &Value| serde_json::from_value::<Behind>(made.clone()).ok();
        let by_switch = |made: Value| serde_json::from_value::<Made>(made).ok();
        let told = made.and_then(|made| by_file(&made).or_else(|| Some(by_switch(made)?.behind)));
        told.or_else(decided)
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

    pub(super) fn patience(&self) -> (Duration, &CancellationToken) {
        (self.routed_within, &self.ctx.cancel)
    }

    async fn sees(&self, behind: &Behind, token: &str, old: &[String]) -> Result<()> {
        let proxy = self.ctx.read.systems.proxy(behind.proxy.as_str())?;
        let watch = behind.watch(self.docker, proxy, token, self.patience());
        match &behind.lead {
            // Nothing leads to them before the file does.
            Lead::File(file) if file.led => watch.until_they_have(&file.led_to(), old).await,
            _ => watch.until_others_lead_to(old).await,
        }
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

fn leads(effect: &EffectRecord) -> bool {
    [CREATE_SWITCH, WRITE_ROUTES].contains(&effect.effect.name.as_str())
}
