//! How a figure went: in the terminal, and as a picture.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::demo::play::{Play, Scene, run_in, text};
use crate::demo::screen;
use crate::demo::stage::{MEMORY, Stage};
use crate::sh;
use crate::stack::need::must_find;

pub(super) const SCENE: Scene = Scene {
    name: "graph",
    title: "How much memory was used, and a picture of it",
    play,
};

/// Where a PNG says that it is one, and how wide it is.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const WIDTH_AT: usize = 16;

fn play(play: &mut Play) -> Result<()> {
    screen::line("`memory` is a query that the configuration has saved.");
    let said = play.console()?.asks("graph memory 5m")?;
    let id = run_in(&said)?;
    let save = ["runs", "artifact", &id, "chart.png", "--to", "memory.png"];
    let saved = play.stage.ann.types(&play.stage, &save)?;
    let picture = play.stage.folder.join("memory.png");
    play.sabotage("the picture is cut", |_| Ok(fs::write(&picture, PNG)?))?;

    let run = play.run(&id)?;
    let claim = &run["run"]["steps"]["graph"]["output"];
    let points = asked_by_curl(&play.stage, claim)?;
    play.same(
        "Prometheus, asked by curl, the highest value in the same time",
        highest(&points)?,
        claim["series"][0]["max"].as_f64().unwrap_or_default(),
    );
    play.same("exit code of saving the picture", saved.code, 0);
    let bytes = fs::read(&picture)?;
    let width = bytes.get(WIDTH_AT..WIDTH_AT + 4).map_or(0, |width| {
        width
            .iter()
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
    });
    play.holds(
        "file, a picture for a phone",
        bytes.starts_with(PNG) && width == 780,
        format!("{} bytes, {width} pixels wide", bytes.len()),
        "a PNG, 780 pixels wide",
    );
    let artifacts = ["runs", "artifacts", &id];
    let artifacts = play.stage.ann.asks(&play.stage, &artifacts)?;
    play.same(
        "file, its digest against that in the journal",
        format!("sha256:{}", hex::encode(Sha256::digest(&bytes))),
        text(&artifacts[0]["digest"])?,
    );
    Ok(())
}

/// The points of the same range: `[[time, "value"], …]`.
fn asked_by_curl(stage: &Stage, claim: &Value) -> Result<Value> {
    let mut curl = Command::new(must_find("curl")?);
    curl.args([
        "--silent",
        "--show-error",
        "--fail",
        "--max-time",
        "20",
        "--get",
    ]);
    let (from, to) = (text(&claim["from"])?, text(&claim["to"])?);
    let step = claim["step"].to_string();
    for (name, value) in [
        ("query", MEMORY),
        ("start", &from),
        ("end", &to),
        ("step", &step),
    ] {
        curl.arg("--data-urlencode").arg(format!("{name}={value}"));
    }
    let answer = sh::output(curl.arg(format!("{}/api/v1/query_range", stage.prometheus)))?;
    let mut answer: Value = serde_json::from_str(&answer)?;
    Ok(answer["data"]["result"][0]["values"].take())
}

fn highest(points: &Value) -> Result<f64> {
    let points = points.as_array().context("no points")?;
    let values = points
        .iter()
        .filter_map(|point| point[1].as_str()?.parse().ok());
    Ok(values.fold(f64::NEG_INFINITY, f64::max))
}
