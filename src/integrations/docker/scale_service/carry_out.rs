//! The effects of scaling, in their order.

use std::time::Duration;

use bollard::models::{EndpointSettings, NetworkConnectRequest};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use serde::{Deserialize, Serialize};

use super::super::container::{self, Container, LABEL_EFFECT};
use super::super::copy::{Copy, copy};
use super::super::engine::{Docker, or_missing, status};
use super::super::image;
use super::super::proof::{self, Expected, Proof};
use super::super::stop_start::Was;
use super::decide::{Decision, Model, NUMBER, New};
use super::{CREATE, Input, Output, REMOVE, START, STOP};
use crate::action::{ActionError, Context, Found, Result};
use crate::domain::effect::EffectKey;

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

    /// Makes the container, with its networks, and starts nothing. The engine refuses a second one of
    /// this name; one that this effect made is it.
    async fn create(&self, model: &Model, new: &New) -> Result<Made> {
        self.ctx
            .repeatable((CREATE, new.name.as_str()), |key| async move {
                let copy = self.copy_of(model, new, &key).await?;
                let client = self.docker.client().await?;
                let options = CreateContainerOptionsBuilder::new().name(&new.name).build();
                let created = client.create_container(Some(options), copy.body).await;
                if let Err(error) = created
                    && status(&error) != Some(409)
                {
                    let what = format!("{} was created", new.name);
                    return Err(self.docker.failed(&what, error));
                }
                let made = self.made(model, new, &key).await?;
                self.join(&made, copy.networks).await?;
                Ok(Made { id: made.id })
            })
            .await
    }

    async fn copy_of(&self, model: &Model, new: &New, key: &EffectKey) -> Result<Copy> {
        let Some(container) = Container::find(self.docker, &model.id).await? else {
            return Err(ActionError::fatal(format!(
                "{}, of which {} was to be a copy, was removed from `{}` by someone else",
                model.name,
                new.name,
                self.docker.name()
            )));
        };
        let client = self.docker.client().await?;
        let image = or_missing(client.inspect_image(&model.image_id).await)
            .map_err(|error| self.docker.failed("an image was looked at", error))?;
        let Some(image) = image else {
            return Err(ActionError::fatal(format!(
                "the image that {} runs ({}) is no longer on `{}`, so its own settings cannot be \
                 told from the image's defaults: deploy an image first",
                model.name,
                image::short(&model.image_id),
                self.docker.name()
            )));
        };
        let mut facts = container.facts;
        // A volume without a name is one container's own: each gets another one.
        facts.mounts = None;
        let volumes = facts.config.as_ref().and_then(|c| c.volumes.clone());
        let defaults = image.config.unwrap_or_default();
        let mut copy = copy(&facts, &defaults, &model.image, &model.image_id);
        copy.body.volumes = volumes;
        let labels = copy.body.labels.get_or_insert_default();
        labels.insert(NUMBER.to_owned(), new.number.to_string());
        labels.extend(container::labels(key));
        rename_aliases(&mut copy, &model.name, &new.name);
        Ok(copy)
    }

    async fn made(&self, model: &Model, new: &New, key: &EffectKey) -> Result<Container> {
        let found = Container::find(self.docker, &new.name).await?;
        let Some(made) = found.filter(|c| c.label(LABEL_EFFECT) == Some(&key.to_string())) else {
            return Err(container::name_is_taken(self.docker, &new.name));
        };
        if made.image_id() != model.image_id {
            Container::remove(self.docker, &made.id, true).await?;
            return Err(ActionError::fatal(format!(
                "{} names another image on `{}` now ({} when the step began, {} now): plan it again",
                model.image,
                self.docker.name(),
                image::short(&model.image_id),
                image::short(made.image_id())
            )));
        }
        Ok(made)
    }

    /// The networks beyond the first.
    async fn join(
        &self,
        made: &Container,
        networks: Vec<(String, EndpointSettings)>,
    ) -> Result<()> {
        let settings = made.facts.network_settings.as_ref();
        let joined = settings.and_then(|s| s.networks.as_ref());
        let client = self.docker.client().await?;
        for (network, endpoint) in networks {
            if joined.is_some_and(|joined| joined.contains_key(&network)) {
                continue;
            }
            let request = NetworkConnectRequest {
                container: made.id.clone(),
                endpoint_config: Some(endpoint),
            };
            client
                .connect_network(&network, request)
                .await
                .map_err(|error| {
                    let what = format!("{} joined {network}", made.name);
                    self.docker.failed(&what, error)
                })?;
        }
        Ok(())
    }

    async fn start(&self, new: &New, made: &Made) -> Result<()> {
        let find = |_| async {
            let container = Container::find(self.docker, &made.id).await?;
            let started = container.is_some_and(|new| new.started_at().is_some());
            Ok(if started {
                Found::Done(())
            } else {
                Found::NotDone
            })
        };
        let start = |_| Container::start(self.docker, &made.id);
        self.ctx
            .effect((START, new.name.as_str()), start, find)
            .await
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
