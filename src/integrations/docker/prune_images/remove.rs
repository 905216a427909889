//! The removal of one image: never by force, and never of more than was planned.

use bollard::models::ImageInspect;
use bollard::query_parameters::RemoveImageOptions;
use serde::{Deserialize, Serialize};

use super::super::engine::{Docker, one_line, or_missing, status};
use super::choose::Image;
use super::look;
use crate::action::Result;

/// What has become of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fate {
    /// It is not there any more.
    Gone,
    /// It is still there, for this reason.
    Left(String),
}

/// Removes it; it may be gone already. One that has come to be needed since it was chosen is left.
pub(super) async fn remove(docker: &Docker, image: &Image) -> Result<Fate> {
    let mut taken: Vec<String> = Vec::new();
    // Each round takes a name or ends.
    for _ in 0..=image.tags.len() + image.digests.len() {
        let Some(found) = look_at(docker, &image.id).await? else {
            return Ok(Fate::Gone);
        };
        if let Some(why) = why_not(docker, image, &found).await? {
            return Ok(left(&why, &taken));
        }
        let name = next(&found, &image.id);
        if name != image.id && !is_still(docker, &name, &image.id).await? {
            continue;
        }
        let client = docker.patient_client().await?;
        let removed = client
            .remove_image(&name, None::<RemoveImageOptions>, None)
            .await;
        match removed {
            Ok(_) if name == image.id => return Ok(Fate::Gone),
            Ok(_) => taken.push(name),
            Err(error) if status(&error) == Some(404) => {}
            Err(error) if status(&error) == Some(409) => {
                let said = one_line(&error.to_string());
                return Ok(left(&format!("the engine keeps it ({said})"), &taken));
            }
            Err(error) => {
                let what = format!("the image {} was removed", image.name());
                return Err(docker.failed(&what, error));
            }
        }
    }
    match look_at(docker, &image.id).await? {
        None => Ok(Fate::Gone),
        Some(_) => Ok(left("it is given names as fast as they are taken", &taken)),
    }
}

fn left(why: &str, taken: &[String]) -> Fate {
    Fate::Left(match taken {
        [] => why.to_owned(),
        taken => format!("{why}; its name {} is gone", taken.join(", ")),
    })
}

async fn look_at(docker: &Docker, name: &str) -> Result<Option<ImageInspect>> {
    let client = docker.client().await?;
    or_missing(client.inspect_image(name).await)
        .map_err(|error| docker.failed(&format!("the image {name} was looked at"), error))
}

/// What speaks against it now.
async fn why_not(docker: &Docker, image: &Image, found: &ImageInspect) -> Result<Option<String>> {
    if let Some(by) = look::users(docker).await?.get(&image.id) {
        return Ok(Some(format!("the container {by} was made of it meanwhile")));
    }
    let mut tags = found.repo_tags.iter().flatten();
    let new = tags.find(|tag| !image.tags.contains(tag));
    Ok(new.map(|new| format!("somebody has named it {new} meanwhile")))
}

/// The engine takes an image by its id only as long as one repository has it, with one tag: else it is
/// taken from them one by one.
fn next(found: &ImageInspect, id: &str) -> String {
    let tags = found.repo_tags.as_deref().unwrap_or_default();
    let digests = found.repo_digests.as_deref().unwrap_or_default();
    let repository = |name: &String| {
        let name = name
            .split_once('@')
            .map_or_else(|| name.rsplit_once(':'), Some);
        name.map(|(repository, _)| repository.to_owned())
    };
    let mut repositories: Vec<_> = tags.iter().chain(digests).map(repository).collect();
    repositories.sort();
    repositories.dedup();
    if tags.len() <= 1 && repositories.len() <= 1 {
        return id.to_owned();
    }
    let first = tags.first().or(digests.first());
    first.cloned().unwrap_or_else(|| id.to_owned())
}

/// Whether the name has not come to mean another image.
async fn is_still(docker: &Docker, name: &str, id: &str) -> Result<bool> {
    let found = look_at(docker, name).await?;
    Ok(found.is_some_and(|found| found.id.as_deref() == Some(id)))
}
