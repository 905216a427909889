//! A deploy that a second person must agree to.

use anyhow::{Context, Result};
use serde_json::Value;

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
    let herself = play.console()?.asks(&format!("approve {id}"))?;
    let untouched = play.stage.docker.containers()?;
    let run = play.run(&id)?;
    let (full_id, plan) = (
        text(&run["run"]["id"])?,
        text(&run["run"]["approval"]["digest"])?,
    );
    let bo = play.stage.bo.clone();
    let approved = bo.types(&play.stage, &["approve", &id, "--plan", short(&plan)])?;
    play.console()?.asks(&format!("watch {id}"))?;
    play.sabotage("the new container is removed", |stage| {
        stage.docker.remove_service()
    })?;

    let refused = herself.contains("cannot approve it");
    play.either("Purser, to Ann's own yes", refused, "refused", "no refusal");
    play.same(
        "Docker, after that and before Bo's yes",
        with_ids(&untouched),
        with_ids(std::slice::from_ref(&before)),
    );
    play.same(
        &format!("exit code of Bo (uid {})", bo.uid),
        approved.code,
        0,
    );
    play.one_container(version)?;
    let refusal = format!("ann, approve {full_id}");
    play.same(
        "receipt, of the yes that was refused",
        refusals(play)?.join(", "),
        refusal,
    );
    let receipt = play
        .stage
        .ann
        .asks(&play.stage, &["receipts", "show", &full_id])?;
    let facts = &receipt["content"]["subject"];
    play.same(
        "receipt, the approved plan",
        text(&facts["approved_plan"])?,
        plan,
    );
    let by: Vec<String> = facts["approved_by"]
        .as_array()
        .into_iter()
        .flatten()
        .map(who)
        .collect();
    play.same(
        "receipt, by whom",
        by.join(", "),
        format!("bo (uid {})", bo.uid),
    );
    Ok(())
}

/// The beginning of a digest, as people see and type it.
fn short(digest: &str) -> &str {
    let digits = digest.trim_start_matches("sha256:");
    digits.get(..12).unwrap_or(digits)
}

fn with_ids(containers: &[Container]) -> String {
    let ids: Vec<&str> = containers.iter().map(Container::short_id).collect();
    format!("{} ({})", docker::describe(containers), ids.join(", "))
}

/// `bo (uid 65534)`: a person, and what the kernel said of them.
fn who(by: &Value) -> String {
    let part = |name: &str| by[name].as_str().unwrap_or("?").to_owned();
    format!("{} ({})", part("person"), part("through"))
}

/// Who was refused what, as the receipts have it.
fn refusals(play: &Play) -> Result<Vec<String>> {
    let list = ["receipts", "list", "--limit", "1000"];
    let receipts = play.stage.ann.asks(&play.stage, &list)?;
    let refusal = |receipt: &Value| {
        let content = &receipt["content"];
        let (who, what) = (&content["by"]["person"], &content["subject"]["asked"]);
        Some(format!("{}, {}", who.as_str()?, what.as_str()?))
    };
    let all = receipts.as_array().context("not a list of receipts")?;
    Ok(all.iter().filter_map(refusal).collect())
}
