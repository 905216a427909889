//! The effects of scaling, in their order.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::container::Container;
use super::super::copy::{Copy, copy};
use super::super::create::{self, Of};
use super::super::engine::Docker;
use super::super::proof::{self, Expected, Proof};
use super::super::stop_start::Was;
use super::decide::{Decision, Model, NUMBER, New};
use super::{CREATE, Input, Output, REMOVE, START, STOP};
use crate::action::{ActionError, Context, Result};

/// How long the last look before the surplus ones go may take.
const LAST_LOOK: Duration = Duration::from_secs(15);

/// A container that was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Made {
    pub(super) id: String,
}

struct Scaling<'a> {
    ctx: &'a Context,
    docker: &'a Docker,
    input: &'a Input,
}

/// Adds what is missing, or removes what is too much.
pub(super) async fn all(
    ctx: &Context,
    docker: &Docker,
    input: &Input,
    decision: Decision,
) -> Result<Output> {
    let scaling = Scaling { ctx, docker, input };
    let mut proofs = Vec::new();
    if let Some(model) = &decision.model {
        for new in &decision.new {
            ctx.progress(format!("adding {}", new.name));
            proofs.push(scaling.add(model, new).await?);
        }
    }
    for was in &decision.surplus {
        ctx.progress(format!("stopping {}", was.name));
        scaling.stop(was).await?;
    }
    if !decision.surplus.is_empty() {
        ctx.record("last look", || scaling.last_look(&decision.staying))
            .await?;
    }
    for was in &decision.surplus {
        let item = (REMOVE, was.name.as_str());
        ctx.repeatable(item, |_| Container::remove(docker, &was.id, false))
            .await?;
    }
    Ok(output(decision, proofs))
}

impl Scaling<'_> {
    async fn add(&self, model: &Model, new: &New) -> Result<Proof> {
        let made = self.create(model, new).await?;
        self.start(new, &made).await?;
        let expected = self.expected(self.input.healthy_within.duration());
        self.ctx
            .record(format!("proof[{}]", new.name), || {
                proof::prove(self.docker, &made.id, &expected)
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

    async fn create(&self, model: &Model, new: &New) -> Result<Made> {
        self.ctx
            .repeatable((CREATE, new.name.as_str()), |key| async move {
                let mut copy = self.copy_of(model, new).await?;
                if let Some(probe) = &self.input.probe {
                    probe.dress(&mut copy.body);
                }
                let of = Of {
                    reference: &model.image,
                    id: &model.image_id,
                };
                let made = create::container(self.docker, &key, &new.name, copy, of).await?;
                Ok(Made { id: made.id })
            })
            .await
    }

    async fn copy_of(&self, model: &Model, new: &New) -> Result<Copy> {
        let Some(container) = Container::find(self.docker, &model.id).await? else {
            return Err(ActionError::fatal(format!(
                "{}, of which {} was to be a copy, was removed from `{}` by someone else",
                model.name,
                new.name,
                self.docker.name()
            )));
        };
        let defaults = create::defaults(self.docker, &container, "deploy an image first").await?;
        let mut facts = container.facts;
        // A volume without a name is one container's own: each gets another one.
        facts.mounts = None;
        let volumes = facts.config.as_ref().and_then(|c| c.volumes.clone());
        let mut copy = copy(&facts, &defaults, &model.image, &model.image_id);
        copy.body.volumes = volumes;
        let labels = copy.body.labels.get_or_insert_default();
        labels.insert(NUMBER.to_owned(), new.number.to_string());
        rename_aliases(&mut copy, &model.name, &new.name);
        Ok(copy)
    }

    async fn start(&self, new: &New, made: &Made) -> Result<()> {
        let effect = (START, new.name.as_str());
        create::start(self.ctx, self.docker, effect, &made.id).await
    }

    /// What it was goes into the journal, for the way back.
    async fn stop(&self, was: &Was) -> Result<()> {
        self.ctx
            .repeatable((STOP, was.name.as_str()), |_| async {
                if !Container::stop(self.docker, &was.id).await? {
                    was.present(self.docker, "stopped").await?;
                }
                Ok(was.clone())
            })
            .await
            .map(drop)
    }

    /// Before anything goes that cannot come back, all that stay and ran must still be well.
    async fn last_look(&self, staying: &[Was]) -> Result<()> {
        let expected = self.expected(LAST_LOOK);
        for was in staying.iter().filter(|was| was.ran) {
            proof::prove(self.docker, &was.id, &expected).await?;
        }
        Ok(())
    }
}

/// In its networks a container goes by its own name too, and no other may.
fn rename_aliases(copy: &mut Copy, model: &str, new: &str) {
    let config = copy.body.networking_config.as_mut();
    let first = config.and_then(|config| config.endpoints_config.as_mut());
    let first = first.into_iter().flat_map(|all| all.values_mut());
    let others = copy.networks.iter_mut().map(|(_, endpoint)| endpoint);
    let aliases = first
        .chain(others)
        .filter_map(|endpoint| endpoint.aliases.as_mut());
    for alias in aliases.flatten().filter(|alias| *alias == model) {
        new.clone_into(alias);
    }
}

fn output(decision: Decision, proofs: Vec<Proof>) -> Output {
    let least = proofs.into_iter().min_by_key(|proof| proof.level);
    let added: Vec<_> = decision.new.into_iter().map(|new| new.name).collect();
    let removed: Vec<_> = decision.surplus.into_iter().map(|was| was.name).collect();
    let replicas = decision.before + added.len() - removed.len();
    let service = &decision.service;
    let message = match &least {
        Some(Proof { level, by }) => {
            format!(
                "{service} has {replicas} containers instead of {}: {level} ({by})",
                decision.before
            )
        }
        None if removed.is_empty() => {
            format!("{service} had {replicas} already: nothing was changed and nothing was proven")
        }
        None => format!("{service} has {replicas} instead of {}", decision.before),
    };
    Output {
        changed: !(added.is_empty() && removed.is_empty()),
        before: decision.before,
        replicas,
        added,
        removed,
        proof: least.as_ref().map(|proof| proof.level),
        proven_by: least.map(|proof| proof.by),
        message,
        service: decision.service,
    }
}
