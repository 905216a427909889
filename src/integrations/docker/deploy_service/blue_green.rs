//! A whole new set beside the old one, and a proxy that is switched from one to the other.
//!
//! The new set is tried through the proxy by a name that nobody outside has. Then the switch starts,
//! or the old one stops, or a file of routes gets another text: all new requests go to the new set at one
//! instant, and the old one has time to finish what it has begun.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig, RestartPolicy};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::super::container::{self, Container};
use super::super::create;
use super::super::front::SWITCH;
use super::super::idle;
use super::super::proof::Proof;
use super::behind::{Behind, Lead, RouteFile, Switch};
use super::carry_out::{Deploy, Placed, Replaced, aside};
use super::decide::Decision;
use super::{CREATE_SWITCH, MAKE_IDLE_IMAGE, REMOVE_OLD_SWITCH, STOP_OLD_SWITCH, WRITE_ROUTES};
use crate::action::ports::ProxyView;
use crate::action::{ActionError, Result};
use crate::domain::effect::EffectKey;
use crate::domain::idle_image::PROGRAM;
use crate::domain::time::Span;

/// The switch that a deploy has made, with all that it takes to go back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Made {
    pub(super) switch: Switch,
    pub(super) behind: Behind,
}

impl Deploy<'_> {
    /// Replaces the set, but for the old one's removal.
    pub(super) async fn blue_green(
        &self,
        decision: &Decision,
        behind: &Behind,
    ) -> Result<(Vec<Replaced>, Proof)> {
        let proxy = self.proxy(behind)?;
        let token = self.token(behind).await;
        let watch = behind.watch(self.docker, &proxy, &token, self.patience());
        let mut new = Vec::new();
        for old in &decision.replicas {
            self.ctx.progress(format!("starting another {}", old.name));
            let dress = |labels: &mut HashMap<String, String>| behind.front.dress(labels, &token);
            let placed = self
                .create_new(old, |key| aside(&old.name, key), dress)
                .await?;
            self.start_new(old, &placed).await?;
            new.push(placed);
        }
        // The engine has time for it: the new containers are not ready yet.
        let image = self.idle_image(behind).await?;
        let mut replaced = Vec::new();
        for (old, new) in decision.replicas.iter().zip(new) {
            self.ctx
                .progress(format!("waiting for the new {}", old.name));
            let shown = self.prove(old, &new).await?;
            replaced.push(Replaced::at_once(new, shown.proof));
        }
        let ids: Vec<_> = replaced.iter().map(|one| one.new.id.clone()).collect();
        self.ctx.progress(format!(
            "trying the new containers through {}",
            behind.proxy
        ));
        self.once("reached", || watch.until_it_reaches(&ids))
            .await?;

        match &behind.lead {
            Lead::File(file) => self.write_routes(behind, file, &token).await?,
            Lead::Switch | Lead::Labels => {
                self.create_switch(decision, behind, &token, &image).await?;
            }
        }
        self.once("known", || watch.until_it_knows(behind.raised))
            .await?;
        if let Some(old) = &behind.old_switch {
            self.stop_old_switch(old).await?;
        }
        self.ctx
            .progress(format!("waiting until {} leads to them", behind.proxy));
        let probe = self.input.proxy_probe.as_ref();
        let proof = self
            .ctx
            .record("front", || watch.until_it_leads(behind.raised, &ids, probe))
            .await?;
        self.drain().await?;
        self.keep().await?;
        for old in &decision.replicas {
            self.stop_old(old).await?;
        }
        Ok((replaced, proof))
    }

    /// For what the proxy has to show.
    pub(super) fn patience(&self) -> (Duration, &CancellationToken) {
        (self.input.routed_within.duration(), &self.ctx.cancel)
    }

    /// A wait whose end is remembered.
    async fn once<F>(&self, name: &str, wait: impl FnOnce() -> F + Send) -> Result<()>
    where
        F: Future<Output = Result<()>> + Send,
    {
        self.ctx.record(name, wait).await
    }

    pub(super) fn proxy(&self, behind: &Behind) -> Result<Arc<dyn ProxyView>> {
        self.ctx.read.systems.proxy(behind.proxy.as_str()).cloned()
    }

    /// What tells this set from others.
    pub(super) async fn token(&self, behind: &Behind) -> String {
        let by = match behind.lead {
            Lead::File(_) => WRITE_ROUTES,
            Lead::Switch | Lead::Labels => CREATE_SWITCH,
        };
        self.ctx.key(by).await.token()
    }

    /// Of which a switch is made, where there will be one.
    async fn idle_image(&self, behind: &Behind) -> Result<String> {
        if let Lead::File(_) = behind.lead {
            return Ok(String::new());
        }
        self.ctx
            .repeatable(MAKE_IDLE_IMAGE, |_| idle::provide(self.docker))
            .await
    }

    /// The file leads to the new set, in one step, whatever it led to before.
    async fn write_routes(&self, behind: &Behind, file: &RouteFile, token: &str) -> Result<()> {
        let text = behind.routes(token)?;
        let view = self.proxy(behind)?;
        let files = behind.files(&view)?;
        self.ctx
            .repeatable(WRITE_ROUTES, |_| async {
                let before = [file.before.as_deref()];
                files.replace(&file.name, &before, Some(&text)).await?;
                Ok(behind.clone())
            })
            .await
            .map(drop)
    }

    async fn create_switch(
        &self,
        decision: &Decision,
        behind: &Behind,
        token: &str,
        image: &str,
    ) -> Result<Made> {
        let name = format!("{}-switch-{token}", decision.service.replace('/', "-"));
        self.ctx
            .repeatable(CREATE_SWITCH, |key| async move {
                let mut labels = behind.front.switch(token, behind.raised);
                labels.insert(SWITCH.to_owned(), decision.service.clone());
                labels.extend(container::labels(&key));
                let switch = self.start_switch(&key, &name, image, labels).await?;
                Ok(Made {
                    switch,
                    behind: behind.clone(),
                })
            })
            .await
    }

    async fn start_switch(
        &self,
        key: &EffectKey,
        name: &str,
        image: &str,
        labels: HashMap<String, String>,
    ) -> Result<Switch> {
        let body = idle_container(image, labels);
        let made = create::once(self.docker, key, name, body).await?;
        Container::start(self.docker, &made.id).await?;
        Ok(Switch {
            id: made.id,
            name: made.name,
        })
    }

    async fn stop_old_switch(&self, old: &Switch) -> Result<()> {
        self.ctx
            .repeatable(STOP_OLD_SWITCH, |_| async {
                Container::stop(self.docker, &old.id).await?;
                Ok(old.clone())
            })
            .await
            .map(drop)
    }

    /// Nobody is led to the old set any more; it may still be answering.
    async fn drain(&self) -> Result<()> {
        let drain = self.input.drain;
        let what = format!("leaving the old containers {drain} to finish");
        self.pause("draining", drain, what).await
    }

    /// The old set could have the requests back at once.
    async fn keep(&self) -> Result<()> {
        let keep = self.input.keep;
        let what = format!(
            "the new containers answer; the old ones are kept for {keep}: cancel the run to go back to them \
             at once"
        );
        self.pause("keeping", keep, what).await
    }

    /// Waits so long in all, however often the process dies meanwhile.
    async fn pause(&self, name: &str, length: Span, what: String) -> Result<()> {
        if length.duration().is_zero() {
            return Ok(());
        }
        let since = self.now(name).await?;
        let passed = self.ctx.read.clock.now().since(since);
        match length.duration().checked_sub(passed) {
            Some(rest) if !rest.is_zero() => {
                self.ctx.progress(what);
                self.ctx.sleep(rest).await
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn remove_old_switch(&self, old: &Switch) -> Result<()> {
        self.ctx
            .repeatable(REMOVE_OLD_SWITCH, |_| {
                Container::remove(self.docker, &old.id, true)
            })
            .await
    }
}

impl Replaced {
    fn at_once(new: Placed, proof: Proof) -> Self {
        Self {
            new,
            proof,
            gap: Duration::ZERO,
        }
    }
}

/// A container that does nothing, in no network, and is there again after a restart of the engine.
fn idle_container(image: &str, labels: HashMap<String, String>) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(vec![PROGRAM.to_owned()]),
        // The first process of a container gets no other signal that it does not ask for.
        stop_signal: Some("SIGKILL".to_owned()),
        labels: Some(labels),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            memory: Some(16 << 20),
            restart_policy: Some(RestartPolicy {
                name: Some(bollard::models::RestartPolicyNameEnum::UNLESS_STOPPED),
                maximum_retry_count: None,
            }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

/// What stays unproven of a way back, in words.
pub(super) fn unseen(why: &ActionError) -> String {
    format!("that requests reach the old containers again was not seen ({why})")
}
