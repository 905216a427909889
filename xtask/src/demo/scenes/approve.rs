//! A deploy that a second person must agree to.

use anyhow::{Context, Result};

use crate::demo::docker::{self, Container, SERVICE};
use crate::demo::play::{Play, Scene, other, run_in, text};
use crate::demo::screen;

pub(super) const SCENE: Scene = Scene {
    name: "approve",
    title: "A deploy that a second person approves",
    play,
};

fn play(play: &mut Play) -> Result<()> {
    let before = play.container()?;
    let version = other(before.version());
    screen::line("Ann asks, and cannot approve it herself. Bo, another user of the machine, can.");
    let asked = play
        .console()?
        .asks(&format!("release {SERVICE} {version}"))?;
    let id = run_in(&asked)?;
    let herself = play.console()?.asks("yes")?;
    let refused = herself.contains("cannot approve it");
    let untouched = play.stage.docker.containers()?;
    let plan = text(&play.run(&id)?["run"]["approval"]["digest"])?;
    let short_plan = plan
        .trim_start_matches("sha256:")
        .get(..12)
        .context("a short digest")?;
    let bo = play.stage.bo.clone();
    let approved = bo.types(&play.stage, &["approve", &id, "--plan", short_plan])?;
    play.console()?.asks(&format!("watch {id}"))?;
    play.sabotage("the new container is removed", |stage| {
        stage.docker.remove_service()
    })?;

    play.either("Purser, to Ann's own yes", refused, "refused", "no refusal");
    let with_id = |containers: &[Container]| {
        let ids: Vec<&str> = containers.iter().map(Container::short_id).collect();
        format!("{} ({})", docker::describe(containers), ids.join(", "))
    };
    play.same(
        "Docker, after that and before Bo's yes",
        with_id(&untouched),
        with_id(std::slice::from_ref(&before)),
    );
    play.same(
        &format!("exit code of Bo (uid {})", bo.uid),
        approved.code,
        0,
    );
    play.one_container(version)?;
    let receipt = play.stage.ann.asks(
        &play.stage,
        &["receipts", "show", &text(&play.run(&id)?["run"]["id"])?],
    )?;
    let facts = &receipt["content"]["subject"];
    let by: Vec<String> = facts["approved_by"]
        .as_array()
        .context("the receipt names nobody")?
        .iter()
        .map(|by| {
            format!(
                "{} ({})",
                text(&by["person"]).unwrap_or_default(),
                text(&by["through"]).unwrap_or_default()
            )
        })
        .collect();
    let sealed = text(&facts["approved_plan"])?;
    play.same("receipt, the plan that was approved", sealed, plan);
    play.same(
        "receipt, by whom",
        by.join(", "),
        format!("bo (uid {})", bo.uid),
    );
    Ok(())
}
