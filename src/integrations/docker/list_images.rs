//! `docker.list_images`: the images that the engine has, and who uses them.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::ImageSummary;
use bollard::query_parameters::ListImagesOptions;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::engine::Docker;
use super::{image, service};
use crate::action::{Action, ActionSpec, Context, ReadContext, Result, Risk};
use crate::domain::plan::Plan;
use crate::domain::table::{Column, table};
use crate::domain::time::Timestamp;
use crate::domain::words;

/// How the engine writes that there is none.
const NO_NAME: &str = "<none>:<none>";

/// Lists images.
pub(super) struct ListImages;

/// Nothing but the system.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {}

/// The images of the engine.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// By name; those without one last, the newest of them first.
    images: Vec<Row>,
    /// All of it for people.
    text: String,
}

/// One image.
#[derive(Serialize, JsonSchema)]
struct Row {
    /// `repository:tag`, each that it has.
    names: Vec<String>,
    /// The first twelve digits of its id.
    id: String,
    /// In bytes, with the layers that it shares with others.
    size: u64,
    /// When it was built (RFC 3339).
    created: Option<String>,
    /// How long ago that was, roughly.
    age: Option<String>,
    /// The services, running or not, that have a container of it, and `job NAME`.
    used_by: Vec<String>,
}

impl Action for ListImages {
    type System = Docker;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "docker.list_images",
        summary: "List the images of a Docker engine with size, age and the services that use them",
        risk: Risk::Read,
        service: None,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, docker: &Docker, _: Input) -> Result<Plan> {
        Ok(Plan::new(format!("list the images of {}", docker.name())))
    }

    async fn run(&self, ctx: &Context, docker: &Docker, _: Input) -> Result<Output> {
        let client = docker.client().await?;
        let images = client
            .list_images(None::<ListImagesOptions>)
            .await
            .map_err(|error| docker.failed("its images were listed", error))?;
        let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (owner, container) in service::owned(docker).await? {
            let image = container.image_id.unwrap_or_default();
            used.entry(image).or_default().insert(owner);
        }
        let now = ctx.read.clock.now();
        let images = in_order(images).into_iter().map(|image| {
            let users = used.remove(&image.id).unwrap_or_default();
            row(image, users, now)
        });
        let images: Vec<_> = images.collect();
        Ok(Output {
            text: text(docker.name(), &images),
            images,
        })
    }
}

fn in_order(mut images: Vec<ImageSummary>) -> Vec<ImageSummary> {
    for image in &mut images {
        image.repo_tags.retain(|name| name != NO_NAME);
        image.repo_tags.sort();
    }
    images.sort_by(|one, other| {
        let place = |image: &ImageSummary| (image.repo_tags.is_empty(), image.repo_tags.clone());
        let by_name = place(one).cmp(&place(other));
        by_name.then(other.created.cmp(&one.created))
    });
    images
}

fn row(image: ImageSummary, users: BTreeSet<String>, now: Timestamp) -> Row {
    let created = image.created.checked_mul(1_000_000).filter(|at| *at > 0);
    let created = created.map(Timestamp::from_micros);
    Row {
        id: image::short(&image.id).to_owned(),
        names: image.repo_tags,
        size: u64::try_from(image.size).unwrap_or(0),
        created: created.map(|at| at.to_string()),
        age: created.map(|at| words::age(now.since(at))),
        used_by: users.into_iter().collect(),
    }
}

fn text(engine: &str, images: &[Row]) -> String {
    if images.is_empty() {
        return format!("`{engine}` has no images");
    }
    let columns = [
        ("IMAGE", false),
        ("ID", false),
        ("SIZE", true),
        ("AGE", true),
        ("USED BY", false),
    ]
    .map(|(heading, right)| Column { heading, right });
    let rows: Vec<_> = images
        .iter()
        .map(|image| {
            vec![
                if image.names.is_empty() {
                    "(no name)".to_owned()
                } else {
                    image.names.join(", ")
                },
                image.id.clone(),
                words::size(image.size),
                image.age.clone().unwrap_or_else(|| "-".to_owned()),
                if image.used_by.is_empty() {
                    "-".to_owned()
                } else {
                    image.used_by.join(", ")
                },
            ]
        })
        .collect();
    table(&columns, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(names: &[&str], created: i64) -> ImageSummary {
        ImageSummary {
            id: format!("sha256:{created:064x}"),
            repo_tags: names.iter().map(|name| (*name).to_owned()).collect(),
            created,
            size: 3 << 20,
            ..ImageSummary::default()
        }
    }

    #[test]
    fn images_without_a_name_come_last_and_the_newest_of_them_first() {
        let day = 86_400;
        let images = [
            image(&[NO_NAME], day),
            image(&["web:v2", "web:latest"], 3 * day),
            image(&[], 2 * day),
            image(&["db:15"], day),
        ];
        let now = Timestamp::from_micros(6 * day * 1_000_000);
        let rows = in_order(images.into()).into_iter().map(|image| {
            let users = image.repo_tags.first().map(|_| "shop/web".to_owned());
            row(image, users.into_iter().collect(), now)
        });
        let rows: Vec<_> = rows.collect();
        insta::assert_snapshot!(text("shop", &rows), @"
        IMAGE               ID             SIZE     AGE  USED BY
        db:15               000000000000  3 MiB  5 days  shop/web
        web:latest, web:v2  000000000000  3 MiB  3 days  shop/web
        (no name)           000000000000  3 MiB  4 days  -
        (no name)           000000000000  3 MiB  5 days  -
        ");
    }
}
