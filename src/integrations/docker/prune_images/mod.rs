//! `docker.prune_images`: the old images of each repository, as far as nothing needs them.
//!
//! What goes is settled once and stands in the plan, image by image. Before each removal the image is
//! looked at again, and one that has come to be needed is left. The engine is never forced: it refuses
//! by itself what a container needs.

mod choose;
mod look;
mod remove;

use chrono::DateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::choose::{Choice, Image, Rule, Why, choose};
use self::remove::Fate;
use super::engine::{Docker, PATIENCE};
use super::image;
use crate::action::{
    Action, ActionError, ActionSpec, Context, EffectRecord, EffectStatus, ReadContext, Result,
    Risk, Undone,
};
use crate::domain::effect::{EffectSort, EffectSpec};
use crate::domain::plan::Plan;
use crate::domain::run::StepState;
use crate::domain::undo::WayBack;
use crate::domain::words::{counted, size};

const REMOVE: &str = "remove_image";

/// So many of those that stay are named in a plan and an output; the others are counted.
const MOST_NAMED: usize = 50;

/// Removes old images. The item of each effect is the image's id.
pub(super) struct PruneImages;

/// What to keep.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// So many of each repository stay, the newest by the date of their making: 1 to 1000.
    #[serde(default = "three")]
    keep: u32,
    /// These stay too: images (`shop/web:v1`, a digest or an id), or repositories (`shop/web`).
    #[serde(default)]
    except: Vec<String>,
    /// Only images of these repositories go; left out, those of all, and those that have no name.
    #[serde(default)]
    repositories: Option<Vec<String>>,
}

fn three() -> u32 {
    3
}

/// What was removed, and what was not.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// Those that are gone, in the order of their removal.
    removed: Vec<Gone>,
    /// Those that were to go and are still there.
    left: Vec<Left>,
    /// Those that were to stay, up to 50; without those that are among the newest.
    kept: Vec<Left>,
    /// What the images that are gone had taken together; as much less is free now as others share
    /// layers with them.
    bytes: u64,
    /// All this in one sentence.
    message: String,
}

/// An image that is gone.
#[derive(Serialize, JsonSchema)]
struct Gone {
    /// What it was called.
    name: String,
    /// `sha256:…`
    id: String,
    /// By these it can be fetched again, as long as its registry has it: `shop/web@sha256:…`. None of
    /// one that was built here.
    digests: Vec<String>,
    /// With the layers that it shared with others.
    bytes: u64,
}

/// An image that is there.
#[derive(Serialize, JsonSchema)]
struct Left {
    /// What it is called.
    name: String,
    /// Why it is there.
    why: String,
}

impl Action for PruneImages {
    type System = Docker;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "docker.prune_images",
        summary: "Remove old images that nothing uses, and keep the newest of each repository",
        risk: Risk::Destroy,
        service: None,
        effects: &[EffectSpec {
            name: REMOVE,
            sort: EffectSort::Repeatable,
            limit: PATIENCE,
        }],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, docker: &Docker, input: Input) -> Result<Plan> {
        let (choice, idle) = decide(docker, &input).await?;
        Ok(plan(docker, &input, &choice, &idle))
    }

    async fn run(&self, ctx: &Context, docker: &Docker, input: Input) -> Result<Output> {
        let choice: Choice = ctx
            .record("images", || async { Ok(decide(docker, &input).await?.0) })
            .await?;
        let (mut removed, mut left) = (Vec::new(), Vec::new());
        let all = choice.remove.len();
        for (at, image) in choice.remove.into_iter().enumerate() {
            ctx.progress(format!("removing {}, {} of {all}", image.name(), at + 1));
            let fate = ctx
                .repeatable((REMOVE, image.id.as_str()), |_| remove_one(docker, &image))
                .await?;
            match fate.fate {
                Fate::Gone => removed.push(Gone {
                    name: image.name(),
                    id: image.id,
                    digests: image.digests,
                    bytes: image.bytes,
                }),
                Fate::Left(why) => left.push(Left {
                    name: image.name(),
                    why,
                }),
            }
        }
        Ok(output(docker, removed, left, &choice.stay))
    }

    async fn undo(&self, ctx: &Context, _: &Docker, _: Input) -> Result<Undone> {
        Ok(match gone(&ctx.effects().await) {
            Some(gone) => Undone::ExceptFor(gone),
            None => Undone::Fully,
        })
    }

    fn way_back(&self, step: &StepState) -> WayBack {
        gone(&step.effects).map_or(WayBack::Nothing, WayBack::Stays)
    }
}

/// What the journal keeps of a removal: enough to fetch the image again.
#[derive(Serialize, Deserialize)]
struct Entry {
    name: String,
    digests: Vec<String>,
    fate: Fate,
}

async fn remove_one(docker: &Docker, image: &Image) -> Result<Entry> {
    Ok(Entry {
        fate: remove::remove(docker, image).await?,
        name: image.name(),
        digests: image.digests.clone(),
    })
}

/// What goes and what stays, and what in the lists of names means no image.
async fn decide(docker: &Docker, input: &Input) -> Result<(Choice, Vec<String>)> {
    if !(1..=1000).contains(&input.keep) {
        return Err(ActionError::fatal(format!(
            "`keep` is {}, and must be from 1 to 1000: the last image of a repository is for people to \
             remove",
            input.keep
        )));
    }
    let stock = look::stock(docker).await?;
    let named = input
        .except
        .iter()
        .chain(input.repositories.iter().flatten());
    let named: Vec<String> = named.cloned().collect();
    let idle = choose::idle(&named, &stock.images);
    let idle = idle.into_iter().map(str::to_owned).collect();
    let rule = Rule {
        keep: usize::try_from(input.keep).unwrap_or(usize::MAX),
        except: &input.except,
        repositories: input.repositories.as_deref(),
    };
    Ok((choose(stock, rule), idle))
}

fn plan(docker: &Docker, input: &Input, choice: &Choice, idle: &[String]) -> Plan {
    let on = docker.name();
    let bytes: u64 = choice.remove.iter().map(|image| image.bytes).sum();
    let summary = match choice.remove.len() {
        0 => format!("nothing: no image of {on} is old and unused"),
        count => format!(
            "remove {} from {on}, of {} together",
            counted(count, "image"),
            size(bytes)
        ),
    };
    let mut plan = Plan::new(summary);
    for image in &choice.remove {
        let (name, id) = (image.name(), image::short(&image.id));
        plan = plan.relies_on(format!("image {name}"), &image.id).changes(
            format!("image {name} ({id})"),
            Some(format!(
                "{}, made {}",
                size(image.bytes),
                date(image.created)
            )),
            None,
        );
    }
    let notes = notes(input, choice, idle);
    notes.into_iter().fold(plan, Plan::note)
}

fn notes(input: &Input, choice: &Choice, idle: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    if !choice.remove.is_empty() {
        notes.push(
            "layers that images share with others stay, so less may become free than their sum"
                .to_owned(),
        );
        let is_lost = |image: &&Image| image.digests.is_empty();
        let lost = choice.remove.iter().filter(is_lost);
        notes.push(match lost.count() {
            0 => "cannot be undone; each can be fetched again by its digest, as long as its registry \
                  has it"
                .to_owned(),
            all if all == choice.remove.len() => {
                "cannot be undone: what came from no registry can only be built again".to_owned()
            }
            lost => format!(
                "cannot be undone; {lost} of them came from no registry and can only be built again, the \
                 others can be fetched by their digests, as long as their registries have them"
            ),
        });
    }
    notes.push(format!("of each repository the {} newest stay", input.keep));
    let mut stay = told(&choice.stay);
    let more = stay.split_off(stay.len().min(MOST_NAMED)).len();
    let stay = stay.into_iter();
    notes.extend(stay.map(|one| format!("{} stays: {}", one.name, one.why)));
    if more > 0 {
        notes.push(format!("{more} more stay"));
    }
    notes.extend(
        idle.iter()
            .map(|entry| format!("`{entry}` is no image and no repository that is there")),
    );
    notes
}

/// Those that stay although they are not among the newest. What is only there because others are built
/// on it, and has no name, is nobody's business.
fn told(stay: &[(Image, Why)]) -> Vec<Left> {
    let is_told = |(image, why): &&(Image, Why)| match why {
        Why::Newest(_) => false,
        Why::Base => !image.repositories().is_empty(),
        _ => true,
    };
    let told = stay.iter().filter(is_told).map(|(image, why)| Left {
        name: image.name(),
        why: why.to_string(),
    });
    told.collect()
}

fn output(docker: &Docker, removed: Vec<Gone>, left: Vec<Left>, stay: &[(Image, Why)]) -> Output {
    let bytes: u64 = removed.iter().map(|image| image.bytes).sum();
    let done = match removed.len() {
        0 => format!("no image was removed from {}", docker.name()),
        count => format!(
            "{} gone from {}, of {} together",
            are(count),
            docker.name(),
            size(bytes)
        ),
    };
    let message = match left.len() {
        0 => done,
        count => format!("{done}; {} still there that had to go", are(count)),
    };
    let mut kept = told(stay);
    kept.truncate(MOST_NAMED);
    Output {
        removed,
        left,
        kept,
        bytes,
        message,
    }
}

/// What of it is not there any more, or may not be; `None` when nothing is.
fn gone(effects: &[EffectRecord]) -> Option<String> {
    let (mut gone, mut unknown) = (Vec::new(), 0);
    for effect in effects {
        match &effect.status {
            EffectStatus::Done(entry) => {
                if let Ok(Entry {
                    fate: Fate::Gone,
                    name,
                    digests,
                }) = serde_json::from_value(entry.clone())
                {
                    gone.push(match digests.first() {
                        Some(digest) if *digest != name => format!("{name} ({digest})"),
                        _ => name,
                    });
                }
            }
            EffectStatus::Started => unknown += 1,
            EffectStatus::Failed | EffectStatus::Undone => {}
        }
    }
    let gone_for_good = (!gone.is_empty()).then(|| {
        format!(
            "{} gone, and can be fetched again where a digest stands: {}",
            are(gone.len()),
            gone.join(", ")
        )
    });
    let unclear = (unknown > 0).then(|| {
        format!(
            "whether {} was removed is not known",
            counted(unknown, "further image")
        )
    });
    let parts: Vec<_> = gone_for_good.into_iter().chain(unclear).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// `1 image is`, `2 images are`.
fn are(count: usize) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(count, "image"))
}

/// The day; nothing that changes while a plan is read.
fn date(seconds: i64) -> String {
    let at = DateTime::from_timestamp(seconds, 0);
    at.map_or_else(
        || "at no known time".to_owned(),
        |at| at.format("%Y-%m-%d").to_string(),
    )
}
