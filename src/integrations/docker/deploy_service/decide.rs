//! What a deploy would do: read once, and recorded.

use serde::{Deserialize, Serialize};

use super::super::compose::Pin;
use super::super::container::{Container, Health};
use super::super::engine::Docker;
use super::super::footing;
use super::super::image::{self, Named, Reference};
use super::super::service::Service;
use super::super::stop_start;
use super::super::strategy::{Strategy, obstacles};
use super::back_to::{self, Live};
use super::behind::{Behind, Lead};
use super::by_labels::cannot_drain;
use super::by_name::come_late;
use super::choose::{Choice, choose};
use super::{Input, LONGEST_DRAIN, LONGEST_KEEP, Output, pin};
use crate::action::{ActionError, Result, Systems};
use crate::domain::time::Span;

/// Everything about a deploy that is settled before its first effect.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Decision {
    /// The service's full name.
    pub(super) service: String,
    /// What becomes of the image that its Compose project names, where it is of one.
    #[serde(default)]
    pub(super) pin: Option<Pin>,
    /// The reference to deploy, with its tag.
    pub(super) image: String,
    pub(super) named: Named,
    pub(super) strategy: Strategy,
    pub(super) why: Vec<String>,
    /// The containers to replace: those that do not run the image yet.
    pub(super) replicas: Vec<Replica>,
    /// How many run it already.
    pub(super) already: usize,
    pub(super) has_probe: bool,
    /// The proxy in front.
    #[serde(default)]
    pub(super) behind: Option<Behind>,
    /// Why it is not asked what it serves.
    #[serde(default)]
    pub(super) unswitched: Option<String>,
    /// It is in a network in which others find it by its name.
    #[serde(default)]
    pub(super) goes_by_name: bool,
    /// New containers are found by it only once they have proven themselves.
    #[serde(default)]
    pub(super) names_late: bool,
    /// The containers that an engine which is started anew starts too, although they were stopped.
    #[serde(default)]
    pub(super) come_back: Vec<String>,
    /// What Purser itself needs of it.
    #[serde(default)]
    pub(super) footing: Vec<String>,
    /// The id of the image that was live and is to be so again.
    #[serde(default)]
    back_to: Option<String>,
}

/// One container to replace, as it was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Replica {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) image: String,
    pub(super) image_id: String,
    pub(super) was_running: bool,
    /// It ran, and nothing said that it was sick.
    pub(super) was_well: bool,
    /// How it is set up, as far as that tells it from any other: another environment, mount or label
    /// takes another container, and so another id.
    #[serde(default)]
    pub(super) set_up: String,
}

impl Replica {
    /// As it is now.
    pub(super) fn of(container: &Container) -> Self {
        Self {
            id: container.id.clone(),
            name: container.name.clone(),
            image: container.image().to_owned(),
            image_id: container.image_id().to_owned(),
            was_running: container.is_running() || container.is_restarting(),
            was_well: container.is_running()
                && matches!(container.health(), Health::Healthy | Health::Unchecked),
            set_up: set_up(container),
        }
    }
}

impl Decision {
    /// Looks, and refuses what could not end well; changes nothing.
    pub(super) async fn make(docker: &Docker, systems: &Systems, input: &Input) -> Result<Self> {
        input.check()?;
        let service = Service::find(docker, &input.service).await?;
        let containers = service.inspect(docker).await?;
        for container in &containers {
            refuse(docker, &service, container)?;
        }
        let back_to = match &input.back_to {
            Some(meant) => {
                Some(back_to::find(docker, systems, &service, &containers, meant).await?)
            }
            None => None,
        };
        let reference = wanted(docker, input, back_to.as_ref(), &service, &containers)?;
        let named = reference.resolve(docker).await?;
        if let Named::Local(id) = &named {
            input.expects(&reference, id, docker)?;
            expect(
                back_to.as_ref().map(|live| live.id.as_str()),
                &reference,
                id,
                docker,
            )?;
        }
        let mut old: Vec<_> = containers
            .iter()
            .filter(|c| c.image_id() != named.id() || input.dresses(c))
            .collect();
        let mut why: Vec<_> = old
            .iter()
            .flat_map(|c| obstacles(c, input.parallel))
            .collect();
        why.sort();
        why.dedup();
        let found = Behind::find(docker, systems, &service, &containers).await?;
        let refused = |why: String| {
            ActionError::fatal(format!("{} on `{}` {why}", service.name, docker.name()))
        };
        let choice = choose(input.strategy, input.drains_itself, &why, found).map_err(refused)?;
        let names_late = come_late(input, &choice, &containers);
        let Choice {
            strategy,
            behind,
            unswitched,
        } = choice;
        if let Some(why) = cannot_drain(input, &containers) {
            return Err(refused(format!("does not drain itself: {why}")));
        }
        let is_switched = strategy == Strategy::BlueGreen;
        if is_switched && !old.is_empty() {
            // A set is replaced as a whole.
            old = containers.iter().collect();
        }
        let come_back = old.iter().filter(|old| stop_start::comes_back(old));
        let come_back = come_back.map(|old| old.name.clone()).collect();
        let pin = if input.environment.is_empty() {
            pin::look(docker, &containers, &reference.to_string()).await?
        } else {
            // The image is what it was, whatever the project's files say of it.
            None
        };
        Ok(Self {
            service: service.name,
            pin,
            image: reference.to_string(),
            strategy,
            why,
            already: containers.len() - old.len(),
            replicas: old.into_iter().map(Replica::of).collect(),
            named,
            has_probe: input.probe.is_some(),
            behind,
            unswitched,
            back_to: back_to.map(|live| live.id),
            come_back,
            footing: footing::warnings(docker, systems, &containers),
            names_late,
            goes_by_name: containers.iter().any(Container::goes_by_name),
        })
    }

    /// The proxy that is switched.
    pub(super) fn switched(&self) -> Option<&Behind> {
        let behind = self.behind.as_ref()?;
        (behind.lead != Lead::Labels).then_some(behind)
    }

    /// The proxy that goes by the containers' labels.
    pub(super) fn listed(&self) -> Option<&Behind> {
        let behind = self.behind.as_ref()?;
        (behind.lead == Lead::Labels).then_some(behind)
    }

    /// The references that the old containers were created from.
    pub(super) fn old_images(&self) -> Vec<String> {
        let mut images: Vec<_> = self.replicas.iter().map(|r| r.image.clone()).collect();
        images.sort();
        images.dedup();
        images
    }

    /// The one image that all of them ran.
    pub(super) fn former(&self) -> Option<Live> {
        let (first, others) = self.replicas.split_first()?;
        let same = others.iter().all(|other| other.image_id == first.image_id);
        (same && self.already == 0).then(|| Live {
            image: first.image.clone(),
            id: first.image_id.clone(),
        })
    }

    /// Refuses an image that is not the one that was live.
    pub(super) fn expects(&self, reference: &Reference, id: &str, docker: &Docker) -> Result<()> {
        expect(self.back_to.as_deref(), reference, id, docker)
    }

    /// The answer when the service runs the image already.
    pub(super) fn nothing_to_do(self) -> Output {
        Output {
            message: format!(
                "{} runs {} already: nothing was changed and nothing was proven",
                self.service, self.image
            ),
            service: self.service,
            changed: false,
            image_id: self.named.id().to_owned(),
            image: self.image,
            strategy: None,
            proof: None,
            proven_by: None,
            gap_seconds: 0.0,
            containers: Vec::new(),
            replaced_image: None,
            replaced_image_id: None,
        }
    }
}

impl Input {
    /// Refuses what could not be carried out whatever there is.
    fn check(&self) -> Result<()> {
        if let Some(probe) = &self.proxy_probe {
            probe.check()?;
        }
        for (name, span, longest) in [
            ("drain", self.drain, LONGEST_DRAIN),
            ("keep", self.keep, LONGEST_KEEP),
        ] {
            if span.duration() > longest {
                return Err(ActionError::fatal(format!(
                    "`{name}` is {span}, and may be {} at most",
                    Span::new(longest)
                )));
            }
        }
        Ok(())
    }

    /// Refuses an image that is not the one that it was said to be.
    pub(super) fn expects(&self, reference: &Reference, id: &str, docker: &Docker) -> Result<()> {
        expect(self.image_id.as_deref(), reference, id, docker)
    }
}

fn expect(expected: Option<&str>, reference: &Reference, id: &str, docker: &Docker) -> Result<()> {
    match expected {
        Some(expected) if expected != id => Err(ActionError::fatal(format!(
            "{reference} on `{}` is {} by now, and {} was to be deployed: give that image its name back \
             (docker tag), or deploy another one",
            docker.name(),
            image::short(id),
            image::short(expected)
        ))),
        _ => Ok(()),
    }
}

/// `image`, or `version` of what the service runs now.
fn wanted(
    docker: &Docker,
    input: &Input,
    back_to: Option<&Live>,
    service: &Service,
    containers: &[Container],
) -> Result<Reference> {
    match (&input.image, &input.version, back_to) {
        (None, None, Some(live)) => Reference::parse(&live.image),
        (Some(image), None, None) => Reference::parse(image),
        (None, Some(version), None) => {
            let now = containers.first().map(Container::image).unwrap_or_default();
            let image = Reference::parse(now).ok().and_then(|now| now.at(version));
            let Some(image) = image else {
                return Err(ActionError::fatal(format!(
                    "{} on `{}` was created from `{now}`, which has no repository to take the \
                     version `{version}` from: write `image` instead",
                    service.name,
                    docker.name()
                )));
            };
            Reference::parse(&image)
        }
        _ => Err(ActionError::fatal(
            "say what to deploy: either `image` (shop/web:v2), `version` (v2, a tag of the image that \
             the service runs now) or `back_to` (a run that had deployed it, or `previous`)",
        )),
    }
}

/// A container, and what of it can be changed while it is there: its networks and its limits.
fn set_up(container: &Container) -> String {
    let settings = container.facts.network_settings.as_ref();
    let networks = settings.and_then(|settings| settings.networks.as_ref());
    let mut networks: Vec<_> = networks.into_iter().flat_map(|all| all.keys()).collect();
    networks.sort();
    let networks = networks.into_iter().map(|name| format!(", in {name}"));
    let host = container.facts.host_config.as_ref();
    let of_host = |name: &str, value: Option<i64>| {
        let value = value.filter(|value| *value != 0);
        value.map_or_else(String::new, |value| format!(", {name} {value}"))
    };
    let memory = of_host("memory", host.and_then(|host| host.memory));
    let cpus = of_host("nano CPUs", host.and_then(|host| host.nano_cpus));
    let restart = host.and_then(|host| host.restart_policy.as_ref()?.name);
    let restart = restart.map_or_else(String::new, |policy| format!(", restart {policy}"));
    let id = image::short(&container.id);
    format!(
        "{id}{}{memory}{cpus}{restart}",
        networks.collect::<String>()
    )
}

/// A name that a container has only while a deploy is under way (`aside` gives it).
fn is_aside(name: &str) -> bool {
    let token = name.rsplit_once("-purser-").map(|(_, token)| token);
    token.is_some_and(|token| token.len() == 12 && token.chars().all(|c| c.is_ascii_hexdigit()))
}

/// What a deploy could not put back, or would pull from under itself.
fn refuse(docker: &Docker, service: &Service, container: &Container) -> Result<()> {
    let name = &container.name;
    let on = docker.name();
    if docker.is_own(&container.id) {
        return Err(ActionError::fatal(format!(
            "Purser itself runs in {name} on `{on}` and cannot replace itself: deploy {} with \
             `docker compose up -d` on the host",
            service.name
        )));
    }
    let host = container.facts.host_config.as_ref();
    if host.and_then(|host| host.auto_remove) == Some(true) {
        return Err(ActionError::fatal(format!(
            "{name} on `{on}` was started with --rm: the engine removes it as soon as it is \
             stopped, and it could not be put back; start it without --rm first"
        )));
    }
    if is_aside(&container.name) {
        return Err(ActionError::fatal(format!(
            "another deploy of {} on `{on}` has begun and not ended: its container {name} (run {}) \
             is there; finish or undo that run, or remove the container",
            service.name,
            container
                .label(super::super::container::LABEL_RUN)
                .unwrap_or("unknown")
        )));
    }
    Ok(())
}
