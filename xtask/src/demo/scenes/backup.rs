//! A backup that has been restored once, and is then restored again by other hands.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::demo::play::{Play, Scene, run_in};
use crate::demo::screen;

pub(super) const SCENE: Scene = Scene {
    name: "backup",
    title: "A backup, and the drill that proves it",
    play,
};

fn play(play: &mut Play) -> Result<()> {
    let where_to = play.stage.objects.url();
    screen::line(format!(
        "The orders are dumped to {where_to}, and restored once."
    ));
    let said = play.console()?.asks("backup")?;
    let run = play.run(&run_in(&said)?)?;
    let output = |step: &str| run["run"]["steps"][step]["output"].clone();
    let (dump, drill) = (output("dump"), output("drill"));
    play.sabotage("the dump is removed", |stage| {
        let keys = stage.objects.keys()?;
        keys.iter()
            .filter(|key| key.ends_with("dump.zst"))
            .try_for_each(|key| stage.objects.remove(key))
    })?;

    let real = play.stage.database.fingerprint()?;
    let rows: u64 = real.iter().map(|(_, rows, _)| rows).sum();
    let counted = |claim: &Value| {
        let figure = |name: &str| claim[name].as_u64().unwrap_or_default();
        format!(
            "{} tables, {} rows, proof: {}",
            figure("tables"),
            figure("rows"),
            claim["proof"]
        )
    };
    let expected = format!("{} tables, {rows} rows, proof: \"restored\"", real.len());
    play.same(
        "SQL, what the drill claims to have restored",
        counted(&drill),
        expected,
    );
    let name = play.stage.objects.name();
    let backup = dump["backup"]
        .as_str()
        .and_then(|url| url.rsplit('/').next());
    let backup = backup.context("the step names no backup")?;
    let expected = ["dump.zst", "manifest.json"].map(|file| format!("orders/{backup}/{file}"));
    let keys = play.stage.objects.keys()?;
    play.holds(
        &format!("{name}, all objects"),
        keys == expected,
        keys.join(" ").replace(&format!("orders/{backup}/"), ""),
        "dump.zst manifest.json",
    );
    if keys == expected {
        by_other_hands(play, &expected, &real)?;
    }
    let scratch = fs::read_dir(play.stage.folder.join("scratch"))?.count();
    play.same("folder, what the drill's own server has left", scratch, 0);
    Ok(())
}

/// Neither the program nor its claims take part: the object, the database's tools, and rows.
fn by_other_hands(
    play: &mut Play,
    [dump, manifest]: &[String; 2],
    real: &[(String, u64, String)],
) -> Result<()> {
    let name = play.stage.objects.name();
    let [here, here_manifest] = ["copy.zst", "copy.json"].map(|file| play.stage.folder.join(file));
    play.stage.objects.fetch(dump, &here)?;
    play.stage.objects.fetch(manifest, &here_manifest)?;
    let bytes = fs::read(&here)?;
    let digest = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
    let manifest: Value = serde_json::from_slice(&fs::read(here_manifest)?)?;
    let claimed = manifest["dump"]["sha256"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let what = format!("{name}, digest of the dump's {} bytes", bytes.len());
    play.same(&what, digest, claimed);
    let restored = play.stage.database.fingerprint_of_dump(&here)?;
    let rows: Vec<String> = restored
        .iter()
        .map(|(table, rows, _)| format!("{table} {rows}"))
        .collect();
    play.holds(
        "SQL, restored by pg_restore, every row as in the original",
        restored == real,
        rows.join(", "),
        "the rows of the original",
    );
    Ok(())
}
