//! A first configuration, made from what runs, and found well.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

use crate::demo::docker::describe;
use crate::demo::objects::Objects;
use crate::demo::play::{Play, Scene};
use crate::demo::screen;
use crate::demo::stage::Stage;

pub(super) const SCENE: Scene = Scene {
    name: "init",
    title: "A first configuration, from what runs here",
    play,
};

/// Where it is written, below the demo's folder.
const FOLDER: &str = "first";
/// The Compose project that it is about.
const PROJECT: &str = "bookshop";

fn play(play: &mut Play) -> Result<()> {
    screen::line(
        "Another Purser is set up for the same shop. What runs in no container is added by hand; \
         passwords come from files.",
    );
    let folder = play.stage.folder.join(FOLDER);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let before = world(&play.stage)?;
    let ann = play.stage.ann.clone();
    let arguments = arguments(&play.stage)?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let made = ann.types(&play.stage, &arguments)?;
    let config = format!("{FOLDER}/purser.toml");
    let linted = ann.types(&play.stage, &["lint", "--config", &config])?;
    play.sabotage("the password in the new file is another one", |stage| {
        let file = folder.join("secrets/orders-db_url");
        let (address, _) = stage.database.orders();
        Ok(fs::write(file, address.replacen('@', ":wrong@", 1))?)
    })?;
    let looked = ann.types(&play.stage, &["doctor", "--config", &config])?;

    play.same("exit code of init", made.code, 0);
    let (_, password) = play.stage.database.orders();
    let is_silent = !made.text.contains(&password) && !looked.text.contains(&password);
    play.either(
        "the database's password, on the screen",
        is_silent,
        "nowhere",
        "shown",
    );
    play.same(
        "file modes, all secrets",
        modes(&folder.join("secrets"))?,
        "600".to_owned(),
    );
    play.same("exit code of lint", linted.code, 0);
    play.same("exit code of doctor", looked.code, 0);
    play.same(
        "Docker and the bucket, after all that",
        world(&play.stage)?,
        before,
    );
    Ok(())
}

/// What is typed: `init …`.
fn arguments(stage: &Stage) -> Result<Vec<String>> {
    let (address, password) = stage.database.orders();
    fs::write(stage.folder.join("secrets/first-database"), password)?;
    let mut arguments = vec![
        "init".to_owned(),
        format!("--to={FOLDER}"),
        format!("--docker={}", stage.docker.host()),
        format!("--project={PROJECT}"),
        "--listen=127.0.0.1:0".to_owned(),
        format!("--add=orders-db={address}"),
        "--password-file=orders-db=secrets/first-database".to_owned(),
        format!("--add=prometheus=prometheus+{}", stage.prometheus),
    ];
    if let Objects::Bucket { endpoint, .. } = &stage.objects {
        let key = fs::read_to_string(stage.folder.join("secrets/minio-access-key"))?;
        let (scheme, at) = endpoint.split_once("://").context("an unusual endpoint")?;
        let url = stage.objects.url();
        let bucket = url.split('/').nth(3).context("the place names no bucket")?;
        arguments.push(format!("--add=minio=s3+{scheme}://{key}@{at}/{bucket}"));
        arguments.push("--password-file=minio=secrets/minio-secret-key".to_owned());
    }
    Ok(arguments)
}

/// The modes of the files in a folder, each once.
fn modes(folder: &Path) -> Result<String> {
    let mut modes = vec![];
    for file in fs::read_dir(folder)? {
        modes.push(format!(
            "{:o}",
            file?.metadata()?.permissions().mode() & 0o777
        ));
    }
    modes.sort();
    modes.dedup();
    Ok(modes.join(", "))
}

/// What nothing of this may change.
fn world(stage: &Stage) -> Result<String> {
    let containers = describe(&stage.docker.containers()?);
    let objects = stage.objects.keys()?.len();
    Ok(format!("{containers}; objects: {objects}"))
}
