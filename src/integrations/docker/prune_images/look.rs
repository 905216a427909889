//! What images an engine has, and what needs them.

use bollard::query_parameters::ListImagesOptionsBuilder;

use super::super::container;
use super::super::engine::Docker;
use super::super::service::name_of;
use super::choose::{Image, Stock};
use crate::action::Result;

/// How engines before version 23 write that there is no name.
const NO_NAME: &str = "<none>";

/// Everything that is settled on.
pub(super) async fn stock(docker: &Docker) -> Result<Stock> {
    let client = docker.client().await?;
    // All: what an image is built on may have no name, and its being needed shows only there.
    let options = ListImagesOptionsBuilder::new().all(true).build();
    let listed = client
        .list_images(Some(options))
        .await
        .map_err(|error| docker.failed("its images were listed", error))?;
    let parents = listed.iter().map(|image| image.parent_id.clone());
    let bases = parents.filter(|parent| !parent.is_empty()).collect();
    let named = |names: Vec<String>| {
        let names = names.into_iter().filter(|name| !name.starts_with(NO_NAME));
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    let images = listed.into_iter().map(|image| Image {
        id: image.id,
        tags: named(image.repo_tags),
        digests: named(image.repo_digests),
        created: image.created,
        bytes: u64::try_from(image.size).unwrap_or_default(),
    });
    Ok(Stock {
        images: images.collect(),
        bases,
        users: users(docker).await?,
    })
}

/// By image the container that was made of it, stopped ones too.
pub(super) async fn users(docker: &Docker) -> Result<std::collections::BTreeMap<String, String>> {
    let containers = container::list(docker, None).await?;
    let of = containers.iter().filter_map(|container| {
        let image = container.image_id.clone()?;
        Some((image, name_of(container)))
    });
    Ok(of.collect())
}
