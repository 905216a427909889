//! Making a container for an effect, once, whatever becomes of the answer.

use std::time::Duration;

use bollard::models::{ContainerCreateBody, EndpointSettings, ImageConfig, NetworkConnectRequest};
use bollard::query_parameters::CreateContainerOptionsBuilder;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep};

use super::container::{self, Container, LABEL_EFFECT};
use super::copy::Copy;
use super::engine::{Docker, or_missing, status};
use super::image;
use crate::action::{ActionError, Context, Found, Result};
use crate::domain::effect::EffectKey;

/// How long the engine may have a name in use for a container that is not there yet.
const BEING_MADE: Duration = Duration::from_secs(30);
/// Between two looks at that.
const PAUSE: Duration = Duration::from_millis(100);

/// The image that a container has to be made of.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    /// By which name.
    pub(super) reference: &'a str,
    /// `sha256:…`: the name may be another image's by now.
    pub(super) id: &'a str,
}

/// Makes a container with its networks, and starts nothing. The engine refuses a second one of this
/// name; one that this effect made is it.
///
/// # Errors
/// The name is taken, the image has another name, or the engine refuses.
pub(super) fn container<'a>(
    docker: &'a Docker,
    key: &'a EffectKey,
    name: &'a str,
    copy: Copy,
    of: Of<'a>,
) -> BoxFuture<'a, Result<Container>> {
    // A body is too large to be carried around in futures.
    checked(docker, key, name, copy, of).boxed()
}

async fn checked(
    docker: &Docker,
    key: &EffectKey,
    name: &str,
    mut copy: Copy,
    of: Of<'_>,
) -> Result<Container> {
    let labels = copy.body.labels.get_or_insert_default();
    labels.extend(container::labels(key));
    let made = once(docker, key, name, copy.body).await?;
    if made.image_id() != of.id {
        Container::remove(docker, &made.id, true).await?;
        return Err(ActionError::fatal(format!(
            "{} names another image on `{}` now ({} when the step began, {} now): plan it again",
            of.reference,
            docker.name(),
            image::short(of.id),
            image::short(made.image_id())
        )));
    }
    join(docker, &made, copy.networks).await?;
    Ok(made)
}

/// The same of a body that is complete, with the effect's labels in it.
pub(super) async fn once(
    docker: &Docker,
    key: &EffectKey,
    name: &str,
    body: ContainerCreateBody,
) -> Result<Container> {
    let client = docker.client().await?;
    let begun = Instant::now();
    loop {
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        let created = client.create_container(Some(options), body.clone()).await;
        let is_taken = match created {
            Ok(_) => false,
            Err(error) if status(&error) == Some(409) => true,
            Err(error) => return Err(docker.failed(&format!("{name} was created"), error)),
        };
        match Container::find(docker, name).await? {
            Some(made) if made.label(LABEL_EFFECT) == Some(&key.to_string()) => return Ok(made),
            // Taken, and nobody has it: the engine is making the one that a process asked for which
            // died. It may also fail at that, and then the name is free again.
            None if is_taken && begun.elapsed() < BEING_MADE => sleep(PAUSE).await,
            _ => return Err(container::name_is_taken(docker, name)),
        }
    }
}

/// The networks beyond the first.
async fn join(
    docker: &Docker,
    made: &Container,
    networks: Vec<(String, EndpointSettings)>,
) -> Result<()> {
    let settings = made.facts.network_settings.as_ref();
    let joined = settings.and_then(|settings| settings.networks.as_ref());
    for (network, endpoint) in networks {
        if !joined.is_some_and(|joined| joined.contains_key(&network)) {
            connect(docker, made, &network, endpoint).await?;
        }
    }
    Ok(())
}

/// Has a container join a network that it is not in.
pub(super) async fn connect(
    docker: &Docker,
    container: &Container,
    network: &str,
    endpoint: EndpointSettings,
) -> Result<()> {
    let request = NetworkConnectRequest {
        container: container.id.clone(),
        endpoint_config: Some(endpoint),
    };
    let client = docker.client().await?;
    let connected = client.connect_network(network, request).await;
    connected.map_err(|error| docker.failed(&format!("{} joined {network}", container.name), error))
}

/// Starts a container that was made, unless it was started before.
pub(super) async fn start(
    ctx: &Context,
    docker: &Docker,
    effect: (&'static str, &str),
    id: &str,
) -> Result<()> {
    let find = |_| async {
        let container = Container::find(docker, id).await?;
        let started = container.is_some_and(|new| new.started_at().is_some());
        Ok(if started {
            Found::Done(())
        } else {
            Found::NotDone
        })
    };
    ctx.effect(effect, |_| Container::start(docker, id), find)
        .await
}

/// The settings that a container has from its image.
///
/// # Errors
/// The engine does not have that image any more: what is the container's own cannot be told then.
pub(super) async fn defaults(
    docker: &Docker,
    of: &Container,
    instead: &str,
) -> Result<ImageConfig> {
    let client = docker.client().await?;
    let image = or_missing(client.inspect_image(of.image_id()).await)
        .map_err(|error| docker.failed("an image was looked at", error))?;
    let Some(image) = image else {
        return Err(ActionError::fatal(format!(
            "the image that {} runs ({}) is no longer on `{}`, so its own settings cannot be told from \
             the image's defaults: {instead}",
            of.name,
            image::short(of.image_id()),
            docker.name()
        )));
    };
    Ok(image.config.unwrap_or_default())
}
