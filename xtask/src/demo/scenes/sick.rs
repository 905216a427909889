//! A version that is sick: undone, and said so.

use anyhow::Result;

use crate::demo::client::Client;
use crate::demo::docker::{self, SERVICE};
use crate::demo::play::{Play, Scene, run_in, text};
use crate::demo::screen;

/// Its health check fails for ever.
const SICK: &str = "v3";

pub(super) const SCENE: Scene = Scene {
    name: "sick",
    title: "A sick version is undone, and said so",
    play,
};

fn play(play: &mut Play) -> Result<()> {
    let before = play.container()?;
    let version = before.version().to_owned();
    let since = play.stage.docker.started_at(&before.id)?;
    screen::line(format!(
        "{SICK} calls itself unhealthy. The client asks and counts again."
    ));
    let client = Client::start(&play.stage.docker)?;
    let said = play.console()?.asks(&format!("deploy {SERVICE} {SICK}"))?;
    let count = client.stop()?;
    play.sabotage("the shop's container is removed", |stage| {
        stage.docker.remove_service()
    })?;

    play.no_gap(&count);
    let now = play.one_container(&version)?;
    let container = |id: &str, since: &str| format!("{} since {since}", docker::short(id));
    let still = now.first().map_or("none", |container| &container.id);
    let since_now = play
        .stage
        .docker
        .started_at(still)
        .unwrap_or_else(|_| "never".to_owned());
    play.same(
        "Docker, it is the container from before, never stopped",
        container(still, &since_now),
        container(&before.id, &since),
    );
    let id = run_in(&said)?;
    let run = play.run(&id)?;
    let full_id = text(&run["run"]["id"])?;
    let left = now
        .iter()
        .filter(|container| container.run() == Some(&full_id))
        .count();
    play.same("Docker, containers left of this run", left, 0);
    play.same(
        "Purser calls it",
        text(&run["status"])?,
        "rolled_back".to_owned(),
    );
    let says_so = said.contains("rolled back") && said.contains("was taken back");
    play.either(
        "Purser says so",
        says_so,
        "rolled back, everything taken back",
        "something else",
    );
    Ok(())
}
