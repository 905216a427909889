//! A deploy that goes well.

use anyhow::Result;

use crate::demo::client::Client;
use crate::demo::docker::SERVICE;
use crate::demo::play::{Play, Scene, other, run_in, text};
use crate::demo::screen;

pub(super) const SCENE: Scene = Scene {
    name: "deploy",
    title: "A new version goes live",
    play,
};

fn play(play: &mut Play) -> Result<()> {
    let old = play.container()?;
    let version = other(old.version());
    screen::line("A client asks the old and the new container all the while, and counts.");
    let client = Client::start(&play.stage.docker)?;
    let said = play
        .console()?
        .asks(&format!("deploy {SERVICE} {version}"))?;
    let count = client.stop()?;
    play.sabotage("the new container is removed", |stage| {
        stage.docker.remove_service()
    })?;

    play.no_gap(&count);
    let overlap = count.overlap(old.version(), version);
    play.holds(
        "client, the old and the new container answered side by side",
        !overlap.is_zero(),
        format!("for {} ms", overlap.as_millis()),
        "for some time",
    );
    let now = play.one_container(version)?;
    let is_new = now.iter().all(|container| container.id != old.id);
    play.either("Docker, the old container", is_new, "gone", "still there");
    let run = play.run(&run_in(&said)?)?;
    let claim = [
        &run["status"],
        &run["run"]["steps"]["deploy"]["output"]["proof"],
    ];
    let claim = claim
        .map(|claim| text(claim).unwrap_or_default())
        .join(", proof: ");
    play.same(
        "Purser claims no more than that",
        claim,
        "succeeded, proof: healthy".to_owned(),
    );
    Ok(())
}
