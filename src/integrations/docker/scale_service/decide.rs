//! What scaling would do: read once, recorded, and put into a plan.

use serde::{Deserialize, Serialize};

use super::super::container::{Container, Health};
use super::super::engine::Docker;
use super::super::image::{self, Reference};
use super::super::service::Service;
use super::super::stop_start::Was;
use super::super::strategy::obstacles;
use super::{Input, MOST};
use crate::action::{ActionError, Result};
use crate::domain::plan::Plan;
use crate::domain::words::counted;

/// Which of its service's containers this is, as Compose counts them.
pub(super) const NUMBER: &str = "com.docker.compose.container-number";

/// Everything that is settled before the first effect.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Decision {
    /// The service's full name.
    pub(super) service: String,
    /// How many containers it has.
    pub(super) before: usize,
    /// What new ones are copies of; absent when none is added.
    pub(super) model: Option<Model>,
    pub(super) new: Vec<New>,
    /// Those to remove, the highest number first.
    pub(super) surplus: Vec<Was>,
    /// Those that stay.
    pub(super) staying: Vec<Was>,
}

/// The container that is copied.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Model {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) image: String,
    pub(super) image_id: String,
}

/// A container to make.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct New {
    pub(super) name: String,
    pub(super) number: u32,
}

impl Decision {
    /// Looks, and refuses what could not end well; changes nothing.
    pub(super) async fn make(docker: &Docker, input: &Input) -> Result<Self> {
        if !(1..=MOST).contains(&input.replicas) {
            return Err(ActionError::fatal(format!(
                "`replicas` is {}: it must be 1 to {MOST}; to have none run, stop the service \
                 (docker.stop_service)",
                input.replicas
            )));
        }
        let service = Service::find(docker, &input.service).await?;
        let mut containers = service.inspect(docker).await?;
        containers.sort_by_key(number);
        refuse(docker, &service, &containers)?;
        let before = containers.len();
        let surplus = containers.split_off(input.replicas.min(before));
        let (model, new) = if input.replicas > before {
            let model = model(docker, input, &service, &containers).await?;
            let new = numbered(&model.name, &containers, input.replicas - before);
            (Some(model), new)
        } else {
            refuse_what_stays(docker, &containers, &surplus)?;
            (None, Vec::new())
        };
        Ok(Self {
            service: service.name,
            before,
            model,
            new,
            surplus: surplus.iter().rev().map(Was::of).collect(),
            staying: containers.iter().map(Was::of).collect(),
        })
    }

    /// What people approve.
    pub(super) fn plan(&self, input: &Input) -> Plan {
        let has = counted(self.before, "container");
        if self.new.is_empty() && self.surplus.is_empty() {
            return Plan::new(format!("nothing: {} has {has} already", self.service));
        }
        let names = self.staying.iter().chain(self.surplus.iter().rev());
        let names: Vec<_> = names.map(|was| was.name.as_str()).collect();
        let mut plan = Plan::new(format!(
            "scale {}: {} → {}",
            self.service, self.before, input.replicas
        ))
        .relies_on(format!("containers of {}", self.service), names.join(", "));
        if let Some(model) = &self.model {
            plan = plan.relies_on(format!("image of {}", model.name), &model.image_id);
            for new in &self.new {
                let like = format!("like {} ({})", model.name, model.image);
                plan = plan.changes(&new.name, None, Some(like));
            }
            plan = plan.note(format!(
                "a new container has {} to prove itself by its HEALTHCHECK{}",
                input.healthy_within,
                if input.probe.is_some() {
                    ", or by the probe if it has none"
                } else {
                    "; without one it only has to run for 5 s"
                }
            ));
        }
        for was in &self.surplus {
            let state = if was.ran { "running" } else { "stopped" };
            plan = plan.changes(&was.name, Some(state.to_owned()), None);
        }
        if !self.surplus.is_empty() {
            plan = plan
                .note(
                    "what a container has written inside itself goes with it; volumes stay, also \
                     those without a name",
                )
                .note("can be undone until the first of them is removed, which comes last");
        }
        plan.note(
            "the next `docker compose up` goes back to as many as its file says: change the file too",
        )
    }
}

/// Which one it is; one that Compose has not counted comes last.
fn number(container: &Container) -> u32 {
    let number = container
        .label(NUMBER)
        .and_then(|number| number.parse().ok());
    number.unwrap_or(u32::MAX)
}

/// Compose goes on behind the highest number, too.
fn numbered(model: &str, containers: &[Container], count: usize) -> Vec<New> {
    let stem = model.trim_end_matches(|c: char| c.is_ascii_digit());
    let counted = containers.iter().map(number).filter(|n| *n != u32::MAX);
    let first = counted.max().unwrap_or(0).saturating_add(1);
    (first..)
        .take(count)
        .map(|number| New {
            name: format!("{stem}{number}"),
            number,
        })
        .collect()
}

fn refuse(docker: &Docker, service: &Service, containers: &[Container]) -> Result<()> {
    let (name, on) = (&service.name, docker.name());
    if !service.is_compose {
        return Err(ActionError::fatal(format!(
            "{name} on `{on}` is one container by its name, and can only be there once: only \
             services of Compose are scaled"
        )));
    }
    if containers.iter().any(|one| docker.is_own(&one.id)) {
        return Err(ActionError::fatal(format!(
            "Purser itself runs in {name} on `{on}` and cannot scale itself: use `docker compose up \
             --scale {}=N` on the host",
            service.short
        )));
    }
    let twice = containers
        .windows(2)
        .find(|pair| number(&pair[0]) == number(&pair[1]));
    if let Some([one, other]) = twice {
        return Err(ActionError::fatal(format!(
            "{} and {} on `{on}` are the same container of {name} to Compose, as while a deploy is \
             under way; nothing was changed: finish or undo that, or remove one of them",
            one.name, other.name
        )));
    }
    Ok(())
}

/// Something has to be left that works.
fn refuse_what_stays(docker: &Docker, staying: &[Container], surplus: &[Container]) -> Result<()> {
    let on = docker.name();
    if let Some(sick) = staying
        .iter()
        .find(|one| one.is_restarting() || one.health() == Health::Unhealthy && one.is_running())
        && !surplus.is_empty()
    {
        return Err(ActionError::fatal(format!(
            "{} on `{on}`, which would stay, is not well; nothing was changed: repair it first",
            sick.name
        )));
    }
    let runs = |all: &[Container]| all.iter().any(Container::is_running);
    if runs(surplus) && !runs(staying) {
        return Err(ActionError::fatal(format!(
            "those that would stay on `{on}` do not run; nothing was changed: start them first \
             (docker.start_service)"
        )));
    }
    for container in surplus {
        let host = container.facts.host_config.as_ref();
        if host.and_then(|host| host.auto_remove) == Some(true) {
            return Err(ActionError::fatal(format!(
                "{} on `{on}` was started with --rm: the engine removes it as soon as it is \
                 stopped, and it could not be put back; nothing was changed",
                container.name
            )));
        }
    }
    Ok(())
}

/// The first that runs well, if a copy of it would be the same and may run beside it.
async fn model(
    docker: &Docker,
    input: &Input,
    service: &Service,
    containers: &[Container],
) -> Result<Model> {
    let (name, on) = (&service.name, docker.name());
    let Some(model) = containers.iter().find(|one| Was::of(one).well) else {
        return Err(ActionError::fatal(format!(
            "no container of {name} on `{on}` runs well, and a copy would be no better; nothing was \
             changed: start or repair it first"
        )));
    };
    let why = obstacles(model, input.parallel);
    if !why.is_empty() {
        return Err(ActionError::fatal(format!(
            "{name} on `{on}` cannot run more than once: {}; nothing was changed: take that out of \
             its Compose file{}",
            why.join(", "),
            if obstacles(model, true).is_empty() {
                ", or say `parallel: true` if several may write there"
            } else {
                ""
            }
        )));
    }
    let image_id = model.image_id();
    if containers.iter().any(|one| one.image_id() != image_id) {
        return Err(ActionError::fatal(format!(
            "the containers of {name} on `{on}` do not all run the same image; nothing was changed: \
             deploy one to all of them first"
        )));
    }
    let named = Reference::parse(model.image())?.local(docker).await?;
    if named.and_then(|named| named.id).as_deref() != Some(image_id) {
        return Err(ActionError::fatal(format!(
            "{} on `{on}` runs {}, and {} names another image by now; nothing was changed: deploy \
             that first, or give the image its name back (docker tag)",
            model.name,
            image::short(image_id),
            model.image()
        )));
    }
    Ok(Model {
        id: model.id.clone(),
        name: model.name.clone(),
        image: model.image().to_owned(),
        image_id: image_id.to_owned(),
    })
}
