//! The effects of a deploy, in their order.

use std::collections::HashMap;
use std::time::Duration;

use bollard::query_parameters::RenameContainerOptionsBuilder;
use serde::{Deserialize, Serialize};

use super::super::container::Container;
use super::super::copy::{Copy, copy};
use super::super::create::{self, Of};
use super::super::engine::{Docker, status};
use super::super::image::{self, Reference};
use super::super::proof::{self, Expected, Level, Proof};
use super::super::strategy::Strategy;
use super::behind::Behind;
use super::by_name::without_names;
use super::decide::{Decision, Replica};
use super::{
    CREATE_NEW, INSTEAD, Input, Output, REMOVE_OLD, RENAME_NEW, RENAME_OLD, START_NEW, STOP_OLD,
};
use crate::action::{ActionError, Context, Result};
use crate::domain::effect::EffectKey;
use crate::domain::time::Timestamp;

/// How long the last look before the old ones go may take.
const LAST_LOOK: Duration = Duration::from_secs(15);

/// A container that has taken, or is about to take, another one's place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Placed {
    pub(super) id: String,
    pub(super) name: String,
}

/// What a replica's new container has shown, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) proof: Proof,
    at: Timestamp,
}

/// One container after its replacement.
pub(super) struct Replaced {
    pub(super) new: Placed,
    pub(super) proof: Proof,
    /// From the old one's stop to the new one's proof; zero when the proof came first.
    pub(super) gap: Duration,
}

pub(super) struct Deploy<'a> {
    pub(super) ctx: &'a Context,
    pub(super) docker: &'a Docker,
    pub(super) input: &'a Input,
    reference: Reference,
    image_id: String,
    /// New containers are found by the service's name only once they have proven themselves.
    names_late: bool,
}

/// A deploy whose new containers are proven; the old ones are there, and can come back.
pub(in crate::integrations::docker) struct Proven<'a> {
    pub(super) deploy: Deploy<'a>,
    decision: Decision,
    pub(super) replaced: Vec<Replaced>,
    front: Option<Proof>,
}

/// Replaces each container in turn, and removes nothing.
pub(super) async fn prove<'a>(
    ctx: &'a Context,
    docker: &'a Docker,
    input: &'a Input,
    decision: Decision,
) -> Result<Proven<'a>> {
    let reference = Reference::parse(&decision.image)?;
    let image_id = reference.provide(ctx, docker, &decision.named).await?;
    input.expects(&reference, &image_id, docker)?;
    decision.expects(&reference, &image_id, docker)?;
    let deploy = Deploy {
        ctx,
        docker,
        input,
        reference,
        image_id,
        names_late: decision.names_late,
    };
    let (replaced, front) = match decision.switched() {
        Some(behind) => {
            let (replaced, front) = deploy.blue_green(&decision, behind).await?;
            (replaced, Some(front))
        }
        None => deploy.one_by_one(&decision).await?,
    };
    deploy.pin(&decision).await?;
    Ok(Proven {
        deploy,
        decision,
        replaced,
        front,
    })
}

impl Proven<'_> {
    /// Before anything goes that cannot come back, all new ones must still be well.
    pub(super) async fn last_look(&self) -> Result<()> {
        let ctx = self.deploy.ctx;
        ctx.record("last look", || self.look()).await
    }

    /// Removes the old ones.
    pub(super) async fn finish(self) -> Result<Output> {
        self.finish_forward().await?;
        let image_id = self.deploy.image_id;
        let front = self.front.as_ref();
        Ok(output(self.decision, image_id, &self.replaced, front))
    }

    pub(super) async fn remove_all_old(&self) -> Result<()> {
        let (deploy, decision) = (&self.deploy, &self.decision);
        for (replica, Replaced { new, .. }) in decision.replicas.iter().zip(&self.replaced) {
            deploy.remove_old(replica).await?;
            if decision.strategy != Strategy::Recreate {
                deploy.rename_new(replica, new).await?;
            }
        }
        if let Some(old) = decision
            .switched()
            .and_then(|behind| behind.old_switch.as_ref())
        {
            deploy.remove_old_switch(old).await?;
        }
        Ok(())
    }

    async fn look(&self) -> Result<()> {
        let deploy = &self.deploy;
        for Replaced { new, .. } in &self.replaced {
            proof::prove(deploy.docker, &new.id, &deploy.expected(LAST_LOOK)).await?;
        }
        Ok(())
    }
}

impl Deploy<'_> {
    async fn one_by_one(&self, decision: &Decision) -> Result<(Vec<Replaced>, Option<Proof>)> {
        let behind = decision.listed();
        let mut replaced = Vec::new();
        for replica in &decision.replicas {
            self.ctx.progress(format!("replacing {}", replica.name));
            replaced.push(match decision.strategy {
                Strategy::Recreate => self.recreate(replica, behind).await?,
                Strategy::Rolling | Strategy::BlueGreen => self.beside(replica, behind).await?,
            });
        }
        let front = match behind {
            Some(behind) => Some(self.until_alone(decision, behind, &replaced).await?),
            None => None,
        };
        Ok((replaced, front))
    }

    async fn beside(&self, old: &Replica, behind: Option<&Behind>) -> Result<Replaced> {
        let new = self
            .create_new(old, |key| aside(&old.name, key), |_| ())
            .await?;
        self.start_new(old, &new).await?;
        let shown = self.prove(old, &new).await?;
        if self.names_late {
            self.join_by_name(old, &new, &shown).await?;
        }
        if let Some(behind) = behind {
            self.until_listed(behind, old, &new).await?;
        }
        self.stop_old(old).await?;
        Ok(Replaced {
            new,
            proof: shown.proof,
            gap: Duration::ZERO,
        })
    }

    async fn recreate(&self, old: &Replica, behind: Option<&Behind>) -> Result<Replaced> {
        let stopped_from = self.now(&format!("stopped[{}]", old.name)).await?;
        self.stop_old(old).await?;
        self.rename_old(old).await?;
        let new = self.create_new(old, |_| old.name.clone(), |_| ()).await?;
        self.start_new(old, &new).await?;
        let shown = self.prove(old, &new).await?;
        let answers_from = match behind {
            Some(behind) => self.until_listed(behind, old, &new).await?,
            None => shown.at,
        };
        Ok(Replaced {
            new,
            proof: shown.proof,
            gap: answers_from.since(stopped_from),
        })
    }

    /// The present, once: a resumed run is told the same again.
    pub(super) async fn now(&self, name: &str) -> Result<Timestamp> {
        let clock = &self.ctx.read.clock;
        self.ctx.record(name, || async { Ok(clock.now()) }).await
    }

    /// Makes the new container, with its networks, and starts nothing.
    pub(super) async fn create_new(
        &self,
        old: &Replica,
        name: impl FnOnce(&EffectKey) -> String + Send,
        dress: impl FnOnce(&mut HashMap<String, String>) + Send,
    ) -> Result<Placed> {
        self.ctx
            .repeatable((CREATE_NEW, old.name.as_str()), |key| async move {
                let mut copy = self.copy_of(old).await?;
                if self.names_late {
                    without_names(&mut copy);
                }
                dress(copy.body.labels.get_or_insert_default());
                if let Some(probe) = &self.input.probe {
                    probe.dress(&mut copy.body);
                }
                let of = Of {
                    reference: &self.reference.to_string(),
                    id: &self.image_id,
                };
                let new = create::container(self.docker, &key, &name(&key), copy, of).await?;
                Ok(Placed {
                    id: new.id,
                    name: new.name,
                })
            })
            .await
    }

    /// Like the old container, from the new image.
    pub(super) async fn copy_of(&self, old: &Replica) -> Result<Copy> {
        let old = self.present(old).await?;
        let defaults = create::defaults(self.docker, &old, INSTEAD).await?;
        let of = self.reference.to_string();
        let mut copy = copy(&old.facts, &defaults, &of, &self.image_id);
        self.input.dress(&mut copy.body);
        Ok(copy)
    }

    pub(super) async fn start_new(&self, old: &Replica, new: &Placed) -> Result<()> {
        let effect = (START_NEW, old.name.as_str());
        create::start(self.ctx, self.docker, effect, &new.id).await
    }

    pub(super) async fn prove(&self, old: &Replica, new: &Placed) -> Result<Shown> {
        let expected = self.expected(self.input.healthy_within.duration());
        self.ctx
            .record(format!("proof[{}]", old.name), || async {
                let proof = proof::prove(self.docker, &new.id, &expected).await?;
                let at = self.ctx.read.clock.now();
                Ok(Shown { proof, at })
            })
            .await
    }

    fn expected(&self, within: Duration) -> Expected<'_> {
        Expected {
            within,
            probe: self.input.probe.as_ref(),
            cancel: Some(&self.ctx.cancel),
        }
    }

    /// Of what has proven itself before.
    pub(super) fn last_look_at(&self) -> Expected<'_> {
        self.expected(LAST_LOOK)
    }

    pub(super) async fn stop_old(&self, old: &Replica) -> Result<()> {
        self.ctx
            .repeatable((STOP_OLD, old.name.as_str()), |_| async {
                if Container::stop(self.docker, &old.id).await? {
                    Ok(old.clone())
                } else {
                    Err(self.vanished(old))
                }
            })
            .await
            .map(drop)
    }

    /// Puts the old container aside, so that the new one can have its name.
    async fn rename_old(&self, old: &Replica) -> Result<()> {
        self.ctx
            .repeatable((RENAME_OLD, old.name.as_str()), |key| async move {
                self.present(old).await?;
                rename(self.docker, &old.id, &aside(&old.name, &key)).await
            })
            .await
    }

    async fn remove_old(&self, old: &Replica) -> Result<()> {
        let item = (REMOVE_OLD, old.name.as_str());
        // Volumes without a name have gone over to the new container.
        self.ctx
            .repeatable(item, |_| Container::remove(self.docker, &old.id, false))
            .await
    }

    async fn rename_new(&self, old: &Replica, new: &Placed) -> Result<()> {
        let item = (RENAME_NEW, old.name.as_str());
        self.ctx
            .repeatable(item, |_| rename(self.docker, &new.id, &old.name))
            .await
    }

    async fn present(&self, old: &Replica) -> Result<Container> {
        let found = Container::find(self.docker, &old.id).await?;
        found.ok_or_else(|| self.vanished(old))
    }

    fn vanished(&self, old: &Replica) -> ActionError {
        ActionError::fatal(format!(
            "{} ({}) was removed from `{}` by someone else while it was being replaced",
            old.name,
            image::short(&old.id),
            self.docker.name()
        ))
    }
}

/// A name beside the proper one, which no other effect would choose.
pub(super) fn aside(name: &str, key: &EffectKey) -> String {
    format!("{name}-purser-{}", key.token())
}

/// Gives a container this name; it may have it already.
pub(super) async fn rename(docker: &Docker, id: &str, name: &str) -> Result<()> {
    let now = Container::find(docker, id).await?;
    if now.as_ref().is_some_and(|container| container.name == name) {
        return Ok(());
    }
    let options = RenameContainerOptionsBuilder::new().name(name).build();
    let client = docker.client().await?;
    let renamed = client.rename_container(id, options).await;
    renamed.map_err(|error| match (status(&error), now) {
        (Some(409), Some(now)) => ActionError::fatal(format!(
            "the name {name} on `{}` is another container's by now, so {} ({}) keeps the name that it has: \
             remove or rename the other one, then `docker rename {} {name}`",
            docker.name(),
            now.name,
            now.image(),
            now.name
        )),
        (_, _) => docker.failed(&format!("a container was renamed to {name}"), error),
    })
}

fn output(
    decision: Decision,
    image_id: String,
    replaced: &[Replaced],
    front: Option<&Proof>,
) -> Output {
    let proofs = replaced.iter().map(|replaced| &replaced.proof);
    let least = proofs.min_by_key(|proof| proof.level);
    let least = front.or(least);
    let level = least.map_or(Level::Started, |proof| proof.level);
    let by = least.map(|proof| proof.by.clone()).unwrap_or_default();
    let gap = replaced
        .iter()
        .map(|replaced| replaced.gap)
        .max()
        .unwrap_or_default();
    let former = decision.former();
    let handover = match (decision.strategy, level) {
        (Strategy::BlueGreen, _) => "switched at one instant".to_owned(),
        (Strategy::Rolling, Level::Started) => "and only then the old one was stopped".to_owned(),
        (Strategy::Rolling, _) => "without a gap".to_owned(),
        (Strategy::Recreate, _) => format!("with a gap of {:.1} s", gap.as_secs_f64()),
    };
    Output {
        message: format!(
            "{} runs {} instead of {}: {level} ({by}), {handover}",
            decision.service,
            decision.image,
            decision.old_images().join(", ")
        ),
        changed: true,
        replaced_image: former.as_ref().map(|former| former.image.clone()),
        replaced_image_id: former.map(|former| former.id),
        image_id,
        strategy: Some(decision.strategy),
        proof: Some(level),
        proven_by: Some(by),
        gap_seconds: gap.as_secs_f64(),
        containers: decision
            .replicas
            .into_iter()
            .map(|replica| replica.name)
            .collect(),
        service: decision.service,
        image: decision.image,
    }
}
