//! Back to an image that an earlier run had put live, by that run's receipt.

use serde::Deserialize;

use super::super::container::Container;
use super::super::engine::Docker;
use super::super::service::Service;
use super::DeployService;
use crate::action::ports::{DoneStep, LOOKED_THROUGH};
use crate::action::{Action, ActionError, Offers, Order, Result, Suggestion, Systems};
use crate::domain::names::RunId;

/// The image before the one that runs now.
pub(super) const PREVIOUS: &str = "previous";

/// An image that was live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Live {
    /// By which name.
    pub(super) image: String,
    /// `sha256:…`
    pub(super) id: String,
}

/// What a deploy has left, as far as the way back needs it.
#[derive(Deserialize)]
struct Left {
    service: String,
    image: String,
    image_id: String,
    #[serde(default)]
    replaced_image: Option<String>,
    #[serde(default)]
    replaced_image_id: Option<String>,
}

/// A deploy of a service.
struct Deployed {
    run: RunId,
    done: DoneStep,
    live: Live,
    /// What it replaced.
    before: Option<Live>,
}

/// The image that is meant: that of the deploy before the present one, or of this run.
///
/// # Errors
/// No receipt says which image that was.
pub(super) async fn find(
    docker: &Docker,
    systems: &Systems,
    service: &Service,
    now: &[Container],
    meant: &str,
) -> Result<Live> {
    let deploys = deploys_of(docker, systems, service).await?;
    let found = match meant {
        PREVIOUS => previous(&deploys, now),
        run => of_run(&deploys, run),
    };
    found.map_err(|why| {
        ActionError::fatal(format!("{} on `{}`: {why}", service.name, docker.name()))
    })
}

/// For people to choose from.
pub(in crate::integrations::docker) async fn offers(
    docker: &Docker,
    systems: &Systems,
    service: &Service,
) -> Result<Offers> {
    let deploys = deploys_of(docker, systems, service).await?.into_iter();
    let all = deploys.map(|one| Suggestion {
        shown: Some(format!(
            "{} by {}, {} ({})",
            one.live.image,
            one.done.by,
            one.done.at,
            one.run.short()
        )),
        value: one.run.to_string(),
    });
    Ok(Offers {
        all: all.collect(),
        order: Order::AsGiven,
    })
}

/// The newest first.
async fn deploys_of(
    docker: &Docker,
    systems: &Systems,
    service: &Service,
) -> Result<Vec<Deployed>> {
    let history = systems.history()?;
    let done = history.done(DeployService::SPEC.name, docker.system_name());
    let deploys = done.await?.into_iter().filter_map(|done| {
        let left: Left = serde_json::from_value(done.output.clone()).ok()?;
        let before = left.replaced_image.zip(left.replaced_image_id);
        (left.service == service.name).then(|| Deployed {
            run: done.run,
            live: Live {
                image: left.image,
                id: left.image_id,
            },
            before: before.map(|(image, id)| Live { image, id }),
            done,
        })
    });
    Ok(deploys.collect())
}

fn previous(deploys: &[Deployed], now: &[Container]) -> Result<Live, String> {
    let runs = |live: &&Live| now.iter().any(|container| container.image_id() == live.id);
    let live = deploys
        .iter()
        .flat_map(|one| [Some(&one.live), one.before.as_ref()])
        .flatten();
    live.skip_while(runs)
        .find(|live| !runs(live))
        .cloned()
        .ok_or_else(|| {
            format!(
                "none of the last {LOOKED_THROUGH} receipts names an image that it ran besides the present one: deploy a \
                 version by its name"
            )
        })
}

fn of_run(deploys: &[Deployed], meant: &str) -> Result<Live, String> {
    let meant = meant.to_ascii_uppercase();
    let is_meant = |one: &&Deployed| {
        let id = one.run.to_string().to_ascii_uppercase();
        meant.len() >= 4 && (id.starts_with(&meant) || id.ends_with(&meant))
    };
    let mut found: Vec<_> = deploys.iter().filter(is_meant).collect();
    found.dedup_by_key(|one| one.run);
    match &found[..] {
        [one] => Ok(one.live.clone()),
        [] => Err(format!(
            "none of the last {LOOKED_THROUGH} receipts says that the run `{meant}` has deployed it: see `purser \
             receipts list`, or write `{PREVIOUS}`"
        )),
        several => {
            let ids: Vec<_> = several.iter().map(|one| one.run.to_string()).collect();
            Err(format!(
                "`{meant}` may be any of the runs {}: write more of the id",
                ids.join(", ")
            ))
        }
    }
}
