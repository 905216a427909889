//! A backup that starts by itself, when it is time.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::demo::play::{Play, Scene, text};
use crate::demo::screen;
use crate::demo::stage::wait;

pub(super) const SCENE: Scene = Scene {
    name: "clock",
    title: "A backup that starts by itself, when it is time",
    play,
};

/// The schedule, as people call it.
const NAME: &str = "nightly.often";
/// The night of the demo is short: every so many seconds.
const SECONDS: i64 = 4;
/// So many fires are waited for.
const FIRES: usize = 2;

fn play(play: &mut Play) -> Result<()> {
    let before = (play.runs()?, play.stage.objects.keys()?);
    screen::line(format!(
        "A new file, `nightly.yaml`: a backup every {SECONDS} seconds, for the night of a demo is short."
    ));
    let file = play.stage.folder.join("workflows/nightly.yaml");
    let backup = fs::read_to_string(play.stage.folder.join("workflows/backup.yaml"))?;
    fs::write(&file, nightly(&backup)?)?;
    let ann = play.stage.ann.clone();
    ann.types(&play.stage, &["reload"])?;
    wait("two backups have started by themselves", || {
        Ok(since(play, &before.0)?.len() >= FIRES)
    })?;
    ann.types(&play.stage, &["schedules", "pause", NAME])?;
    let runs = since(play, &before.0)?;
    for id in &runs {
        wait("each of them has ended", || {
            Ok(!play.run(id)?["run"]["ended"].is_null())
        })?;
    }
    let listed = ann.types(&play.stage, &["schedules", "list"])?;
    fs::remove_file(file)?;
    ann.types(&play.stage, &["reload"])?;
    play.sabotage("one of the backups is removed", |stage| {
        let keys = stage.objects.keys()?;
        let new = keys.iter().find(|key| !before.1.contains(key));
        new.map_or(Ok(()), |key| stage.objects.remove(key))
    })?;

    let runs: Vec<Value> = runs.iter().map(|id| play.run(id)).collect::<Result<_>>()?;
    let fires: Vec<i64> = runs.iter().filter_map(instant).collect();
    let own: BTreeSet<i64> = fires.iter().copied().collect();
    let in_time = own.iter().all(|at| at % (SECONDS * 1_000_000) == 0);
    play.holds(
        "Purser, fires with an instant of their own, each a multiple of the time",
        in_time && own.len() == runs.len(),
        format!("{} of {}", own.len(), runs.len()),
        runs.len(),
    );
    let wins = runs
        .iter()
        .filter(|run| run["status"] == "succeeded")
        .count();
    play.same("Purser, of them succeeded", wins, runs.len());
    let new = play.stage.objects.keys()?.len() - before.1.len();
    let name = play.stage.objects.name();
    play.same(&format!("{name}, new objects, two a backup"), new, 2 * wins);
    let is_paused = listed.text.contains("paused by ann");
    play.either(
        "Purser, the schedule",
        is_paused,
        "paused by ann",
        "not paused",
    );
    Ok(())
}

/// The runs since then.
fn since(play: &Play, before: &[String]) -> Result<Vec<String>> {
    let all = play.runs()?.into_iter();
    Ok(all.filter(|id| !before.contains(id)).collect())
}

/// For which instant a run was, in microseconds of the epoch.
fn instant(run: &Value) -> Option<i64> {
    let schedule = &run["run"]["request"]["trigger"]["schedule"];
    (text(&schedule["name"]).ok()? == NAME).then(|| schedule["at"].as_i64())?
}

/// The backup without its drill, by the clock.
fn nightly(backup: &str) -> Result<String> {
    let (dump, _) = backup.split_once("  # Into a server").context("no drill")?;
    let nightly = dump.replace("name: backup", "name: nightly").replace(
        "steps:\n",
        &format!("on:\n  - {{ schedule: \"*/{SECONDS} * * * * *\", id: often, overlap: queue }}\nsteps:\n"),
    );
    ensure!(nightly != dump, "the backup is written otherwise");
    Ok(nightly)
}
