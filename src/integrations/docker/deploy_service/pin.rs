//! The version in the project's `.env`: set once the new containers are proven, and what it was again
//! when the deploy is taken back.

use super::super::compose::{Before, Pin, Set};
use super::super::container::Container;
use super::super::engine::Docker;
use super::super::service::{PROJECT, SERVICE};
use super::carry_out::Deploy;
use super::decide::Decision;
use super::undo::Undo;
use super::{Output, PIN_VERSION};
use crate::action::{Context, Result};
use crate::domain::effect::EffectKey;
use crate::domain::plan::Plan;

/// What it takes for the service's project to name this image; `None` where it is of no project.
pub(super) async fn look(
    docker: &Docker,
    containers: &[Container],
    image: &str,
) -> Result<Option<Pin>> {
    let Some(container) = containers.first() else {
        return Ok(None);
    };
    let (Some(project), Some(service)) = (container.label(PROJECT), container.label(SERVICE))
    else {
        return Ok(None);
    };
    let labels = container.facts.config.as_ref();
    let labels = labels.and_then(|config| config.labels.clone());
    let pin = docker
        .projects()
        .pin((project, service), labels.unwrap_or_default(), image);
    pin.await.map(Some)
}

impl Decision {
    /// The variable that is to be set.
    pub(super) fn to_set(&self) -> Option<&Set> {
        match &self.pin {
            Some(Pin::Set(set)) => Some(set),
            Some(Pin::Named | Pin::Stays(_) | Pin::Unseen(_)) | None => None,
        }
    }

    /// Adds what becomes of the project's files.
    pub(super) fn pinned(&self, plan: Plan) -> Plan {
        let is_done = self.replicas.is_empty();
        match &self.pin {
            None => plan,
            Some(Pin::Set(set)) => {
                let anew = if is_done {
                    "goes by that".to_owned()
                } else {
                    format!("makes the containers anew, of {} too", self.image)
                };
                set_by(plan, set, &anew)
            }
            Some(Pin::Stays(why)) => plan.note(goes_back(why)),
            Some(Pin::Unseen(_) | Pin::Named) if is_done => plan,
            Some(Pin::Unseen(what)) => plan.note(goes_back(what)),
            Some(Pin::Named) => plan.note(format!(
                "the next `docker compose up` makes the containers anew, of {} too: the project's \
                 files name it already",
                self.image
            )),
        }
    }
}

fn goes_back(why: &str) -> String {
    format!("the next `docker compose up` goes back to the image that its file names: {why}")
}

fn set_by(plan: Plan, set: &Set, next: &str) -> Plan {
    let (variable, file) = (&set.variable, &set.file);
    let from = set.from.clone().filter(|from| !from.is_empty());
    let to = Some(set.to.clone());
    let mut plan = plan
        .relies_on(format!("image in {}", set.image_in), &set.image)
        .changes(format!("{variable} in {file}"), from, to)
        .note(format!(
            "the next `docker compose up` {next}, unless {variable} is set in the environment of \
             whoever calls it: that cannot be seen"
        ));
    if !set.users.is_empty() {
        let users: Vec<_> = set.users.iter().map(String::as_str).collect();
        plan = plan.note(format!(
            "{variable} is taken by others too, which the next `docker compose up` changes: {}",
            users.join(", ")
        ));
    }
    plan
}

impl Deploy<'_> {
    /// Sets the version, where it is to be set.
    pub(super) async fn pin(&self, decision: &Decision) -> Result<()> {
        set(self.ctx, self.docker, decision).await
    }
}

async fn set(ctx: &Context, docker: &Docker, decision: &Decision) -> Result<()> {
    let Some(set) = decision.to_set() else {
        return Ok(());
    };
    ctx.progress(format!("setting {} in {}", set.variable, set.file));
    ctx.repeatable(PIN_VERSION, |key: EffectKey| async move {
        let before = docker.projects().set(set, key.token()).await?;
        Ok((set.clone(), before))
    })
    .await
    .map(drop)
}

/// The service runs the image already: the version is set, where it is not, and that is all.
pub(super) async fn alone(ctx: &Context, docker: &Docker, decision: Decision) -> Result<Output> {
    set(ctx, docker, &decision).await?;
    let set = decision.to_set().cloned();
    let mut output = decision.nothing_to_do();
    if let Some(set) = set {
        output.changed = true;
        output.message = format!(
            "{} runs {} already; {} in {} is {} now, and was {}",
            output.service,
            output.image,
            set.variable,
            set.file,
            set.to,
            set.from.as_deref().unwrap_or("not set")
        );
    }
    Ok(output)
}

impl Undo<'_> {
    /// What the file said before it says again; else why not, in words.
    pub(super) async fn unpin(&self) -> Result<Option<String>> {
        let mut left = None;
        let told = &mut left;
        let decided = self.decision.as_ref().and_then(Decision::to_set);
        let back = |key: EffectKey, done: Option<(Set, Before)>| async move {
            // Where its end was never recorded, what was decided tells what there was.
            let decided = || decided.map(|set| (set.clone(), set.before.clone()));
            if let Some((set, before)) = done.or_else(decided) {
                let projects = self.docker.projects();
                *told = projects.restore(&set, before, key.token()).await?;
            }
            Ok(())
        };
        self.ctx.undo(PIN_VERSION, back).await?;
        Ok(left)
    }
}
