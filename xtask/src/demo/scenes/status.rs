//! What runs, said by Purser and compared with Docker.

use anyhow::Result;

use crate::demo::docker::{REPOSITORY, SERVICE};
use crate::demo::play::{Play, Scene};

pub(super) const SCENE: Scene = Scene {
    name: "status",
    title: "What runs here?",
    play,
};

fn play(play: &mut Play) -> Result<()> {
    let real = play.container()?;
    let version = real.version().to_owned();
    let ann = play.stage.ann.clone();
    let linted = ann.types(&play.stage, &["lint"])?;
    let said = play.console()?.asks("status")?;
    play.sabotage("the shop's container is removed", |stage| {
        stage.docker.remove_service()
    })?;

    play.same("exit code of lint", linted.code, 0);
    play.one_container(&version)?;
    let row = said
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with(SERVICE));
    let row = row.unwrap_or_default().split_whitespace();
    let found: Vec<&str> = row.take(7).collect();
    let image = format!("{REPOSITORY}:{version}");
    let id = real
        .image_id
        .trim_start_matches("sha256:")
        .get(..12)
        .unwrap_or_default();
    let expected = [SERVICE, &image, id, "running", "healthy", "1", "1"];
    play.same(
        "Purser's row of it, against Docker",
        found.join(" "),
        expected.join(" "),
    );
    Ok(())
}
